"""Measures media without trusting them: digests here, everything else in a limited child process.

The parent counts bytes, takes the SHA-256 and compares the first bytes with known signs; it decodes nothing.  The
child has little memory and time, an empty environment, no network, no files and (on Linux) hardly a system call; it is
killed when it does not answer and replaced when it dies.  A medium that cannot be measured has a ``problem``, and a
problem holds the item (law 8).  SVG is never drawn, and only JPEG, PNG, GIF, WebP and AVIF are opened.
"""

from __future__ import annotations

import hashlib
import os
import selectors
import subprocess
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import IO, BinaryIO, Self

import msgspec

from safeconduct.archives._media_marks import MADE
from safeconduct.archives._media_types import HEAD, kind, named, plain, same, sniff
from safeconduct.archives._media_wire import MOST_ANSWER, MediaLimits, Preview, Seen, Task, frame
from safeconduct.errors import SafeconductError
from safeconduct.model import MediaFacts, Medium

__all__ = [
    "MADE", "Measurer", "MediaLimits", "Preview", "cleaned", "kind", "named", "plain", "previewed", "same", "sniff",
]  # fmt: skip

CHUNK = 1 << 18
MOST_PREVIEW = 8 << 20
SLOWEST = 20 << 20  # bytes a second that a child must at least take in
LIMITS = MediaLimits()
LOOKED_INTO = ("image", "video", "audio")
CRASHED = "the picture could not be read safely"
SLOW = "reading the picture took too long and was stopped"
GARBLED = "the picture could not be read safely: the answer about it made no sense"
NO_CHILD = "pictures cannot be measured on this machine: the process that opens them does not start"


class _Gone(Exception):
    """The child died, hung or said nonsense; the message is the problem."""


class Measurer:
    """Measures the media of one source; ``open`` gives the bytes of a ``Medium.member``.

    A context manager; not for several threads at once.  Facts of the last ``limits.remembered`` members are kept.
    """

    def __init__(self, open: Callable[[str], BinaryIO], limits: MediaLimits = LIMITS) -> None:
        self._open = open
        self._limits = limits
        self._child = _Child(limits)
        self._facts: OrderedDict[str, MediaFacts] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def measure(self, medium: Medium) -> MediaFacts | None:
        """Its facts; ``None`` if the source does not have its bytes.  Never raises for bad media: see ``problem``."""
        if medium.member is None:
            return None
        if medium.member not in self._facts:
            self._facts[medium.member] = self._fairly(medium.member)
            if len(self._facts) > self._limits.remembered:
                self._facts.popitem(last=False)
        self._facts.move_to_end(medium.member)
        return self._facts[medium.member]

    def cleaned(self, data: bytes, type: str) -> bytes | None:
        """The same as the function ``cleaned``, in the child that already runs."""
        return _cleaned(self._child, data, type)

    def close(self) -> None:
        """End the child.  Safe to call again; measuring afterwards starts a new one."""
        self._child.stop()

    def _fairly(self, member: str) -> MediaFacts:
        """A child may die of all it did before (its CPU seconds are counted together): then a fresh one decides."""
        used = self._child.used
        facts = self._measured(member)
        return self._measured(member) if used and facts.problem == CRASHED else facts

    def _measured(self, member: str) -> MediaFacts:
        tally = _Tally()
        try:
            with self._open(member) as stream:
                return self._looked(tally, stream)
        except (SafeconductError, OSError, ValueError, EOFError) as error:
            return MediaFacts(sha256="", size=tally.size, problem=f"its bytes could not be taken out: {error}"[:400])
        except Exception as error:  # a decompressor may raise its own kinds for hostile bytes: that holds too (law 8)
            return MediaFacts(sha256="", size=tally.size, problem=f"its bytes could not be taken out ({error!r})"[:400])

    def _looked(self, tally: _Tally, stream: BinaryIO) -> MediaFacts:
        head = _head(stream)
        type = sniff(head)
        chunks = tally.count(head, stream)
        if kind(type) not in LOOKED_INTO:
            seen = Seen(type=type)
        else:
            try:
                seen = msgspec.json.decode(self._child.ask(Task(type), chunks, MOST_ANSWER), type=Seen)
            except _Gone as error:
                seen = Seen(type=type, problem=str(error))
            except (msgspec.DecodeError, UnicodeDecodeError):
                self._child.stop()
                seen = Seen(type=type, problem=GARBLED)
        for _ in chunks:  # the digest is of the whole file, whether or not the child wanted it
            pass
        return MediaFacts(sha256=tally.sha256, size=tally.size, **msgspec.structs.asdict(seen))


def cleaned(data: bytes, type: str) -> bytes | None:
    """The picture without EXIF, XMP, IPTC, comments, thumbnails, C2PA and whatever hung on behind its end.

    JPEG, PNG, WebP and GIF; ``type`` is the declared media type and only believed if the bytes agree.  The picture data
    and colour profile stay as they are, unless EXIF says to turn it: then it is turned and written anew.  A label that
    says a machine made it is put back.  ``None`` if it cannot be done, or if a place is still in it afterwards.
    """
    child = _Child(LIMITS)
    try:
        return _cleaned(child, data, type)
    finally:
        child.stop()


def previewed(data: bytes, wished: Preview, limits: MediaLimits = LIMITS) -> tuple[bytes, str] | None:
    """A new, small picture of this one and its media type (JPEG, or WebP for what moves); ``None`` if it cannot be.

    Drawn by the limited child from the pixels alone: no byte of the file is handed on.
    """
    sniffed = sniff(data[:HEAD])
    if kind(sniffed) != "image" or len(data) > limits.image_bytes:
        return None
    child = _Child(limits)
    try:
        pieces = (data[at : at + CHUNK] for at in range(0, len(data), CHUNK))
        drawn = child.ask(Task(sniffed, preview=wished), pieces, MOST_PREVIEW)
    except _Gone:
        return None
    finally:
        child.stop()
    made = sniff(drawn[:HEAD])
    # A broken-into child may say anything: only what it was asked for is shown.
    return (drawn, made) if made in ("image/jpeg", "image/webp") else None


def _cleaned(child: _Child, data: bytes, type: str) -> bytes | None:
    sniffed = sniff(data[:HEAD])
    if kind(sniffed) != "image" or plain(type) != sniffed or len(data) > LIMITS.image_bytes:
        return None
    pieces = (data[at : at + CHUNK] for at in range(0, len(data), CHUNK))
    try:
        # Turned pictures are written anew and may grow, but not without bounds.
        return child.ask(Task(sniffed, clean=True), pieces, 4 * len(data) + (8 << 20)) or None
    except _Gone:
        return None


def _head(stream: BinaryIO) -> bytes:
    head = b""
    while len(head) < HEAD and (piece := stream.read(HEAD - len(head))):
        head += piece
    return head


class _Tally:
    """Counts and digests the bytes that pass."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def count(self, head: bytes, stream: BinaryIO) -> Iterator[bytes]:
        piece = head
        while piece:
            self._digest.update(piece)
            self.size += len(piece)
            yield piece
            piece = stream.read(CHUNK)


class _Child:
    """The limited process: started when first needed, replaced when it dies, hangs or has served long enough."""

    def __init__(self, limits: MediaLimits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._served = 0
        self._patience = 0.0

    @property
    def used(self) -> bool:
        """Whether this very process has served before."""
        return self._served > 0

    def ask(self, task: Task, pieces: Iterator[bytes], most: int) -> bytes:
        """The answer to one task.  Raises ``_Gone`` with the sentence for the person if there is none."""
        process = self._ready()
        self._served += 1
        self._patience = self._limits.seconds
        try:
            self._tell(process, frame(msgspec.json.encode(task)))
            for piece in pieces:
                self._tell(process, frame(piece))
            self._tell(process, frame(b""))
            return self._hear(process, most)
        except _Gone:
            self.stop()
            raise
        except BaseException:  # the source broke in the middle: the child has half a file, start afresh
            self.stop()
            raise

    def stop(self) -> None:
        """End the process, by force: it holds nothing of value."""
        process, self._process, self._served = self._process, None, 0
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    def _ready(self) -> subprocess.Popen[bytes]:
        if self._process is not None and (self._served >= self._limits.served or self._process.poll() is not None):
            self.stop()
        if self._process is None:
            self._process = self._start()
        return self._process

    def _start(self) -> subprocess.Popen[bytes]:
        limits = msgspec.json.encode(self._limits).decode()
        command = [sys.executable, "-I", "-B", "-m", "safeconduct.archives._media_child", limits]
        nowhere = subprocess.DEVNULL
        pipe = subprocess.PIPE
        try:
            process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=nowhere, env={}, cwd=os.sep, bufsize=0, start_new_session=True
            )
        except OSError as error:
            raise _Gone(NO_CHILD) from error
        for end in (process.stdin, process.stdout):
            if end is not None:
                os.set_blocking(end.fileno(), False)
        self._process = process
        self._greet(process)
        return process

    def _greet(self, process: subprocess.Popen[bytes]) -> None:
        """Starting may be slow on a busy machine, and is not the fault of the first picture."""
        try:
            self._patience = 60.0
            self._hear(process, 16)
        except _Gone as error:
            self.stop()
            raise _Gone(NO_CHILD) from error

    def _tell(self, process: subprocess.Popen[bytes], data: bytes) -> None:
        assert process.stdin is not None
        left = memoryview(data)
        self._patience += len(data) / SLOWEST
        while left:
            self._wait(process.stdin, selectors.EVENT_WRITE)
            try:
                left = left[os.write(process.stdin.fileno(), left) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise _Gone(CRASHED) from error

    def _hear(self, process: subprocess.Popen[bytes], most: int) -> bytes:
        assert process.stdout is not None
        answer = bytearray()
        wanted = 4
        while len(answer) < wanted:
            self._wait(process.stdout, selectors.EVENT_READ)
            piece = os.read(process.stdout.fileno(), min(CHUNK, wanted - len(answer)))
            if not piece:
                raise _Gone(CRASHED)
            answer += piece
            if len(answer) == 4:
                wanted += int.from_bytes(answer, "big")
                if wanted > most + 4:
                    raise _Gone(GARBLED)
        return bytes(answer[4:])

    def _wait(self, pipe: IO[bytes], event: int) -> None:
        """Only the time spent waiting for the child counts, not the source's; all of one task's together."""
        since = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, event)
            ready = selector.select(max(0.0, self._patience))
        self._patience -= time.monotonic() - since
        if not ready:
            raise _Gone(SLOW)
