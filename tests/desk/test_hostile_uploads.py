"""Whatever is uploaded ends in a clear page and a clear state, and leaves nothing outside the desk's folder."""

from __future__ import annotations

import html
import os
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from safeconduct_desk import intake
from safeconduct_desk.models import Arrival
from tests.desk.conftest import ClientOf

FIXTURES = Path(os.environ.get("SAFECONDUCT_FIXTURES", Path(__file__).parents[2] / ".." / "shared" / "fixtures"))
HOSTILE = sorted(path for path in (FIXTURES / "hostile").rglob("*") if path.is_file())
State = Arrival.State


@pytest.fixture(autouse=True)
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own to work in, so that a path that leads out of it is seen."""
    work = tmp_path / "elsewhere"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("TMPDIR", str(work))
    return work


@pytest.mark.skipif(not HOSTILE, reason="the hostile files by others are not here (SAFECONDUCT_FIXTURES)")
@pytest.mark.parametrize("path", HOSTILE, ids=[str(path.relative_to(FIXTURES / "hostile")) for path in HOSTILE])
def test_every_hostile_file_ends_in_a_clear_page(
    path: Path, alice: User, client_of: ClientOf, folder: Path, where: Path, tmp_path: Path
) -> None:
    client, arrival = client_of(alice), intake.offered(alice, "", 0, {}, {})
    before = {one for one in tmp_path.rglob("*") if folder not in (one, *one.parents)}
    with path.open("rb") as file:
        answer = client.post(f"/mine/{arrival.name}/file/", {"file": file})
    arrival.refresh_from_db()
    if not path.stat().st_size:
        assert answer.status_code == 400
        assert arrival.state == State.OFFERED
        return
    assert answer.status_code == 302
    assert arrival.state in {State.BROKEN, State.WAITING}
    if arrival.state == State.BROKEN:
        assert arrival.problem.strip().endswith((".", "?", "!", ")", "…")), arrival.problem
        assert "Traceback" not in arrival.problem
        assert str(folder) not in arrival.problem, "where it lies is nobody's business"
    page = client.get(f"/mine/{arrival.name}/")
    assert page.status_code == 200
    assert "Not taken" not in page.content.decode(), "a fault is no refusal"
    assert {one for one in tmp_path.rglob("*") if folder not in (one, *one.parents)} == before
    assert not list(where.iterdir())
    kept = {one.name for one in (folder / "arrivals" / arrival.name).iterdir()}
    assert "archive" in kept
    assert kept <= {"archive", "items.db", "columns.npz"}, kept


def test_what_nobody_understands_says_what_to_do(alice: User, client_of: ClientOf) -> None:
    arrival = intake.offered(alice, "holiday.exe", 4, {}, {})
    intake.chunk(arrival, 0, b"MZ\x90\x00")
    arrival.refresh_from_db()
    page = html.unescape(client_of(alice).get(f"/mine/{arrival.name}/").content.decode())
    assert arrival.problem
    assert arrival.problem in page
    assert "Nothing was refused" in page
    assert "Withdraw, and delete my file" in page
