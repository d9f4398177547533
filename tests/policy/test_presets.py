"""What each preset says to a handful of posts, through the real criteria."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from safeconduct.discover import plugins
from safeconduct.model import Action, Decision, Item, MediaFacts, Medium
from safeconduct.policy import Policy, parse_policy, preset_files, read_policy
from safeconduct.policy.prose import explain, why
from safeconduct.policy.questions import bases
from safeconduct.screening.batch import Screen
from safeconduct.screening.census import CensusWriter
from tests.fixtures.items import ACCT, ALICE, NOW, item

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
PICTURE = {"type": "Document", "mediaType": "image/png", "url": "/media/cat.png", "name": "a cat"}
FILM = {"type": "Document", "mediaType": "video/mp4", "url": "/media/cat.mp4", "name": "a cat"}
KNOWN = "a" * 64


def post(content: str = "<p>Good morning, everybody out there</p>", **more: Any) -> dict[str, Any]:
    usual = {"type": "Note", "id": f"{ALICE}/statuses/1", "attributedTo": ALICE, "to": [PUBLIC]}
    return usual | {"content": content, "published": "2024-05-01T10:00:00Z"} | more


POSTS: Mapping[str, dict[str, Any]] = {
    "plain": post(),
    "marker phrase": post("<p>B U Y  m00nr0cks  n o w</p>"),
    "marker host": post('<p><a href="https://x.bad.example/">look</a></p>'),
    "direct": post("<p>BUY MOONROCKS NOW</p>", to=["https://other.example/users/bob"]),
    "no audience": post("<p>Nobody knows whom this was written for</p>", to=[]),
    "followers": post("<p>We meet at the lake on Sunday, as ever</p>", to=[f"{ALICE}/followers"]),
    "forged": post("<p>I never said anything of the kind</p>", attributedTo="https://other.example/users/bob"),
    "tomorrow": post("<p>Greetings from the year to come</p>", published="2025-01-01T00:00:00Z"),
    "picture": post("<p>The cat has found the warm place</p>", attachment=[PICTURE]),
    "film": post("<p>Here it chases its own shadow about</p>", attachment=[FILM]),
    "ten years old": post("<p>My very first words on this network</p>", published="2014-05-01T10:00:00Z"),
    "short link": post('<p><a href="https://bit.ly/abc">look</a></p>'),
    "bank account": post("<p>pay to DE89 3704 0044 0532 0130 00</p>"),
}
A, L, Q, R = Action.ACCEPT, Action.LIMIT, Action.QUARANTINE, Action.REJECT
SAID = {
    #                 open  balanced  careful  text-only  trusted-origin
    "plain": (A, A, A, A, A),
    "marker phrase": (Q, Q, Q, Q, Q),
    "marker host": (Q, Q, Q, Q, Q),
    "direct": (A, R, R, R, R),
    "no audience": (A, A, A, A, A),
    "followers": (A, A, R, A, A),
    "forged": (A, Q, Q, A, Q),
    "tomorrow": (A, Q, Q, A, Q),
    "picture": (A, A, L, L, A),
    "film": (A, A, L, L, A),
    "ten years old": (A, A, L, A, A),
    "short link": (A, A, Q, A, A),
    "bank account": (A, Q, Q, A, A),
}
ORDER = ("open", "balanced", "careful", "text-only", "trusted-origin")


def decided(
    policy: Policy, items: Sequence[Item], facts: Mapping[str, MediaFacts] | None = None
) -> list[tuple[Item, Decision, str]]:
    """Each item with its decision and why, by way of the real screen and census."""

    def measure(medium: Medium) -> MediaFacts | None:
        return (facts or {}).get(medium.member or "")

    screen = Screen(policy.questions, as_of=NOW, owner=ALICE, acct=ACCT, measure=measure)
    with tempfile.TemporaryDirectory() as folder:
        writer = CensusWriter(Path(folder))
        found = []
        for batch in screen.batches(items):
            found += screen.findings(batch)
            writer.add(batch)
        census: Any = writer.close((), ALICE, NOW)
        found += screen.conclude(census)
        of = {one.number: [finding for finding in found if finding.item == one.number] for one in items}
        census.touched = Counter(name for one in items for name in policy.touched(one, of[one.number], NOW))
        said = [policy.decide(one, of[one.number], census) for one in items]
    return [(one, says, why(policy, one, of[one.number], says)) for one, says in zip(items, said, strict=True)]


@pytest.mark.parametrize("name", ORDER)
def test_a_preset_says(name: str) -> None:
    items = [item(each, number) for number, each in enumerate(POSTS.values())]
    said = {title: says[1].action for title, says in zip(POSTS, decided(read_policy(name), items), strict=True)}
    assert said == {title: actions[ORDER.index(name)] for title, actions in SAID.items()}


def test_every_preset_is_in_the_table() -> None:
    assert set(ORDER) == set(preset_files())


def test_why_names_rule_finding_and_place() -> None:
    ((_, says, told),) = decided(read_policy("balanced"), [item(POSTS["marker phrase"])])
    assert says.reasons[0].rule == "listed-phrase"
    assert "Rule listed-phrase; decided by the policy “Balanced”." in told
    assert "in /content at characters" in told


def test_a_known_file_is_refused_and_a_file_that_cannot_be_opened_is_held() -> None:
    policy = parse_policy(f'base = "open"\n[lists]\nfiles = ["{KNOWN}"]')
    facts = {
        "media/cat.png": MediaFacts(KNOWN, 10, "image/png"),
        "media/cat.mp4": MediaFacts("b" * 64, 10, "video/mp4", problem="it took too long"),
    }
    said = decided(policy, [item(POSTS["picture"], 0), item(POSTS["film"], 1)], facts)
    assert [says.action for _, says, _ in said] == [Action.REJECT, Action.QUARANTINE]


def test_the_breaker_asks_and_text_only_is_meant_to_touch_much() -> None:
    films = [item(POSTS["film"] | {"id": f"{ALICE}/statuses/{n}"}, n) for n in range(60)]
    asks = parse_policy('[[rule]]\nwhen = "video"\nthen = "limit"\nfilters = ["no-media"]\nbecause = "No films."')
    assert {(says.action, says.pending) for _, says, _ in decided(asks, films)} == {(Action.QUARANTINE, True)}
    assert {says.action for _, says, _ in decided(read_policy("text-only"), films)} == {Action.LIMIT}


@pytest.mark.parametrize("name", preset_files())
def test_a_preset_explains_each_of_its_rules(name: str) -> None:
    policy = read_policy(name)
    assert all(f"[{rule.id}]" in explain(policy) for rule in policy.rules)


@pytest.mark.parametrize("name", plugins("criteria"))
def test_every_criterion_is_known_to_rest_on_something(name: str) -> None:
    assert bases(plugins("criteria")[name])
