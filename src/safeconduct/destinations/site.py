"""A static archive site in a folder: reads from ``file://`` and from any web server, and runs nothing of anybody's.

Every page is plain HTML; only the search page has a script, our own.  Posts that everybody could read (public,
unlisted) are shown as their author's copies with the date they claim.  Working files lie in ``.safeconduct/`` inside
the folder; whoever puts the folder on a server leaves that one out.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import msgspec

from safeconduct.contracts import Source, Terms
from safeconduct.destinations import _site_shape
from safeconduct.destinations._ledger import clear, ledger, look, rest, transaction
from safeconduct.destinations._site_media import NOT_HERE, Publisher
from safeconduct.destinations._site_pages import POSTS_A_PAGE, SCHEMA, UNDATED, Page, Pages, anchor, stamp
from safeconduct.errors import DeliveryError
from safeconduct.model import Abilities, Decision, Item, Json, Kind, Left, Placed, Receipt, Shaped, Undone

OURS = {
    "media": re.compile(r"[0-9a-f]{32}\.\w+|\.[0-9a-f]{32}\.\w+\.part"),
    "search": re.compile(r"[pw]\d+\.js|\.[pw]\d+\.js\.part"),
}
KEPT = "SELECT page, media FROM posts WHERE key = ? UNION ALL SELECT page, media FROM away WHERE key = ?"
ONLY_AWAY = (
    "SELECT DISTINCT file FROM shows JOIN away USING (key) "
    "WHERE file NOT IN (SELECT file FROM shows JOIN posts USING (key))"
)


class Site:
    """A folder of pages: public and unlisted posts, polls, pictures, the profile; boosts as links if wanted."""

    name: ClassVar[str] = "site"

    def __init__(self, place: str, terms: Terms) -> None:
        self._path = Path(place)
        self._hidden = self._path / ".safeconduct"
        self._terms = terms
        self._open: sqlite3.Connection | None = None
        self._secret = b""
        self._filled: dict[str, tuple[int, int]] = {}
        self._publisher: Publisher | None = None

    def probe(self) -> Abilities:
        """Offline.  Raises ``DeliveryError`` if the folder holds things that are not ours."""
        if self._path.exists() and not self._path.is_dir():
            raise DeliveryError(f"{self._path} is a file. Give the name of a folder that is empty or not there yet.")
        if self._path.is_dir() and not self._ledger_file.exists() and any(self._path.iterdir()):
            raise DeliveryError(f"The folder {self._path} has other things in it. Choose an empty one.")
        return Abilities(
            destination=self.name,
            software="safeconduct-site",
            version="1",
            probed=datetime.now(UTC),
            carries=frozenset({Kind.POST, Kind.POLL, Kind.PROFILE, Kind.BOOST}),
            hides=True,
            notes=(
                "The site is a folder on this computer. Nobody else sees it until you put it on a server.",
                "Leave the folder .safeconduct out when you do.",
            ),
        )

    def shape(self, item: Item, decision: Decision, abilities: Abilities) -> Shaped | Left:
        """The item as its page will show it, or why the site does not."""
        del abilities
        return _site_shape.shape(item, decision, self._terms)

    def deliver(self, shaped: Shaped, source: Source, parent: Receipt | None) -> Receipt:
        """Keep it for ``finish``.  Safe to repeat, also after a crash."""
        work = self._ledger()
        key = _key(shaped, self._secret)
        row = work.execute(KEPT, (key, key)).fetchone()
        if row is not None:
            return self._receipt(shaped, key, row[0], msgspec.json.decode(row[1]))
        media = self._media(shaped, source)
        page = self._keep(work, key, shaped, media, parent)
        left = tuple(f"{one['note']}" for one in media if not one["show"] and one["note"] != NOT_HERE)
        return self._receipt(shaped, key, page, media, left)

    def find(self, shaped: Shaped) -> Receipt | None:
        """Is it kept already?"""
        if not self._ledger_file.exists():
            return None
        with contextlib.nullcontext(self._open) if self._open else contextlib.closing(look(self._hidden)) as work:
            key = _key(shaped, _secret(work))
            row = work.execute(KEPT, (key, key)).fetchone()
        return self._receipt(shaped, key, row[0], msgspec.json.decode(row[1])) if row else None

    def undo(self, receipt: Receipt) -> Undone:
        """Take it back.  The pages that showed it are gone at once; ``finish`` writes them anew without it."""
        if not self._ledger_file.exists():
            return Undone(receipt.number)
        work = self._ledger()
        row = work.execute(KEPT, (receipt.new_id,) * 2).fetchone()
        if row is not None:
            self._hide(work, row[0], receipt.new_id)
            with transaction(work):
                for table in ("posts", "away", "shows"):
                    work.execute(f"DELETE FROM {table} WHERE key = ?", (receipt.new_id,))
                self._stale(work)
        if not self._any(work):
            self._remove()
        return Undone(receipt.number)

    def hide(self, receipts: Iterable[Receipt]) -> int:
        """The pages and files that show them are gone at once; ``finish`` writes the pages anew without them."""
        if not self._ledger_file.exists():
            return 0
        work = self._ledger()
        with transaction(work):  # the files first: a run that is cut short hides them again
            count = _move(work, "posts", "away", receipts)
            pages = [page for (page,) in work.execute("SELECT DISTINCT page FROM away")]
            for name in (*(f"{page}.html" for page in pages), "index.html", "search.html", *self._ours("search")):
                self._unlink(name)
            (self._hidden / "media").mkdir(mode=0o700, exist_ok=True)
            for (file,) in work.execute(ONLY_AWAY).fetchall():
                with contextlib.suppress(FileNotFoundError):
                    (self._path / file).replace(self._hidden / file)
            self._stale(work)
        return count

    def show(self, receipts: Iterable[Receipt]) -> int:
        """``finish`` puts them back on their pages."""
        if not self._ledger_file.exists():
            return 0
        work = self._ledger()
        with transaction(work):
            count = _move(work, "away", "posts", receipts)
            for (file,) in work.execute("SELECT DISTINCT file FROM shows JOIN posts USING (key)").fetchall():
                with contextlib.suppress(FileNotFoundError):
                    (self._hidden / file).replace(self._path / file)
            with contextlib.suppress(OSError):  # what is still hidden lies in it
                (self._hidden / "media").rmdir()
            self._stale(work)
        return count

    def finish(self) -> None:
        """Write all pages, the search and the style; remove what no longer belongs.  Only if something changed."""
        if not self._ledger_file.exists():
            return
        try:
            work = self._ledger()
            if not self._any(work):
                self._remove()
            elif not work.execute("SELECT 1 FROM posts LIMIT 1").fetchone():
                for (name,) in work.execute("SELECT file FROM written").fetchall():
                    self._unlink(name)  # all of it is hidden: not even an empty page is there
            elif work.execute("SELECT 1 FROM facts WHERE name = 'stale'").fetchone():
                self._write(work)
                work.execute("DELETE FROM facts WHERE name = 'stale'")
        finally:
            self._close()

    # --- keeping -------------------------------------------------------------------------------------------

    @property
    def _ledger_file(self) -> Path:
        return self._hidden / "ledger.sqlite"

    def _ledger(self) -> sqlite3.Connection:
        if self._open is None:
            if not self._ledger_file.exists():
                self.probe()
                self._path.mkdir(parents=True, exist_ok=True)
            self._open = ledger(self._hidden, SCHEMA)
            self._open.execute("INSERT OR IGNORE INTO facts VALUES ('secret', ?)", (secrets.token_hex(32),))
            self._open.execute("INSERT OR IGNORE INTO facts VALUES ('title', ?)", (self._terms.title,))
            self._secret = _secret(self._open)
        return self._open

    def _keep(
        self, work: sqlite3.Connection, key: str, shaped: Shaped, media: list[Json], parent: Receipt | None
    ) -> str:
        page = "" if shaped.kind is Kind.PROFILE else self._page(shaped)
        body, shown = (msgspec.json.encode(part).decode() for part in (shaped.body, media))
        when, above = stamp(shaped.published), parent.new_id if parent else ""
        row = (key, shaped.number, shaped.kind, shaped.visibility, when, page, above, body, shown)
        with transaction(work):
            work.execute("INSERT INTO posts VALUES (?,?,?,?,?,?,?,?,?)", row)
            files = [(key, f"media/{one['file']}") for one in media if one["file"]]
            work.executemany("INSERT OR IGNORE INTO shows VALUES (?,?)", files)
            self._stale(work)
        return page

    def _page(self, shaped: Shaped) -> str:
        """The page a post is put on, for good: so its address holds whatever comes later."""
        at = stamp(shaped.published)
        month = at[:7] if at else UNDATED
        part, count = self._filled.get(month) or self._last_page(month)
        if count >= POSTS_A_PAGE:
            part, count = part + 1, 0
        self._filled[month] = (part, count + 1)
        return month if part == 1 else f"{month}-{part}"

    def _last_page(self, month: str) -> tuple[int, int]:
        rows = self._ledger().execute(
            "SELECT page, count(*) FROM posts WHERE page = ? OR page GLOB ? GROUP BY page", (month, f"{month}-*")
        )
        pages = [Page(name, count) for name, count in rows]
        last = max((page for page in pages if page.month == month), key=lambda page: page.part, default=None)
        return (last.part, last.count) if last else (1, 0)

    def _media(self, shaped: Shaped, source: Source) -> list[Json]:
        if not shaped.media:
            return []
        if self._publisher is None or self._publisher.source is not source:
            self._end_publisher()
            self._publisher = Publisher(source, self._path / "media")
        made = []
        for medium in shaped.media:
            shown = msgspec.structs.asdict(self._publisher.publish(medium))
            made.append({"pointer": medium.pointer, "member": medium.member, "alt": medium.alt, **shown})
        return made

    def _receipt(self, shaped: Shaped, key: str, page: str, media: list[Json], left: tuple[str, ...] = ()) -> Receipt:
        url = f"{page}.html#{anchor(key)}" if page else "index.html"
        placed = tuple(
            Placed(one["member"], one["source"], one["placed"]) for one in media if one["show"] and one.get("placed")
        )
        return Receipt(
            shaped.number, shaped.kind, self.name, key, url=url, at=datetime.now(UTC), notes=left, media=placed
        )

    def _any(self, work: sqlite3.Connection) -> bool:
        found = "SELECT 1 FROM posts UNION ALL SELECT 1 FROM away LIMIT 1"
        return work.execute(found).fetchone() is not None

    def _stale(self, work: sqlite3.Connection) -> None:
        work.execute("INSERT OR IGNORE INTO facts VALUES ('stale', '1')")

    # --- writing and taking back -----------------------------------------------------------------------------

    def _write(self, work: sqlite3.Connection) -> None:
        before = {name for (name,) in work.execute("SELECT file FROM written")}
        title = work.execute("SELECT value FROM facts WHERE name = 'title'").fetchone()[0]
        now = {file for (file,) in work.execute("SELECT DISTINCT file FROM shows JOIN posts USING (key)")}
        for name in Pages(work, self._path, title).write(self._hidden):
            work.execute("INSERT OR IGNORE INTO written VALUES (?)", (name,))
            now.add(name)
        for name in before - now:
            self._unlink(name)
            work.execute("DELETE FROM written WHERE file = ?", (name,))
        work.executemany("INSERT OR IGNORE INTO written VALUES (?)", [(name,) for name in now])
        self._sweep_media(now)

    def _sweep_media(self, kept: set[str]) -> None:
        """What a killed run left half-written, or a post that is gone once showed."""
        for name in self._ours("media") - kept:
            self._unlink(name)

    def _ours(self, folder: str) -> set[str]:
        """Files in a folder that have a name only we give; whatever somebody else put there is theirs."""
        return {
            f"{folder}/{path.name}" for path in (self._path / folder).glob("*") if OURS[folder].fullmatch(path.name)
        }

    def _hide(self, work: sqlite3.Connection, page: str, key: str) -> None:
        for name in (f"{page}.html", "index.html", "search.html"):
            self._unlink(name)
        for name in self._ours("search"):
            self._unlink(name)
        for (file,) in work.execute("SELECT file FROM shows WHERE key = ?", (key,)).fetchall():
            if not work.execute("SELECT 1 FROM shows WHERE file = ? AND key != ?", (file, key)).fetchone():
                self._unlink(file)
                (self._hidden / file).unlink(missing_ok=True)

    def _unlink(self, name: str) -> None:
        path = self._path / name
        for one in (path, path.with_name(f".{path.name}.part")):  # a killed run leaves a file half-written
            with contextlib.suppress(OSError):
                one.unlink()

    def _remove(self) -> None:
        """Everything the site wrote, and nothing else."""
        work = self._ledger()
        for (name,) in work.execute("SELECT file FROM written").fetchall():
            self._unlink(name)
        for name in self._ours("media") | self._ours("search"):
            self._unlink(name)
        self._close()
        for folder in OURS:
            with contextlib.suppress(OSError):
                (self._path / folder).rmdir()
        clear(self._hidden)
        with contextlib.suppress(OSError):
            self._path.rmdir()

    def _close(self) -> None:
        if self._open is not None:
            rest(self._open)
        self._open = None
        self._filled.clear()
        self._end_publisher()

    def _end_publisher(self) -> None:
        if self._publisher is not None:
            self._publisher.close()
        self._publisher = None


def _move(work: sqlite3.Connection, here: str, there: str, receipts: Iterable[Receipt]) -> int:
    """Those that lie ``there`` afterwards, whether they were moved now or before."""
    count = 0
    for receipt in receipts:
        work.execute(f"INSERT OR IGNORE INTO {there} SELECT * FROM {here} WHERE key = ?", (receipt.new_id,))
        work.execute(f"DELETE FROM {here} WHERE key = ?", (receipt.new_id,))
        count += work.execute(f"SELECT 1 FROM {there} WHERE key = ?", (receipt.new_id,)).fetchone() is not None
    return count


def _key(shaped: Shaped, secret: bytes) -> str:
    """The post's name on the site.  Keyed, so that nobody can tell from it which old address it had."""
    known = msgspec.json.encode([shaped.kind, shaped.id, shaped.published, shaped.body], order="sorted")
    return hashlib.blake2b(known, key=secret, digest_size=10).hexdigest()


def _secret(work: sqlite3.Connection) -> bytes:
    return bytes.fromhex(work.execute("SELECT value FROM facts WHERE name = 'secret'").fetchone()[0])
