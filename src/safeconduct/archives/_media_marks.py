"""What a media file says beside what it shows: places, AI and provenance labels, and things that do not belong in it.

Sources of the facts: Exif 3.0 (CIPA DC-008), XMP (ISO 16684-1), IPTC IIM 4.2 and the IPTC Photo Metadata Standard,
PNG (W3C), ISO/IEC 14496-12, 3GPP TS 26.244 (``loci``), Apple's QuickTime metadata keys, C2PA 2.x (JUMBF boxes).
Only looks for marks in bytes and never follows a reference.  Runs inside the limited child process.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from safeconduct.archives._media_parts import Part
from safeconduct.archives._media_types import sniff

Order = Literal["little", "big"]
MOST_TEXT = 1 << 20
MOST_MARKS = 16
MOST_PNG_TEXT = 8 << 20  # of all text chunks together, unpacked


class Marks(NamedTuple):
    """The three answers, each a sorted tuple of short names for people."""

    location: tuple[str, ...]
    ai: tuple[str, ...]
    odd: tuple[str, ...]


class Texts(NamedTuple):
    """The places inside one file where it can say something."""

    tiff: list[bytes]  # from each TIFF header on
    xmp: list[bytes]
    iptc: list[bytes]
    c2pa: list[bytes]
    keyed: list[tuple[bytes, bytes]]  # PNG text by keyword
    rest: bytes  # all of a film or recording; what hangs on behind a picture, which may be a film


def marks(type: str, data: bytes, found: list[Part], end: int) -> Marks:
    """Everything a file of this (sniffed) type says; ``found`` are its parts, ``end`` where the picture is over."""
    texts = _texts(type, data, found, end)
    return Marks(
        tuple(sorted(set(_places(type, texts)))),
        tuple(sorted(set(_labels(type, texts)))),
        tuple(sorted(set(_odd(type, data, end)))),
    )


# --- where it is said ------------------------------------------------------------------------------------------------

TIFF = (b"II*\0", b"MM\0*")
JUMBF = b"jumdc2pa"
IIM = b"8BIM\x04\x04"


def _texts(type: str, data: bytes, found: list[Part], end: int) -> Texts:
    keyed = list(_png_texts(data, found)) if type == "image/png" else []
    inner = b"\n".join(value for _, value in keyed)
    both = (data, inner) if inner else (data,)
    return Texts(
        tiff=[one[at : at + MOST_TEXT] for one in both for mark in TIFF for at in _finds(mark, one)],
        xmp=[text for one in both for text in _xmp(one)],
        iptc=[one[at : at + MOST_TEXT] for one in both for at in _finds(IIM, one)],
        c2pa=list(_jumbf(_app11(data, found) if type == "image/jpeg" else data)),
        keyed=keyed,
        rest=data if type.startswith(("video/", "audio/")) else data[end:] if end else b"",
    )


def _finds(mark: bytes, data: bytes) -> list[int]:
    """Where a mark stands, the first ``MOST_MARKS`` times (``find`` is ten times as fast as a pattern here)."""
    spots: list[int] = []
    at = data.find(mark)
    while at >= 0 and len(spots) < MOST_MARKS:
        spots.append(at)
        at = data.find(mark, at + 1)
    return spots


def _xmp(data: bytes) -> Iterator[bytes]:
    at = 0
    for _ in range(MOST_MARKS):
        starts = [spot for mark in (b"xmpmeta", b"<rdf:RDF") if (spot := data.find(mark, at)) >= 0]
        if not starts:
            return
        start = min(starts)
        closing = b"/rdf:RDF" if data.startswith(b"<rdf", start) else b"xmpmeta"
        stop = data.find(closing, start + 8)
        stop = min(stop if stop >= 0 else len(data), start + MOST_TEXT)
        yield data[start:stop]
        at = stop + len(closing)


def _app11(data: bytes, found: list[Part]) -> bytes:
    """JUMBF boxes span several JPEG segments, each with its own header (ISO 19566-5): join what belongs together."""
    joined = bytearray()
    for part in found:
        if part.name == b"\xeb" and data.startswith(b"JP", part.body):
            first = int.from_bytes(data[part.body + 4 : part.body + 8], "big") <= 1
            joined += data[part.body + (8 if first else 16) : part.end]
    return bytes(joined)


def _jumbf(data: bytes) -> Iterator[bytes]:
    """A C2PA box starts with its length, ``jumb``, and a description box whose type begins with ``c2pa``."""
    for at in _finds(JUMBF, data):
        if data[at - 8 : at - 4] == b"jumb":
            size = int.from_bytes(data[max(0, at - 12) : at - 8], "big")
            yield data[at : at + min(max(size, 64), MOST_TEXT)]


def _png_texts(data: bytes, found: list[Part]) -> Iterator[tuple[bytes, bytes]]:
    room = MOST_PNG_TEXT
    for part in found:
        if part.name not in (b"tEXt", b"zTXt", b"iTXt") or room <= 0:
            continue
        keyword, _, value = data[part.body : part.end - 4].partition(b"\0")
        if part.name == b"zTXt":
            value = _inflated(value[1:])
        elif part.name == b"iTXt":
            packed, value = value[:1] == b"\1", value[2:].partition(b"\0")[2].partition(b"\0")[2]
            value = _inflated(value) if packed else value
        room -= len(value)
        yield keyword, _unhexed(value) if keyword.startswith(b"Raw profile") else value


def _inflated(value: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(value, MOST_TEXT)
    except zlib.error:
        return b""


def _unhexed(value: bytes) -> bytes:
    """ImageMagick writes whole metadata blocks as hexadecimal text: a name line, a length line, then the digits."""
    try:
        return bytes.fromhex(b"".join(value.split(maxsplit=2)[2:]).decode("ascii"))
    except ValueError:
        return value


# --- places ----------------------------------------------------------------------------------------------------------

SAID = rb"\s*(?:=\s*[\"']\s*[^\"'\s]|>\s*[^<\s]|>\s*<rdf:(?:Alt|Bag|Seq|Description|li)\b)"
COORDINATE = re.compile(rb"GPS(?:Dest)?(?:Latitude|Longitude)" + SAID)
PLACE = re.compile(
    rb"<?(?:photoshop:(?:City|State|Country)|Iptc4xmpCore:(?:Location|CountryCode)|Iptc4xmpExt:(?:Sublocation|City"
    rb"|ProvinceState|CountryName|CountryCode|LocationName|LocationId|WorldRegion|LocationShown|LocationCreated))"
    + SAID
)
JSON_COORDINATE = re.compile(rb"GPS(?:Latitude|Longitude)|\"?(?:latitude|longitude)\"?\s*:", re.IGNORECASE)
# Each mark is found as it stands (fast, also in megabytes); the pattern must then fit around it.
FILM_PLACES = {
    b"\xa9xyz": re.compile(rb"\xa9xyz.{0,24}?[+-]\d", re.DOTALL),
    b"loci\0\0\0\0": re.compile(rb"loci\0"),
    b"com.apple.quicktime.location.": re.compile(rb"com"),
    b"gpmd": re.compile(rb"gpmd\0\0\0\0"),  # GoPro and street-view cameras write a track of positions
    b"camm": re.compile(rb"camm\0\0\0\0"),
}
TAG_PLACES = {
    b"LOCATION": re.compile(rb"LOCATION(?:=[^\0\s]|\x44\x87)"),  # Vorbis comment; Matroska tag followed by its text
    b"location": re.compile(rb"location(?:=[^\0\s]|\x44\x87|[-_.]?(?:eng|ISO6709))"),
    b"Location": re.compile(rb"Location(?:=[^\0\s]|\x44\x87)"),
}
PNG_PLACE = re.compile(rb"gps|geo|latitude|longitude|location", re.IGNORECASE)
GPS_IFD, GPS_TAGS = 0x8825, frozenset({2, 4, 0x14, 0x16})
IPTC_PLACES = frozenset({26, 27, 90, 92, 95, 100, 101})


def _places(type: str, texts: Texts) -> Iterator[str]:
    if any(_gps(tiff) for tiff in texts.tiff):
        yield "EXIF GPS"
    if any(COORDINATE.search(text) or PLACE.search(text) for text in texts.xmp):
        yield "XMP"
    if any(_iptc_place(text) for text in texts.iptc):
        yield "IPTC"
    if any(COORDINATE.search(text) or JSON_COORDINATE.search(text) for text in texts.c2pa):
        yield "C2PA"
    for keyword, value in texts.keyed:
        if value.strip() and keyword != b"XML:com.adobe.xmp" and PNG_PLACE.search(keyword):
            yield "PNG text"
    if _fits(FILM_PLACES, texts.rest):
        yield "MP4/MOV"
    elif _fits(TAG_PLACES, texts.rest):
        yield "tags"


def _fits(marks: Mapping[bytes, re.Pattern[bytes]], data: bytes) -> bool:
    return any(pattern.match(data, at) for mark, pattern in marks.items() for at in _finds(mark, data))


def _gps(tiff: bytes) -> bool:
    """Whether a TIFF structure has a GPS directory with a real latitude or longitude (0/0 is "none")."""
    order: Order = "little" if tiff.startswith(b"II") else "big"
    for tag, _, _, offset in _directory(tiff, int.from_bytes(tiff[4:8], order), order):
        if tag == GPS_IFD:
            return any(
                tag in GPS_TAGS and form == 5 and count and int.from_bytes(tiff[at + 4 : at + 8], order)
                for tag, form, count, at in _directory(tiff, offset, order)
            )
    return False


def _directory(tiff: bytes, at: int, order: Order) -> Iterator[tuple[int, int, int, int]]:
    """Tag, form, count and value of each entry; at most 512, as a hostile file may claim 65,535."""
    if not 8 <= at <= len(tiff) - 2:
        return
    entries = min(int.from_bytes(tiff[at : at + 2], order), 512)
    for entry in range(at + 2, min(at + 2 + 12 * entries, len(tiff) - 11), 12):
        piece = tiff[entry : entry + 12]
        yield (
            int.from_bytes(piece[:2], order),
            int.from_bytes(piece[2:4], order),
            int.from_bytes(piece[4:8], order),
            int.from_bytes(piece[8:], order),
        )


def _iptc_place(resource: bytes) -> bool:
    at = 7 + (resource[6] | 1) if len(resource) > 6 else 0  # a Pascal name, padded to an even length
    at += 4
    while resource[at : at + 1] == b"\x1c" and at + 5 <= len(resource):
        size = int.from_bytes(resource[at + 3 : at + 5], "big")
        if resource[at + 1] == 2 and resource[at + 2] in IPTC_PLACES and resource[at + 5 : at + 5 + size].strip():
            return True
        at += 5 + size
    return False


# --- AI and provenance labels ----------------------------------------------------------------------------------------

# IPTC NewsCodes "Digital Source Type" and C2PA's own; longest first, as in CBOR the next letter may be a length.
SOURCE_TYPES = (
    "compositeWithTrainedAlgorithmicMedia", "algorithmicallyEnhanced", "trainedAlgorithmicMedia",
    "trainedAlgorithmicData", "computationalCapture", "compositeSynthetic", "algorithmicMedia", "compositeCapture",
    "screenCapture", "softwareImage", "virtualRecording", "digitalCapture", "digitalCreation", "dataDrivenMedia",
    "minorHumanEdits", "multiFrameComputationalCapture", "humanEdits", "digitalArt", "composite",
    "positiveFilm", "negativeFilm", "print",
)  # fmt: skip
MADE = frozenset(
    {
        "compositeWithTrainedAlgorithmicMedia",
        "trainedAlgorithmicMedia",
        "trainedAlgorithmicData",
        "compositeSynthetic",
        "algorithmicMedia",
        "algorithmicallyEnhanced",
    }
)  # the ones that speak of machine-made or machine-changed content; the others are provenance only
_TERMS = "|".join(sorted(SOURCE_TYPES, key=len, reverse=True)).encode()
SOURCE_TYPE = re.compile(rb"[Dd]igital[Ss]ource[Tt]ype.{0,160}?(" + _TERMS + rb")", re.DOTALL)
SOURCE_URI = re.compile(rb"digitalsourcetype/(" + _TERMS + rb")")
CREDITS = (
    b"Made with Google AI",
    b"Edited with Google AI",
    b"Adobe Firefly",
    b"Imagined with AI",
    b"Imagined with Meta AI",
)
AIGC = {b"AIGC": re.compile(rb"AIGC\\?\"?\s*[:=>]\s*\\?[\"'{]?")}  # China's GB 45438-2025
STEPS = re.compile(rb"(?:S\0?t\0?e\0?p\0?s\0?:\0? \0?\d).{0,400}?(?:S\0?a\0?m\0?p\0?l\0?e\0?r\0?:)", re.DOTALL)
PNG_LABELS = {
    b"parameters": "Stable Diffusion",
    b"sd-metadata": "InvokeAI",
    b"invokeai_metadata": "InvokeAI",
    b"Dream": "InvokeAI",
    b"workflow": "ComfyUI",
    b"fooocus_scheme": "Fooocus",
    b"generation_data": "an image generator",
    b"AIGC": "AIGC",
}


def _labels(type: str, texts: Texts) -> Iterator[str]:
    if texts.c2pa:
        yield "C2PA manifest"
    yield from _source_types("C2PA", texts.c2pa)
    yield from _source_types("IPTC", texts.xmp)
    for text in (*texts.xmp, texts.rest):
        yield from (f"credit: {credit.decode('ascii')}" for credit in CREDITS if credit in text)
    yield from _png_labels(texts.keyed)
    if any(STEPS.search(tiff[:65536]) for tiff in texts.tiff):
        yield "EXIF: Stable Diffusion"
    if any(_fits(AIGC, text) for text in (*(tiff[:65536] for tiff in texts.tiff), *texts.xmp, texts.rest)):
        yield "AIGC"


def _source_types(carrier: str, where: list[bytes]) -> Iterator[str]:
    for text in where:
        for match in (*SOURCE_URI.finditer(text), *SOURCE_TYPE.finditer(text)):
            yield f"{carrier}: {match[1].decode('ascii')}"


def _png_labels(keyed: list[tuple[bytes, bytes]]) -> Iterator[str]:
    for keyword, value in keyed:
        if keyword in PNG_LABELS:
            yield f"PNG text: {PNG_LABELS[keyword]}"
        elif keyword == b"prompt" and b"class_type" in value:
            yield "PNG text: ComfyUI"
        elif keyword in (b"Software", b"Source", b"Comment") and (b"NovelAI" in value or b"Stable Diffusion" in value):
            yield "PNG text: NovelAI" if b"NovelAI" in value else "PNG text: Stable Diffusion"


# --- what does not belong there --------------------------------------------------------------------------------------

SCRIPT = re.compile(rb"<script[\s>/]|<\?php\s|<iframe[\s>]|<!doctype html", re.IGNORECASE)
AFTER = {
    "application/zip": "a zip archive",
    "application/pdf": "a PDF",
    "text/html": "a web page",
    "application/x-httpd-php": "a program (PHP)",
    "application/vnd.microsoft.portable-executable": "a program",
    "application/x-elf": "a program",
    "application/vnd.rar": "an archive",
    "application/x-7z-compressed": "an archive",
    "video/mp4": "a film",
    "video/quicktime": "a film",
}
SPARE = 4096  # harmless padding and maker's trailers are common; more than this after the end is worth a word


def _odd(type: str, data: bytes, end: int) -> Iterator[str]:
    if type == "image/svg+xml" or not type.startswith(("image/", "video/", "audio/")):
        return
    if found := SCRIPT.search(data):
        yield "a program (PHP) inside" if found[0][1:2] == b"?" else "a web page inside"
    if b"PK\x05\x06" in data[-65558:] and b"PK\x03\x04" in data:
        yield "a zip archive inside"
    if data.find(b"%PDF-", 0, 1024) >= 0 and b"%%EOF" in data[-1100:]:
        yield "a PDF inside"
    if end and (after := data[end:].lstrip(b"\0 \r\n\t")):
        kind = sniff(data[end:]) or sniff(after)
        if kind in AFTER:
            yield f"{AFTER[kind]} after the end of the picture"
        elif len(after) > SPARE and kind != type and not after.startswith(b"SEFH"):
            yield "unknown bytes after the end of the picture"
