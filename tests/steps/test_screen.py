"""Line by line the same is said as of an archive at once, and nothing that breaks is accepted."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.flow import inspected, open_source
from safeconduct.home import Home
from safeconduct.model import Action, Decision
from safeconduct.policy import Policy, parse_policy, read_policy
from safeconduct.sample import build
from safeconduct.steps.screen import Answer, Line, Stream, screen_for

NOW = datetime(2025, 3, 1, tzinfo=UTC)
ALICE = "https://old.example/users/alice"
STRICT = parse_policy(
    """
name = "strict"
base = "careful"
[[rule]]
id = "links"
when = "many-links"
with = { more_than = 0 }
then = "limit"
filters = ["no-links"]
breaker = { share = 0.01, items = 1 }
because = "Links are left out."
[[rule]]
id = "polls"
when = "poll"
where = { share_of_import_over = 0.5 }
then = "quarantine"
because = "This is mostly polls."
[[rule]]
id = "bursts"
when = "burst"
where = { whole = true }
then = "quarantine"
because = "Much of this was written at once."
""",
    "strict.toml",
)
OPEN = read_policy("open")


@pytest.fixture(scope="module")
def posts(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Alice's outbox, a line for each activity."""
    path = tmp_path_factory.mktemp("sample") / "alice.zip"
    build(path, posts=400)
    with zipfile.ZipFile(path) as opened:
        return [json.dumps(one).encode() for one in json.loads(opened.read("outbox.json"))["orderedItems"]]


def said(lines: Sequence[bytes], policy: Policy, folder: Path, size: int = 500) -> tuple[list[Decision], Stream]:
    """What holds in the end of every line."""
    folder.mkdir(parents=True, exist_ok=True)
    screen = screen_for([policy], NOW)
    stream = Stream([policy], folder, NOW, ALICE)
    answers: list[Answer] = []
    for at in range(0, len(lines), size):
        answers += stream.batch(screen, [Line(line) for line in lines[at : at + size]])
    assert [answer.number for answer in answers] == list(range(len(lines)))
    decisions = [answer.decision for answer in answers]
    for answer in stream.finish(screen):
        decisions[answer.number] = answer.decision
    stream.close()
    return decisions, stream


def inspected_alone(lines: Sequence[bytes], policy: Policy, folder: Path) -> tuple[list[Decision], tuple[str, ...]]:
    """What ``inspect`` says of the same posts as an outbox."""
    folder.mkdir(parents=True, exist_ok=True)
    outbox = folder / "outbox.json"
    outbox.write_bytes(b'{"type":"OrderedCollection","orderedItems":[' + b",".join(lines) + b"]}")
    with (
        Home(folder / "home") as home,
        inspected(home, open_source(str(outbox)), [policy], as_of=NOW, measure=False) as inspection,
    ):
        assert inspection.about.actor == ALICE
        found = {number: decision for number, decision, _ in inspection.decisions()}
        accepted = Decision(Action.ACCEPT, author=policy.author)
        return [found.get(number, accepted) for number in range(len(lines))], inspection.questions_text()


@pytest.mark.parametrize("policy", [STRICT, OPEN, read_policy("careful")], ids=lambda policy: str(policy.name))
def test_the_same_is_said_line_by_line_as_of_the_whole_archive(
    posts: list[bytes], policy: Policy, tmp_path: Path
) -> None:
    decisions, stream = said(posts, policy, tmp_path / "lines", 37)
    expected, questions = inspected_alone(posts, policy, tmp_path / "archive")
    assert decisions == expected
    assert stream.questions == questions
    assert stream.whole
    assert stream.counted == {
        action: count for action in Action if (count := sum(d.action is action for d in expected))
    }


def test_the_end_says_what_a_line_alone_cannot_tell(posts: list[bytes], tmp_path: Path) -> None:
    decisions, stream = said([*posts, *posts[-3:]], STRICT, tmp_path / "lines")
    assert stream.revised > 3
    assert any(reason.criterion == "duplicate" for reason in decisions[-1].reasons)


@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=8))
@settings(deadline=None, max_examples=15)
def test_it_does_not_matter_where_batches_end(
    posts: list[bytes], tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    some = posts[: sum(sizes)]
    once, _ = said(some, STRICT, tmp_path_factory.mktemp("once"))
    parts, _ = said(some, STRICT, tmp_path_factory.mktemp("parts"), max(sizes))
    assert parts == once


HOSTILE: list[tuple[bytes, str]] = [
    (b"", "not valid JSON"),
    (b"null", "no JSON object"),
    (b"[]", "no JSON object"),
    (b'"post"', "no JSON object"),
    (b"{", "could not be read"),
    (b'{"type":"Note"', "could not be read"),
    (b"\xff\xfe{}", "not UTF-8"),
    (b'{"content":"\xed\xa0"}', "not UTF-8"),
    (b'{"a":' * 3000 + b"1" + b"}" * 3000, "nested deeper"),
    (b"[" * 100_000, "could not be read"),
    (b'{"a":NaN}', "NaN"),
    (b'{"a":' + b"9" * 9000 + b"}", "digits"),
    (b'{"type":"Note"}{"type":"Note"}', "not valid JSON"),
    (b"\x00" * 64, "not valid JSON"),
]


@pytest.mark.parametrize(("line", "why"), HOSTILE, ids=range(len(HOSTILE)))
def test_a_line_that_cannot_be_read_is_held_and_the_others_are_not(line: bytes, why: str, tmp_path: Path) -> None:
    good = b'{"type":"Note","id":"https://old.example/1","content":"bread","to":"as:Public"}'
    (first, broken, last), stream = said([good, line, good.replace(b"/1", b"/2")], OPEN, tmp_path)
    assert (first.action, last.action) == (Action.ACCEPT, Action.ACCEPT)
    assert broken.action is Action.QUARANTINE
    assert broken.pending
    assert why in broken.reasons[0].sentence
    assert stream.unreadable == 1


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["type", "object", "content", "to", "cc", "tag", "attachment", "published", "id", "actor"])
        | st.text(max_size=5), inner, max_size=6,
    ),
    max_leaves=20,
)  # fmt: skip


@given(lines=st.lists(st.binary(max_size=80) | JSON.map(lambda one: json.dumps(one).encode()), max_size=6))
@settings(deadline=None, max_examples=60)
def test_whatever_a_line_holds_it_gets_one_answer(lines: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    decisions, stream = said([line.replace(b"\n", b" ") for line in lines], STRICT, tmp_path_factory.mktemp("any"))
    assert len(decisions) == len(lines) == stream.counted.total()
    assert stream.whole
    assert all(decision.reasons for decision in decisions if decision.action > Action.ACCEPT)


def test_a_lone_surrogate_is_read_and_said_without_breaking(tmp_path: Path) -> None:
    decisions, stream = said([b'{"type":"Note","id":"\\ud800","content":"\\udfff"}'], STRICT, tmp_path)
    assert len(decisions) == 1
    assert stream.unreadable == 0


def test_what_breaks_holds_its_batch_and_the_whole(posts: list[bytes], tmp_path: Path) -> None:
    screen, stream = screen_for([OPEN], NOW), Stream([OPEN], tmp_path, NOW, ALICE)
    fine = stream.batch(screen, [Line(line) for line in posts[:10]])
    with patch.object(Stream, "_answers", side_effect=OSError("the disk is full")):
        broken = stream.batch(screen, [Line(line) for line in posts[10:20]])
    assert {answer.decision.action for answer in broken} == {Action.QUARANTINE}
    assert all(answer.decision.pending for answer in broken)
    assert list(stream.finish(screen)) == []
    assert not stream.whole
    assert stream.questions
    assert len(fine) + len(broken) == stream.counted.total()
    stream.close()


def test_an_end_that_breaks_leaves_nothing_to_be_taken_over(posts: list[bytes], tmp_path: Path) -> None:
    screen, stream = screen_for([STRICT], NOW), Stream([STRICT], tmp_path, NOW, ALICE)
    stream.batch(screen, [Line(line) for line in posts])

    def broken(self: object, census: object) -> Iterator[object]:
        raise MemoryError

    with patch("safeconduct.screening.batch.Screen.conclude", broken):
        assert list(stream.finish(screen)) == []
    assert not stream.whole
    assert "MemoryError" in stream.questions[0]
    stream.close()
