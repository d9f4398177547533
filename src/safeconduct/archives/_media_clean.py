"""Takes everything out of a picture file that is not the picture.  Runs inside the limited child process.

Where it can, without decoding: the picture data stay byte for byte, the colour profile stays, the rest goes, also
what was hung on behind the end.  A picture that says "turn me" (EXIF orientation) is turned and written anew.
A label that says a machine made it is put back (IPTC digital source type), because it is a duty in some countries
to carry it on; a C2PA manifest cannot survive, since it signs the bytes that change.
"""

from __future__ import annotations

import io
import zlib

from PIL import ImageFile, ImageOps, JpegImagePlugin

from safeconduct.archives import _media_marks, _media_parts
from safeconduct.archives._media_look import FORMATS, opened
from safeconduct.archives._media_parts import Part
from safeconduct.archives._media_wire import MediaLimits

PNG_KEPT = frozenset(
    b"IHDR PLTE tRNS IDAT IEND gAMA cHRM sRGB iCCP sBIT bKGD pHYs acTL fcTL fdAT cICP mDCV cLLI".split()
)
WEBP_KEPT = frozenset((b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))
LOOPS = (b"\x0bNETSCAPE2.0", b"\x0bANIMEXTS1.0")
ORIENTATION = 0x0112


def clean(type: str, data: bytes, limits: MediaLimits) -> bytes | None:
    """The picture alone, or ``None`` if that cannot be done or something is still in it afterwards."""
    if type not in CLEANERS:
        return None
    label = b""
    with opened(type, data, limits) as picture:
        if picture.getexif().get(ORIENTATION, 1) not in (0, 1):
            if getattr(picture, "is_animated", False):
                return None  # turning every frame is not worth the risk; nobody writes such files
            found = _media_parts.parts(type, data)
            label = _label(_media_marks.marks(type, data, found, 0).ai)
            data = _turned(type, picture, lossless=any(part.name == b"VP8L" for part in found))
    found = _media_parts.parts(type, data)
    if type != "image/webp" and not _media_parts.end(type, found):
        return None
    label = label or _label(_media_marks.marks(type, data, found, 0).ai)
    cleaned = CLEANERS[type](data, found, label)
    return cleaned if _checked(type, cleaned, limits) else None


def _turned(type: str, picture: ImageFile.ImageFile, lossless: bool) -> bytes:
    """As it was meant to be seen.  Settings are the file's own where the format tells them."""
    options: dict[str, object] = {"quality": 90, "lossless": lossless} if type == "image/webp" else {}
    if isinstance(picture, JpegImagePlugin.JpegImageFile):
        options = {"qtables": picture.quantization, "subsampling": JpegImagePlugin.get_sampling(picture)}
    profile = picture.info.get("icc_profile")
    out = io.BytesIO()
    turned = ImageOps.exif_transpose(picture)
    turned.info = {name: value for name, value in turned.info.items() if name == "transparency"}
    turned.save(out, FORMATS[type], icc_profile=profile, **options)
    return out.getvalue()


def _checked(type: str, cleaned: bytes, limits: MediaLimits) -> bool:
    found = _media_parts.parts(type, cleaned)
    left = _media_marks.marks(type, cleaned, found, _media_parts.end(type, found))
    with opened(type, cleaned, limits) as picture:
        return not left.location and not left.odd and picture.size > (0, 0)


def _label(ai: tuple[str, ...]) -> bytes:
    """A minimal XMP packet that carries on only what says "a machine made or changed this"."""
    made = sorted({name.rpartition(": ")[2] for name in ai} & _media_marks.MADE)
    if not made:
        return b""
    uri = f"http://cv.iptc.org/newscodes/digitalsourcetype/{made[0]}"
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        f'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" Iptc4xmpExt:DigitalSourceType="{uri}"/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()


def _jpeg(data: bytes, found: list[Part], label: bytes) -> bytes:
    kept = [data[part.start : part.end] for part in found if _jpeg_kept(data, part)]
    if label:
        body = b"http://ns.adobe.com/xap/1.0/\0" + label
        kept.insert(1, b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body)
    return b"".join(kept)


def _jpeg_kept(data: bytes, part: Part) -> bool:
    code = part.name[0]
    if code == 0xE0:
        return data.startswith(b"JFIF\0", part.body) and part.end - part.body <= 14  # no thumbnail
    if code == 0xE2:
        return data.startswith(b"ICC_PROFILE\0", part.body)
    if code == 0xEE:  # says how the colours are stored
        return data.startswith(b"Adobe", part.body) and part.end - part.body <= 14
    return not (0xE0 <= code <= 0xEF or code == 0xFE)


def _png(data: bytes, found: list[Part], label: bytes) -> bytes:
    kept = [data[part.start : part.end] for part in found if part.name in PNG_KEPT]
    if label:
        body = b"iTXtXML:com.adobe.xmp\0\0\0\0\0" + label
        kept.insert(1, (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big"))
    return data[:8] + b"".join(kept)


def _webp(data: bytes, found: list[Part], label: bytes) -> bytes:
    kept = []
    extended = False
    for part in found:
        piece = data[part.start : part.end]
        if part.name == b"VP8X":
            extended = True
            flags = data[part.body] & ~0x0C | (0x04 if label else 0)  # EXIF and XMP
            piece = piece[:8] + bytes((flags,)) + piece[9:]
        if part.name in WEBP_KEPT:
            kept.append(piece + b"\0" * (len(piece) & 1))
    if label and extended:  # the simple layout has no room for a label
        kept.append(b"XMP " + len(label).to_bytes(4, "little") + label + b"\0" * (len(label) & 1))
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _gif(data: bytes, found: list[Part], label: bytes) -> bytes:
    kept = []
    for part in found:
        loop = part.name == b"!\xff" and data.startswith(LOOPS, part.body)
        if part.name in (b"head", b"frame", b";", b"!\xf9") or loop:
            kept.append(data[part.start : part.end])
    if label:  # the XMP specification's own trick: the packet is raw bytes, followed by a table that ends any reader
        tail = bytes((1, *range(255, -1, -1), 0))
        kept.insert(1, b"!\xff\x0bXMP DataXMP" + label + tail)
    return b"".join(kept)


CLEANERS = {"image/jpeg": _jpeg, "image/png": _png, "image/webp": _webp, "image/gif": _gif}
