"""What a moderator sees of a picture: new, small, as wished, and nothing of the file itself."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageStat

from safeconduct.archives.media import MediaLimits, Preview, previewed

ORIENTATION, MAKER = 0x0112, 0x010F


def _jpeg(size: tuple[int, int] = (600, 300)) -> bytes:
    picture = Image.new("RGB", size, "red")
    picture.paste("blue", (0, 0, size[0] // 2, size[1]))
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKER] = 6, "TELLTALE"
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif, comment=b"TELLTALE")
    return out.getvalue()


def _gif(frames: int) -> bytes:
    pictures = [Image.new("RGB", (60, 40), (83 * place % 256, 47 * place % 256, 90)) for place in range(frames)]
    out = io.BytesIO()
    pictures[0].save(out, "GIF", save_all=True, append_images=pictures[1:], duration=50)
    return out.getvalue()


def _drawn(data: bytes, wished: Preview) -> tuple[Image.Image, bytes, str]:
    made = previewed(data, wished)
    assert made is not None
    return Image.open(io.BytesIO(made[0])), made[0], made[1]


def test_it_is_upright_bounded_and_new() -> None:
    picture, data, kind = _drawn(_jpeg(), Preview(side=200))
    assert (kind, picture.size) == ("image/jpeg", (100, 200))
    assert b"TELLTALE" not in data
    assert not picture.getexif()


def test_grey_has_no_colour_and_blurred_no_edge() -> None:
    grey, *_ = _drawn(_jpeg(), Preview(side=200, grey=True))
    assert all(abs(red - blue) < 4 for red, _, blue in (grey.getpixel((50, 20)), grey.getpixel((50, 180))))  # type: ignore[misc]
    sharp, *_ = _drawn(_jpeg(), Preview(side=200))
    soft, *_ = _drawn(_jpeg(), Preview(side=200, blurred=True))
    edge = (0, 94, 100, 106)
    spread = [ImageStat.Stat(one.convert("RGB").crop(edge)).stddev[0] for one in (sharp, soft)]
    assert spread[1] < spread[0] / 2


def test_what_moves_stands_still_unless_wished_otherwise() -> None:
    still, _, kind = _drawn(_gif(4), Preview())
    assert kind == "image/jpeg"
    moving, _, kind = _drawn(_gif(4), Preview(still=False))
    assert kind == "image/webp"
    assert getattr(moving, "n_frames", 1) == 4
    assert getattr(_drawn(_gif(90), Preview(still=False))[0], "n_frames", 1) <= 60
    assert getattr(still, "n_frames", 1) == 1


@pytest.mark.parametrize(
    "data",
    [b"", b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", b"GIF89a" + bytes(50), _jpeg()[:400]],
    ids=["empty", "drawing", "broken", "cut"],
)
def test_what_cannot_be_opened_is_not_shown(data: bytes) -> None:
    assert previewed(data, Preview()) is None


def test_what_is_too_large_is_not_shown() -> None:
    assert previewed(_jpeg(), Preview(), MediaLimits(image_bytes=100)) is None
    assert previewed(_jpeg(), Preview(), MediaLimits(jpeg_pixels=1000)) is None
