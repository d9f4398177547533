"""Measuring: digests, kinds, places, labels; and what happens when the bytes are bad or the child dies."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from PIL import Image

from safeconduct.archives import media
from safeconduct.archives.media import Measurer, MediaLimits
from safeconduct.errors import ArchiveError
from safeconduct.model import MediaFacts, Medium
from tests.media.builders import (
    C2PA_UUID,
    XMP_CITY,
    XMP_MADE,
    XMP_PLACE,
    app11,
    box,
    chunk,
    film,
    fixture,
    gps,
    iptc,
    jumbf,
    saved,
    scene,
    segment,
    with_chunk,
    with_riff,
    with_segment,
)


class Shelf:
    """A source that has exactly what was put into it."""

    def __init__(self, limits: MediaLimits = media.LIMITS) -> None:
        self.files: dict[str, bytes] = {}
        self.opened = 0
        self.measurer = Measurer(self.open, limits)

    def open(self, member: str) -> BinaryIO:
        self.opened += 1
        return io.BytesIO(self.files[member])

    def measure(self, data: bytes) -> MediaFacts:
        name = hashlib.sha256(data).hexdigest()
        self.files[name] = data
        facts = self.measurer.measure(Medium("/attachment/0", name))
        assert facts is not None
        return facts

    def process(self) -> subprocess.Popen[bytes]:
        process = self.measurer._child._process
        assert process is not None
        return process


@pytest.fixture(scope="module")
def shelf() -> Iterator[Shelf]:
    shelf = Shelf()
    with shelf.measurer:
        yield shelf


# --- what is measured ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "AVIF"])
def test_a_picture(shelf: Shelf, kind: str) -> None:
    data = saved(kind)
    facts = shelf.measure(data)
    assert facts.problem == ""
    assert (facts.sha256, facts.size) == (hashlib.sha256(data).hexdigest(), len(data))
    assert (facts.type, facts.width, facts.height, facts.frames) == (f"image/{kind.lower()}", 160, 120, 1)
    assert len(set(facts.pdq)) == 8
    assert facts.quality >= 50
    assert (facts.location, facts.ai, facts.odd) == ((), (), ())


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "YCbCr"])
@pytest.mark.parametrize("side", [160, 900])
def test_every_way_of_storing_colours(shelf: Shelf, mode: str, side: int) -> None:
    picture = scene(side, side).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        picture = picture.convert("I").point(lambda value: value * 256).convert("I;16")
    kind = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
    facts = shelf.measure(saved(kind, picture))
    assert facts.problem == ""
    plain = shelf.measure(saved("PNG", scene(side, side)))
    # Two colours only keep the shapes; everything else keeps the picture.
    assert distance(facts.pdq[0], plain.pdq[0]) <= (100 if mode == "1" else 31)


def distance(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def test_see_through_parts_count_as_white(shelf: Shelf) -> None:
    hidden = Image.new("RGBA", (100, 100), (255, 0, 0, 0))
    hidden.paste((0, 0, 0, 255), (20, 20, 50, 90))
    shown = Image.new("RGB", (100, 100), "white")
    shown.paste("black", (20, 20, 50, 90))
    assert shelf.measure(saved("PNG", hidden)).pdq == shelf.measure(saved("PNG", shown)).pdq


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_frames_are_counted(shelf: Shelf, kind: str) -> None:
    frames = [scene().rotate(turn) for turn in (20, 40)]
    facts = shelf.measure(saved(kind, save_all=True, append_images=frames, duration=100))
    assert (facts.frames, facts.problem) == (3, "")


def test_a_film(shelf: Shelf) -> None:
    facts = shelf.measure(film())
    assert (facts.type, facts.width, facts.height, facts.seconds) == ("video/mp4", 640, 360, 2.5)
    assert (facts.pdq, facts.problem, facts.location) == ((), "", ())


def test_a_film_without_pictures_is_sound(shelf: Shelf) -> None:
    assert shelf.measure(film(handler=b"soun")).type == "audio/mp4"


def test_sound_has_a_length(shelf: Shelf) -> None:
    fmt = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", 32000) + bytes(32000)
    assert shelf.measure(b"RIFF" + struct.pack("<I", len(body)) + body).seconds == 2.0


def test_nothing_there(shelf: Shelf) -> None:
    facts = shelf.measure(b"")
    assert facts == MediaFacts(sha256=hashlib.sha256(b"").hexdigest(), size=0)
    assert shelf.measurer.measure(Medium("/attachment/0", None, "image/jpeg")) is None


def test_same_member_is_measured_once() -> None:
    shelf = Shelf(MediaLimits(remembered=2))
    with shelf.measurer:
        files = [saved("PNG", scene(40 + step)) for step in range(3)]
        first = shelf.measure(files[0])
        assert shelf.measure(files[0]) is first
        assert shelf.opened == 1
        shelf.measure(files[1])
        shelf.measure(files[2])
        assert shelf.measure(files[0]) == first
        assert shelf.opened == 4


# --- places ----------------------------------------------------------------------------------------------------------

IMAGEMAGICK = b"\nexif\n      %d\n%s\n"


def raw_profile(body: bytes) -> bytes:
    return IMAGEMAGICK % (len(body), body.hex().encode())


PLACES = {
    "EXIF in a JPEG": (saved(exif=gps()), "EXIF GPS"),
    "EXIF in a PNG": (saved("PNG", exif=gps()), "EXIF GPS"),
    "EXIF in a WebP": (saved("WEBP", exif=gps()), "EXIF GPS"),
    "EXIF in an AVIF": (saved("AVIF", exif=gps()), "EXIF GPS"),
    "EXIF as ImageMagick's text": (
        with_chunk(
            saved("PNG"), chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw_profile(gps().tobytes())))
        ),
        "EXIF GPS",
    ),
    "XMP in a JPEG": (saved(xmp=XMP_PLACE), "XMP"),
    "XMP in a PNG": (with_chunk(saved("PNG"), chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP_PLACE)), "XMP"),
    "XMP packed in a PNG": (
        with_chunk(saved("PNG"), chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP_PLACE))),
        "XMP",
    ),
    "XMP in a WebP": (saved("WEBP", xmp=XMP_PLACE), "XMP"),
    "a city in XMP": (saved(xmp=XMP_CITY), "XMP"),
    "a city in IPTC": (with_segment(saved(), segment(0xED, iptc(90, b"Lisboa"))), "IPTC"),
    "a part of town in IPTC": (with_segment(saved(), segment(0xED, iptc(92, b"Alfama"))), "IPTC"),
    "PNG text": (with_chunk(saved("PNG"), chunk(b"tEXt", b"exif:GPSLatitude\x0038/1, 43/1")), "PNG text"),
    "a film's ©xyz": (film(box(b"\xa9xyz", b"\0\x12\x15\xc7+38.7223-009.1393/")), "MP4/MOV"),
    "a film's loci": (film(box(b"loci", bytes(6), b"Lisboa\0\0", bytes(12))), "MP4/MOV"),
    "an iPhone's film": (
        film(box(b"meta", box(b"keys", bytes(8), box(b"mdta", b"com.apple.quicktime.location.ISO6709")))),
        "MP4/MOV",
    ),
    "a QuickTime film": (film(box(b"\xa9xyz", b"\0\x12\x15\xc7+38.7223-009.1393/"), brand=b"qt  "), "MP4/MOV"),
    "a sports camera's track": (film(box(b"stsd", bytes(8), box(b"gpmd", bytes(8)))), "MP4/MOV"),
    "a film behind a photo": (saved() + film(box(b"loci", bytes(6), b"Lisboa\0\0", bytes(12))), "MP4/MOV"),
    "XMP in a film": (film() + box(b"uuid", bytes(16), XMP_PLACE), "XMP"),
    "an Ogg comment": (b"OggS" + bytes(24) + b"OpusHead" + bytes(20) + b"OpusTags\x0c\0\0\0LOCATION=Lisboa", "tags"),
    "C2PA in a JPEG, over several segments": (
        with_segment(saved(), *app11(jumbf(b'{"exif:GPSLatitude": "38,43.2N", "exif:GPSLongitude": "9,8.3W"}'), 75)),
        "C2PA",
    ),
    "C2PA in a PNG": (with_chunk(saved("PNG"), chunk(b"caBX", jumbf(b'{"exif:GPSLatitude": "38,43.2N"}'))), "C2PA"),
    "C2PA in a film": (film() + box(b"uuid", C2PA_UUID, jumbf(b'{"exif:GPSLatitude": "38,43.2N"}')), "C2PA"),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_place_is_found(shelf: Shelf, name: str) -> None:
    data, carrier = PLACES[name]
    assert shelf.measure(data).location == (carrier,)


def test_a_place_in_a_picture_that_cannot_be_opened(shelf: Shelf) -> None:
    facts = shelf.measure(saved(exif=gps())[:700])
    assert facts.location == ("EXIF GPS",)
    assert "damaged" in facts.problem


def test_no_place_where_none_is_said(shelf: Shelf) -> None:
    empty = Image.Exif()
    empty[0x8825] = {0: b"\2\3\0\0"}
    nowhere = gps().tobytes().replace(struct.pack(">II", 38, 1), bytes(8)).replace(struct.pack(">II", 9, 1), bytes(8))
    nowhere = nowhere.replace(struct.pack("<II", 38, 1), bytes(8)).replace(struct.pack("<II", 9, 1), bytes(8))
    for data in (
        saved(exif=empty),
        saved(xmp=b'<x:xmpmeta><rdf:RDF exif:GPSLatitude="" photoshop:City=""/></x:xmpmeta>'),
        with_segment(saved(), segment(0xED, iptc(5, b"A title"))),
        with_chunk(saved("PNG"), chunk(b"tEXt", b"Title\0Geography")),
        film(box(b"\xa9nam", b"a name")),
    ):
        assert shelf.measure(data).location == ()
    assert shelf.measure(saved(exif=nowhere)).location == ()


# --- labels ----------------------------------------------------------------------------------------------------------

MADE_URI = b"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
LABELS = {
    "IPTC in XMP": (saved(xmp=XMP_MADE), ("IPTC: trainedAlgorithmicMedia",)),
    "IPTC in a PNG": (
        with_chunk(saved("PNG"), chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP_MADE)),
        ("IPTC: trainedAlgorithmicMedia",),
    ),
    "a C2PA manifest in CBOR": (
        with_segment(saved(), *app11(jumbf(b"qdigitalSourceTypexF" + MADE_URI + b"dwhen"), 70)),
        ("C2PA manifest", "C2PA: trainedAlgorithmicMedia"),
    ),
    "a camera's C2PA manifest": (
        with_segment(saved(), *app11(jumbf(b"digitalsourcetype/digitalCapture"))),
        ("C2PA manifest", "C2PA: digitalCapture"),
    ),
    "C2PA in a WebP": (with_riff(saved("WEBP"), b"C2PA", jumbf(b"{}")), ("C2PA manifest",)),
    "C2PA in a film": (film() + box(b"uuid", C2PA_UUID, jumbf(b"{}")), ("C2PA manifest",)),
    "a generator's parameters": (
        with_chunk(saved("PNG"), chunk(b"tEXt", b"parameters\0a cat\nSteps: 20, Sampler: Euler")),
        ("PNG text: Stable Diffusion",),
    ),
    "a generator's workflow": (
        with_chunk(saved("PNG"), chunk(b"tEXt", b'prompt\0{"3": {"class_type": "KSampler"}}')),
        ("PNG text: ComfyUI",),
    ),
    "the label Chinese law asks for": (
        with_chunk(saved("PNG"), chunk(b"tEXt", b'AIGC\0{"Label": "1"}')),
        ("PNG text: AIGC",),
    ),
    "a credit line": (
        saved(xmp=b'<x:xmpmeta><rdf:RDF photoshop:Credit="Made with Google AI"/></x:xmpmeta>'),
        ("credit: Made with Google AI",),
    ),
}


@pytest.mark.parametrize("name", LABELS)
def test_a_label_is_found(shelf: Shelf, name: str) -> None:
    data, labels = LABELS[name]
    assert shelf.measure(data).ai == labels


def test_a_jpeg_with_parameters_in_its_exif(shelf: Shelf) -> None:
    exif = Image.Exif()
    exif[0x8769] = {0x9286: b"UNICODE\0" + "a cat\nSteps: 20, Sampler: Euler a".encode("utf-16-be")}
    assert shelf.measure(saved(exif=exif)).ai == ("EXIF: Stable Diffusion",)


# --- what does not belong there --------------------------------------------------------------------------------------

ZIP = b"PK\x03\x04" + bytes(26) + b"PK\x05\x06" + bytes(18)
ODD = {
    "a zip behind a JPEG": (saved() + ZIP, "a zip archive after the end of the picture"),
    "a zip behind a PNG": (saved("PNG") + ZIP, "a zip archive after the end of the picture"),
    "a web page in a GIF": (saved("GIF", comment=b"<script>alert(1)</script>"), "a web page inside"),
    "a program in a JPEG": (with_segment(saved(), segment(0xFE, b"<?php echo 1; ?>")), "a program (PHP) inside"),
    "a film behind a photo": (saved() + film(), "a film after the end of the picture"),
    "a heap behind a PNG": (saved("PNG") + b"\x93" * 5000, "unknown bytes after the end of the picture"),
}


@pytest.mark.parametrize("name", ODD)
def test_a_file_that_is_two_things(shelf: Shelf, name: str) -> None:
    data, what = ODD[name]
    facts = shelf.measure(data)
    assert what in facts.odd
    assert facts.problem == ""


def test_padding_is_nothing_odd(shelf: Shelf) -> None:
    assert shelf.measure(saved() + bytes(9000)).odd == ()
    assert shelf.measure(saved("PNG") + b"\n").odd == ()


# --- bad bytes -------------------------------------------------------------------------------------------------------


def test_svg_is_never_drawn(shelf: Shelf) -> None:
    facts = shelf.measure(b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    assert (facts.type, facts.width, facts.pdq) == ("image/svg+xml", 0, ())
    assert "never opened" in facts.problem


def test_more_points_than_allowed() -> None:
    shelf = Shelf(MediaLimits(pixels=10_000, jpeg_pixels=10_000))
    with shelf.measurer:
        for kind in ("PNG", "JPEG", "GIF", "WEBP"):
            assert "too many to open safely" in shelf.measure(saved(kind)).problem


def test_a_picture_larger_than_is_looked_into() -> None:
    data = saved(exif=gps()) + bytes(300_000)
    shelf = Shelf(MediaLimits(image_bytes=100_000))
    with shelf.measurer:
        facts = shelf.measure(data)
    assert "larger than" in facts.problem
    assert (facts.sha256, facts.size) == (hashlib.sha256(data).hexdigest(), len(data))
    assert facts.location == ("EXIF GPS",)


def test_a_long_film_streams_by() -> None:
    """The index stands behind more pictures than would ever be kept."""
    place = box(b"\xa9xyz", b"\0\x12\x15\xc7+38.7223-009.1393/")
    shelf = Shelf(MediaLimits(film_bytes=100_000))
    with shelf.measurer:
        facts = shelf.measure(film(place, mdat=30_000_000))
    assert (facts.location, facts.seconds, facts.problem) == (("MP4/MOV",), 2.5, "")


def test_a_film_of_countless_empty_parts() -> None:
    shelf = Shelf()
    with shelf.measurer:
        facts = shelf.measure(film() + box(b"abcd") * 210_000)
        assert "so many parts" in facts.problem
        assert shelf.measure(film()).problem == ""


BOMBS = {
    "packed text": with_chunk(
        saved("PNG"), *[chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(20 << 20), 9)) for _ in range(60)]
    ),
    "a packed profile": with_chunk(saved("PNG"), chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(100 << 20), 9))),
    "unclosed XMP": saved() + b"<rdf:RDF " * 100_000,
    "directories without end": saved() + (b"II*\0\x08\0\0\0\xff\xff" + b"\x25\x88\x04\0\1\0\0\0\x08\0\0\0" * 99) * 500,
    "nested manifests": saved("PNG") + b"\x7f\xff\xff\xffjumb\0\0\0\0jumdc2pa" * 50_000,
    "almost a label": saved() + b"<x:xmpmeta>" + b"DigitalSourceType" * 50_000,
    "empty records": saved() + b"8BIM\x04\x04\0\0\0\0\0\0" + b"\x1c\x02\0\0\0" * 200_000,
    "frames": saved("GIF")[:-1] + (b"\x2c" + bytes(4) + b"\1\0\1\0\0\2\2D\1\0") * 50_000 + b";",
    "points": b"GIF89a\xff\xff\xff\xff\0\0\0" + saved("GIF")[13:],
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(shelf: Shelf, name: str) -> None:
    """They end in facts or a problem within the child's limits, and the next picture is measured as ever."""
    facts = shelf.measure(BOMBS[name])
    assert facts.sha256 == hashlib.sha256(BOMBS[name]).hexdigest()
    assert facts.pdq or facts.problem
    assert shelf.measure(saved()).problem == ""


def test_hardly_any_memory() -> None:
    shelf = Shelf(MediaLimits(memory=400 << 20))
    picture = saved("PNG", Image.new("RGBA", (7900, 8000)), compress_level=1)
    with shelf.measurer:
        facts = shelf.measure(picture)
        assert "memory" in facts.problem or facts.problem == media.CRASHED
        assert shelf.measure(saved()).problem == ""


def test_a_child_that_does_not_answer() -> None:
    shelf = Shelf(MediaLimits(seconds=0.5))
    with shelf.measurer:
        assert shelf.measure(saved()).problem == ""
        process = shelf.process()
        os.kill(process.pid, signal.SIGSTOP)
        assert shelf.measure(saved("PNG")).problem == media.SLOW
        assert process.returncode is not None
        assert shelf.measure(saved("GIF")).problem == ""


def test_a_child_that_dies() -> None:
    shelf = Shelf()

    class Deadly(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= 65536 and shelf.measurer._child.used:
                shelf.process().kill()
                shelf.process().wait()
            return super().read(size)

    with shelf.measurer:
        shelf.measure(saved())
        process = shelf.process()
        data = with_chunk(saved("PNG"), chunk(b"tEXt", b"x\0" + b"y" * 100_000))
        shelf.files["deadly"] = data
        shelf.measurer._open = lambda member: Deadly(shelf.files[member])
        facts = shelf.measurer.measure(Medium("/attachment/0", "deadly"))
        assert facts is not None
        assert facts.problem == media.CRASHED
        assert facts.size == len(data)
        assert facts.sha256 == hashlib.sha256(data).hexdigest()
        assert process.returncode is not None


def test_a_child_that_dies_of_what_it_did_before() -> None:
    """The next picture is not blamed: a fresh child looks at it again."""
    shelf = Shelf()
    tired: list[bool] = []

    class Tired(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= 65536 and not tired:
                tired.append(True)
                shelf.process().kill()
                shelf.process().wait()
            return super().read(size)

    with shelf.measurer:
        shelf.measure(saved())
        data = with_chunk(saved("PNG"), chunk(b"tEXt", b"x\0" + b"y" * 100_000))
        shelf.measurer._open = lambda member: Tired(data)
        facts = shelf.measurer.measure(Medium("/attachment/0", "innocent"))
    assert facts is not None
    assert (facts.problem, facts.width, tired) == ("", 160, [True])


def test_a_child_that_talks_nonsense(monkeypatch: pytest.MonkeyPatch) -> None:
    for answer in (b"{", b'{"width": -1}', b'{"pdq": ["x"]}', b"\xff", b'{"problem": "' + b"a" * 500 + b'"}'):
        shelf = Shelf()
        monkeypatch.setattr(media._Child, "ask", lambda *_, said=answer: said)
        with shelf.measurer:
            assert shelf.measure(saved()).problem == media.GARBLED


def test_an_answer_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "MOST_ANSWER", 10)
    with Shelf().measurer as measurer:
        measurer._open = lambda member: io.BytesIO(saved())
        facts = measurer.measure(Medium("/attachment/0", "x"))
    assert facts is not None
    assert facts.problem == media.GARBLED


def test_no_child_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with Shelf().measurer as measurer:
        measurer._open = lambda member: io.BytesIO(saved())
        facts = measurer.measure(Medium("/attachment/0", "x"))
    assert facts is not None
    assert facts.problem == media.NO_CHILD
    assert facts.sha256 == hashlib.sha256(saved()).hexdigest()


@pytest.mark.parametrize(
    "error", [ArchiveError("checksum", "a.jpg", "a.jpg does not match its checksum"), zlib.error("bad"), KeyError("x")]
)
def test_bytes_that_cannot_be_had(error: Exception) -> None:
    def broken(member: str) -> BinaryIO:
        raise error

    with Measurer(broken) as measurer:
        facts = measurer.measure(Medium("/attachment/0", "a.jpg"))
    assert facts is not None
    assert facts.problem.startswith("its bytes could not be taken out")


def test_bytes_that_break_off() -> None:
    """The source fails in the middle: the child has half a file and must not be asked about the next with it."""
    good = saved()

    class Half(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= 65536:
                raise ArchiveError("checksum", "half.jpg", "half.jpg does not match its checksum")
            return super().read(size)

    streams = [io.BytesIO(good), Half(good + bytes(200_000)), io.BytesIO(good)]
    with Measurer(lambda member: streams[int(member)]) as measurer:
        first, second, third = (measurer.measure(Medium("/attachment/0", str(number))) for number in range(3))
    assert second is not None
    assert "half.jpg does not match" in second.problem
    assert first == third


def test_children_are_replaced_after_a_while() -> None:
    shelf = Shelf(MediaLimits(served=2))
    with shelf.measurer:
        pids = set()
        for step in range(4):
            assert shelf.measure(saved("PNG", scene(40 + step))).problem == ""
            pids.add(shelf.process().pid)
    assert len(pids) == 2


def test_closing_ends_the_child() -> None:
    shelf = Shelf()
    with shelf.measurer:
        shelf.measure(saved())
        process = shelf.process()
    assert process.returncode is not None
    shelf.measurer.close()


@pytest.mark.parametrize("folder", ["images", "filetypes"])
def test_hostile_files(shelf: Shelf, folder: str) -> None:
    """Every one ends in facts or a problem, and the measurer still works afterwards."""
    for path in sorted(fixture("hostile", folder).iterdir()):
        data = path.read_bytes()
        facts = shelf.measure(data)
        assert facts.sha256 == hashlib.sha256(data).hexdigest()
        assert facts.pdq or facts.problem or not facts.type.startswith("image/"), path.name
        assert facts.type != "image/svg+xml" or facts.problem
    assert shelf.measure(saved()).problem == ""


@settings(deadline=None, max_examples=60)
@given(some.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "AVIF", "film"]), some.randoms(use_true_random=False))
def test_damaged_files(kind: str, random: Random) -> None:
    data = bytearray(film(box(b"loci", bytes(30))) if kind == "film" else _sample(kind))
    for _ in range(random.randint(1, 12)):
        data[random.randrange(len(data))] = random.randrange(256)
    damaged = bytes(data[: random.randint(1, len(data))])
    facts = DAMAGED.measure(damaged)
    assert facts.sha256 == hashlib.sha256(damaged).hexdigest()
    assert facts.pdq or facts.problem or not facts.type.startswith("image/")
    assert facts.problem not in (media.CRASHED, media.SLOW, media.GARBLED, media.NO_CHILD)


DAMAGED = Shelf()
SAMPLES: dict[str, bytes] = {}


def _sample(kind: str) -> bytes:
    if kind not in SAMPLES:
        SAMPLES[kind] = saved(kind) if kind == "GIF" else saved(kind, exif=gps(), xmp=XMP_PLACE)
    return SAMPLES[kind]


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    yield
    DAMAGED.measurer.close()


# --- the jail --------------------------------------------------------------------------------------------------------

JAILED = """
import os, socket
from safeconduct.archives import _media_jail
_media_jail.limit(768 << 20, 60)
locked = _media_jail.lock()
def refused(what):
    try:
        what()
    except OSError:
        return "refused"
    return "done"
print(locked, refused(lambda: open("/etc/hostname")), refused(lambda: socket.socket()), refused(os.fork),
      refused(lambda: os.execv("/bin/true", ["true"])), refused(lambda: os.kill(os.getppid(), 0)),
      refused(lambda: os.unlink("/nonexistent/x")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="system calls are filtered on Linux only")
def test_the_child_can_do_hardly_anything() -> None:
    done = subprocess.run([sys.executable, "-I", "-c", JAILED], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["True", *["refused"] * 6]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_running_child_is_jailed(shelf: Shelf) -> None:
    shelf.measure(saved())
    pid = shelf.process().pid
    status = Path(f"/proc/{pid}/status").read_text()
    assert "Seccomp:\t2" in status
    assert "NoNewPrivs:\t1" in status
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert str(768 << 20) in limits
