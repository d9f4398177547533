"""Limits on the process that touches hostile bytes: memory, time, files, and (on Linux) every system call but a few.

Each limit that the machine does not offer is left out; the parent's own clock and kill are the ones that always work.
"""

from __future__ import annotations

import ctypes
import platform
import struct
import sys
from collections.abc import Sequence

MEGABYTE = 1 << 20
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_SET_DUMPABLE, FILTER = 38, 22, 4, 2
ALLOW, REFUSE = 0x7FFF0000, 0x00050001  # SECCOMP_RET_ALLOW; SECCOMP_RET_ERRNO with EPERM

# read write close fstat poll lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn mremap madvise
# getpid exit getrusage gettid futex sched_yield sched_getaffinity clock_gettime clock_nanosleep exit_group tgkill
# getrandom, by the numbers of each processor (Linux' own tables); no open, no socket, no exec, no fork.
CALLS: dict[str, tuple[int, str]] = {
    "x86_64": (0xC000003E, "0 1 3 5 7 8 9 10 11 12 13 14 15 25 28 39 60 98 186 202 24 204 228 230 231 234 318"),
    "aarch64": (
        0xC00000B7,
        "63 64 57 80 73 62 222 226 215 214 134 135 139 216 233 172 93 165 178 98 124 123 113 115 94 131 278",
    ),
}


def limit(memory: int, seconds: int) -> None:
    """Memory in bytes and CPU seconds for the whole life of this process; no file may be written, few be open."""
    try:
        import resource
    except ImportError:  # Windows: the parent's clock remains
        return
    for what, most in (("AS", memory), ("CPU", seconds), ("NOFILE", 32), ("FSIZE", 0), ("CORE", 0)):
        try:
            resource.setrlimit(getattr(resource, f"RLIMIT_{what}"), (most, most))
        except (AttributeError, ValueError, OSError):
            continue


def lock() -> bool:
    """No new privileges, and from now on no system call that opens, connects, starts or changes anything."""
    if sys.platform != "linux" or platform.machine() not in CALLS or sys.byteorder != "little":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return False
    architecture, calls = CALLS[platform.machine()]
    program = _program(architecture, [int(call) for call in calls.split()])
    held = ctypes.create_string_buffer(program, len(program))
    size = len(program) // 8
    fprog = ctypes.create_string_buffer(struct.pack("HxxxxxxP", size, ctypes.addressof(held)), 16)
    return bool(libc.prctl(PR_SET_SECCOMP, FILTER, ctypes.addressof(fprog), 0, 0) == 0)


def _program(architecture: int, calls: Sequence[int]) -> bytes:
    """A classic BPF filter: load the architecture, load the call, allow if listed, else refuse with EPERM."""
    load, equal, give = 0x20, 0x15, 0x06
    count = len(calls)
    lines = [(load, 0, 0, 4), (equal, 0, count + 1, architecture), (load, 0, 0, 0)]
    lines += [(equal, count - place, 0, call) for place, call in enumerate(calls)]
    lines += [(give, 0, 0, REFUSE), (give, 0, 0, ALLOW)]
    return b"".join(struct.pack("<HBBI", *line) for line in lines)
