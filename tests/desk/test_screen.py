"""``POST /api/v1/screen``: in order, one answer a line, the same as ``inspect`` says, never an accept by mistake."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safeconduct.flow import inspected, open_source
from safeconduct.home import Home
from safeconduct_desk import screener, tokens
from safeconduct_desk.metrics import CUT
from safeconduct_desk.models import Community, Member, PolicyVersion
from safeconduct_desk.screening import policies

ALICE = "https://old.example/users/alice"
ADDRESS = "/api/v1/screen"
GOOD = b'{"type":"Note","id":"https://old.example/1","to":"as:Public","published":"2025-01-01T00:00:00Z","content":"bread"}'
Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def posts(sample: Path) -> list[bytes]:
    with zipfile.ZipFile(sample) as opened:
        return [json.dumps(one).encode() for one in json.loads(opened.read("outbox.json"))["orderedItems"]]


@pytest.fixture
def ask(carol: User) -> Ask:
    """Another server, with a token of Carol's."""
    _, secret = tokens.make(Member.objects.get(user=carol), "their importer", ["screen"])

    def asked(body: bytes, query: str = "", **headers: str) -> Any:
        given = {"Authorization": f"Bearer {secret}", **headers}
        return Client().post(ADDRESS + query, body, content_type="application/x-ndjson", headers=given)

    return asked


def told(response: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any]]:
    """The answers, those that were said anew, the summary."""
    assert response.status_code == 200, response.content
    *said, last = [json.loads(line) for line in b"".join(response.streaming_content).splitlines()]
    answers = [one for one in said if "line" in one and "revised" not in one]
    return answers, [one for one in said if "revised" in one], last["summary"]


def test_every_line_is_answered_in_order_and_the_summary_comes_last(ask: Ask, posts: list[bytes]) -> None:
    answers, _, summary = told(ask(b"\n".join(posts) + b"\n", f"?actor={ALICE}"))
    assert [one["line"] for one in answers] == list(range(1, len(posts) + 1))
    for one, post in zip(answers, posts, strict=True):
        record = json.loads(post)
        thing = record["object"] if record["type"] == "Create" else record
        assert one["id"] == thing["id"]
    assert summary["complete"] is True
    assert summary["lines"] == len(posts)
    assert sum(summary[name] for name in ("accept", "limit", "quarantine", "reject")) == len(posts)
    assert all(one["reasons"] for one in answers if one["decision"] != "accept")


def test_it_says_what_inspect_says_of_the_same_posts(ask: Ask, posts: list[bytes], tmp_path: Path) -> None:
    answers, revised, summary = told(ask(b"\n".join(posts), f"?actor={ALICE}"))
    final = {one["line"] - 1: one["decision"] for one in [*answers, *revised]}
    outbox = tmp_path / "outbox.json"
    outbox.write_bytes(b'{"type":"OrderedCollection","orderedItems":[' + b",".join(posts) + b"]}")
    with (
        Home(tmp_path / "home") as home,
        inspected(home, open_source(str(outbox)), policies(PolicyVersion.live()), measure=False) as inspection,
    ):
        expected = dict.fromkeys(range(len(posts)), "accept")
        expected |= {n: decision.action.name.lower() for n, decision, _ in inspection.decisions()}
        assert list(inspection.questions_text()) == summary["questions"]
    assert final == expected
    assert len(set(expected.values())) > 2
    assert summary["revised"] == len(revised) > 0


HOSTILE = {
    "long": b'{"type":"Note","content":"' + b"x" * (screener.LINE + 10) + b'"}',
    "deep": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "brackets": b"[" * 200_000,
    "bytes": b"\xff\xfe\x00{}",
    "surrogate bytes": b'{"content":"\xed\xa0\x80\xed"}',
    "zeros": b"\x00" * 100,
    "number": b'{"a":' + b"9" * 50_000 + b"}",
    "nan": b'{"a":NaN}',
    "empty": b"",
    "list": b"[]",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_line_is_held_and_its_neighbours_are_not(ask: Ask, name: str) -> None:
    answers, _, summary = told(
        ask(b"\n".join([GOOD, HOSTILE[name], GOOD.replace(b"/1", b"/2").replace(b"bread", b"rye")]))
    )
    assert [one["decision"] for one in answers] == ["accept", "quarantine", "accept"]
    assert answers[1]["pending"]
    assert answers[1]["reasons"][0]["rule"] == "unreadable"
    assert summary["complete"]
    assert summary["unreadable"] == 1


def test_a_lone_surrogate_is_answered(ask: Ask) -> None:
    answers, _, summary = told(
        ask(GOOD.replace(b"old.example/1", b"old.example/\\ud800").replace(b"bread", b"\\udfff"))
    )
    assert len(answers) == 1
    assert "�" in answers[0]["id"]
    assert summary["complete"]


@given(lines=st.lists(st.binary(max_size=60), max_size=5), end=st.sampled_from([b"", b"\n", b"\r\n"]))
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_sent_each_line_has_one_answer(ask: Ask, lines: list[bytes], end: bytes) -> None:
    body = b"\n".join(line.replace(b"\n", b"") for line in lines) + end
    answers, _, summary = told(ask(body))
    expected = body.count(b"\n") + (not body.endswith(b"\n") and body != b"")
    assert len(answers) == expected == summary["lines"]
    assert all(one["decision"] == "quarantine" for one in answers)


@given(st.lists(st.binary(max_size=30).map(lambda raw: raw.replace(b"\n", b"")), max_size=20), st.integers(1, 7))
@settings(deadline=None, max_examples=60)
def test_lines_are_the_same_however_the_body_is_cut(lines: list[bytes], size: int) -> None:
    body = b"\n".join([*lines, b""])
    with patch.object(screener, "CHUNK", size), patch.object(screener, "LINE", 12):
        cut = list(screener.lines(BytesIO(body)))
    assert len(cut) == body.count(b"\n")
    for line, raw in zip(cut, lines, strict=True):
        assert line.raw == (b"" if len(raw) > 12 else raw.strip(b" \t\r"))
        assert bool(line.problem) == (len(raw) > 12)


class Broken(BytesIO):
    """A body that ends in an error, as of a client that went away."""

    def read(self, size: int | None = -1, /) -> bytes:
        if chunk := super().read(size):
            return chunk
        raise OSError("the connection was reset")


def test_a_body_that_breaks_off_is_not_complete(community: Community) -> None:
    version = PolicyVersion.live()
    assert version is not None
    said = [
        json.loads(line)
        for part in screener.answered(Broken(GOOD * 2 + b"\n" + GOOD), version, "")
        for line in part.splitlines()
    ]
    assert "problem" in said[-2]
    assert said[-1]["summary"]["complete"] is False


def test_a_fault_in_the_middle_holds_what_it_touches_and_says_so(ask: Ask, posts: list[bytes]) -> None:
    def broken(self: object, batch: object) -> Iterator[object]:
        raise RuntimeError("secret text")

    with patch("safeconduct.screening.batch.Screen.findings", broken):
        response = ask(b"\n".join(posts))
        answers, revised, summary = told(response)
    assert {one["decision"] for one in answers} == {"quarantine"}
    assert not revised
    assert summary["complete"] is False
    assert "secret text" not in json.dumps(answers)


def test_who_goes_away_leaves_nothing_behind_and_frees_the_place(
    community: Community, folder: Path, posts: list[bytes]
) -> None:
    version = PolicyVersion.live()
    assert version is not None
    before = CUT._value.get()
    stream = screener.answered(BytesIO(b"\n".join(posts * 3)), version, ALICE)
    next(stream)
    assert list((folder / "home" / "work").iterdir())
    stream.close()
    assert not list((folder / "home" / "work").iterdir())
    assert CUT._value.get() == before + 1


def test_as_many_at_once_as_allowed_and_then_a_pause(ask: Ask) -> None:
    from safeconduct_desk.api import screen as resource

    taken = []
    while resource._slots.acquire(blocking=False):
        taken.append(1)
    try:
        response = ask(GOOD)
        assert response.status_code == 503
        assert response["Retry-After"] == "1"
        assert response["Content-Type"] == "application/problem+json"
    finally:
        for _ in taken:
            resource._slots.release()
    for _ in range(2 * len(taken)):
        told(ask(GOOD))


def test_no_policy_no_answer(ask: Ask) -> None:
    PolicyVersion.objects.update(state=PolicyVersion.State.RETIRED)
    response = ask(GOOD)
    assert response.status_code == 409
    assert "Take nothing over" in response.json()["detail"]


def test_compressed_lines_are_not_guessed_at(ask: Ask) -> None:
    assert ask(GOOD, **{"Content-Encoding": "gzip"}).status_code == 415


def test_it_takes_a_token_with_the_scope(carol: User, ask: Ask) -> None:
    assert Client().post(ADDRESS, GOOD, content_type="application/x-ndjson").status_code == 401
    _, other = tokens.make(Member.objects.get(user=carol), "reader", ["arrivals:read"])
    response = ask(GOOD, Authorization=f"Bearer {other}")
    assert response.status_code == 403
    assert "screen" in response.json()["detail"]


def test_an_edited_policy_counts_from_the_next_import_on(ask: Ask, carol: User) -> None:
    assert told(ask(GOOD))[0][0]["decision"] == "accept"
    rule = '[[rule]]\nid = "old"\nwhen = "old"\nwith = { days = 1 }\nthen = "quarantine"\nbecause = "Old."\n'
    text = f'name = "no"\nbase = "open"\n{rule}'
    PolicyVersion.objects.update(state=PolicyVersion.State.RETIRED)
    PolicyVersion.objects.create(name="no", text=text, digest="another", state=PolicyVersion.State.LIVE)
    assert told(ask(GOOD))[0][0]["decision"] == "quarantine"


# --- the client of the documentation -------------------------------------------------------------------------------

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "screen-your-own-importer.md"


@pytest.fixture
def decided() -> Callable[..., list[dict[str, Any]]]:
    """The client as the page shows it."""
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    assert len(code.splitlines()) <= 24
    given: dict[str, Any] = {}
    exec(compile(code, str(PAGE), "exec"), given)
    made: Callable[..., list[dict[str, Any]]] = given["decided"]
    return made


class Played:
    """Our desk in place of one on the network."""

    def __init__(self, cut: Callable[[list[bytes]], list[bytes]] = list) -> None:
        self._cut = cut

    def __call__(self, request: Any, timeout: float) -> Any:
        path = request.full_url.removeprefix("http://desk.example")
        headers = dict(request.header_items())
        response: Any = Client().post(path, request.data, content_type=headers.pop("Content-type"), headers=headers)
        assert response.status_code == 200, response.content
        return nullcontext(self._cut(b"".join(response.streaming_content).splitlines()))


def test_the_client_of_the_documentation_works(
    ask: Ask, carol: User, posts: list[bytes], decided: Callable[..., list[dict[str, Any]]]
) -> None:
    _, secret = tokens.make(Member.objects.get(user=carol), "documented", ["screen"])
    lines = [post.decode() for post in posts]
    with patch.dict(decided.__globals__, urlopen=Played()):
        found = decided(lines, ALICE, "http://desk.example", secret)
    answers, revised, _ = told(ask(b"\n".join(posts), f"?actor={ALICE}"))
    final = {one["line"]: one["decision"] for one in [*answers, *revised]}
    assert [one["decision"] for one in found] == [final[number] for number in sorted(final)]


@pytest.mark.parametrize("cut", [lambda said: said[:-1], lambda said: said[:3] + said[-1:], lambda said: []])
def test_the_client_of_the_documentation_takes_nothing_from_a_cut_answer(
    carol: User, posts: list[bytes], decided: Callable[..., list[dict[str, Any]]],
    cut: Callable[[list[bytes]], list[bytes]],
) -> None:  # fmt: skip
    _, secret = tokens.make(Member.objects.get(user=carol), "documented", ["screen"])
    with patch.dict(decided.__globals__, urlopen=Played(cut)), pytest.raises(RuntimeError, match="complete"):
        decided([post.decode() for post in posts[:20]], ALICE, "http://desk.example", secret)
