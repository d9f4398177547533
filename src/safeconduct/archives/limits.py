"""How much an archive may ask of the machine that reads it."""

from __future__ import annotations

from msgspec import Struct

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


class Limits(Struct, frozen=True):
    """Every bound, in bytes unless said otherwise.  The defaults let honest exports of decades through.

    ``ratio`` is bytes produced per byte stored.  JSON of a talkative account packs about 20:1 and deflate can
    never pass 1032:1; 200 is far from the first and far below a bomb.  It counts only once a member has produced
    ``ratio_floor`` bytes, a whole compressed tar ``spool_floor`` bytes.
    ``room`` must stay free where a compressed tar is spooled.  ``decoder_bytes`` is what xz and zstd may
    allocate for their window (``xz -9`` needs 65 MiB).  ``json_values`` bounds one decoded JSON value: a few
    bytes of text (``[],``) become sixty in memory.
    """

    members: int = 200_000
    member_bytes: int = 32 * GIB
    total_bytes: int = 64 * GIB
    ratio: int = 200
    ratio_floor: int = MIB
    spool_floor: int = 64 * MIB
    room: int = 256 * MIB
    path_bytes: int = 1024
    path_depth: int = 32
    directory_bytes: int = 64 * MIB
    header_bytes: int = MIB
    decoder_bytes: int = 128 * MIB
    json_depth: int = 128
    json_values: int = 1_000_000
    record_bytes: int = 16 * MIB
    document_bytes: int = 16 * MIB


LIMITS = Limits()
