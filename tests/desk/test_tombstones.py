"""What was refused or taken back does not come in by another import: the whole way, and what it leaves alone."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from safeconduct_desk import appeals, groups, jobs, screener, screening, selftest, tombstones
from safeconduct_desk.models import Arrival, Community, Group, Held, PolicyVersion, Tombstone
from safeconduct_desk.store import files
from tests.desk.conftest import ClientOf

State = Arrival.State
BACK, REFUSED = "taken-back-before", "refused-before"


@pytest.fixture(autouse=True)
def knowing(community: Community) -> None:
    """The policy knows the three markers of the self-test, and nothing else."""
    PolicyVersion.objects.update(text=selftest.policy(), digest="markers", name="markers")


@pytest.fixture
def six(tmp_path: Path) -> Path:
    """Six posts of one account; one shows a picture."""
    selftest.archive(tmp_path / "six.zip")
    return tmp_path / "six.zip"


@pytest.fixture
def others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Posts of another account in other words; one shows the same picture."""
    with monkeypatch.context() as changed:
        changed.setattr(selftest, "AUTHOR", "https://old.example/users/bob")
        changed.setattr(selftest, "HARMLESS", ("The bread is cut.", "It snowed.", "Good morning."))
        selftest.archive(tmp_path / "others.zip")
    return tmp_path / "others.zip"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the community's container lies."""
    return tmp_path / "delivered.tar"


def offered(person: User, path: Path) -> Arrival:
    """An import of this person's: its file is here, and it was read."""
    made = Arrival.objects.create(person=person, filename=path.name, state=State.RECEIVED, size=path.stat().st_size)
    shutil.copy(path, files().path(made, "archive"))
    files().keep(made, "archive")
    screening.read(made)  # without its charts: they take long, and nobody looks at them here
    screening.ready(made)
    made.refresh_from_db()
    assert made.state == State.WAITING, made.problem
    return made


def accepted(arrival: Arrival, by: User) -> None:
    """Every question is answered with yes."""
    arrival.groups.update(severe=False)  # one reader is enough here
    for group in groups.questions(arrival):
        groups.decide(group, by.member, "accept")


def delivered(arrival: Arrival) -> Arrival:
    jobs.start("apply", arrival)
    arrival.refresh_from_db()
    assert arrival.state == State.APPLIED, arrival.problem
    return arrival


def held(arrival: Arrival, rule: str) -> int:
    """How many items this rule holds."""
    return Held.objects.filter(group__arrival=arrival, group__rule__contains=rule).count()


def held_marks(arrival: Arrival) -> int:
    return Tombstone.objects.filter(arrival=arrival).count()


def posts(place: Path) -> int:
    return len(selftest._there(place))


@pytest.mark.usefixtures("db")
def test_what_was_taken_back_waits_for_a_person_when_it_comes_again(
    alice: User, bob: User, carol: User, six: Path, others: Path, place: Path, client_of: ClientOf
) -> None:
    first = offered(alice, six)
    assert not held(first, BACK), "nothing was ever taken back here"
    accepted(first, carol)
    delivered(first)
    assert posts(place) == 6
    jobs.start("undo", first)
    assert posts(place) == 0

    second = offered(bob, six)
    assert held(second, BACK) == 8, "six posts, the file one of them shows, and the profile"
    group = second.groups.get(rule=BACK)
    assert (group.proposed, group.value, group.action) == ("quarantine", first.name, "")
    assert "taken back" in group.sentence
    page = client_of(carol).get(f"/arrivals/{second.name}/groups/{group.pk}/").content.decode()
    assert f"taken back here with the import {first.name}" in page
    assert "The same was refused or taken back here 1 time before" in page
    delivered(second)
    assert posts(place) == 0, "the word that released some of it the first time was taken back with it"

    third = offered(bob, others)
    assert held(third, BACK) == 2, "the post with the same picture, and the picture"
    group = third.groups.get(rule__contains=BACK)
    Group.objects.filter(pk=group.pk).update(severe=False)  # one reader is enough here
    groups.decide(Group.objects.get(pk=group.pk), carol.member, "accept")
    delivered(third)
    assert posts(place) == 4, "what only this archive has comes in, and what a person lets in all the same"
    with zipfile.ZipFile(six) as archive:
        lines = [json.dumps(one) for one in json.loads(archive.read("outbox.json"))["orderedItems"]]
    live = PolicyVersion.live()
    assert live is not None
    said = b"".join(screener.answered(io.BytesIO("\n".join(lines).encode()), live, selftest.AUTHOR))
    assert [json.loads(line).get("decision") for line in said.splitlines()][:6] == ["quarantine"] * 6


@pytest.mark.usefixtures("db")
def test_a_refused_file_is_known_in_another_post_until_an_appeal_was_right(
    alice: User, bob: User, carol: User, erin: User, six: Path, others: Path
) -> None:
    markers = selftest.policy()
    PolicyVersion.objects.update(text=markers.replace('then = "quarantine"', 'then = "reject"'), digest="refusing")
    first = delivered(offered(alice, six))
    PolicyVersion.objects.update(text=markers.split("[[rule]]")[0], digest="nothing is minded")
    second = offered(bob, others)
    assert held_marks(first) == 7, "three posts by id and by bytes, a file"
    assert held(second, REFUSED) == 2, "the post with the same picture, and the picture"
    group = second.groups.get(rule=REFUSED)
    assert "refused" in group.sentence
    wrong = first.groups.get(rule="marker-picture")
    appeal = appeals.appeal(first, wrong.key, "It is a grey square.")
    appeals.answer(erin.member, appeal, False, "It is.")
    assert held_marks(first) == 4, "what was wrongly refused may come in again; the other two refusals stand"


@pytest.mark.usefixtures("db")
def test_lines_that_many_archives_have_are_never_known_again(alice: User, bob: User, tmp_path: Path) -> None:
    def follows(path: Path, author: str) -> Path:
        with zipfile.ZipFile(path, "w") as archive:
            actor = {"id": author, "type": "Person", "preferredUsername": author[-3:]}
            archive.writestr("actor.json", json.dumps(actor))
            archive.writestr("outbox.json", json.dumps({"type": "OrderedCollection", "orderedItems": []}))
            liked = {"type": "OrderedCollection", "orderedItems": ["https://old.example/@carol/1"]}
            archive.writestr("likes.json", json.dumps(liked))
            archive.writestr("media_attachments/files/1.png", selftest.picture() if "ali" in author else b"other")
        return path

    first = offered(alice, follows(tmp_path / "a.zip", "https://old.example/users/ali"))
    delivered(first)
    jobs.start("undo", first)
    second = offered(bob, follows(tmp_path / "b.zip", "https://old.example/users/bob"))
    assert held(second, BACK) == 0
    assert not Group.objects.filter(arrival=second, rule__contains=BACK).exists()


@pytest.mark.usefixtures("db")
def test_every_rule_has_its_sentence_and_says_how_it_can_be_wrong() -> None:
    assert {rule.id for rule in tombstones.remembered().rules} == {BACK, REFUSED}
    assert all(rule.because for rule in tombstones.remembered().rules)


def test_a_file_that_cannot_be_read_keeps_no_other_from_being_known(alice: User, six: Path) -> None:
    arrival = offered(alice, six)
    with zipfile.ZipFile(six) as held:
        there = next(name for name in held.namelist() if name.endswith(".png"))
        digest = hashlib.sha256(held.read(there)).hexdigest()
    assert list(tombstones._digests(arrival, ["gone.png", there])) == [digest]
