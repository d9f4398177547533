"""Who may open which door."""

from __future__ import annotations

from pathlib import Path

import pytest

from safeconduct_desk import jobs
from safeconduct_desk.models import Arrival


@pytest.mark.parametrize("turn", [1, 2])
def test_an_import_that_was_read_can_be_delivered_whether_or_not_another_test_read_it(
    screened: Arrival, turn: int, tmp_path: Path
) -> None:
    jobs.start("apply", screened)
    screened.refresh_from_db()
    assert screened.state == Arrival.State.APPLIED, turn
    assert screened.groups.count() > 10
    assert (tmp_path / "delivered.tar").exists()
