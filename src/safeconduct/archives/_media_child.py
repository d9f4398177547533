"""The limited child process: the only place where hostile media are taken apart.

Started by ``media.py`` as ``python -I -m safeconduct.archives._media_child LIMITS`` with an empty environment; reads
frames from its standard input, answers on its standard output, and is killed rather than trusted.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from typing import BinaryIO

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # each thread would take address space out of the limit

import msgspec
from PIL import AvifImagePlugin, Image

from safeconduct.archives import _media_jail
from safeconduct.archives._media_clean import ORIENTATION, clean
from safeconduct.archives._media_look import FORMATS, keeper, look
from safeconduct.archives._media_preview import preview
from safeconduct.archives._media_wire import MediaLimits, Preview, Task, frame, receive


def main() -> None:
    """Serve until the parent closes the pipe."""
    limits = msgspec.json.decode(sys.argv[1], type=MediaLimits)
    warnings.simplefilter("ignore")
    _media_jail.limit(limits.memory, limits.cpu)
    _serve(limits, sys.stdin.buffer, sys.stdout.buffer)


def _serve(limits: MediaLimits, wanted: BinaryIO, answers: BinaryIO) -> None:
    _warm(limits)
    _media_jail.lock()
    _answer(answers, b"ready")
    while True:
        try:
            task = msgspec.json.decode(receive(wanted), type=Task)
            kept = keeper(task.type, limits)
            while piece := receive(wanted):
                kept.feed(piece)
        except EOFError:
            return
        if task.preview is not None:
            _answer(answers, _drawn(task.type, bytes(kept.kept), limits, task.preview))
        elif task.clean:
            _answer(answers, _cleaned(task.type, bytes(kept.kept), limits) or b"")
        else:
            _answer(answers, msgspec.json.encode(look(task.type, kept, limits)))


def _answer(answers: BinaryIO, body: bytes) -> None:
    answers.write(frame(body))
    answers.flush()


def _cleaned(type: str, data: bytes, limits: MediaLimits) -> bytes | None:
    try:
        return clean(type, data, limits)
    except Exception:  # whatever a decoder says of hostile bytes: it cannot be cleaned
        return None


def _drawn(type: str, data: bytes, limits: MediaLimits, wished: Preview) -> bytes:
    try:
        return preview(type, data, limits, wished)
    except Exception:  # whatever a decoder says of hostile bytes: it is not shown
        return b""


def _warm(limits: MediaLimits) -> None:
    """Decode and encode a small picture of each kind: afterwards no import and no file is needed any more."""
    Image.init()
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # no thread can be started once the process is locked
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    for type, name in FORMATS.items():
        out = io.BytesIO()
        if name != "AVIF":  # its encoder starts threads; its decoder imports nothing
            Image.effect_noise((80, 60), 90).convert("RGB").save(out, name, exif=exif)
            kept = keeper(type, limits)
            kept.feed(out.getvalue())
            drawn = preview(type, out.getvalue(), limits, Preview(side=40, blurred=True, grey=True, still=False))
            if look(type, kept, limits).problem or not clean(type, out.getvalue(), limits) or not drawn:
                raise SystemExit(f"{name} pictures cannot be opened on this machine")


if __name__ == "__main__":
    main()
