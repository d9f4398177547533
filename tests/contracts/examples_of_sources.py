"""One small example for every source: how to make it, in an empty folder.  A new source adds its line here.

An example must hold a post, at least one medium, and an unknown field called ``x:kept`` in some record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.sources.exports import as_tar, as_zip, collection, create, export

Example = Callable[[Path], Path]

PICTURE = {
    "type": "Document",
    "mediaType": "image/png",
    "url": "/media_attachments/files/1/original/a.png",
    "name": "A",
}


def mastodon_archive(folder: Path) -> Path:
    files = export(
        create(1), create(2, attachment=[PICTURE]), {"type": "Announce", "object": "https://new.example/1"}, 7
    )
    more = {
        "media_attachments/files/1/original/a.png": b"\x89PNG",
        "blocked_accounts.csv": "dave@example.net\n",
        "muted_accounts.csv": "Account address,Hide notifications\nnobody,true\n",
        "likes.json": collection(["https://new.example/2"]),
    }
    return as_zip(folder / "archive.zip", files | more)


def container(folder: Path) -> Path:
    inside = {
        f"activitypub/{name}": content for name, content in export(create(1), create(2, attachment=[PICTURE])).items()
    }
    more = {
        "activitypub/attachments/media_attachments/files/1/original/a.png": b"\x89PNG",
        "activitypub/blocks.csv": "dave@example.net\n",
        "key/key-1.json": '{"privateKeyMultibase":"z6invented"}',
    }
    return as_tar(folder / "portable.tar", {"manifest.yml": "ubc-version: 0.1\ncontents: {}\n"} | inside | more)


EXAMPLES: Mapping[str, Example] = {
    "container": container,
    "mastodon-archive": mastodon_archive,
}
