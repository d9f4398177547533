import pytest

from safeconduct.activitystreams import names


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("dave@example.net", "dave@example.net"),
        ("@Dave@Example.NET", "dave@example.net"),
        (" acct:dave@example.net ", "dave@example.net"),
        ("@nare@թութ.հայ", "nare@xn--69aa8bzb.xn--y9a3aq"),
        ("https://example.net/@dave", "dave@example.net"),
        ("https://example.net/users/dave?x=1", "dave@example.net"),
        ("https://example.net/@dave@other.example", "dave@other.example"),
        ("https://example.net/objects/1", ""),
        ("dave", ""),
        ("", ""),
        ("@", ""),
        ("dave smith@example.net", ""),
        ("a@b@c", ""),
        ("https://[::1", ""),
    ],
)
def test_an_account_in_all_the_ways_lists_write_it(written: str, read: str) -> None:
    assert names.acct(written) == read


def test_a_bare_name_is_an_account_at_home() -> None:
    assert names.acct("Dave", "old.example") == "dave@old.example"


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("a", "a"),
        ({"href": "a"}, "a"),
        ([{"href": "a"}, "b"], "a"),
        ({"url": {"href": "a"}}, "a"),
        ([[[[[[[[[["a"]]]]]]]]]], ""),
        ({"href": 7}, ""),
        (None, ""),
        ([], ""),
    ],
)
def test_an_address_in_all_its_shapes(value: object, address: str) -> None:
    assert names.href(value) == address


def test_a_host_that_is_no_idna_is_still_named() -> None:
    assert names.domain("BAD_.Example.") == "bad_.example"
    assert names.domain("xn--\u0301.example") == "xn--\u0301.example"
    assert names.host("https://Bücher.example:8443/x") == "xn--bcher-kva.example"


def test_quotes_and_edits() -> None:
    assert names.quoted({"quoteUri": "https://old.example/1"}) == "https://old.example/1"
    assert names.quoted({"quote": {"id": "https://old.example/2"}, "quoteUri": "x"}) == "https://old.example/2"
    assert names.quoted({"quote": 7}) == ""
    assert names.edited({"published": "a", "updated": "b"})
    assert not names.edited({"published": "a", "updated": "a"})
    assert not names.edited({"published": "a"})
