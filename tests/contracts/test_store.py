"""The laws of a store, over every store in the folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safeconduct.contracts import Store
from safeconduct.discover import plugins
from safeconduct.errors import CustodyError
from safeconduct.stores.segments import HEADER, Segments


@pytest.fixture(params=sorted(plugins("stores")))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    made: Store = plugins("stores")[request.param](tmp_path / "store")
    return made


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.lists(st.binary(max_size=200), max_size=8))
def test_what_is_put_is_got(store: Store, data: list[bytes]) -> None:
    keys = [store.put(one) for one in data]
    assert [store.get(key) for key in keys] == data
    assert keys == [hashlib.sha256(one).hexdigest() for one in data]


def test_putting_twice_is_putting_once(store: Store, tmp_path: Path) -> None:
    store.put(b"bread")
    size = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    store.put(b"bread")
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) == size


def test_wrong_bytes_raise(tmp_path: Path) -> None:
    store = Segments(tmp_path)
    key = store.put(b"a train at dawn")
    path = next(tmp_path.glob("*.segment"))
    path.write_bytes(path.read_bytes().replace(b"dawn", b"dusk"))
    with pytest.raises(CustodyError, match="changed on disk"):
        store.get(key)


def test_forgotten_is_not_never_known(store: Store) -> None:
    key = store.put(b"a secret garden")
    store.forget(key)
    store.forget(key)
    with pytest.raises(CustodyError, match="forgotten"):
        store.get(key)
    with pytest.raises(CustodyError, match="never known"):
        store.get("0" * 64)
    with pytest.raises(CustodyError, match="never known"):
        store.forget("not a key")


def test_forgotten_bytes_are_gone_from_the_disk(tmp_path: Path) -> None:
    store = Segments(tmp_path)
    key = store.put(b"where Alice lives")
    store.forget(key)
    assert b"Alice" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    with pytest.raises(CustodyError, match="forgotten"):
        Segments(tmp_path).get(key)


def test_it_survives_a_restart_and_a_half_written_frame(tmp_path: Path) -> None:
    store = Segments(tmp_path)
    key = store.put(b"kept")
    path = next(tmp_path.glob("*.segment"))
    path.write_bytes(path.read_bytes() + HEADER.pack(b"x" * 32, 1, 1000) + b"cut off")
    again = Segments(tmp_path)
    assert again.get(key) == b"kept"
    other = again.put(b"more")
    assert Segments(tmp_path).get(other) == b"more"
