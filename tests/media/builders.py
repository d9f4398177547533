"""Small invented media for the tests: each function builds one file with one thing in it."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

FIXTURES = Path(os.environ.get("SAFECONDUCT_FIXTURES", Path(__file__).parents[3] / "shared" / "fixtures"))
LISBON = (38.0, 43.0, 12.0), (9.0, 8.0, 21.0)
XMP_PLACE = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description exif:GPSLatitude="38,43.2N" '
    b'exif:GPSLongitude="9,8.3W"/></rdf:RDF></x:xmpmeta>'
)
XMP_CITY = b"<x:xmpmeta><rdf:RDF><photoshop:City>Lisboa</photoshop:City></rdf:RDF></x:xmpmeta>"
XMP_MADE = (
    b'<x:xmpmeta><rdf:RDF><rdf:Description Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/'
    b'digitalsourcetype/trainedAlgorithmicMedia"/></rdf:RDF></x:xmpmeta>'
)
C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")


def fixture(*parts: str) -> Path:
    """A file or folder lent by others, or a skip that says why."""
    path = FIXTURES.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs the fixtures by others: {path} is not there (set SAFECONDUCT_FIXTURES)")
    return path


def scene(width: int = 160, height: int = 120) -> Image.Image:
    """A picture with something in it: shapes that are not the same turned or mirrored."""
    picture = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    picture.paste("darkred", (width // 8, height // 8, width // 2, height // 3))
    picture.paste("navy", (width // 2, height // 2, width - 9, height - 30))
    picture.paste("gold", (5, height - 25, width // 3, height - 5))
    return picture


def saved(kind: str = "JPEG", picture: Image.Image | None = None, **options: Any) -> bytes:
    """A picture file of this kind."""
    out = io.BytesIO()
    (picture or scene()).save(out, kind, **options)
    return out.getvalue()


def gps(orientation: int = 1) -> Image.Exif:
    """EXIF that says: Lisbon."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "A camera"
    exif[0x8825] = {1: "N", 2: LISBON[0], 3: "W", 4: LISBON[1]}
    return exif


def segment(code: int, body: bytes) -> bytes:
    """One JPEG segment."""
    return bytes((0xFF, code)) + struct.pack(">H", len(body) + 2) + body


def with_segment(jpeg: bytes, *segments: bytes) -> bytes:
    """A JPEG with these segments put behind its start."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def chunk(name: bytes, body: bytes) -> bytes:
    """One PNG chunk."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def with_chunk(png: bytes, *chunks: bytes) -> bytes:
    """A PNG with these chunks put behind its header."""
    return png[:33] + b"".join(chunks) + png[33:]


def with_gif_xmp(gif: bytes, packet: bytes) -> bytes:
    """A GIF with an XMP packet as the XMP specification puts it there."""
    block = b"!\xff\x0bXMP DataXMP" + packet + bytes((1, *range(255, -1, -1), 0))
    return gif[:-1] + block + gif[-1:]


def with_riff(webp: bytes, name: bytes, body: bytes) -> bytes:
    """A WebP with one more chunk at its end."""
    more = name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)
    return webp[:4] + struct.pack("<I", len(webp) - 8 + len(more)) + webp[8:] + more


def iptc(number: int, text: bytes) -> bytes:
    """A Photoshop APP13 body with one IPTC IIM data set."""
    record = b"\x1c\x02" + bytes((number,)) + struct.pack(">H", len(text)) + text
    return b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(record)) + record


def box(name: bytes, *bodies: bytes) -> bytes:
    """One ISO base media box."""
    body = b"".join(bodies)
    return struct.pack(">I", 8 + len(body)) + name + body


def jumbf(*texts: bytes) -> bytes:
    """A C2PA manifest store's outer boxes around these texts."""
    described = box(b"jumd", b"c2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71\x03c2pa\0")
    return box(b"jumb", described, box(b"json", *texts))


def app11(manifest: bytes, size: int = 60) -> list[bytes]:
    """The manifest cut into JPEG segments as ISO 19566-5 wants: every further one repeats the box header."""
    pieces = [manifest[8:][at : at + size] for at in range(0, len(manifest) - 8, size)]
    return [
        segment(0xEB, b"JP\0\x01" + struct.pack(">I", number) + manifest[:8] + piece)
        for number, piece in enumerate(pieces, 1)
    ]


def film(*udta: bytes, handler: bytes = b"vide", brand: bytes = b"isom", mdat: int = 1000) -> bytes:
    """An MP4 of two and a half seconds, 640 × 360, its pictures before its index; plays nowhere."""
    mvhd = box(b"mvhd", struct.pack(">IIIII", 0, 0, 0, 1000, 2500), bytes(80))
    tkhd = box(b"tkhd", bytes(76), struct.pack(">II", 640 << 16, 360 << 16))
    mdia = box(b"mdia", box(b"hdlr", bytes(8), handler, bytes(13)))
    moov = box(b"moov", mvhd, box(b"trak", tkhd, mdia), box(b"udta", *udta))
    return box(b"ftyp", brand, bytes(4), brand) + box(b"mdat", bytes(mdat)) + moov
