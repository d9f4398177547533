"""Every policy in the how-to is a policy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from safeconduct.policy import parse_policy
from safeconduct.policy.prose import explain

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-policy.md"
BLOCKS = re.findall(r"^```toml(?: file=(\S+))?\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)


def test_the_page_has_policies() -> None:
    assert len(BLOCKS) >= 5


@pytest.mark.parametrize(("file", "text"), BLOCKS, ids=range(len(BLOCKS)))
def test_a_policy_of_the_page_is_read_and_explained(file: str, text: str, tmp_path: Path) -> None:
    if file:
        (tmp_path / file).write_text("# hosts\nbad.example\n", "utf-8")
    policy = parse_policy(text, str(PAGE), tmp_path)
    assert all(rule.id in explain(policy) for rule in policy.rules)
