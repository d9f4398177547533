"""Going through a whole batch at once finds what asking every item by itself finds: a quick way out lets nothing by."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.criteria.ai_label import AiLabel
from safeconduct.criteria.hidden_text import HiddenText
from safeconduct.criteria.old import Old
from safeconduct.criteria.personal_data import PersonalData
from safeconduct.criteria.selling import Selling
from safeconduct.criteria.shortener import Shortener
from safeconduct.model import Evidence, Finding, Json
from safeconduct.screening.batch import Screen
from safeconduct.screening.domains import DomainSet
from safeconduct.screening.html import reading
from tests.fixtures.items import NOW, item

PIECES = st.lists(
    st.sampled_from(
        [
            "<", ">", "</", "</ x>", "<a ", "<a href='#'>", "<a", "</a", "</a>", "invisible",
            '<span class="invisible">', "<p>", "x", " ", "\n", "<P STYLE='display:none'>y</P>",
            "<p sty\0le='display:none'>y</p>", "<p HiDDeN>", "hidden", "<!--", "-->", "<!x>", "<?x?>", "!--",
            "<SCRIPT>", "</sCript>", "<title>", "<NOembed>", "<iframe>", "<object>",
            "<datalist>", "<head>", "<noframes>", "<template>", "<st", "yle>", "&lt;", "\ud800", "\u017ftyle",
            "é", "\U0001f680", '"', "'",
        ]
    ),
    max_size=9,
)  # fmt: skip
TEXTS = PIECES.map("".join)
BODIES = st.fixed_dictionaries({}, optional={"content": TEXTS | st.none() | st.lists(TEXTS), "summary": TEXTS})


def secret_by_class(text: str) -> bool:
    """Is ``invisible`` used outside links?  Link by link, as the markup has them."""
    for stretch in text.split("</a"):
        place = stretch.find("invisible")
        if place >= 0 and not 0 <= stretch.find("<a ") < place:
            return True
    return False


def asked(criterion: Any, bodies: list[dict[str, Json]], size: int) -> list[Finding]:
    """What a criterion finds in batches of this size; whatever it raises is raised."""
    items = [item({"type": "Note", **body}, number) for number, body in enumerate(bodies)]
    screen = Screen([criterion], as_of=NOW)
    return [one for batch in screen.batches(items, size) for one in criterion.inspect(batch)]


@settings(max_examples=300, deadline=None)
@given(bodies=st.lists(BODIES, max_size=4))
def test_all_that_a_real_parser_calls_hidden_is_found(bodies: list[dict[str, Json]]) -> None:
    found = asked(HiddenText(), bodies, 4)
    assert found == asked(HiddenText(), bodies, 1)
    markup = {(one.item, one.evidence[0].pointer) for one in found if one.value == "markup"}
    for number, body in enumerate(bodies):
        for key in ("content", "summary"):
            text = body.get(key)
            if isinstance(text, str):
                sure = "<" in text and bool(reading(text).hidden.strip())
                assert not sure or (number, f"/{key}") in markup
                assert sure or secret_by_class(text) or (number, f"/{key}") not in markup


def test_the_end_of_one_post_hides_nothing_of_the_next() -> None:
    found = asked(HiddenText(), [{"content": "<b>x</b> </"}, {"content": "<!--y-->"}, {"content": "<p"}], 3)
    assert [one.item for one in found] == [1]


HOSTS = st.sampled_from(["bit.ly", "x.bit.ly", "BIT.LY", "ko-fi.com", "good.example", "[::1]", "bit.ly."])
LINKS = st.builds("{}//{}/{}".format, st.sampled_from(["https:", "HTTP:", "ftp:", "mailto:", "tel:"]), HOSTS, TEXTS)
ODD_LINKS = st.sampled_from(
    ["TEL:+4930901820", "Mailto:bob@b.example", "geo:1,2", "gEO:3,4", " tel:5", "tel", "\u2121:1"]
)
LINKED = st.lists(LINKS | ODD_LINKS, max_size=3).map(
    lambda hrefs: {"content": "".join(f'<a href="{href}">here</a> ' for href in hrefs)}
)


@settings(max_examples=100, deadline=None)
@given(bodies=st.lists(LINKED, max_size=4))
def test_addresses_are_found_as_one_by_one(bodies: list[dict[str, Json]]) -> None:
    for criterion in (Shortener(), Selling(), PersonalData(kinds=["e-mail", "phone", "place"])):
        assert asked(criterion, bodies, 4) == asked(criterion, bodies, 1)
    hosts, schemes = DomainSet(["bit.ly"]), {"tel:": "phone", "mailto:": "e-mail", "geo:": "place"}
    items = [item({"type": "Note", **body}, number) for number, body in enumerate(bodies)]
    for batch in Screen([], as_of=NOW).batches(items):
        short, personal = Shortener(["bit.ly"]).inspect(batch), PersonalData().inspect(batch)
        links = {number: batch.links(number) for number in range(len(items))}
        expected = {n for n, own in links.items() if any(one.role == "link" and hosts.find(one.host) for one in own)}
        assert {one.item for one in short} == expected
        kinds = {
            (number, kind)
            for number, own in links.items()
            for one in own
            for scheme, kind in schemes.items()
            if one.href.lower().startswith(scheme)
        }
        assert {(one.item, one.value) for one in personal} >= kinds


TAGS = st.lists(
    st.none() | st.text(max_size=3) | st.fixed_dictionaries({"name": st.sampled_from(
        ["#AIart", "aiart", "##AIART", "#moon", "@aiart", "#AI\u0131art", "", None, 7, ["#aiart"]])}),
    max_size=3,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(tags=TAGS | st.fixed_dictionaries({"name": st.sampled_from(["#aiart", "#moon"])}) | st.text(max_size=3))
def test_a_tag_is_found_wherever_it_stands(tags: Json) -> None:
    each = tags if isinstance(tags, list) else [tags]
    names = [one.get("name") for one in each if isinstance(one, dict)]
    labelled = [name for name in names if isinstance(name, str) and name.lstrip("#").casefold() == "aiart"]
    found = asked(AiLabel(), [{"tag": tags}], 1)
    assert [one.reason for one in found] == [f"Its author tagged it {name}" for name in labelled]


@settings(max_examples=60, deadline=None)
@given(
    ages=st.lists(
        st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=9000)) | st.sampled_from([timedelta(days=4000)]),
        max_size=6,
    ),
    bare=st.booleans(),
)
def test_every_old_post_is_told_its_own_date_and_age(ages: list[timedelta], bare: bool) -> None:
    dates = [NOW - age for age in ages]
    bodies = [{"published": date.replace(tzinfo=None).isoformat() if bare else date.isoformat()} for date in dates]
    found = {one.item: one for one in asked(Old(), bodies, 6)}
    assert sorted(found) == [number for number, age in enumerate(ages) if age > timedelta(days=3650)]
    for number, one in found.items():
        assert one.evidence == (Evidence("/published"),)
        assert one.reason.startswith(f"Written {dates[number].date().isoformat()}, {ages[number].days} days ago")
