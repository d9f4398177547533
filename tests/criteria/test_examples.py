"""Every example beside every criterion is true."""

from __future__ import annotations

import pytest

from safeconduct.discover import plugins
from tests.criteria.examples import Example, examples

ALL = [example for name in plugins("criteria") for example in examples(name)]


def _named(example: Example) -> str:
    return f"{example.criterion}: {example.name}"


@pytest.mark.parametrize("example", [each for each in ALL if not each.finds], ids=_named)
def test_stays_quiet(example: Example) -> None:
    assert [finding.reason for finding in example.findings()] == []


@pytest.mark.parametrize("example", [each for each in ALL if each.finds], ids=_named)
def test_finds(example: Example) -> None:
    findings = example.findings()
    assert findings, "nothing was found"
    case, first = example.case, findings[0]
    assert {finding.criterion for finding in findings} == {example.criterion}
    if "reason_has" in case:
        assert case["reason_has"] in first.reason
    else:
        assert first.reason == case["reason"]
    if "confidence" in case:
        assert first.confidence.name.lower() == case["confidence"]
    if "value" in case:
        assert first.value == case["value"]
    if "at" in case:
        assert [finding.item for finding in findings] == case["at"]
