"""The people of the desk's tests, and one import of Alice's: received, or already read.

Every test has a folder of its own (``settings.FOLDER``): what the core remembers in one test is unknown in the next.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from safeconduct.policy import preset_files, read_policy
from safeconduct.sample import build
from safeconduct_desk import jobs
from safeconduct_desk.models import Arrival, Community, Group, Held, Member, PolicyVersion, Role
from safeconduct_desk.store import files

PASSWORD = "correct horse battery staple"
ClientOf = Callable[[User], Client]
MADE = ("columns.npz", "items.db")  # files that reading leaves behind
READ = ("state", "report", "shape", "actor", "acct", "sha256", "proof", "items", "held", "minutes")


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    """The desk's folder, fresh."""
    settings.FOLDER = tmp_path / "desk"
    settings.FOLDER.mkdir()
    return Path(settings.FOLDER)


@pytest.fixture
def community(db: None, tmp_path: Path) -> Community:
    """Garden: the careful policy is live, what is accepted goes into a container file."""
    del db
    made = Community.objects.create(name="Garden", destination=f"container:{tmp_path / 'delivered.tar'}")
    PolicyVersion.objects.create(
        name="careful", text=preset_files()["careful"].read_text(encoding="utf-8"),
        digest=read_policy("careful").digest,
        state=PolicyVersion.State.LIVE, because="Set up", lived=timezone.now(),
    )  # fmt: skip
    return made


def somebody(name: str, role: Role) -> User:
    """A user with ``PASSWORD`` and this role, who was here a moment ago."""
    user = User.objects.create_user(name, password=PASSWORD, last_login=timezone.now())
    Member.objects.create(user=user, role=role)
    return user


@pytest.fixture
def alice(community: Community) -> User:
    """She moves here."""
    return somebody("alice", Role.PERSON)


@pytest.fixture
def bob(community: Community) -> User:
    """He moves here too."""
    return somebody("bob", Role.PERSON)


@pytest.fixture
def carol(community: Community) -> User:
    """A moderator."""
    return somebody("carol", Role.MODERATOR)


@pytest.fixture
def erin(community: Community) -> User:
    """A lead."""
    return somebody("erin", Role.LEAD)


@pytest.fixture
def olga(community: Community) -> User:
    """The operator."""
    return somebody("olga", Role.OPERATOR)


@pytest.fixture
def client_of() -> ClientOf:
    """A browser in which this user is signed in."""

    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return signed_in


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Alice's invented archive, the smallest with every special item: 280 items, some of them held."""
    path = tmp_path_factory.mktemp("sample") / "alice.zip"
    build(path, posts=120)
    return path


@pytest.fixture
def arrival(alice: User, sample: Path) -> Arrival:
    """Alice's import: its file is here, nobody has read it."""
    made = Arrival.objects.create(
        person=alice, filename="alice.zip", size=sample.stat().st_size, got=sample.stat().st_size,
        state=Arrival.State.RECEIVED,
    )  # fmt: skip
    shutil.copy(sample, files().path(made, "archive"))
    files().keep(made, "archive")
    return made


@pytest.fixture(scope="session")
def reading() -> dict[str, Any]:
    """What reading the sample found, once for all tests: fields of the arrival, groups and their members."""
    return {}


@pytest.fixture
def screened(arrival: Arrival, reading: dict[str, Any]) -> Arrival:
    """Alice's import, read: it waits for a decision."""
    if reading:
        _repeat(arrival, reading)
    else:
        jobs.start("screen", arrival)
        arrival.refresh_from_db()
        assert arrival.state == Arrival.State.WAITING, arrival.problem
        reading.update(_remembered(arrival))
    return arrival


def _remembered(arrival: Arrival) -> dict[str, Any]:
    groups = [(_plain(group, "arrival_id"), [_plain(one, "group_id") for one in group.members.all()])
              for group in arrival.groups.all()]  # fmt: skip
    made = {name: files().fetch(arrival, name).read_bytes() for name in MADE}
    return {"arrival": {name: getattr(arrival, name) for name in READ}, "groups": groups, "files": made}


def _plain(row: Group | Held, owner: str) -> dict[str, Any]:
    return {one.attname: getattr(row, one.attname) for one in row._meta.concrete_fields if one.attname not in
            {"id", owner}}  # fmt: skip


def _repeat(arrival: Arrival, reading: dict[str, Any]) -> None:
    """The same rows again, without reading the archive again."""
    Arrival.objects.filter(pk=arrival.pk).update(policy=PolicyVersion.live(), **reading["arrival"])
    for name, data in reading["files"].items():
        files().path(arrival, name).write_bytes(data)
    for fields, members in reading["groups"]:
        group = Group.objects.create(arrival=arrival, **fields)
        Held.objects.bulk_create([Held(group=group, **one) for one in members])
    arrival.refresh_from_db()
