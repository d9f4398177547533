"""What a file is by its first bytes, never by its name or by what somebody says of it.

Source of the facts: the formats' own specifications and the WHATWG MIME Sniffing Standard; only bytes are compared,
nothing is decoded, so this part runs in the parent process.
"""

from __future__ import annotations

import re

HEAD = 65536  # bytes of a file that ``sniff`` may look at

# Offset, bytes, type: the first row that fits wins, so the longer and rarer signs come first.
MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
    (0, b"\xff\x0a", "image/jxl"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (0, b"\xff\x4f\xff\x51", "image/jp2"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"8BPS\0", "image/vnd.adobe.photoshop"),
    (0, b"DDS ", "image/vnd-ms.dds"),
    (0, b"qoif", "image/qoi"),
    (0, b"icns", "image/icns"),
    (0, b"BLP1", "image/x-blp"),
    (0, b"BLP2", "image/x-blp"),
    (0, b"\x01\xda", "image/sgi"),
    (4, b"\x11\xaf", "image/fli"),
    (4, b"\x12\xaf", "image/fli"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"FORM", "audio/aiff"),
    (0, b"caff", "audio/x-caf"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"MThd", "audio/midi"),
    (0, b"FLV\x01", "video/x-flv"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "video/x-ms-asf"),
    (0, b"\0\0\x01\xba", "video/mpeg"),
    (0, b"\0\0\x01\xb3", "video/mpeg"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (257, b"ustar", "application/x-tar"),
    (0, b"\x7fELF", "application/x-elf"),
    (0, b"MZ", "application/vnd.microsoft.portable-executable"),
    (0, b"\xca\xfe\xba\xbe", "application/java-vm"),
    (0, b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (0, b"\xce\xfa\xed\xfe", "application/x-mach-binary"),
    (0, b"\0asm", "application/wasm"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"L\0\0\0\x01\x14\x02\0", "application/x-ms-shortcut"),
    (0, b"FWS", "application/x-shockwave-flash"),
    (0, b"CWS", "application/x-shockwave-flash"),
    (0, b"ZWS", "application/x-shockwave-flash"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"%!PS", "application/postscript"),
    (0, b"\xc5\xd0\xd3\xc6", "application/postscript"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
    (128, b"DICM", "application/dicom"),
)

RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}

# ISO/IEC 14496-12 major brands; anything else with a ``ftyp`` is some kind of MP4.
BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"heim": "image/heic",
    b"heis": "image/heic",
    b"hevc": "image/heic",
    b"hevx": "image/heic",
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"crx ": "image/x-canon-cr3",
}
LOOSE_BRANDS = (b"mif1", b"msf1", b"miaf")  # "some picture": the compatible brands say which
BOXES = (b"moov", b"mdat", b"wide", b"pnot", b"moof", b"skip", b"free")  # QuickTime files may lack a ``ftyp``

MARKUP = re.compile(
    rb"\s*(?:<\?xml[^>]*>|<!--.*?-->|<!doctype\s+svg[^>]*>|\s+)*<(svg|html|!doctype html|head|body|script|iframe|\?php"
    rb"|title|style|img|table|a|div|meta|p|b|h1|\?xml)\b",
    re.IGNORECASE | re.DOTALL,
)
MARKUP_TYPES = {b"svg": "image/svg+xml", b"?php": "application/x-httpd-php", b"?xml": "application/xml"}

ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/apng": "image/png",
    "image/x-png": "image/png",
    "image/heif": "image/heic",
    "image/heic-sequence": "image/heic",
    "image/svg": "image/svg+xml",
    "image/x-ms-bmp": "image/bmp",
    "video/x-m4v": "video/mp4",
    "video/3gpp2": "video/3gpp",
    "application/ogg": "audio/ogg",
    "audio/opus": "audio/ogg",
    "audio/vorbis": "audio/ogg",
    "audio/mp3": "audio/mpeg",
    "audio/x-mp3": "audio/mpeg",
    "audio/x-mpeg": "audio/mpeg",
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-pn-wave": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/x-aac": "audio/aac",
    "audio/m4a": "audio/mp4",
    "audio/x-m4a": "audio/mp4",
    "audio/3gpp": "video/3gpp",
    "application/x-zip-compressed": "application/zip",
    "text/php": "application/x-httpd-php",
    "application/xhtml+xml": "text/html",
}

# Types that share one container, so that either name is an honest one for the same bytes.
CONTAINERS = {
    "video/mp4": "bmff",
    "video/quicktime": "bmff",
    "audio/mp4": "bmff",
    "video/3gpp": "bmff",
    "video/webm": "ebml",
    "audio/webm": "ebml",
    "video/x-matroska": "ebml",
    "audio/x-matroska": "ebml",
    "audio/ogg": "ogg",
    "video/ogg": "ogg",
}

EXTENSIONS = {
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "jfif": "image/jpeg", "png": "image/png", "gif": "image/gif",
    "webp": "image/webp", "avif": "image/avif", "heic": "image/heic", "heif": "image/heic", "svg": "image/svg+xml",
    "bmp": "image/bmp", "tif": "image/tiff", "tiff": "image/tiff", "jxl": "image/jxl",
    "mp4": "video/mp4", "m4v": "video/mp4", "mov": "video/quicktime", "webm": "video/webm", "mkv": "video/x-matroska",
    "ogv": "video/ogg", "avi": "video/x-msvideo", "3gp": "video/3gpp", "mpg": "video/mpeg", "mpeg": "video/mpeg",
    "mp3": "audio/mpeg", "ogg": "audio/ogg", "oga": "audio/ogg", "opus": "audio/ogg", "flac": "audio/flac",
    "wav": "audio/wav", "aac": "audio/aac", "m4a": "audio/mp4",
    "pdf": "application/pdf", "zip": "application/zip", "html": "text/html", "htm": "text/html", "txt": "text/plain",
    "exe": "application/vnd.microsoft.portable-executable", "php": "application/x-httpd-php",
}  # fmt: skip


def sniff(head: bytes) -> str:
    """The media type that these first bytes (up to ``HEAD``) show; "" if none that we know."""
    head = head[:HEAD]
    for offset, magic, type in MAGIC:
        if head.startswith(magic, offset):
            return type
    return _container(head) or _stream(head) or _text(head)


def _container(head: bytes) -> str:
    if head.startswith(b"RIFF"):
        return RIFF.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return _brand(head)
    if head[4:8] in BOXES and len(head) >= 16:
        return "video/quicktime"
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if head.startswith(b"OggS"):
        return "video/ogg" if b"\x80theora" in head[:512] else "audio/ogg"
    return "application/pdf" if b"%PDF-" in head[:1024] else ""


def _brand(head: bytes) -> str:
    brand = head[8:12]
    size = int.from_bytes(head[:4], "big")
    if brand in LOOSE_BRANDS:
        others = [head[at : at + 4] for at in range(16, min(size, 256), 4)]
        return next((BRANDS[other] for other in others if other in BRANDS), "image/heic")
    return BRANDS.get(brand, "video/3gpp" if brand.startswith(b"3g") else "video/mp4")


def _stream(head: bytes) -> str:
    """Formats whose signs are short: the fields beside the sign must make sense too."""
    if len(head) >= 4 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "audio/aac"
    if len(head) >= 4 and head[0] == 0xFF and head[1] & 0xE6 in (0xE2, 0xE4, 0xE6) and head[2] & 0xF0 != 0xF0:
        return "audio/mpeg"
    if head.startswith(b"BM") and head[14:18] in (b"\x0c\0\0\0", b"(\0\0\0", b"l\0\0\0", b"|\0\0\0", b"8\0\0\0"):
        return "image/bmp"
    if head[:4] in (b"\0\0\x01\0", b"\0\0\x02\0") and 0 < int.from_bytes(head[4:6], "little") < 256:
        return "image/x-icon"
    if len(head) > 376 and head[0] == head[188] == head[376] == 0x47:
        return "video/mp2t"
    return ""


def _text(head: bytes) -> str:
    text = head.removeprefix(b"\xef\xbb\xbf")
    if match := MARKUP.match(text[:4096]):
        return MARKUP_TYPES.get(match[1].lower(), "text/html")
    if text.startswith(b"#!"):
        return "text/x-shellscript"
    if not text or any(byte < 9 or 13 < byte < 27 for byte in text[:1024]):
        return ""
    try:
        text[:1024].decode()
    except UnicodeDecodeError as error:
        return "" if error.start < len(text[:1024]) - 4 else "text/plain"
    return "text/plain"


def plain(type: str) -> str:
    """One spelling for one type: lower case, no parameters, no aliases."""
    bare = type.partition(";")[0].strip().lower()
    return ALIASES.get(bare, bare)


def same(declared: str, sniffed: str) -> bool:
    """Whether both names honestly fit the same bytes (``video/quicktime`` and ``video/mp4`` share a container)."""
    one, other = plain(declared), plain(sniffed)
    return one == other or CONTAINERS.get(one, one) == CONTAINERS.get(other, other)


def named(name: str) -> str:
    """The type a file name claims by its ending; "" if it has no ending that we know."""
    return EXTENSIONS.get(name.rpartition(".")[2].lower(), "") if "." in name else ""


def kind(type: str) -> str:
    """``image``, ``video``, ``audio`` or what else stands before the slash; "" for no type."""
    return plain(type).partition("/")[0]
