"""Looks at one medium: size, length, PDQ, marks.  Runs inside the limited child process.

PDQ: Meta's "PDQ and TMK + PDQF" paper, through ``pdqhash``; a JPEG is shrunk while it is decoded, which moves the hash
by 4 to 14 of 256 bits against the full picture (measured).  Hashes are of the pixels as stored: the eight orientations
make the EXIF orientation irrelevant.
"""

from __future__ import annotations

import io
import re
import struct

import numpy
import pdqhash
from PIL import Image, ImageFile

from safeconduct.archives import _media_marks, _media_parts
from safeconduct.archives._media_parts import Boxes, Ends, Part
from safeconduct.archives._media_wire import MediaLimits, Seen

FORMATS = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
    "image/avif": "AVIF",
}
FILMS = frozenset({"video/mp4", "video/quicktime", "audio/mp4", "video/3gpp"})
HUNGRY = "the file needs more memory than is safely given to one file"
ENDLESS = "the film is put together of so many parts that it was not looked through"
SIDE = 512  # PDQ needs 64 rows; beyond 512 it only costs time


class Unsafe(Exception):
    """The picture is not decoded; the message says why, for people."""


def keeper(type: str, limits: MediaLimits) -> Boxes | Ends:
    """What keeps the interesting part of such a file while it streams by."""
    if type in FILMS:
        return Boxes(limits.film_bytes)
    if type.startswith("image/"):
        return Ends(limits.image_bytes, 0)
    return Ends(limits.film_bytes // 2, limits.film_bytes // 4)


def look(type: str, kept: Boxes | Ends, limits: MediaLimits) -> Seen:
    """Everything there is to say about it; what could not be seen is the ``problem``."""
    seen = Seen(type=type)
    try:
        data = bytes(kept.kept)
        found = _media_parts.parts(type, data)
        marks = _media_marks.marks(type, data, found, _media_parts.end(type, found))
        seen = Seen(type=type, location=marks.location, ai=marks.ai, odd=marks.odd)
        if not type.startswith("image/"):
            return _changed(seen, **_film(type, data), problem=ENDLESS if type in FILMS and kept.cut else "")
        if kept.cut:
            raise Unsafe(f"the picture is larger than {limits.image_bytes >> 20} MB and was not looked into")
        return _changed(seen, **_picture(type, data, limits, found))
    except Unsafe as error:
        return _changed(seen, problem=str(error))
    except MemoryError:
        return _changed(seen, problem=HUNGRY)
    except Exception as error:  # whatever a decoder says of hostile bytes is data (law 8: it holds the item)
        return _changed(seen, problem=_why(error))


def _changed(seen: Seen, **values: object) -> Seen:
    return Seen(**{name: getattr(seen, name) for name in seen.__struct_fields__} | values)


def _why(error: Exception) -> str:
    text = str(error)
    if isinstance(error, Image.DecompressionBombError):
        return "the picture claims to have far more points than can be opened safely"
    if "truncated" in text or "broken" in text:
        return "the picture is damaged: it ends too early or a part of it is broken"
    if "emory" in text:
        return HUNGRY
    return "the picture is damaged or not what it says it is, and cannot be opened"


# --- pictures --------------------------------------------------------------------------------------------------------


def opened(type: str, data: bytes, limits: MediaLimits) -> ImageFile.ImageFile:
    """The picture, header read and size checked, pixels not yet decoded.  Raises ``Unsafe``."""
    if type not in FORMATS:
        raise Unsafe(f"pictures of this kind ({type}) are never opened here")
    Image.MAX_IMAGE_PIXELS = limits.jpeg_pixels
    picture = Image.open(io.BytesIO(data), formats=[FORMATS[type]])
    pixels = picture.width * picture.height
    if pixels > (limits.jpeg_pixels if type == "image/jpeg" else limits.pixels):
        raise Unsafe(f"the picture claims {picture.width} × {picture.height} points: too many to open safely")
    return picture


def _picture(type: str, data: bytes, limits: MediaLimits, found: list[Part]) -> dict[str, object]:
    with opened(type, data, limits) as picture:
        width, height = picture.size
        frames = _frames(type, data, found) or getattr(picture, "n_frames", 1)
        hashes, quality = _hashes(picture)
    return {"width": width, "height": height, "frames": frames, "pdq": hashes, "quality": quality}


def _frames(type: str, data: bytes, found: list[Part]) -> int:
    """Counted from the file's structure: asking a decoder would decode every frame of a bomb."""
    if type == "image/gif":
        return max(1, sum(part.name == b"frame" for part in found))
    if type == "image/webp":
        return max(1, sum(part.name == b"ANMF" for part in found))
    if type == "image/png":
        control = next((part for part in found if part.name == b"acTL"), None)
        return max(1, int.from_bytes(data[control.body : control.body + 4], "big")) if control else 1
    return 0 if type == "image/avif" else 1


def _hashes(picture: Image.Image) -> tuple[tuple[str, ...], int]:
    picture.draft("RGB", (SIDE, SIDE))
    picture.load()
    small = picture
    if max(picture.size) > SIDE:
        # A sliver would shrink to nothing, so the short side keeps at least one point.
        scale = SIDE / max(picture.size)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        if picture.mode in ("P", "PA", "1", "I", "F", "LAB", "HSV") or picture.mode.startswith("I;"):
            small = picture = _plain(picture)
        small = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    vectors, quality = pdqhash.compute_dihedral(numpy.asarray(_plain(small)))
    return tuple(numpy.packbits(vector).tobytes().hex() for vector in vectors), int(quality)


def _plain(picture: Image.Image) -> Image.Image:
    """RGB as somebody would see it: see-through parts on white."""
    if picture.mode == "RGB":
        return picture
    if picture.mode.startswith("I;16"):
        picture = picture.convert("I")
    if picture.mode == "I":  # 16-bit grey: Pillow would clip it instead of scaling
        return picture.point(lambda value: value * (1 / 256)).convert("L").convert("RGB")
    if picture.has_transparency_data:
        whole = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole).convert("RGB")
    return picture.convert("RGB")


# --- films and sound -------------------------------------------------------------------------------------------------

MVHD = re.compile(rb"mvhd(?:\0.{11}(.{4})(.{4})|\x01.{19}(.{4})(.{8}))", re.DOTALL)
TKHD = re.compile(rb"tkhd(?:\0.{75}|\x01.{87})(.{4})(.{4})", re.DOTALL)
HANDLER = re.compile(rb"hdlr.{8}(vide|soun)", re.DOTALL)


def _film(type: str, data: bytes) -> dict[str, object]:
    if type in FILMS:
        return _bmff(type, data)
    if type == "video/webm" and b"A_" in data[:65536] and not re.search(rb"V_(?:VP|AV|MPEG|MS|UNC|THE)", data):
        return {"type": "audio/webm"}
    if type == "audio/wav":
        return {"seconds": _wav(data)}
    if type == "audio/flac" and len(data) >= 26:
        packed = int.from_bytes(data[18:26], "big")
        rate, samples = packed >> 44, packed & ((1 << 36) - 1)
        return {"seconds": samples / rate if rate else 0.0}
    return {}


def _bmff(type: str, data: bytes) -> dict[str, object]:
    seen: dict[str, object] = {}
    if match := MVHD.search(data):
        scale, length = (int.from_bytes(one, "big") for one in match.groups() if one is not None)
        # All ones stand for "unknown"; no honest film lasts thirty years.
        seen["seconds"] = length / scale if scale and length / scale < 1e9 else 0.0
    sizes = [struct.unpack(">II", match[1] + match[2]) for match in TKHD.finditer(data)]
    seen["width"], seen["height"] = ((side >> 16) for side in max(sizes, default=(0, 0)))
    handlers = {match[1] for match in HANDLER.finditer(data)}
    if handlers == {b"soun"}:
        seen["type"] = "audio/mp4"
    return seen


def _wav(data: bytes) -> float:
    rate = size = 0
    at = 12
    while at + 8 <= len(data) and not size:
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"fmt ":
            rate = int.from_bytes(data[at + 16 : at + 20], "little")
        elif data[at : at + 4] == b"data":
            size = length
        at += 8 + length + (length & 1)
    return min(size / rate, 1e8) if rate else 0.0
