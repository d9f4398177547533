"""Whole journeys with an eye to what could get lost: remainders, queues, foreign files, other people's policies."""

from __future__ import annotations

import csv
import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct import flow
from safeconduct.contracts import Destination, Terms
from safeconduct.destinations.container import Container
from safeconduct.destinations.nowhere import Nowhere
from safeconduct.destinations.site import Site
from safeconduct.errors import PolicyError
from safeconduct.home import Home
from safeconduct.model import Abilities, Action, Basis, Choices, Confidence, Fate, Finding, Item, Kind
from safeconduct.policy import Policy, read_policy
from safeconduct.policy.rules import Rule
from safeconduct.sample import FEWEST, build
from safeconduct.steps.copy import Result
from safeconduct.steps.decide import decide
from safeconduct.steps.planfile import Plan
from safeconduct.steps.probe import policies_for
from safeconduct.steps.queue import held_item, queue
from safeconduct.steps.trace import Query, trace
from safeconduct.steps.transfer import Transfer
from safeconduct.steps.verify import verify
from tests.fixtures.worlds import ALICE, archive, outboxes
from tests.hostile.gauge import run
from tests.hostile.test_plans import NOW, note
from tests.journeys.stand_in import TOKEN, Fault, StandIn
from tests.test_laws import world

Copied = tuple[Plan, Transfer, Result, Path | None]


def copied(home: Home, place: Path, destination: Destination, policy: str = "open") -> Copied:
    source = flow.open_source(str(place))
    path = home.path / f"plan-{len(home.transfers())}.jsonl"
    plan = flow.planned(
        home, source, [read_policy(policy)], destination, destination.probe(), Choices(), path,
        spec=f"{destination.name}:x", place=str(place), as_of=NOW,
    )  # fmt: skip
    return plan, *flow.copied(home, plan, source, destination)


def whole(plan: Plan, remainder: Path | None, place: Path) -> None:
    """What was delivered and what the remainder holds is everything there was, byte for byte."""
    entries = [entry for entry in flow.open_source(str(place)).read() if isinstance(entry, Item)]
    lines = {line.n: line for line in plan.lines()}
    kept: Counter[tuple[str, bytes]] = Counter()
    if remainder is not None:
        rest = flow.open_source(str(remainder))
        kept = Counter((item.kind, item.raw) for item in rest.read() if isinstance(item, Item))
        files = {name.rpartition("/")[2] for name in _members(remainder)}
    for item in entries:
        if lines[item.number].fate in (Fate.ARRIVES, Fate.ADAPTED):
            continue
        assert remainder is not None, item.origin
        if item.kind in (Kind.MEDIA, Kind.OTHER) and item.media:
            assert item.origin.rpartition("/")[2] in files, item.origin
        else:
            assert kept[item.kind, item.raw] > 0, item.origin


def _members(path: Path) -> list[str]:
    import tarfile

    with tarfile.open(path) as tar:
        return tar.getnames()


@settings(deadline=None, max_examples=8)
@given(outbox=outboxes(), policy=st.sampled_from(["open", "careful", "text-only"]))
def test_delivered_and_remainder_are_everything(outbox: list[Any], policy: str) -> None:
    with world(outbox, blocked_accounts="dave@there.example\n") as (home, _, folder):
        plan, _, result, remainder = copied(home, folder / "archive", Site(str(folder / "site"), Terms()), policy)
        assert result.differences == ()
        whole(plan, remainder, folder / "archive")


@pytest.mark.parametrize("policy", ["open", "careful"])
def test_delivered_and_remainder_of_the_sample_are_everything(policy: str, tmp_path: Path) -> None:
    build(tmp_path / "alice.zip", posts=FEWEST)
    with Home(tmp_path / "home") as home:
        plan, transfer, _, remainder = copied(
            home, tmp_path / "alice.zip", Site(str(tmp_path / "site"), Terms()), policy
        )
        whole(plan, remainder, tmp_path / "alice.zip")
        for line in plan.lines():
            if line.fate in (Fate.HELD, Fate.REFUSED) and line.kind not in (Kind.MEDIA, Kind.OTHER):
                held_item(home, transfer, line.n)  # raises where nothing is kept


def test_exactly_what_was_decided_is_delivered(tmp_path: Path) -> None:
    links = "".join(f'<a href="https://l{n}.example/">l</a>' for n in range(30))
    place = archive(tmp_path / "archive", [note(1), note(2, text=links), note(3, text=links), note(4, text=links)])
    with Home(tmp_path / "home") as home:
        _, transfer, first, _ = copied(home, place, Nowhere("", Terms()), "careful")
        held = {line.origin for line in trace(home, Query(transfer=transfer.id, fate="held"))}
        assert sum(row["count"] for row in queue(home)) == len(held) == 3
        decide(home, Query(thing=f"{ALICE}/statuses/2"), Action.ACCEPT, author="carol", because="Fine.")
        decide(home, Query(thing=f"{ALICE}/statuses/3"), Action.REJECT, author="carol", because="Not here.")
        assert sum(row["count"] for row in queue(home)) == 1
        _, later, second, _ = copied(home, place, Nowhere("", Terms()), "careful")
        assert (second.delivered, second.already) == (1, first.delivered)
        states = {one.origin[-1]: one.fate for one in trace(home, Query(transfer=later.id, kind="post"))}
        assert states == {"0": "arrives", "1": "arrives", "2": "refused", "3": "held"}
        decide(home, Query(thing=f"{ALICE}/statuses/1"), Action.REJECT, author="carol", because="Not here.")
        (number,) = (one.number for one in trace(home, Query(thing=f"{ALICE}/statuses/1", transfer=transfer.id)))
        assert flow.undone(home, transfer.id, Nowhere("", Terms()), [number]).undone == 1
        _, last, third, _ = copied(home, place, Nowhere("", Terms()), "open")
        assert {one.origin[-1]: one.fate for one in trace(home, Query(transfer=last.id, kind="post"))} == {
            "0": "refused", "1": "arrives", "2": "refused", "3": "arrives"
        }  # fmt: skip
        assert third.failed == 0


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
    }


def test_undo_leaves_foreign_files_as_they_were(tmp_path: Path) -> None:
    build(tmp_path / "alice.zip", posts=FEWEST)
    site = tmp_path / "site"
    with Home(tmp_path / "home") as home:
        _, transfer, _, _ = copied(home, tmp_path / "alice.zip", Site(str(site), Terms()))
        for name in ("robots.txt", "media/mine.png", "search/p1.js.bak", "CNAME", "2020-02.html.orig"):
            (site / name).parent.mkdir(exist_ok=True)
            if not (site / name).exists():
                (site / name).write_text("mine")
        assert flow.undone(home, transfer.id, Site(str(site), Terms())).failed == 0
    left = {name for name, what in digests(site).items() if what != "folder"}
    assert left >= {"media/mine.png", "search/p1.js.bak", "CNAME", "2020-02.html.orig"}
    assert left <= {"robots.txt", "media/mine.png", "search/p1.js.bak", "CNAME", "2020-02.html.orig"}


def test_undo_of_a_second_archive_leaves_the_first(tmp_path: Path) -> None:
    """Two archives of one account at one place: what both hold was brought by the first, and stays."""
    one = archive(tmp_path / "one", [note(1), note(2)])
    two = archive(tmp_path / "two", [note(2), note(3)])
    for make in (lambda: Site(str(tmp_path / "site"), Terms()), lambda: Container(str(tmp_path / "c.tar"), Terms())):
        with Home(tmp_path / f"home-{make().name}") as home:
            copied(home, one, make())
            before = shown(tmp_path, make().name)
            _, transfer, result, _ = copied(home, two, make())
            assert result.delivered == 1
            assert shown(tmp_path, make().name) != before
            assert flow.undone(home, transfer.id, make()).undone == 1
            assert shown(tmp_path, make().name) == before
            for identity in home.transfers():
                flow.undone(home, identity, make())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home-container", "home-site", "one", "two"]


def shown(folder: Path, place: str) -> Any:
    if place == "container":
        read = flow.open_source(str(folder / "c.tar")).read()
        return [entry.raw for entry in read if isinstance(entry, Item)]
    return {name: what for name, what in digests(folder / "site").items() if ".safeconduct" not in name}


class Gated(Nowhere):
    """A place whose community publishes what it minds."""

    name = "nowhere"
    published = ""

    def probe(self) -> Abilities:
        return msgspec.structs.replace(super().probe(), policy=self.published)


STRICT = """
name = "no links"
[[rule]]
id = "links"
when = "many-links"
with = { more_than = 0 }
then = "reject"
breaker = 1.0
because = "This community takes no links."
"""


def test_the_stricter_of_both_policies_wins(tmp_path: Path) -> None:
    link = '<a href="https://there.example/">there</a>'
    place = archive(tmp_path / "archive", [note(1), note(2, text=link), note(3, "followers")])
    gate = Gated("", Terms())
    gate.published = STRICT
    with Home(tmp_path / "home") as home:
        source, abilities = flow.open_source(str(place)), gate.probe()
        for own, third in (("open", "arrives"), ("careful", "refused")):
            plan = flow.planned(
                home, source, policies_for([own], abilities), gate, abilities, Choices(followers=True),
                tmp_path / own, spec="nowhere", as_of=NOW,
            )  # fmt: skip
            assert [line.fate for line in plan.lines() if line.kind == Kind.POST] == ["arrives", "refused", third]
            assert len(plan.header.digests) == 2


@pytest.mark.parametrize("text", ["not toml at all [", 'name = "x"\n[[rule]]\nwhen = "no-such"\nthen = "reject"\n'])
def test_a_broken_published_policy_delivers_nothing(text: str, tmp_path: Path) -> None:
    gate = Gated("", Terms())
    gate.published = text
    with pytest.raises(PolicyError, match=r"ask the people who run it.*well-known/safeconduct"):
        policies_for(["open"], gate.probe())


def test_a_closed_gate_is_said_before_the_copy_and_an_unreadable_one_stops_it_stand_in(tmp_path: Path) -> None:
    archive(tmp_path / "archive", [note(1)])
    with StandIn() as server:
        words = (f"gotosocial:{server.url}", "--loopback", "--home", "home")
        env = {"SAFECONDUCT_TOKEN": TOKEN}
        server.published = (b'{"error": "\\u001b[31m"}', "application/json")
        probed = run("probe", *words, folder=tmp_path, env=env)
        assert "ask the people who run it" in probed.out
        stopped = run("copy", "archive", *words, folder=tmp_path, env=env)
        assert (stopped.code, server.posts()) == (2, [])
        assert "ask the people who run it" in stopped.err
        server.published = None
        server.faults.append(Fault(500, "GET", "/.well-known/safeconduct"))
        failed = run("copy", "archive", *words, folder=tmp_path, env=env)
        assert (failed.code, server.posts()) == (3, [])
        server.faults.append(Fault(403, "GET", "/.well-known/safeconduct", times=2))
        copied = run("copy", "archive", *words, folder=tmp_path, env=env)
        assert len(server.posts()) == 1
        assert "it is not known here: ask it" in copied.err


@settings(deadline=None, max_examples=100)
@given(
    basis=st.sampled_from([Basis.PERCEPTUAL, Basis.STATISTICAL, Basis.THIRD_PARTY]),
    sure=st.sampled_from(list(Confidence)),
    others=st.lists(st.sampled_from([Action.ACCEPT, Action.QUARANTINE, Action.REJECT]), max_size=3),
)
def test_what_only_looks_alike_never_rejects(basis: Basis, sure: Confidence, others: list[Action]) -> None:
    """Even where a rule reached the policy past its reader (law 9)."""
    rules = [
        Rule(id=f"r{n}", when="similar-media", question="similar-media", then=then, because="It looks alike.")
        for n, then in enumerate([Action.REJECT, *others])
    ]
    item = Item(0, Kind.POST, "outbox.json#/orderedItems/0", b"{}", {}, {})
    finding = Finding(0, "similar-media", sure, basis, "alike", question="similar-media")
    assert Policy("p", rules).decide(item, [finding], Few()).action == Action.QUARANTINE  # type: ignore[arg-type]


class Few:
    """As much of a census as a decision looks at."""

    count = 1000
    touched: ClassVar[Mapping[str, int]] = {}
    as_of = NOW


@pytest.mark.parametrize("when", ["similar-media", "near-duplicate", "timing", "outlier-share", "language", "ai-label"])
def test_no_policy_can_say_that_it_rejects(when: str, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(
        f'name = "p"\n[[rule]]\nwhen = "{when}"\nthen = "reject"\nbreaker = 1.0\nbecause = "No."\n'
    )
    with pytest.raises(PolicyError, match="Only exact findings may reject"):
        read_policy(tmp_path / "p.toml")


# --- the journal, the index and who may learn what ------------------------------------------------------


TAMPERING = {
    "an entry": "UPDATE entries SET detail = replace(detail, '1', '2') WHERE seq = 2",
    "an event": "UPDATE entries SET event = 'failed' WHERE seq = 3",
    "a gap": "DELETE FROM entries WHERE seq = 2",
    "the end": "DELETE FROM entries WHERE seq = (SELECT max(seq) FROM entries)",
    "everything": "DELETE FROM entries; DELETE FROM heads",
    "a forgotten delivery": "DELETE FROM deliveries WHERE n = (SELECT max(n) FROM deliveries)",
    "an invented end": "UPDATE deliveries SET state = 'undone'",
    "the seal": "UPDATE heads SET seq = seq - 1",
    "a swap": "UPDATE entries SET seq = CASE seq WHEN 2 THEN -3 WHEN 3 THEN -2 ELSE seq END",
}


@pytest.mark.parametrize("how", TAMPERING)
def test_a_changed_journal_is_noticed(how: str, tmp_path: Path) -> None:
    place = archive(tmp_path / "archive", [note(1), note(2)])
    with Home(tmp_path / "home") as home:
        copied(home, place, Nowhere("", Terms()))
        assert verify(home)["wrong"] == []
        outside = sqlite3.connect(tmp_path / "home" / "safeconduct.db", isolation_level=None)
        for trigger in outside.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            outside.execute(f"DROP TRIGGER {trigger[0]}")  # whoever can write the file can do that too
        outside.executescript(TAMPERING[how])
        outside.close()
        assert len(verify(home)["wrong"]) == 1


@pytest.fixture
def moved(tmp_path: Path) -> Iterator[tuple[Home, Plan, Transfer, Site]]:
    posts = [note(1), note(2), note(3, "followers")]
    posts[0]["object"]["url"] = "https://old.example/@alice/1"
    place = archive(tmp_path / "archive", [*posts, "only words"])
    with Home(tmp_path / "home") as home:
        site = Site(str(tmp_path / "site"), Terms())
        plan, transfer, _, _ = copied(home, place, site)
        yield home, plan, transfer, site


def test_traced_by_whatever_somebody_has_in_hand(moved: tuple[Home, Plan, Transfer, Site]) -> None:
    home, plan, transfer, site = moved
    line = next(line for line in plan.lines() if line.shape and line.kind == Kind.POST)
    assert line.shape is not None
    receipt = site.find(line.shape)
    assert receipt is not None
    about = plan.header
    for thing in (
        f"{ALICE}/statuses/1", f"{ALICE}/statuses/1/activity", "https://old.example/@alice/1", receipt.new_id,
        receipt.url, line.digest, line.origin,
    ):  # fmt: skip
        assert [one.number for one in trace(home, Query(thing=thing))] == [line.n], thing
    everything = plan.footer.records - plan.footer.unreadable
    for thing in (about.actor, "alice@old.example", "@Alice@old.example", about.source_sha256, transfer.id):
        assert len(list(trace(home, Query(thing=thing)))) == everything, thing
    for query in (Query(transfer=transfer.id), Query(action="accept"), Query(origin=line.origin)):
        assert line.n in [one.number for one in trace(home, query)]
    assert list(trace(home, Query(thing="https://nobody.example/1"))) == []


def test_without_the_key_nobody_learns_who_became_whom(moved: tuple[Home, Plan, Transfer, Site]) -> None:
    home, plan, _, site = moved
    home.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = (home.path / "safeconduct.db").read_bytes()
    assert b"old.example" not in data
    assert b"alice@" not in data
    for line in plan.lines():
        if line.shape:
            receipt = site.find(line.shape)
            assert receipt is not None
            assert receipt.new_id.encode() not in data
            assert not receipt.url.partition("#")[2] or receipt.url.encode() not in data


def test_only_unreadable_records_are_a_report(tmp_path: Path) -> None:
    place = archive(tmp_path / "archive", [1, None, "words", [2]])
    (place / "actor.json").write_text("[]")
    ran = run("inspect", place, "--json", "--home", tmp_path / "home", folder=tmp_path)
    report = json.loads(ran.out)
    assert (ran.code, report["items"], report["unreadable"]) == (1, 0, 5)
    said = json.dumps(report)
    for origin in ("actor.json", *(f"outbox.json#/orderedItems/{n}" for n in range(4))):
        assert origin in said
    text = run("inspect", place, "--home", tmp_path / "home", folder=tmp_path)
    assert "outbox.json#/orderedItems/3" in text.out
    copied = run("copy", place, "site:out", "--home", tmp_path / "home", folder=tmp_path)
    assert copied.code == 1
    assert "5 records could not be read" in copied.out
    path = copied.out.partition("Where and why:  ")[2].partition("\n")[0]
    listed = list(csv.reader(Path(path).read_text(encoding="utf-8").splitlines()))[1:]
    assert [row[0] for row in listed if "outbox" in row[0]] == [f"outbox.json#/orderedItems/{n}" for n in range(4)]
    assert len(listed) == 5
    assert all(reason for _, reason in listed)


def held_there(server: StandIn) -> Any:
    """Everything an account could find changed."""
    relations = {who: sorted(kinds) for who, kinds in server.relations.items() if kinds}
    things = (server.statuses, server.lists, server.filters)
    return json.loads(json.dumps([
        *(list(thing.values()) for thing in things), relations, sorted(server.tags), sorted(server.domains),
        {name: value for name, value in vars(server.alice).items() if name != "lock"},
    ], default=str))  # fmt: skip


@pytest.mark.parametrize("more", [(), ("--followers-agreed", "--federating", "--boosts", "link")], ids=["quiet", "all"])
def test_undo_leaves_the_account_as_it_was_stand_in(more: tuple[str, ...], tmp_path: Path) -> None:
    build(tmp_path / "alice.zip", posts=FEWEST)
    with StandIn() as server:
        env = {"SAFECONDUCT_TOKEN": TOKEN}
        before = held_there(server)
        words = ("--loopback", "--home", "home", "--json")
        destination = f"gotosocial:{server.url}"
        ran = run("copy", "alice.zip", destination, "--policy", "open", *more, *words, folder=tmp_path, env=env)
        assert json.loads(ran.out)["delivered"] > 50
        assert held_there(server) != before
        undone = run("undo", "last", *words, folder=tmp_path, env=env)
        assert undone.code == 0, undone.out
        assert held_there(server) == before
