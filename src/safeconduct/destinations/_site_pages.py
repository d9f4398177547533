"""Writes the pages of the site from its ledger: one month at a time, so that memory does not grow with the posts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import jinja2
import msgspec
from markupsafe import Markup
from msgspec import Struct

from safeconduct.destinations import _site_search as index
from safeconduct.destinations import _site_text as text
from safeconduct.destinations._ledger import place
from safeconduct.model import Json, Visibility

SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS posts (
  key TEXT PRIMARY KEY, number INT, kind TEXT, visibility INT, at TEXT, page TEXT, parent TEXT, body TEXT, media TEXT);
CREATE TABLE IF NOT EXISTS away (
  key TEXT PRIMARY KEY, number INT, kind TEXT, visibility INT, at TEXT, page TEXT, parent TEXT, body TEXT, media TEXT);
CREATE INDEX IF NOT EXISTS by_page ON posts (page, at, number);
CREATE INDEX IF NOT EXISTS by_time ON posts (at, number);
CREATE INDEX IF NOT EXISTS by_parent ON posts (parent, at);
CREATE TABLE IF NOT EXISTS shows (key TEXT, file TEXT, PRIMARY KEY (key, file)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_file ON shows (file);
CREATE TABLE IF NOT EXISTS written (file TEXT PRIMARY KEY) WITHOUT ROWID;
"""
FILES = Path(__file__).with_name("site_files")
UNDATED = "undated"
PROFILE = "profile"
POSTS_A_PAGE = 200
NEWEST = 5
SHOWN = 240
ROBOTS = b"User-agent: *\nDisallow: /\n"
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


class Page(Struct, frozen=True):
    """One page of posts: ``name`` without ending (``2019-03``, ``2019-03-2``, ``undated``)."""

    name: str
    count: int

    @property
    def month(self) -> str:
        return UNDATED if self.name.startswith(UNDATED) else self.name[:7]

    @property
    def part(self) -> int:
        rest = self.name[len(self.month) + 1 :]
        return int(rest) if rest else 1

    @property
    def title(self) -> str:
        name = "Without a date"
        if self.month != UNDATED:
            name = f"{MONTHS[int(self.month[5:]) - 1]} {int(self.month[:4])}"
        return name if self.part == 1 else f"{name}, part {self.part}"

    @property
    def page(self) -> str:
        return f"{self.name}.html"


def sort_key(page: Page) -> tuple[str, int]:
    """Oldest first; what has no date comes before everything."""
    return ("" if page.month == UNDATED else page.month), page.part


class Pages:
    """All pages of one site, from ``work`` into ``folder``."""

    def __init__(self, work: sqlite3.Connection, folder: Path, title: str) -> None:
        self._work, self._folder = work, folder
        loader = jinja2.FileSystemLoader(FILES)
        self._jinja = jinja2.Environment(
            loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        self._jinja.filters.update(count=counted, thousands=thousands, size=size)
        self._profile = self._read_profile()
        name = self._profile["name"] if self._profile else ""
        self._owner = name or title or "Copies of posts"

    def write(self, scratch: Path) -> Iterator[str]:
        """Write everything; yields each file's name *before* it is written, so that no file is ever unaccounted for."""
        pages = sorted(self._pages(), key=sort_key)
        for number, page in enumerate(pages):
            yield page.page
            around = pages[number - 1] if number else None, pages[number + 1] if number + 1 < len(pages) else None
            self._month(page, *around)
        yield from self._search(scratch)
        yield "index.html"
        self._start(pages)
        for name, data in (("site.css", (FILES / "site.css").read_bytes()), ("robots.txt", ROBOTS)):
            yield name
            place(self._folder / name, data)

    # --- one page each -----------------------------------------------------------------------------------

    def _month(self, page: Page, older: Page | None, newer: Page | None) -> None:
        rows = self._work.execute("SELECT * FROM posts WHERE page = ? ORDER BY at, number", (page.name,))
        posts = (self._view(row) for row in rows.fetchall())
        self._put("month.html", page.page, heading=page.title, total=page.count, posts=posts, older=older, newer=newer)

    def _start(self, pages: list[Page]) -> None:
        newest = self._work.execute(
            "SELECT * FROM posts WHERE visibility = ? AND kind != ? AND at != '' AND at <= ? "
            "ORDER BY at DESC, number DESC LIMIT ?",
            (int(Visibility.PUBLIC), PROFILE, stamp(datetime.now(UTC)), NEWEST),
        ).fetchall()
        self._put(
            "index.html", "index.html", profile=self._profile, sentence=self._sentence(pages), years=_years(pages),
            newest=[self._view(row) for row in newest],
        )  # fmt: skip

    def _search(self, scratch: Path) -> Iterator[str]:
        where = "visibility = ? AND kind != ?"
        values = (int(Visibility.PUBLIC), PROFILE)
        total = self._work.execute(f"SELECT count(*) FROM posts WHERE {where}", values).fetchone()[0]
        rows = self._work.execute(f"SELECT * FROM posts WHERE {where} ORDER BY at DESC, number DESC", values)
        folder = self._folder / "search"
        yield from index.write_index(map(_entry, rows), total, folder, scratch)
        yield "search.html"
        yield "search.js"
        sizes = index.Size(total, index.buckets_for(total))
        self._put("search.html", "search.html", scripts=True, size=sizes, shard=index.POSTS_A_SHARD)
        place(self._folder / "search.js", (FILES / "search.js").read_bytes())

    def _put(self, template: str, page: str, scripts: bool = False, **values: Json) -> None:
        made = self._jinja.get_template(template).render(owner=self._owner, here=page, scripts=scripts, **values)
        place(self._folder / page, made.encode("utf-8", "replace"))

    # --- what the templates see --------------------------------------------------------------------------

    def _view(self, row: tuple[Json, ...]) -> dict[str, Json]:
        key, _, _, _, at, page, parent, body, media = row
        post = msgspec.json.decode(body)
        return {
            "anchor": anchor(key),
            "page": f"{page}.html",
            "says": says(at),
            "stamp": at,
            "html": Markup(text.inert(post.get("html", ""))),  # noqa: S704 - nh3 made it
            "lang": post.get("lang", ""),
            "warning": post.get("warning", ""),
            "sensitive": post.get("sensitive", False),
            "poll": post.get("poll"),
            "orphan": post.get("orphan", False),
            "media": msgspec.json.decode(media),
            "above": self._above(parent),
            "below": self._below(key),
            "address": _linked(post.get("address", "")),
            **{name: _linked(post.get(name, ""), "a post at") for name in ("answers", "quotes", "shared")},
        }

    def _above(self, parent: str) -> dict[str, str] | None:
        row = self._work.execute("SELECT key, page, at FROM posts WHERE key = ?", (parent,)).fetchone()
        return _place_of(row) if row else None

    def _below(self, key: str) -> list[dict[str, str]]:
        rows = self._work.execute("SELECT key, page, at FROM posts WHERE parent = ? ORDER BY at LIMIT 20", (key,))
        return [_place_of(row) for row in rows.fetchall()]

    def _read_profile(self) -> dict[str, Json] | None:
        row = self._work.execute("SELECT body, media FROM posts WHERE kind = ? LIMIT 1", (PROFILE,)).fetchone()
        if row is None:
            return None
        body, media = msgspec.json.decode(row[0]), msgspec.json.decode(row[1])
        shown = {one["pointer"].split("/")[1]: one for one in reversed(media) if one["show"] == "image"}
        return {
            "name": body["name"],
            "html": Markup(text.inert(body["html"])),  # noqa: S704
            "fields": [(name, Markup(text.inert(value))) for name, value in body["fields"]],  # noqa: S704
            "address": _linked(body.get("address", "")),
            "avatar": shown.get("icon"),
            "header": shown.get("image"),
        }

    def _pages(self) -> Iterator[Page]:
        for name, count in self._work.execute("SELECT page, count(*) FROM posts WHERE page != '' GROUP BY page"):
            yield Page(name, count)

    def _sentence(self, pages: list[Page]) -> str:
        total = sum(page.count for page in pages)
        dated = [page for page in pages if page.month != UNDATED]
        if not dated:
            return f"{counted(total, 'post')}."
        first, last = Page(dated[0].month, 0).title, Page(dated[-1].month, 0).title
        span = f"say they are from {first}" if first == last else f"say they are from {first} to {last}"
        return f"{counted(total, 'post')}, kept by their author. They {span}."


def anchor(key: str) -> str:
    """The name of a post inside its page."""
    return f"p{key}"


def says(at: str) -> str:
    """A date in words; "" if there is none."""
    if not at:
        return ""
    when = datetime.fromisoformat(at)
    return f"{when.day} {MONTHS[when.month - 1]} {when.year}, {when:%H:%M} UTC"


def stamp(when: datetime | None) -> str:
    """How a date is kept: sortable text, UTC, seconds; "" if there is none."""
    return "" if when is None else f"{_utc(when).replace(tzinfo=None, microsecond=0).isoformat()}+00:00"


def _utc(when: datetime) -> datetime:
    try:
        return when.astimezone(UTC)
    except OverflowError:  # the first and the last day of the calendar have no other zone
        return when.replace(tzinfo=UTC)


def counted(count: int, what: str) -> str:
    """``1 post``, ``412 posts``."""
    return f"{thousands(count)} {what}{'' if count == 1 else 's'}"


def thousands(count: int) -> str:
    """``12,345``."""
    return f"{count:,}"


def size(count: int) -> str:
    """A file's size in words."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, round(count / 1e3))} kB"


def _linked(address: str, label: str = "") -> Markup | str:
    if not address:
        return ""
    return Markup(text.link(address, label)) or address  # noqa: S704 - text.link escapes


def _place_of(row: tuple[str, str, str]) -> dict[str, str]:
    key, page, at = row
    return {"anchor": anchor(key), "page": f"{page}.html", "says": says(at).partition(",")[0]}


def _years(pages: list[Page]) -> list[Mapping[str, Json]]:
    years: dict[str, list[Page]] = {}
    for page in reversed(pages):
        years.setdefault(page.month if page.month == UNDATED else page.month[:4], []).append(page)
    return [
        {
            "title": "Without a date" if year == UNDATED else str(int(year)),
            "count": sum(page.count for page in months),
            "months": [
                {"page": page.page, "title": page.title.replace(f" {int(year)}", "") if year != UNDATED else page.title,
                 "count": page.count}
                for page in reversed(months)
            ],
        }
        for year, months in years.items()
    ]  # fmt: skip


def _entry(row: tuple[Json, ...]) -> index.Entry:
    key, _, _, _, at, page, _, body, media = row
    post = msgspec.json.decode(body)
    said = text.plain(post.get("html", "")) or post.get("shared", "")
    poll = [name for name, _ in post["poll"]["options"]] if "poll" in post else []
    alts = [one["alt"] for one in msgspec.json.decode(media) if one["alt"]]
    warning = post.get("warning", "")
    shown = (
        f"Content warning: {warning}"
        if warning
        else " · ".join(part for part in (said, *poll) if part) or " ".join(alts)
    )
    found = " ".join((warning, said, *poll, *alts))
    cut = shown if len(shown) <= SHOWN else shown[: SHOWN - 1] + "…"
    return index.Entry(f"{page}.html", anchor(key), f"says {says(at)}" if at else "says no date", cut, found)
