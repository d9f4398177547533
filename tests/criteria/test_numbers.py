"""The arithmetic of bank and card numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.criteria._numbers import card, iban

# Examples printed in the SWIFT registry, and the test numbers that card issuers publish.
IBANS = (
    "DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19", "FR1420041010050500013M02606", "NO9386011117947",
    "MT84MALT011000012345MTLCAST001S", "SA0380000000608010167519", "nl91abna0417164300",
)  # fmt: skip
CARDS = (
    "4111111111111111",
    "5555 5555 5555 4444",
    "378282246310005",
    "6011-1111-1111-1117",
    "3530111333300000",
    "2223003122003222",
)


@pytest.mark.parametrize("number", IBANS)
def test_ibans(number: str) -> None:
    assert iban(number)


@pytest.mark.parametrize("number", CARDS)
def test_cards(number: str) -> None:
    assert card(number)


@given(st.sampled_from([each for each in CARDS if each.isdigit()]), st.data())
def test_one_wrong_digit_is_noticed(number: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(number) - 1))
    wrong = data.draw(st.sampled_from([each for each in "0123456789" if each != number[at]]))
    assert not card(number[:at] + wrong + number[at + 1 :])


@given(st.text(max_size=40))
def test_any_text_is_answered(text: str) -> None:
    assert iban(text) in (True, False)
    assert card(text) in (True, False)


@pytest.mark.parametrize(
    "number",
    ["0000000000000000", "1234567890123456", "109348750923847502", "XX00", "", "４１１１１１１１１１１１１１１１"],
)
def test_what_is_neither(number: str) -> None:
    assert not iban(number)
    assert not card(number)
