"""Where things lie in a FEP-6fcd container, and what its manifest says.

::

    manifest.yml                       what is inside; digests, counts, signature (the key ``safeconduct``, ``proof``)
    activitypub/actor.json             the profile
    activitypub/outbox.json            posts, boosts, polls: an OrderedCollection of the original records
    activitypub/likes.json …           likes, bookmarks, pins and what else is a collection of records
    activitypub/*.csv                  relations, named and headed as Mastodon does it
    activitypub/attachments/…          media, under the path they had in the source
    safeconduct/records.jsonl          for each record: its key, kind, audience, file, offset and size

The files follow the manifest in order of their names; owner, mode and time of every entry are the same, so that
the same content is always the same bytes.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Mapping
from pathlib import PurePosixPath

import base58
import yaml
from msgspec import Struct

from safeconduct.activitystreams.names import CONTEXT
from safeconduct.activitystreams.proofs import canonical
from safeconduct.model import Json, Kind

VERSION = 1
MANIFEST = "manifest.yml"
RECORDS = "safeconduct/records.jsonl"
ATTACHMENTS = "activitypub/attachments/"
OUTBOX = "activitypub/outbox.json"
ACTOR = "activitypub/actor.json"
OTHER = "activitypub/other.json"

COLLECTIONS: Mapping[Kind, str] = {
    Kind.POST: OUTBOX,
    Kind.BOOST: OUTBOX,
    Kind.POLL: OUTBOX,
    Kind.PROFILE: ACTOR,
    Kind.LIKE: "activitypub/likes.json",
    Kind.BOOKMARK: "activitypub/bookmarks.json",
    Kind.PIN: "activitypub/featured.json",
    Kind.FILTER: "activitypub/custom_filters.json",
    Kind.FOLLOW: "activitypub/following.json",
    Kind.FOLLOWER: "activitypub/followers.json",
    Kind.LIST: "activitypub/lists.json",
    Kind.BLOCK: "activitypub/blocked_accounts.json",
    Kind.MUTE: "activitypub/muted_accounts.json",
    Kind.DOMAIN_BLOCK: "activitypub/blocked_domains.json",
    Kind.HASHTAG: "activitypub/followed_tags.json",
}


class Table(Struct, frozen=True):
    """A CSV file as Mastodon exports it: its name, its header ("" where Mastodon writes none), its columns."""

    file: str
    header: str
    columns: tuple[str, ...]


TABLES: Mapping[Kind, Table] = {
    Kind.FOLLOW: Table(
        "activitypub/following_accounts.csv",
        "Account address,Show boosts,Notify on new posts,Languages",
        ("acct", "showBoosts", "notify", "languages"),
    ),
    Kind.FOLLOWER: Table("activitypub/followers.csv", "Account address", ("acct",)),
    Kind.BLOCK: Table("activitypub/blocked_accounts.csv", "", ("acct",)),
    Kind.MUTE: Table(
        "activitypub/muted_accounts.csv", "Account address,Hide notifications", ("acct", "hideNotifications")
    ),
    Kind.LIST: Table("activitypub/lists.csv", "", ("title", "acct")),
    Kind.DOMAIN_BLOCK: Table(
        "activitypub/blocked_domains.csv",
        "",
        ("domain", "severity", "rejectMedia", "rejectReports", "publicComment", "obfuscate"),
    ),
    Kind.BOOKMARK: Table("activitypub/bookmarks.csv", "", ("uri",)),
    Kind.HASHTAG: Table("activitypub/followed_tags.csv", "", ("tag",)),
}
HEADERS = {table.file: table.header for table in TABLES.values()}

MEANS = {
    OUTBOX: "https://www.w3.org/TR/activitypub/#outbox",
    ACTOR: "https://www.w3.org/TR/activitypub/#actor-objects",
    "activitypub/likes.json": "https://www.w3.org/TR/activitypub/#liked",
    "activitypub/followers.csv": "https://docs.joinmastodon.org/user/moving/#export",
}


class Frame(Struct, frozen=True):
    """What stands around the records of a file, and between two of them."""

    before: bytes
    between: bytes
    after: bytes


def frame(file: str, count: int) -> Frame:
    """The frame of a collection, a table or a single object."""
    if file == ACTOR and count == 1:
        return Frame(b"", b"", b"")
    if file.endswith(".csv"):
        header = HEADERS.get(file, "")
        return Frame(f"{header}\n".encode() if header else b"", b"\n", b"\n")
    if file.endswith("custom_filters.json"):
        return Frame(b'{"custom_filters":[\n', b",\n", b"\n]}\n")
    name = file.removeprefix("activitypub/")
    opening = (
        f'{{"@context":"{CONTEXT}","id":"{name}","type":"OrderedCollection","totalItems":{count},"orderedItems":[\n'
    )
    return Frame(opening.encode(), b",\n", b"\n]}\n")


def multibase(sha256: bytes) -> str:
    """A SHA-256 as ``digestMultibase``: base58btc multihash, as FEP-ef61 writes it for media."""
    return "z" + base58.b58encode(b"\x12\x20" + sha256).decode("ascii")


def header(name: str, size: int) -> bytes:
    """The tar header of one entry: everything but name and size is always the same."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = size, 0o600, 0
    return entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def contents(files: Mapping[str, Json]) -> dict[str, Json]:
    """FEP-6fcd's own list of what is inside: folders as nested maps; attachments are counted, not listed twice."""
    inside: dict[str, Json] = {
        name.rpartition("/")[2]: {"url": MEANS[name]} if name in MEANS else {}
        for name in files
        if name.startswith("activitypub/") and not name.startswith(ATTACHMENTS)
    }
    if any(name.startswith(ATTACHMENTS) for name in files):
        inside["attachments"] = {"contents": {}}
    listed: dict[str, Json] = {MANIFEST: {"url": "https://w3id.org/fep/6fcd#manifest-file"}}
    if inside:
        listed["activitypub"] = {"url": "https://www.w3.org/TR/activitypub/", "contents": inside}
    return listed


def seal(manifest: Mapping[str, Json]) -> str:
    """The digest of a manifest without its own digest and proof: changes show even where nobody signed."""
    bare = {key: value for key, value in manifest.items() if key != "proof"}
    bare["safeconduct"] = {key: value for key, value in bare["safeconduct"].items() if key != "seal"}
    return multibase(hashlib.sha256(canonical(bare)).digest())


def to_yaml(manifest: Mapping[str, Json]) -> bytes:
    """The manifest as it is written: block style, keys in our order."""
    text = yaml.dump(dict(manifest), Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=120)
    return str(text).encode()


def from_yaml(data: bytes) -> Json:
    """The manifest as data; only plain types, and none of YAML's references: they can unfold without end."""
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(data, Loader=yaml.CSafeLoader)):
        raise yaml.YAMLError("references are not used in a manifest")
    return yaml.load(data, Loader=yaml.CSafeLoader)


def attachment(member: str) -> str:
    """Where a medium lies in the container: its path in the source, which our reader finds it by."""
    steps = [step for step in member.replace("\\", "/").split("/") if step not in ("", ".", "..")]
    path = "/".join(steps).removeprefix(ATTACHMENTS)
    return ATTACHMENTS + "".join("_" if ord(sign) < 32 or ord(sign) == 127 else sign for sign in path)


def secret(member: str) -> bool:
    """Is this a file that holds a private key by its name?  Such files never travel."""
    path = PurePosixPath(member.lower())
    return (
        path.name == "keys.asc" or path.suffix in (".pem", ".key", ".asc", ".p12", ".pfx") or "key" in path.parts[:-1]
    )
