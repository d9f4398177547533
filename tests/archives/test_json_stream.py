"""JSON is split, decoded and doubted: what is honest is read exactly, what is odd is said."""

from __future__ import annotations

import io
import json
import math
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safeconduct.archives import Collection, Limits, Record, load
from safeconduct.archives.json_value import FAULTS, Read, ValueReader, exactly
from safeconduct.archives.json_window import Seams, Window
from safeconduct.errors import ArchiveError
from tests.fixtures.hostile import deep, outbox

SMALL = Limits(record_bytes=4000, json_depth=20)
NUMBERS = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=30)
KEYS = st.text(max_size=6) | st.sampled_from(["id", "type", 'a":', "},{", "to", '"'])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
STYLES = st.fixed_dictionaries(
    {
        "ensure_ascii": st.booleans(),
        "indent": st.sampled_from([None, 1, "\t"]),
        "separators": st.sampled_from([(",", ":"), (", ", ": "), (" ,", " :")]),
    }
)
POSTS = st.fixed_dictionaries(
    {"id": st.text('ab/\\"},{', max_size=9), "tag": st.lists(st.just({"id": "x"}), max_size=3)}
)
QUICK = settings(max_examples=100, deadline=None)


class Dribble(io.RawIOBase):
    """A stream that gives as little at a time as it is asked for, or less."""

    def __init__(self, data: bytes, most: int) -> None:
        self._data, self._most = io.BytesIO(data), most

    def read(self, size: int = -1, /) -> bytes:
        return self._data.read(min(size, self._most) if size >= 0 else self._most)


def collection(data: bytes, window: int = 1 << 18, limits: Limits | None = None) -> Collection:
    return Collection(io.BytesIO(data), limits=limits or Limits(), window=window)


def records(data: bytes, window: int = 1 << 18, limits: Limits | None = None) -> list[Record]:
    return list(collection(data, window, limits))


def normal(value: Any) -> Any:
    """Lone surrogates as they are shown."""
    if isinstance(value, str):
        return "".join("\ufffd" if 0xD800 <= ord(letter) <= 0xDFFF else letter for letter in value)
    if isinstance(value, list):
        return [normal(one) for one in value]
    if isinstance(value, dict):
        return {normal(key): normal(one) for key, one in value.items()}
    return value


@QUICK
@given(st.lists(VALUES | POSTS, max_size=12), STYLES, st.integers(1, 300))
def test_splitting_at_any_window_gives_what_json_gives(values: list[Any], style: dict[str, Any], window: int) -> None:
    data = json.dumps(values, **style).encode()
    found = records(data, window)
    assert [record.value for record in found] == values
    assert [record.pointer for record in found] == [f"/{number}" for number in range(len(values))]
    assert not any(record.problem for record in found)
    assert [json.loads(record.raw) for record in found] == values


@QUICK
@given(st.lists(VALUES | POSTS, max_size=12), STYLES, st.integers(1, 300), st.integers(1, 50))
def test_raw_bytes_and_what_is_between_make_the_file_again(
    values: list[Any], style: dict[str, Any], window: int, most: int
) -> None:
    data = json.dumps({"before": 1, "orderedItems": values, "after": {"x": []}}, **style).encode()
    reading = Collection(Dribble(data, most), window=window)  # type: ignore[arg-type]
    at = data.index(b"[") + 1  # a value may look like what stands before the list
    rest = data[:at]
    for record in reading:
        start = data.index(record.raw, at)
        rest, at = rest + data[at:start], start + len(record.raw)
    rest += data[at:]
    assert reading.members == {"before": 1, "after": {"x": []}}
    commas = b"," * max(0, len(values) - 1)
    assert rest.translate(None, b" \t\r\n") == b'{"before":1,"orderedItems":[' + commas + b'],"after":{"x":[]}}'


@QUICK
@given(VALUES, STYLES)
def test_both_ways_to_a_value_agree(value: Any, style: dict[str, Any]) -> None:
    raw = json.dumps(value, **style).encode()
    quick, slow = ValueReader().read(raw), exactly(raw)
    assert quick == slow
    assert quick.value == value


@QUICK
@given(st.binary(max_size=60) | st.text('{}[]",:\\u0d8a 1', max_size=60).map(str.encode), st.integers(1, 20))
def test_whatever_the_bytes_nothing_else_is_raised(data: bytes, window: int) -> None:
    for whole in (data, b"[" + data, outbox(data)):
        try:
            found = records(whole, window, SMALL)
        except ArchiveError:
            found = []
            assert whole.lstrip(b" \t\r\n")[:1] not in (b"[", b"{") or b"\0" in whole[:4]
        assert all((record.value is None) or not record.problem for record in found)


@QUICK
@given(st.lists(POSTS, min_size=1, max_size=8), st.integers(1, 100), st.data())
def test_a_file_cut_anywhere_gives_what_was_before_the_cut(posts: list[Any], window: int, data: st.DataObject) -> None:
    elements = [json.dumps(post).encode() for post in posts]
    whole = outbox(*elements)
    cut = data.draw(st.integers(1, len(whole) - 1))
    found = records(whole[:cut], window)
    ends = [len(outbox(*elements[: n + 1])) - len(b'],"totalItems":3}') for n in range(len(posts))]
    assert found[-1].problem.endswith("what follows cannot be read")
    good = [record.value for record in found if not record.problem]
    assert good == posts[: sum(end <= cut for end in ends)]
    assert (
        len(good) >= whole[:cut].count(b'{"id": ') - whole[:cut].count(b'[{"id": ') - 4 or len(good) == len(found) - 1
    )


@QUICK
@given(st.lists(POSTS | st.text(max_size=5), min_size=6, max_size=40), st.sampled_from([",", ", ", " ,\n"]))
def test_the_quick_cut_is_taken_and_agrees_with_the_exact_scanner(values: list[Any], comma: str) -> None:
    data = ("[" + comma.join(json.dumps(value) for value in values) + "]").encode()
    quick = records(data)
    with patch.object(Seams, "_cut", return_value=None):
        assert records(data) == quick


HOSTILE = [
    b'{"to":"bob","to":"public"}', b'{"to" :"bob","to" :"public"}', b'{"a\\":":1,"to" :"bob","to":"public"}',
    b'{"x":[{"cc":1,"cc":1}]}', b'{"a":"\\ud800"}', b"[9007199254740993]", b"[" * 12 + b"]" * 12, b"[1e999]",
    b"[1E2,-0,1.0]", b'{"a":"\\u003c\\/p>"}', b'{"a":"\xed\xa0\x80"}', b"[1,]", b"nul", b'{"a": [ 1 ]}', b"{}", b"1",
    b'{"a":"x\\ny"}', b'"\\u2028"', b'"\xe2\x80\xa8"', b'{"id":"a","id":"a"}', b'{"id":"},{"}',
]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(HOSTILE) | VALUES.map(lambda one: json.dumps(one).encode()), min_size=1, max_size=12),
    st.integers(0, 12),
    st.sampled_from([b",", b", ", b" ,\n"]),
    st.sampled_from([1 << 20, 40, 3]),
)
def test_values_made_all_at_once_are_those_made_one_by_one(
    elements: list[bytes], odd: int, comma: bytes, values: int
) -> None:
    elements[odd:odd] = [b'{"id":"honest"}'] * 3
    limits = Limits(json_values=values)
    for compact in (True, False):
        reader = ValueReader(limits)
        if not compact:
            reader.read(b'{"a" :1}')
        try:
            run = reader.run(b"[" + comma.join(elements) + b"]", comma)
        except FAULTS:
            continue  # no JSON, or not UTF-8: the exact scanner finds the place
        assert run.raws == elements
        for index, element in enumerate(elements):
            read = ValueReader(limits).read(element)
            assert run.odd.get(index, Read(run.values[index])) == read
            assert repr(run.values[index]) == repr(read.value)


def test_one_odd_post_does_not_make_the_others_of_its_window_slow() -> None:
    honest = [b'{"id":"https://old.example/%d"}' % n for n in range(9)]
    reader = ValueReader()
    with patch("safeconduct.archives.json_value._counted", side_effect=AssertionError):
        assert reader.run(b"[" + b",".join(honest) + b"]", b",").raws == honest
    with patch("safeconduct.archives.json_value._counted", return_value=True) as doubted:
        reader.run(b"[" + b",".join([*honest, b'{"id": "x"}']) + b"]", b",")
    assert doubted.call_count == 1


@pytest.mark.parametrize(
    "odd", [b'{"id":"https://old.example/x","id":"y"}', b"[" * 200 + b"]" * 200, b"[9007199254740993]"]
)
def test_oddities_far_from_the_beginning_are_found_in_their_place(odd: bytes) -> None:
    posts = [b'{"id":"https://old.example/%d","to":["public"]}' % n for n in range(300)]
    posts[250] = odd
    found = records(outbox(*posts), window=2000)
    assert [record.raw for record in found] == posts
    strange = [record for record in found if record.problem or record.notes]
    assert [record.pointer for record in strange] == ["/orderedItems/250"]
    assert strange[0] == Record(strange[0].pointer, odd, *_said(exactly(odd)))


def _said(read: Read) -> tuple[Any, str, tuple[str, ...]]:
    return read.value, read.problem, read.notes


def test_a_window_of_posts_is_cut_at_once() -> None:
    data = b",".join(b'{"id":"https://old.example/%d","tag":[{"id":"a"},{"id":"b"}]}' % n for n in range(500)) + b"]"
    window, seams = Window(io.BytesIO(data), Limits()), Seams(Limits())
    window.fill()
    first = window.value().raw
    window.at += 1
    seams.learn(first, b",", window)
    found = [bytes(raw) for raw in seams.cut(window)]
    assert len(found) == 498
    assert b",".join([first, *found]) + b"," + window.data[window.at :] == data


POST = b'{"id":"https://old.example/1","to":["public"]}'


def only(element: bytes, limits: Limits | None = None) -> Record:
    """The element in the middle of two honest ones, which must stay readable."""
    first, middle, last = records(outbox(POST, element, POST), limits=limits)
    assert first.value == last.value == json.loads(POST)
    assert middle.pointer == "/orderedItems/1"
    return middle


@pytest.mark.parametrize(
    ("element", "key"),
    [
        (b'{"to":"bob","to":"public"}', "to"),
        (b'{"object":{"to":"bob","x":[{"cc":1,"cc":1}]}}', "cc"),
        (b'{"to":"bob","\\u0074o":"public"}', "to"),
        (b'{"to" :"bob","to" :"public"}', "to"),
        (b'{"to":"bob","to" :"public"}', "to"),
        (b'{"a\\":":1,"to" :"bob","to":"public"}', "to"),
        (b'{"\\ud800":1,"\\ud801":2}', "\ufffd"),
    ],
)
def test_duplicate_keys_are_named_and_the_last_counts(element: bytes, key: str) -> None:
    record = only(element)
    assert f"duplicate key {key!r}" in record.notes
    assert record.value == normal(json.loads(element))
    assert record.raw == element
    assert record.problem == ""


@QUICK
@given(VALUES.filter(lambda value: isinstance(value, dict) and value), STYLES, st.data())
def test_no_duplicate_key_goes_unnoticed(value: dict[str, Any], style: dict[str, Any], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(value)))
    again = json.dumps(key, ensure_ascii=data.draw(st.booleans())).encode()
    blank = data.draw(st.sampled_from([b"", b" ", b"\n"]))
    raw = b"{" + again + blank + b":" + blank + b'"first",' + json.dumps(value, **style).encode().lstrip()[1:]
    read = ValueReader().read(raw)
    assert any(note.startswith("duplicate key") for note in read.notes)
    assert read.value == value
    later = ValueReader()
    for _ in range(3):
        later.read(b'{"a" :1}')
    assert later.read(raw) == read


@pytest.mark.parametrize(
    ("element", "value"),
    [
        (b'{"a":"x\\ud800y"}', {"a": "x\ufffdy"}),
        (b'{"a":"\\uDC00"}', {"a": "\ufffd"}),
        (b'{"a":["\xed\xa0\x80"]}', {"a": ["\ufffd\ufffd\ufffd"[:1]]}),
        (b'{"\\ud83d":1}', {"\ufffd": 1}),
        (b'"\\ude00\\ud83d"', "\ufffd\ufffd"),
    ],
)
def test_lone_surrogates_are_shown_and_said(element: bytes, value: object) -> None:
    record = only(element)
    assert record.value == value
    assert record.notes == ("lone surrogate, shown as \ufffd",)
    assert record.raw == element
    json.dumps(record.value, ensure_ascii=False).encode()


def test_a_pair_of_surrogates_is_no_oddity() -> None:
    assert only(b'{"a":"\\ud83d\\ude00"}') == Record("/orderedItems/1", b'{"a":"\\ud83d\\ude00"}', {"a": "😀"})


@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 10**30, 2**64])
def test_large_integers_are_exact_and_said(number: int) -> None:
    record = only(b'{"a":[%d]}' % number)
    assert record.value == {"a": [number]}
    assert record.notes == ("integer beyond 2^53",)


def test_integers_that_every_reader_keeps_are_no_oddity() -> None:
    assert only(b"[%d,%d]" % (2**53, -(2**53))).notes == ()


@pytest.mark.parametrize(
    ("element", "word"),
    [
        (b"[1e999]", "too large"),
        (b"[-1e999]", "too large"),
        (b"[%s]" % (b"9" * 5000), "5,000 digits"),
        (b"[NaN]", "not JSON"),
        (b"[-Infinity]", "not JSON"),
        (b"[tru]", "not valid JSON"),
        (b'{"a":1,}', "not valid JSON"),
        (b"'a'", "not valid JSON"),
        (b"[01]", "not valid JSON"),
        (b'["\\x"]', "not valid JSON"),
        (b'["\x01"]', "not valid JSON"),
        (b'["\xff"]', "not UTF-8"),
        (b'{"a"}', "not valid JSON"),
        (deep(129), "deeper than 128"),
        (deep(100_000), "deeper than 128"),
        (b'{"a":' * 200 + b"1" + b"}" * 200, "deeper than 128"),
        (b"[" + b"[]," * 600_000 + b"[]]", "more than 1,000,000 values"),
        (b'"' + b"x" * (17 << 20) + b'"', "17,825,794 bytes long"),
    ],
)
def test_an_unreadable_element_is_a_record_and_the_next_one_is_read(element: bytes, word: str) -> None:
    record = only(element)
    assert word in record.problem
    assert record.value is None
    assert record.raw == (element if len(element) <= 16 << 20 else b"")


@pytest.mark.parametrize("levels", [5, 9, 10, 11, 60, 128])
def test_depth_that_is_allowed_is_read(levels: int) -> None:
    assert json.dumps(only(deep(levels)).value, separators=(",", ":")).encode() == deep(levels)


@pytest.mark.parametrize(
    ("data", "good", "word"),
    [
        (b"[1,2", 2, "ends here"),
        (b"[1,2,", 2, "ends before record /2"),
        (b'[1,{"a":', 1, "in the middle of record /1"),
        (b'[1,{"a":"x\\', 1, "in the middle of record /1"),
        (b'[1,{"a":[2},3]', 1, "closed by another kind in the middle of record /1"),
        (b"[1,,2]", 1, "missing in place of record /1"),
        (b"[1 2]", 1, "else than a comma stands before record /1"),
        (b"[1}", 1, "else than a comma"),
        (b'{"orderedItems":[1],"a"}', 1, "has no value"),
        (b'{"orderedItems":[1],a:1}', 1, "a key is missing"),
        (b'{"orderedItems":[1] "b":1}', 1, "damaged"),
        (b'{"orderedItems":[1],"b":', 1, "cannot be read"),
        (b'{"orderedItems":[1]', 1, "ends in the middle"),
        (b"[" * 100_000, 0, "ends in the middle"),
        (b"[" * 2_000_000, 0, "nested without end"),
        (b"[" + b"1" * 5000, 0, "endless number"),
    ],
)
def test_where_the_file_breaks_off_a_last_record_says_so(data: bytes, good: int, word: str) -> None:
    *before, last = records(data, limits=SMALL if b"1111" in data else None)
    assert [record.value for record in before] == list(range(1, good + 1))
    assert word in last.problem
    assert last.problem.endswith("; what follows cannot be read")


def test_both_arrays_of_a_repeated_key_are_read_and_counted_on() -> None:
    reading = collection(b'{"orderedItems":[1,2],"totalItems":9,"orderedItems":[3],"totalItems":3}')
    assert [(r.pointer, r.value) for r in reading] == [(f"/orderedItems/{n}", n + 1) for n in range(3)]
    assert reading.members == {"totalItems": 3}
    assert reading.notes == ["the key 'orderedItems' occurs twice", "the key 'totalItems' occurs twice"]


def test_a_list_of_one_without_brackets_is_one_record() -> None:
    reading = collection(b'{"orderedItems":{"id":"x"},"items":null}')
    assert [(r.pointer, r.value) for r in reading] == [("/orderedItems", {"id": "x"})]
    assert reading.members == {"items": None}


def test_a_document_without_a_list_says_so() -> None:
    reading = collection(b'{"id":"outbox.json","first":{"orderedItems":[1]}}')
    assert list(reading) == []
    assert reading.notes == ["there is no list called orderedItems or items"]


def test_marks_and_trailing_bytes_are_noted() -> None:
    reading = collection(b"\xef\xbb\xbf [1,]\n hello")
    assert [record.value for record in reading] == [1]
    assert reading.notes == [
        "a byte order mark stands at the beginning",
        "a comma stands behind the last record, before /1",
        "something follows the end of the JSON; it was not read",
    ]


def test_odd_top_level_values_are_noted_by_key() -> None:
    reading = collection(b'{"totalItems":123456789012345678901,"bad":tru,"orderedItems":[]}')
    assert list(reading) == []
    assert reading.members == {"totalItems": 123456789012345678901, "bad": None}
    assert [note.split(":")[0] for note in reading.notes] == ["the key 'totalItems'", "the key 'bad'"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_is_refused_clearly(encoding: str) -> None:
    data = '{"orderedItems":[]}'.encode(encoding)
    for read in (lambda: records(data), lambda: load(io.BytesIO(data))):
        with pytest.raises(ArchiveError, match="must be UTF-8") as caught:
            read()
        assert caught.value.code == "json"


@pytest.mark.parametrize("data", [b"", b"   ", b"hello", b'"text"', b"12", b"<html>"])
def test_what_is_no_collection_is_refused(data: bytes) -> None:
    with pytest.raises(ArchiveError, match="neither a JSON object nor a list"):
        records(data)


def test_a_small_file_is_read_whole() -> None:
    document = load(io.BytesIO(b'\xef\xbb\xbf {"id":"x","id":"y"}\n'))
    assert document.value == {"id": "y"}
    assert document.raw.startswith(b"\xef\xbb\xbf")
    assert document.notes == ("a byte order mark stands at the beginning", "duplicate key 'id'")


@pytest.mark.parametrize("data", [b"", b"{", b"{}{}", deep(100_000), b"[1e999]", b'["\xff"]', b" " * 101])
def test_a_small_file_that_cannot_be_used_is_refused(data: bytes) -> None:
    with pytest.raises(ArchiveError) as caught:
        load(io.BytesIO(data), Limits(document_bytes=100) if data.startswith(b" ") else Limits())
    assert caught.value.code == "json"


def test_floats_are_those_of_python() -> None:
    (record,) = records(b"[[0.1,1e-400,-0.0,123456.789e3]]")
    assert record.value == [0.1, 0.0, -0.0, 123456789.0]
    assert math.copysign(1, record.value[2]) == -1


@pytest.mark.parametrize("size", [3990, 4010, 9000, 70_001])
def test_a_record_too_large_to_keep_is_passed_and_measured(size: int) -> None:
    element = b'{"a":"%s"}' % (b'\\"' * (size // 2))
    found = records(outbox(POST, element, POST), 100, SMALL)
    assert [record.value is None for record in found] == [False, len(element) > 4000, False]
    if len(element) > 4000:
        assert found[1].problem == f"this is {len(element):,} bytes long, more than 4,000"
        assert found[1].raw == b""
