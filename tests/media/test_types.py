"""What a file is, by its bytes alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from safeconduct.archives.media import kind, named, plain, same, sniff
from tests.media.builders import film, fixture, saved

FILES = {
    "flac.flac": "audio/flac",
    "gif89.gif": "image/gif",
    "heic.heic": "image/heic",
    "id3v2.mp3": "audio/mpeg",
    "jpg.jpg": "image/jpeg",
    "mp4.mp4": "video/mp4",
    "pdf.pdf": "application/pdf",
    "php.php": "application/x-httpd-php",
    "png.png": "image/png",
    "svg.svg": "image/svg+xml",
    "vorbis.ogg": "audio/ogg",
    "webm.webm": "video/webm",
    "webp.webp": "image/webp",
    "zip.zip": "application/zip",
}
HEADS = {
    b"\x7fELF\x02\x01\x01": "application/x-elf",
    b"MZ\x90\0": "application/vnd.microsoft.portable-executable",
    b"\xff\xf1\x50\x80\0\0": "audio/aac",
    b"\xff\xfb\x90\x64\0\0": "audio/mpeg",
    b"RIFF\x24\0\0\0WAVEfmt ": "audio/wav",
    b"\0\0\0\x14ftypqt  ": "video/quicktime",
    b"\0\0\0\x14ftypM4A ": "audio/mp4",
    b"\0\0\0\x1cftypmif1\0\0\0\0avifmif1": "image/avif",
    b"\0\0\0\x1cftypmif1\0\0\0\0heicmif1": "image/heic",
    b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0\x23B\x82\x88matroska": "video/x-matroska",
    b"OggS" + bytes(24) + b"OpusHead": "audio/ogg",
    b"OggS" + bytes(24) + b"\x80theora": "video/ogg",
    b"\xef\xbb\xbf <?xml version='1.0'?>\n<!-- drawn -->\n<svg xmlns='x'>": "image/svg+xml",
    b"<!DOCTYPE html><title>x</title>": "text/html",
    b"  <script>1</script>": "text/html",
    b"<?xml version='1.0'?><feed/>": "application/xml",
    b"#!/bin/sh\n": "text/x-shellscript",
    "Grüße aus Łódź".encode(): "text/plain",
    b"\x93\x88\x01\x02 noise": "",
    b"": "",
}


@pytest.mark.parametrize(("name", "type"), FILES.items())
def test_files_by_others(name: str, type: str) -> None:
    assert sniff(fixture("hostile", "filetypes", name).read_bytes()) == type


@pytest.mark.parametrize(("head", "type"), HEADS.items())
def test_first_bytes(head: bytes, type: str) -> None:
    assert sniff(head) == type


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "AVIF", "TIFF", "BMP", "ICO"])
def test_what_pillow_writes(kind: str) -> None:
    assert sniff(saved(kind)).partition("/")[2] in (kind.lower(), "x-icon")


def test_a_film() -> None:
    assert sniff(film()) == "video/mp4"
    assert sniff(film(brand=b"qt  ")) == "video/quicktime"


@settings(deadline=None, max_examples=100)
@given(some.binary(max_size=600))
def test_never_raises(head: bytes) -> None:
    type = sniff(head)
    assert type == "" or "/" in type
    assert all(same(type, type) for _ in range(1))


def test_a_wall_of_markup_does_not_stall() -> None:
    assert sniff(b" <!--" * 13000) in ("", "text/plain")
    assert sniff(b"<?xml " + b" " * 65000) in ("", "text/plain", "application/xml")


def test_names_of_types() -> None:
    assert plain("Image/JPG; q=1") == "image/jpeg"
    assert same("audio/x-wav", "audio/wav")
    assert same("video/quicktime", "video/mp4")
    assert not same("image/png", "image/jpeg")
    assert kind("audio/opus") == "audio"
    assert named("media/IMG.JPEG") == "image/jpeg"
    assert named("jpeg") == ""
