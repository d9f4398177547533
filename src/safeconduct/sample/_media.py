"""Small pictures and sounds that look like the real thing to a program: GPS in EXIF, text in PNG, frames, samples."""

from __future__ import annotations

import hashlib
import io
import math
import struct
import wave
from collections.abc import Iterator
from random import Random

from PIL import Image, ImageDraw, ImageFilter
from PIL.PngImagePlugin import PngInfo

from safeconduct.model import Json

LANDMARKS = ((51.4779, -0.0015), (48.8584, 2.2945), (40.6892, -74.0445), (35.3606, 138.7274), (-3.0674, 37.3556))
FRESH = 120  # pictures drawn anew; later ones repeat an earlier drawing with a comment of their own
_AI = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" Iptc4xmpExt:DigitalSourceType='
    b'"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"/></rdf:RDF></x:xmpmeta>'
)
PICTURES = 3000  # at most so many files, however many posts
SHAPES = ("/", "", "/old-example-media/")  # what servers write before ``media_attachments/``
PIXELS = {"jpg": (160, 120), "png": (96, 64), "gif": (48, 48)}
_ALTS = ("A loaf on a rack, still steaming", "Rows of small green plants", "The night train at platform 4", None, None)
TYPES = {"jpg": "image/jpeg", "png": "image/png", "gif": "image/gif", "wav": "audio/wav", "mp4": "video/mp4"}


class Studio:
    """Makes files one after another; the same seed makes the same files."""

    def __init__(self, seed: int) -> None:
        self._random = Random(f"studio {seed}")  # noqa: S311 invented pictures, no secret
        self._drawn: list[bytes] = []
        self._count = 0

    def make(self, ending: str, place: bool = False, generated: bool = False) -> bytes:
        """One file of the given ending, with a place or an AI label inside if asked (JPEG; place also in MP4)."""
        self._count += 1
        if ending == "jpg":
            return self._jpeg(place, generated)
        if ending == "png":
            return self._png()
        if ending == "gif":
            return self._gif()
        return self._wav() if ending == "wav" else _mp4(place)

    def _jpeg(self, place: bool, generated: bool) -> bytes:
        if len(self._drawn) >= FRESH and not generated:
            old = self._drawn[self._random.randrange(FRESH)]
            comment = b"picture %d" % self._count
            return old[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + old[2:]
        out = io.BytesIO()
        exif = _exif(self._random, place)
        _draw(self._random, 160, 120).save(out, "JPEG", quality=70, exif=exif, xmp=_AI if generated else None)
        self._drawn.append(out.getvalue())
        return out.getvalue()

    def _png(self) -> bytes:
        info = PngInfo()
        info.add_text("Comment", f"drawn at the kitchen table, sheet {self._count}")
        out = io.BytesIO()
        _draw(self._random, 96, 64).quantize(16).save(out, "PNG", pnginfo=info)
        return out.getvalue()

    def _gif(self) -> bytes:
        frames = [_draw(self._random, 48, 48).quantize(16) for _ in range(3)]
        out = io.BytesIO()
        frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=200, loop=0)
        return out.getvalue()

    def _wav(self) -> bytes:
        out = io.BytesIO()
        pitch = self._random.choice((440, 523, 659))
        with wave.open(out, "wb") as sound:
            sound.setparams((1, 1, 8000, 0, "NONE", "not compressed"))
            sound.writeframes(bytes(128 + int(90 * math.sin(at * pitch * math.tau / 8000)) for at in range(2000)))
        return out.getvalue()


class Darkroom:
    """Remembers which files the posts refer to, and makes them afterwards: in an export they follow the outbox."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._random = Random(f"darkroom {seed}")  # noqa: S311 invented pictures, no secret
        self._rolls: list[tuple[str, str, bool, bool, str]] = []

    def roll(self) -> list[Json]:
        """The attachments of one ordinary post: one or two, none once there are enough."""
        if len(self._rolls) >= PICTURES:
            return []
        return [self._ordinary() for _ in range(1 if self._random.random() < 0.85 else 2)]

    def take(
        self,
        ending: str = "jpg",
        *,
        place: bool = False,
        generated: bool = False,
        alt: str | None = "What I saw",
        state: str = "",
    ) -> Json:
        """One attachment; ``state`` may be ``missing`` (no such file) or ``empty`` (0 bytes)."""
        number = len(self._rolls)
        name = f"{hashlib.sha256(f'{self._seed} {number}'.encode()).hexdigest()[:16]}.{ending}"
        groups = f"{110_285_480_112_204_631 + number * 7919:018d}"
        folders = "/".join(groups[at : at + 3] for at in range(0, 18, 3))
        member = f"media_attachments/files/{folders}/original/{name}"
        self._rolls.append((member, ending, place, generated, state))
        part: dict[str, Json] = {"type": "Document", "mediaType": TYPES[ending]}
        part |= {"url": SHAPES[number % len(SHAPES)] + member, "name": alt}
        if ending in PIXELS:
            width, height = PIXELS[ending]
            part |= {"blurhash": "U9AS}jIU00WB~qRj9Fof%MxuRjRj", "width": width, "height": height}
        return part | ({"focalPoint": [0.1, -0.25]} if number % 5 == 0 else {})

    def develop(self) -> Iterator[tuple[str, bytes]]:
        """Every file by its member's name, then avatar and header."""
        studio = Studio(self._seed)
        for member, ending, place, generated, state in self._rolls:
            if state != "missing":
                yield member, b"" if state == "empty" else studio.make(ending, place, generated)
        yield "avatar.jpg", studio.make("jpg", place=True)
        yield "header.png", studio.make("png")

    def _ordinary(self) -> Json:
        lot = self._random.random()
        ending = "jpg" if lot < 0.85 else "png" if lot < 0.94 else "gif" if lot < 0.97 else "wav"
        return self.take(ending, place=lot < 0.35, alt=self._random.choice(_ALTS))


def _draw(random: Random, width: int, height: int) -> Image.Image:
    """Something between a landscape and a test card: enough detail for a perceptual hash to hold on to."""
    picture = Image.new("RGB", (width, height), _colour(random))
    pen = ImageDraw.Draw(picture)
    for _ in range(14):
        x, y = random.randrange(width), random.randrange(height)
        box = (x, y, x + random.randrange(8, width // 2), y + random.randrange(8, height // 2))
        (pen.ellipse if random.random() < 0.5 else pen.rectangle)(box, fill=_colour(random))
    return picture.filter(ImageFilter.SMOOTH)


def _colour(random: Random) -> tuple[int, int, int]:
    return random.randrange(256), random.randrange(256), random.randrange(256)


def _exif(random: Random, place: bool) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Invented Cameras", "Pocket 3"  # make, model
    if place:
        latitude, longitude = random.choice(LANDMARKS)
        exif.get_ifd(0x8825).update(
            {
                1: "N" if latitude >= 0 else "S",
                2: _degrees(abs(latitude)),
                3: "E" if longitude >= 0 else "W",
                4: _degrees(abs(longitude)),
            }
        )
    return exif


def _degrees(angle: float) -> tuple[float, float, float]:
    minutes = angle % 1 * 60
    return float(int(angle)), float(int(minutes)), round(minutes % 1 * 60, 2)


def _mp4(place: bool) -> bytes:
    """The smallest film: a header, an empty track list and, like a telephone's, where it was made."""
    spot = b"+51.4779-000.0015/"
    where = _box(b"udta", _box(b"\xa9xyz", struct.pack(">HH", len(spot), 0x15C7) + spot)) if place else b""
    header = _box(b"mvhd", struct.pack(">IIIII", 0, 0, 0, 1000, 1000) + struct.pack(">I", 0x10000) + bytes(76))
    brand = _box(b"ftyp", b"isom\x00\x00\x02\x00isomiso2mp41")
    return brand + _box(b"moov", header + where) + _box(b"mdat", bytes(64))


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body
