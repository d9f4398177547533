"""An expression that is asked only where its atoms are finds what it finds when it is asked everywhere."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.model import Field, Pattern
from safeconduct.screening import atoms, views
from safeconduct.screening.atoms import Need, may_change, needs
from safeconduct.screening.automaton import Automaton
from safeconduct.screening.engines import available
from safeconduct.screening.expressions import compiled, options
from safeconduct.screening.texts import Text, utf8
from safeconduct.screening.views import GATES, fold

ENGINES = ["portable", *(["hyperscan"] if available() else [])]
NOISE = [
    "\u200b",
    "\u0301",
    "\u202e",
    "\u202c",
    "\n",
    "\n\n",
    "  ",
    "\u017f",
    "\u212a",
    "\u1c82",
    "é",
    "\ufe0f",
    "x",
    "中",
]


@pytest.mark.parametrize(
    ("expression", "atoms_", "wide"),
    [
        (r"moonrocks[0-9]{2,4}\s?(?:now|today)", ("moonrocks",), False),
        (r"(?:casino|lottery)\d+", ("casino", "lottery"), False),
        (r"colou?rful\b", ("colourful", "colorful"), False),
        (r"(?i)MOONrocks", ("moonrocks",), False),
        (r"\x41\x{42}loaves", ("bloaves",), False),
        (r"moonrocks?", ("moonrocks", "moonrock"), False),
        (r"(?:moonrocks)?", (), False),
        (r"(?:moonrocks)*a", (), False),
        (r"(?:moonrocks){0}a", (), False),
        (r"moonrocks|a", (), False),
        (r"a{4,}", (), False),
        (r"[[:alpha:]]bread", ("bread",), False),
        (r"[]a]bread", ("bread",), False),
        (r"bread{,3}", ("bread{,3}",), False),
        (r"bread and", ("bread",), False),
        (r"\$\$\$\$", ("$$$$",), False),
        (r"[à-é]", (), True),
        (r"[à-é-ü]", (), False),
        (r"[^a]", (), False),
        (r"[\x{17e}-\x{180}]", (), False),
        ("ſ", (), False),
        ("[a-z][а-я]|[а-я][a-z]", (), True),
    ],
)
def test_what_is_known_of_an_expression(expression: str, atoms_: tuple[str, ...], wide: bool) -> None:
    assert needs(expression).atoms == atoms_
    assert needs(expression).wide is wide


def test_groups_deeper_than_python_calls() -> None:
    assert needs("(" * 480 + "bread" + ")" * 480).atoms == ("bread",)


@st.composite
def _written(draw: st.DrawFn, depth: int = 2) -> tuple[str, str]:
    """An expression, and a text that it matches."""
    word = draw(st.text("abkSé中.$ Жя", min_size=1, max_size=6))
    kinds = ["word", "any", "set", "wide", "hex"] + (["maybe", "group", "either", "times", "row"] if depth else [])
    kind = draw(st.sampled_from(kinds))
    plain = re.sub(r"([.$])", r"\\\1", word)
    if kind == "word":
        return plain, word
    if kind == "hex":
        return "".join(rf"\x{{{ord(letter):x}}}" for letter in word), word
    if kind in ("any", "set", "wide"):
        return {"any": (".", "k"), "set": ("[^a]", "\u017f"), "wide": ("[à-ö中]", "é")}[kind]
    expression, text = draw(_written(depth - 1))
    other, second = draw(_written(depth - 1))
    return {
        "maybe": (f"(?:{expression})?{other}", second),
        "group": (f"({expression}){plain}", text + word),
        "either": (f"(?:{expression}|{other})", second),
        "times": (f"(?:{expression}){{1,3}}", text * 2),
        "row": (expression + other, text + second),
    }[kind]


def _kept(need: Need, text: str) -> bool:
    held = all(any(one in text.casefold() for one in group) for group in (need.atoms, *need.also) if group)
    return held and not (need.wide and text.isascii())


@settings(deadline=None, max_examples=150)
@given(_written(), st.sampled_from([str.upper, str.lower, str]))
def test_every_match_holds_what_is_needed(written: tuple[str, str], case: type[str]) -> None:
    expression, text = written
    text = case(text)
    if compiled(expression).search(text) is not None:
        assert _kept(needs(expression), text)


@pytest.mark.parametrize("engine", ENGINES)
@settings(deadline=None, max_examples=40)
@given(parts=st.lists(st.sampled_from(["moonrocks", "MOON", "roc\u212as", "7", "breád", " ", *NOISE]), max_size=8))
def test_asked_where_the_atoms_are_finds_what_asked_everywhere_finds(engine: str, parts: list[str]) -> None:
    texts = [Text(Field("/content", "".join(parts))), Text(Field("/name", "Bread and trains"))]
    expressions = ["moonrocks", r"moonroc\w+7", "breád|moonrocks7?", r"moonrocks\W*bread", "roc[k7]s.breád"]
    patterns = [Pattern(one, False, False, ("plain", "folded")) for one in expressions]
    automaton = AUTOMATA.setdefault(engine, Automaton(patterns, engine))
    found = {number for number, _ in automaton.scan([[], texts, texts[1:]])}
    for number, expression in enumerate(expressions):
        seen = any(compiled(expression).search(one) for text in texts for one in (_clean(text.plain), text.folded))
        assert (number in found) is seen


AUTOMATA: dict[str, Automaton] = {}


def _clean(text: str) -> str:
    return utf8(text).decode()


def test_only_what_may_change_takes_an_atom_out_of_a_text() -> None:
    """Whatever stands before or after an atom, folding leaves it there, or ``may_change`` says that it may not."""
    for code in range(sys.maxunicode + 1):
        letter = chr(code)
        if letter.isascii() or 0xD800 <= code <= 0xDFFF or may_change(letter.encode()):
            continue
        if unicodedata.combining(letter) or unicodedata.normalize("NFKC", letter).casefold() != letter:
            for word in ("bread", "<a<", "жéя", "中o"):
                assert word in fold(letter + word + letter + "\u200b" + letter), hex(code)


def test_capitals_mean_the_same_to_all() -> None:
    """Whatever RE2 takes for an atom's letter without regard to case is that letter once it is case-folded."""
    sure = "".join(letter for letter in map(chr, range(0x4FFF)) if atoms._SURE.fullmatch(letter))
    single = compiled("[" + "".join(rf"\x{{{ord(letter):x}}}" for letter in sure) + "]")
    others = "".join(chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF)
    for match in single.finditer(others):
        assert match[0].casefold() in sure or "\u4fff" <= match[0] <= "\u9fff"


@pytest.mark.parametrize("engine", ENGINES)
def test_expressions_with_the_same_word_are_looked_for_all_the_same(engine: str) -> None:
    patterns = [Pattern(rf"bread[{number:x}x]", False, False, ("plain",)) for number in range(16)]
    found = Automaton(patterns, engine).scan([[Text(Field("/content", "no bread")), Text(Field("/name", "BreadX"))]])
    assert sorted(number for number, _ in found) == list(range(16))
    assert {hit.field.pointer for _, hit in found} == {"/name"}


def test_gates_of_other_alphabets_know_it() -> None:
    assert [needs(gate.expression).wide for gate in GATES].count(True) == 2


def test_gates_need_no_capitals_in_folded_text() -> None:
    """Hyperscan looks for gates with regard to case, which is quicker; RE2 without."""
    exact = options()
    exact.case_sensitive = True
    for letters in (views._KIN, views._SYMBOL[1:-1], "^a-z0-9"):
        loose, strict = compiled(f"[{letters}]"), re2._Regexp(f"[{letters}]", exact)
        for letter in map(chr, range(0x20000)):
            if not "\ud800" <= letter <= "\udfff" and loose.search(letter) and not strict.search(letter):
                assert fold(letter) != letter, hex(ord(letter))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_mark_apart_hides_nothing_and_no_gate_looks_into_the_next_text(engine: str) -> None:
    automaton = Automaton([Pattern("buy")], engine)
    seen = automaton.scan([[Text(Field("/content", "b u y\u0301"))], [Text(Field("/content", "b u ý"))], []])
    beside = automaton.scan([[Text(Field("/summary", "b u ý")), Text(Field("/content", "mо n"))]])
    assert [(hit.item, hit.view) for _, hit in seen] == [(0, "joined")]
    assert beside == []
