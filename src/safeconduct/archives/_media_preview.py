"""A small new picture of a picture, for somebody who has to look at it.  Runs inside the limited child process.

Nothing of the file is handed on: pixels are decoded, bounded, changed as wished and written anew.
"""

from __future__ import annotations

import io

from PIL import Image, ImageFilter, ImageOps, ImageSequence

from safeconduct.archives._media_look import _plain, opened
from safeconduct.archives._media_wire import MediaLimits, Preview

FRAMES = 60
MOVING = 480  # points of the longer side of what moves
QUALITY = 80


def preview(type: str, data: bytes, limits: MediaLimits, wished: Preview) -> bytes:
    """A JPEG, or a moving WebP.  Raises whatever a decoder says of hostile bytes."""
    with opened(type, data, limits) as picture:
        out = io.BytesIO()
        if wished.still or not getattr(picture, "is_animated", False):
            picture.draft("RGB", (wished.side, wished.side))
            _shown(picture, wished, wished.side).save(out, "JPEG", quality=QUALITY)
            return out.getvalue()
        frames, lengths = [], []
        for frame in ImageSequence.Iterator(picture):
            frames.append(_shown(frame, wished, min(MOVING, wished.side)))
            lengths.append(max(20, int(frame.info.get("duration") or 100)))
            if len(frames) == FRAMES:
                break
        frames[0].save(
            out, "WEBP", save_all=True, append_images=frames[1:], duration=lengths, loop=0, quality=QUALITY, method=0
        )
        return out.getvalue()


def _shown(picture: Image.Image, wished: Preview, side: int) -> Image.Image:
    """Upright, no larger than ``side``, and as wished.  Metadata do not come along."""
    turned = ImageOps.exif_transpose(picture)
    scale = min(1.0, side / max(turned.size))
    size = (max(1, round(turned.width * scale)), max(1, round(turned.height * scale)))
    made = _plain(turned).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    if wished.grey:
        made = made.convert("L").convert("RGB")
    if wished.blurred:
        made = made.filter(ImageFilter.GaussianBlur(max(4, max(made.size) / 25)))
    return Image.frombytes("RGB", made.size, made.tobytes())
