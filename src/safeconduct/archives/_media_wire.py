"""What the parent and the limited child say to each other: frames of four length bytes and a body."""

from __future__ import annotations

from typing import Annotated, BinaryIO

from msgspec import Meta, Struct

Word = Annotated[str, Meta(max_length=120)]
Words = Annotated[tuple[Word, ...], Meta(max_length=64)]
Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
MOST_ANSWER = 64 << 10  # bytes of a Seen; more is not an answer


class MediaLimits(Struct, frozen=True):
    """How much one medium may cost.

    ``image_bytes``: longer pictures are hashed and sniffed only.  ``film_bytes``: of films and sound, at most this
    much of what is not picture or sound is looked at.  ``jpeg_pixels``, ``pixels``: more are not decoded (a JPEG is
    decoded small).  ``memory`` bytes and ``cpu`` seconds bound the child's life, ``seconds`` the wait for one answer,
    ``served`` the files one child may see before a fresh one takes over.  ``remembered``: facts kept in memory.
    """

    image_bytes: int = 40 << 20
    film_bytes: int = 16 << 20
    jpeg_pixels: int = 256_000_000
    pixels: int = 64_000_000
    memory: int = 768 << 20
    cpu: int = 120
    seconds: float = 5.0
    served: int = 500
    remembered: int = 1024


class Preview(Struct, frozen=True):
    """How somebody who has to look at a picture wants to see it; ``side`` bounds the longer side in points."""

    side: int = 800
    blurred: bool = False
    grey: bool = False
    still: bool = True


class Task(Struct, frozen=True):
    """What the child is asked: ``clean`` a picture, draw it anew or only look at it; ``type`` is the sniffed one."""

    type: str
    clean: bool = False
    preview: Preview | None = None


class Seen(Struct, frozen=True):
    """What the child saw.  Checked on arrival: a broken-into child may say anything."""

    type: Word = ""
    width: Annotated[int, Meta(ge=0, lt=1 << 32)] = 0
    height: Annotated[int, Meta(ge=0, lt=1 << 32)] = 0
    frames: Annotated[int, Meta(ge=0, lt=1 << 32)] = 1
    seconds: Annotated[float, Meta(ge=0, lt=1e9)] = 0.0
    pdq: Annotated[tuple[Hash, ...], Meta(max_length=8)] = ()
    quality: Annotated[int, Meta(ge=0, le=100)] = 0
    location: Words = ()
    ai: Words = ()
    odd: Words = ()
    problem: Annotated[str, Meta(max_length=400)] = ""


def frame(body: bytes | memoryview) -> bytes:
    """One frame, ready to be written."""
    return len(body).to_bytes(4, "big") + body


def receive(stream: BinaryIO) -> bytes:
    """The next frame of a blocking stream.  Raises ``EOFError`` when the other side has gone."""
    size = int.from_bytes(_exactly(stream, 4), "big")
    return _exactly(stream, size)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data
