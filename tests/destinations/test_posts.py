"""What becomes of a post: carried, adapted with a sentence, limited with a sentence, or left with the reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.contracts import Terms
from safeconduct.destinations._post import language
from safeconduct.destinations.gotosocial import CARRIES, GoToSocial
from safeconduct.model import (
    Abilities,
    Action,
    Choices,
    Decision,
    Fate,
    Filter,
    Item,
    Kind,
    Left,
    Medium,
    Reason,
    Reply,
    Shaped,
    Visibility,
)
from tests.contracts.examples_of_destinations import ALICE, DAY, post
from tests.journeys.stand_in import mentions

QUIET = Choices()
NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
ABILITIES = Abilities(
    "gotosocial:https://there.example",
    "gotosocial",
    "0.20.0",
    NOW,
    CARRIES,
    limits={"characters": 500, "attachments": 2, "description": 20, "fields": 2},
    types=("image/png", "image/jpeg"),
)
DAVE = "https://other.example/@dave"
ANSWERED = Reply(f"{DAVE}/1", mine=False)
MENTION = {"tag": [{"type": "Mention", "href": DAVE, "name": "@dave@other.example"}]}
HELLO_DAVE = f'<a class="u-url mention" href="{DAVE}">@dave</a> hello'


def shape(item: Item, *filters: Filter, choices: Choices = QUIET, **abilities: Any) -> Shaped | Left:
    because = (Reason("rule", "criterion", "It shows a wound."),)
    decision = Decision(Action.LIMIT if filters else Action.ACCEPT, frozenset(filters), because if filters else ())
    made = Abilities(**{name: getattr(ABILITIES, name) for name in ABILITIES.__struct_fields__} | abilities)
    return GoToSocial("https://there.example", Terms(choices=choices)).shape(item, decision, made)


def shaped(item: Item, *filters: Filter, **rest: Any) -> Shaped:
    made = shape(item, *filters, **rest)
    assert isinstance(made, Shaped), made
    return made


def left(item: Item, *filters: Filter, **rest: Any) -> Left:
    made = shape(item, *filters, **rest)
    assert isinstance(made, Left), made
    return made


def test_a_plain_post_arrives_as_it_is_with_everything_said() -> None:
    made = shaped(post(1, "Bread &amp; butter", thing={"contentMap": {"de": "<p>Bread &amp; butter</p>"}}))
    assert made.body == {
        "status": "Bread & butter",
        "content_type": "text/plain",
        "visibility": "public",
        "spoiler_text": "",
        "sensitive": False,
        "scheduled_at": "2019-05-01T10:01:00.000Z",
        "language": "de",
    }
    assert (made.adapted, made.limited, made.parent) == ((), (), "")


SCALE = {"public": 4, "unlisted": 3, "private": 2}


@settings(deadline=None, max_examples=200)
@given(
    visibility=st.sampled_from(Visibility),
    audience=st.sampled_from(Visibility),
    filters=st.frozensets(st.sampled_from(Filter)),
    kind=st.sampled_from([Kind.POST, Kind.POLL, Kind.BOOST]),
    choices=st.builds(
        Choices,
        mentions=st.sampled_from(["defuse", "leave"]),
        replies=st.sampled_from(["own-words", "leave"]),
        polls=st.sampled_from(["text", "leave"]),
        boosts=st.sampled_from(["leave", "link"]),
        followers=st.booleans(),
        linked=st.booleans(),
        federating=st.booleans(),
        media=st.booleans(),
    ),
    reply=st.sampled_from([None, ANSWERED, Reply(ALICE + "/1", True), Reply(ALICE + "/1", True, False)]),
)
def test_an_audience_never_widens_and_nobody_is_mentioned(
    visibility: Visibility,
    audience: Visibility,
    filters: frozenset[Filter],
    kind: Kind,
    choices: Choices,
    reply: Reply | None,
) -> None:
    thing = MENTION | {"content": HELLO_DAVE, "object": DAVE, "oneOf": [{"name": "@bob"}], "summary": "@bob"}
    one = post(1, "", thing=thing, visibility=visibility, kind=kind, reply=reply)
    made = shape(one, *filters, choices=choices, audience=audience)
    if isinstance(made, Left):
        assert made.reason
        return
    assert made.visibility <= min(visibility, audience)
    assert SCALE[made.body["visibility"]] == made.visibility
    assert visibility is not Visibility.FOLLOWERS or choices.followers
    assert mentions(made.body["status"], made.body["content_type"]) == []
    if Filter.UNLISTED in filters:
        assert made.visibility <= Visibility.UNLISTED
    if Filter.FOLLOWERS_ONLY in filters:
        assert made.visibility <= Visibility.FOLLOWERS


def test_direct_posts_stay() -> None:
    for visibility in (Visibility.NOBODY, Visibility.NAMED):
        assert left(post(1, "x", visibility=visibility), choices=Choices(followers=True)).code == "direct"


def test_followers_only_posts_wait_for_the_person() -> None:
    made = left(post(1, "x", visibility=Visibility.FOLLOWERS))
    assert (made.code, made.fate) == ("followers-only", Fate.LEFT_BY_PERSON)
    assert (
        shaped(post(1, "x", visibility=Visibility.FOLLOWERS), choices=Choices(followers=True)).body["visibility"]
        == "private"
    )


@pytest.mark.parametrize(
    ("published", "code"),
    [
        (None, "no-date"),
        (datetime(1970, 1, 1, tzinfo=UTC), "impossible-date"),
        (datetime(1, 1, 1, tzinfo=UTC), "impossible-date"),
        (NOW, "future-date"),
        (NOW + timedelta(days=9000), "future-date"),
    ],
)
def test_a_date_the_server_would_make_now_or_refuse_stays(published: datetime | None, code: str) -> None:
    assert left(post(1, "x", published=published)).code == code


def test_without_old_dates_no_post_travels() -> None:
    assert left(post(1, "x"), backdates=False).code == "no-backdating"


def test_an_answer_to_others_arrives_as_own_words_with_a_link() -> None:
    made = shaped(post(1, "", thing=MENTION | {"content": HELLO_DAVE}, reply=ANSWERED))
    assert made.parent == ""
    assert made.body["status"].startswith(r"[dave\@other.example](https://other.example/&#64;dave) hello")
    assert "In reply to: [" in made.body["status"]
    assert len(made.adapted) == 2
    stays = left(post(1, "x", reply=ANSWERED), choices=Choices(replies="leave"))
    assert (stays.code, stays.fate) == ("replies", Fate.LEFT_BY_PERSON)


def test_an_own_thread_stays_a_thread() -> None:
    made = shaped(post(1, "x", reply=Reply(f"{ALICE}/statuses/0", mine=True)))
    assert (made.parent, made.adapted) == (f"{ALICE}/statuses/0", ())


def test_an_answer_to_an_own_post_that_stays_shows_the_old_address_only_if_linked() -> None:
    orphan = post(1, "x", reply=Reply(f"{ALICE}/statuses/0", mine=True, arrives=False))
    alone, linked = shaped(orphan), shaped(orphan, choices=Choices(linked=True))
    assert ALICE not in alone.body["status"]
    assert f"In reply to: {ALICE}/statuses/0" in linked.body["status"]
    assert alone.parent == linked.parent == ""
    assert alone.adapted
    assert linked.adapted


def test_mentions_may_be_left() -> None:
    made = left(post(1, "", thing=MENTION | {"content": HELLO_DAVE}), choices=Choices(mentions="leave"))
    assert (made.code, made.fate) == ("mentions", Fate.LEFT_BY_PERSON)


def test_a_poll_arrives_as_text_with_its_votes() -> None:
    options = [{"type": "Note", "name": "yes", "replies": {"totalItems": 3}}, {"name": "no"}, "odd"]
    poll = post(1, "Tea?", kind=Kind.POLL, thing={"type": "Question", "anyOf": options, "votersCount": 3})
    made = shaped(poll)
    assert made.body["status"] == "Tea?\n\n• yes (3)\n• no\n3 voted"
    assert len(made.adapted) == 1
    assert left(poll, choices=Choices(polls="leave")).fate is Fate.LEFT_BY_PERSON


def test_a_boost_is_left_unless_links_are_wanted() -> None:
    boost = post(1, "", kind=Kind.BOOST, thing={"type": "Announce", "object": f"{DAVE}/7"})
    assert left(boost).code == "boosts"
    assert shaped(boost, choices=Choices(boosts="link")).body["status"].startswith("Boosted: [https://other.example/")
    own = post(1, "", kind=Kind.BOOST, thing={"object": {"id": ALICE + "/9", "attributedTo": ALICE}})
    assert left(own, choices=Choices(boosts="link")).fate is Fate.LEFT_BY_PERSON
    assert ALICE in shaped(own, choices=Choices(boosts="link", linked=True)).body["status"]
    broken = post(1, "", kind=Kind.BOOST, thing={"object": 7})
    assert left(broken, choices=Choices(boosts="link")).fate is Fate.LEFT_BY_DESTINATION


def test_a_quote_arrives_as_a_link_once() -> None:
    made = shaped(post(1, "Look", thing={"quote": "https://other.example/7"}))
    assert made.body["status"] == "Look\n\nQuoting: https://other.example/7"
    already = '<p>RE: <a href="https://other.example/7">https://other.example/7</a></p><p>Look</p>'
    made = shaped(post(1, "", thing={"quoteUri": "https://other.example/7", "content": already}))
    assert made.body["status"] == "RE: https://other.example/7\n\nLook"
    assert made.adapted


def test_an_edited_post_keeps_its_first_date_and_says_so() -> None:
    made = shaped(post(1, "x", thing={"published": "2019-05-01T10:01:00Z", "updated": "2020-01-01T00:00:00Z"}))
    assert made.published == DAY.replace(minute=1)
    assert "edited" in made.adapted[0]


def test_too_long_is_left_whole_and_not_cut() -> None:
    assert left(post(1, "x" * 501)).code == "too-long"
    assert left(post(1, "x" * 490, thing={"summary": "y" * 11})).code == "too-long"
    assert len(shaped(post(1, "x" * 500)).body["status"]) == 500


# --- files -----------------------------------------------------------------------------------------


def picture(number: int, **over: Any) -> Medium:
    return Medium(**{"pointer": f"/attachment/{number}", "member": f"{number}.png", "type": "image/png", **over})


def test_files_that_do_not_fit_are_named_one_by_one() -> None:
    media = (picture(0, member=None), picture(1, type="image/tiff"), picture(2, alt="x" * 30), picture(3), picture(4))
    made = shaped(post(1, "x", media=media))
    assert [medium.pointer for medium in made.media] == ["/attachment/2", "/attachment/3"]
    assert made.media[0].alt == "x" * 19 + "…"
    assert len(made.adapted) == 4
    assert "File 1 of 5 stays behind: the archive does not contain it." in made.adapted
    assert "image/tiff" in " ".join(made.adapted)


def test_a_picture_without_words_travels_and_nothing_at_all_does_not() -> None:
    assert shaped(post(1, "", media=(picture(0),))).body["status"] == ""
    assert left(post(1, "", media=(picture(0, member=None),))).code == "nothing-left"
    assert left(post(1, "", media=(picture(0),)), choices=Choices(media=False)).code == "nothing-left"


# --- what a community limits ---------------------------------------------------------------------------


def test_limits_are_carried_out_and_said() -> None:
    links = 'see <a href="https://x.example/a">https://x.example/a</a>'
    one = post(1, "", thing=MENTION | {"content": f"{HELLO_DAVE}, {links}"}, media=(picture(0),))
    made = shaped(one, *Filter)
    assert made.body["status"] == r"someone hello, see \[link removed\]"
    assert made.body["spoiler_text"] == "It shows a wound."
    assert made.body["sensitive"] is True
    assert made.body["visibility"] == "private"
    assert made.media == ()
    assert len(made.limited) == 7


def test_a_warning_of_ones_own_is_kept() -> None:
    made = shaped(
        post(1, "x", thing={"summary": "Spiders", "sensitive": True}), Filter.CONTENT_WARNING, Filter.SENSITIVE
    )
    assert (made.body["spoiler_text"], made.body["sensitive"], made.limited) == ("Spiders", True, ())


def test_filters_of_a_decision_that_only_accepts_do_nothing() -> None:
    made = GoToSocial("x", Terms()).shape(post(1, "x"), Decision(Action.ACCEPT, frozenset(Filter)), ABILITIES)
    assert isinstance(made, Shaped)
    assert (made.limited, made.visibility) == ((), Visibility.PUBLIC)


@pytest.mark.parametrize(
    ("tag", "known"),
    [
        *(("de", "de"), ("EN-gb", "en-GB"), ("zh-hant-tw", "zh-Hant-TW"), ("tok", "tok"), ("en_US", "en-US")),
        *(("und", ""), ("zz", ""), ("", ""), ("english", ""), ("x" * 5000, ""), ("es-419", "es-419")),
    ],
)
def test_only_languages_a_server_knows_are_named(tag: str, known: str) -> None:
    assert language(tag) == known


things = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = (
    "content",
    "contentMap",
    "summary",
    "tag",
    "oneOf",
    "anyOf",
    "votersCount",
    "quote",
    "updated",
    "object",
    "name",
)
RELATED = ("acct", "href", "title", "domain", "context", "keywords_attributes", "expires_at", "attachment", "statuses")


@settings(deadline=None, max_examples=200)
@given(kind=st.sampled_from(Kind), thing=st.dictionaries(st.sampled_from(KEYS + RELATED), things, max_size=8))
def test_whatever_json_it_is_given_it_answers(kind: Kind, thing: dict[str, Any]) -> None:
    made = shape(post(1, "", thing=thing, kind=kind), choices=Choices(boosts="link", federating=True))
    assert made.number == 1
    assert isinstance(made, Shaped) or made.reason
