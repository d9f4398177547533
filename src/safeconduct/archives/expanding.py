"""Compressed streams, produced in bounded pieces with bounded memory: deflate, gzip, bzip2, xz, zstd."""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, cast

import zstandard
from isal import igzip_lib

from safeconduct.archives.bytesource import PIECE
from safeconduct.archives.limits import Limits
from safeconduct.archives.trouble import BROKEN, REPACK, trouble

FAULTS: tuple[type[Exception], ...] = (
    cast(type[Exception], igzip_lib.IsalError),
    OSError,
    EOFError,
    ValueError,
    lzma.LZMAError,
    zstandard.ZstdError,
)
_ZSTD_STEP = 1 << 10  # a 4-byte zstd block makes 128 KiB: 1 KiB of input can make at most 32 MiB


class Decoder(Protocol):
    """What ``bz2``, ``lzma`` and ``isal`` share."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


class Zstd:
    """A zstd frame in the same shape; the library has no bound on output, so it is fed little at a time."""

    def __init__(self, window: int) -> None:
        self._frame = zstandard.ZstdDecompressor(max_window_size=window).decompressobj()
        self._waiting = b""

    @property
    def eof(self) -> bool:
        return self._frame.eof

    @property
    def needs_input(self) -> bool:
        return not self._waiting

    @property
    def unused_data(self) -> bytes:
        return self._frame.unused_data + self._waiting

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        data = self._waiting + data
        self._waiting = data[_ZSTD_STEP:]
        return self._frame.decompress(data[:_ZSTD_STEP])


def deflate() -> Decoder:
    """A decoder of the raw deflate inside a zip."""
    decoder: Decoder = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE)
    return decoder


def stream(decoder: Decoder, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """What one compressed stream holds; stops at its end mark or when the chunks run out."""
    for chunk in chunks:
        yield decoder.decompress(chunk, PIECE)
        while not decoder.eof and not decoder.needs_input:
            yield decoder.decompress(b"", PIECE)
        if decoder.eof:
            return


COMPRESSIONS: Mapping[bytes, str] = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}


def compression(head: bytes) -> str:
    """The compression a file begins with, "" if none that we know."""
    return next((name for magic, name in COMPRESSIONS.items() if head.startswith(magic)), "")


def _decoders(name: str, limits: Limits) -> Callable[[], Decoder]:
    window = 1 << (limits.decoder_bytes.bit_length() - 1)
    makers: dict[str, Callable[[], Decoder]] = {
        "gzip": lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP),
        "bzip2": bz2.BZ2Decompressor,
        "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limits.decoder_bytes),
        "zstd": lambda: Zstd(window),
    }
    return makers[name]


def expand(name: str, chunks: Iterator[bytes], limits: Limits) -> Iterator[bytes]:
    """A whole compressed file, stream after stream (both gzip and xz files may be several in a row).

    Raises ``ArchiveError``: ``truncated``, ``broken``, ``memory``.
    """
    make = _decoders(name, limits)
    chunk = next(chunks, b"")
    while chunk:
        decoder = make()
        try:
            yield from stream(decoder, _chain(chunk, chunks))
        except FAULTS as fault:
            raise _explained(name, fault) from fault
        if not decoder.eof:
            raise trouble("truncated", "", f"the {name} file ends in the middle", BROKEN)
        chunk = _next_stream(name, decoder.unused_data, chunks)


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _next_stream(name: str, unused: bytes, chunks: Iterator[bytes]) -> bytes:
    """The beginning of the next stream, or nothing.  Zero bytes between and after streams are padding."""
    while not (rest := unused.lstrip(b"\0")):
        unused = next(chunks, b"")
        if not unused:
            return b""
    rest += next(chunks, b"") if len(rest) < 16 else b""
    if compression(rest) != name:
        raise trouble("broken", "", f"something that is not {name} follows the end of the {name} data", BROKEN)
    return rest


def _explained(name: str, fault: Exception) -> Exception:
    text = str(fault).lower()
    if "memory" in text or "window" in text:
        return trouble("memory", "", f"the {name} file asks for more memory than is safe to unpack it", REPACK)
    return trouble("broken", "", f"the {name} file is damaged ({fault})", BROKEN)
