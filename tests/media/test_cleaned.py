"""Cleaning: the picture stays, everything it says beside that goes."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator

import numpy
import pytest
from PIL import Image, ImageChops, ImageOps

from safeconduct.archives.media import Measurer, cleaned
from safeconduct.model import MediaFacts, Medium
from tests.media.builders import (
    XMP_CITY,
    XMP_MADE,
    XMP_PLACE,
    app11,
    chunk,
    film,
    gps,
    iptc,
    jumbf,
    saved,
    scene,
    segment,
    with_chunk,
    with_gif_xmp,
    with_riff,
    with_segment,
)

ICC = b"an invented colour profile" * 8


@pytest.fixture(scope="module")
def shelf() -> Iterator[Measurer]:
    with Measurer(lambda member: io.BytesIO(bytes.fromhex(member))) as measurer:
        yield measurer


@pytest.fixture
def measure(shelf: Measurer) -> Callable[[bytes], MediaFacts]:
    def measured(data: bytes) -> MediaFacts:
        facts = shelf.measure(Medium("/attachment/0", data.hex()))
        assert facts is not None
        return facts

    return measured


def pixels(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.convert("RGB")


def profile(data: bytes) -> object:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.info.get("icc_profile")


LOADED = {
    "JPEG": with_segment(
        saved(exif=gps(), xmp=XMP_PLACE, icc_profile=ICC, comment=b"at home"),
        segment(0xED, iptc(90, b"Lisboa")),
        *app11(jumbf(b'{"exif:GPSLatitude": "38,43.2N"}')),
    )
    + film(),
    "PNG": with_chunk(
        saved("PNG", exif=gps(), icc_profile=ICC),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP_PLACE),
        chunk(b"tEXt", b"exif:GPSLatitude\x0038/1"),
        chunk(b"caBX", jumbf(b"{}")),
        chunk(b"tIME", bytes(7)),
    )
    + b"PK\x03\x04 hidden",
    "WEBP": with_riff(saved("WEBP", exif=gps(), xmp=XMP_CITY, icc_profile=ICC), b"C2PA", jumbf(b"{}")),
    "GIF": with_gif_xmp(saved("GIF", comment=b"at home"), XMP_PLACE),
}


@pytest.mark.parametrize("kind", LOADED)
def test_only_the_picture_is_left(shelf: Measurer, measure: Callable[[bytes], MediaFacts], kind: str) -> None:
    data = LOADED[kind]
    clean = shelf.cleaned(data, f"image/{kind.lower()}")
    assert clean is not None
    before, after = measure(data), measure(clean)
    assert before.location
    assert (after.location, after.ai, after.odd, after.problem) == ((), (), (), "")
    assert (after.type, after.width, after.height) == (before.type, before.width, before.height)
    for trace in (b"Lisboa", b"A camera", b"at home", b"jumb", b"GPS", b"hidden", b"ftyp"):
        assert trace not in clean
    assert ImageChops.difference(pixels(data), pixels(clean)).getbbox() is None
    assert profile(clean) == profile(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_picture_that_says_turn_me_is_turned(
    shelf: Measurer, measure: Callable[[bytes], MediaFacts], kind: str, orientation: int
) -> None:
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind == "JPEG" else {}
    data = saved(kind, exif=gps(orientation), icc_profile=ICC, **options)
    clean = shelf.cleaned(data, f"image/{kind.lower()}")
    assert clean is not None
    with Image.open(io.BytesIO(data)) as picture:
        meant = ImageOps.exif_transpose(picture).convert("RGB")
    result = pixels(clean)
    assert result.size == meant.size
    worst = int(numpy.asarray(ImageChops.difference(meant, result)).max())
    assert worst <= (60 if kind == "JPEG" else 0)
    with Image.open(io.BytesIO(clean)) as picture:
        assert not picture.getexif()
    assert profile(clean) == ICC
    assert measure(clean).location == ()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_animations_stay_animations(shelf: Measurer, measure: Callable[[bytes], MediaFacts], kind: str) -> None:
    frames = [scene().rotate(turn) for turn in (20, 40)]
    data = saved(kind, save_all=True, append_images=frames, duration=100, loop=0, exif=gps())
    clean = shelf.cleaned(data, f"image/{kind.lower()}")
    assert clean is not None
    assert measure(clean).frames == 3
    with Image.open(io.BytesIO(clean)) as picture:
        assert picture.info.get("loop") == 0
    assert measure(clean).location == ()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_the_label_of_a_machine_stays(shelf: Measurer, measure: Callable[[bytes], MediaFacts], kind: str) -> None:
    """Some laws forbid taking it off; the place beside it goes all the same."""
    both = XMP_MADE.replace(b"<rdf:Description ", b'<rdf:Description exif:GPSLatitude="38,43.2N" ')
    if kind == "PNG":
        data = with_chunk(saved("PNG"), chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(both)))
    else:
        data = with_gif_xmp(saved("GIF"), both) if kind == "GIF" else saved(kind, xmp=both)
    assert measure(data).location == ("XMP",)
    clean = shelf.cleaned(data, f"image/{kind.lower()}")
    assert clean is not None
    facts = measure(clean)
    assert (facts.location, facts.ai, facts.problem) == ((), ("IPTC: trainedAlgorithmicMedia",), "")


def test_what_cannot_be_cleaned(shelf: Measurer) -> None:
    assert shelf.cleaned(saved("AVIF"), "image/avif") is None
    assert shelf.cleaned(saved(), "image/png") is None
    assert shelf.cleaned(b"<svg xmlns='x'/>", "image/svg+xml") is None
    assert shelf.cleaned(saved()[:900], "image/jpeg") is None
    assert shelf.cleaned(saved("PNG")[:-12], "image/png") is None
    assert shelf.cleaned(film(), "video/mp4") is None
    assert shelf.cleaned(b"", "image/jpeg") is None


def test_a_place_in_the_picture_data_itself_is_not_let_through(
    shelf: Measurer, measure: Callable[[bytes], MediaFacts]
) -> None:
    """Where a place stands in a part that must stay, the picture is refused instead."""
    data = with_chunk(saved("PNG"), chunk(b"iCCP", b"x\0\0" + XMP_PLACE))
    assert measure(data).location == ("XMP",)
    assert shelf.cleaned(data, "image/png") is None


def test_cleaning_twice_is_cleaning_once() -> None:
    for kind, data in LOADED.items():
        once = cleaned(data, f"image/{kind.lower()}")
        assert once is not None
        assert cleaned(once, f"image/{kind.lower()}") == once
