"""What the commands promise beyond the steps they call: which items are meant, and what is said."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from safeconduct.cli import STORY, safeconduct
from safeconduct.cli.copy import _exit_code
from safeconduct.destinations.site import Site
from safeconduct.errors import DeliveryError, PlanError, SafeconductError
from safeconduct.reports.words import copy_text, decided_text, queue_text, rollback_text, traced_text
from safeconduct.sample import FEWEST, build
from safeconduct.steps.copy import Result as Outcome
from tests.journeys.stand_in import TOKEN, StandIn

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("cli")
    build(place / "alice.zip", posts=FEWEST)
    return place


@pytest.fixture
def run(folder: Path, tmp_path: Path) -> Run:
    def type(*words: str) -> Result:
        return CliRunner().invoke(safeconduct, [*words, "--home", str(tmp_path / "home")])

    return type


def copied(run: Run, folder: Path, place: Path, policy: str = "balanced") -> Any:
    words = ("copy", str(folder / "alice.zip"), f"site:{place / 'site'}", "--policy", policy, "--json")
    return json.loads(run(*words).stdout)


def found(run: Run, *words: str) -> Any:
    return json.loads(run("trace", *words, "--json").stdout)


def test_help_tells_the_story_in_order() -> None:
    said = CliRunner().invoke(safeconduct, ["--help"]).output
    places = [said.index(f"\n  {name} ") for name in STORY]
    assert places == sorted(places)
    assert "..." not in said.partition("Commands:")[2], "every command has a summary that fits"


def test_a_decision_about_a_group_leaves_alone_what_does_not_wait(run: Run, folder: Path, tmp_path: Path) -> None:
    copied(run, folder, tmp_path)
    waiting = {row["number"] for row in found(run, "--criterion", "phrase", "--fate", "held")}
    made = json.loads(run("decide", "accept", "--criterion", "phrase", "--because", "A joke.", "--json").stdout)
    assert set(made["items"]) == waiting
    assert {row["fate"] for row in found(run, "--criterion", "direct")} == {"refused"}
    result = run("decide", "accept", "--criterion", "direct", "--because", "By mistake.")
    assert "nothing was decided" in str(result.exception)


def test_a_decision_reaches_further_only_if_it_is_named(run: Run, folder: Path, tmp_path: Path) -> None:
    copied(run, folder, tmp_path)
    refused = found(run, "--fate", "refused")[0]["number"]
    made = json.loads(run("decide", "accept", "--item", str(refused), "--because", "Hers alone.", "--json").stdout)
    assert made["items"] == [refused]


def waiting(run: Run) -> Any:
    return json.loads(run("queue", "--json").stdout)


def test_each_group_of_the_queue_is_settled_by_the_command_it_shows(run: Run, folder: Path, tmp_path: Path) -> None:
    copied(run, folder, tmp_path)
    groups = waiting(run)
    assert {row["finding"] for row in groups} >= {"phrase", "with-its-post"}
    assert len({row["group"] for row in groups}) == len(groups)
    text = run("queue").stdout
    for row in groups:
        shown = next(line for line in text.splitlines() if row["group"] in line).split()
        assert shown[:3] == ["safeconduct", "decide", "accept"]
        listed = {one["number"] for one in found(run, *shown[3:5])}
        made = json.loads(run(*shown[1:5], "--because", "Looked at.", "--json").stdout)
        assert (made["decided"], made["kinds"], set(made["items"])) == (
            row["count"],
            {row["kind"]: row["count"]},
            listed,
        )
        assert row["first"] == min(listed)
        assert row["group"] not in {left["group"] for left in waiting(run)}
    assert waiting(run) == []
    again = run("decide", "reject", "--group", groups[0]["group"], "--because", "Looked at.")
    assert "it is settled" in str(again.exception)


def test_what_was_taken_back_waits_no_more(run: Run, folder: Path, tmp_path: Path) -> None:
    first = copied(run, folder, tmp_path)["transfer"]
    held = waiting(run)
    second = copied(run, folder, tmp_path)["transfer"]
    assert {row["transfer"] for row in waiting(run)} == {second}
    one = run("undo", second, "--item", str(found(run, "--fate", "adapted")[0]["number"]), "--json")
    assert json.loads(one.stdout)["left_the_queue"] == 0
    assert "have left the queue" in run("undo", second).stdout
    assert waiting(run) == held, "the earlier copy is still there, and so is what it held"
    assert "have left the queue" in run("undo", first).stdout
    assert run("queue").stdout == "Nothing waits for a decision.\n"
    assert "left the queue" not in run("undo", first).stdout


def test_a_criterion_that_is_not_known_to_the_index_says_why(run: Run, folder: Path, tmp_path: Path) -> None:
    copied(run, folder, tmp_path, "open")
    for words in (("trace",), ("undo", "last"), ("decide", "accept", "--because", "So.")):
        asked = run(*words, "--criterion", "language")
        assert "only if a rule of the policy asked it" in asked.stdout + str(asked.exception), words
        wrong = run(*words, "--criterion", "langauge")
        assert "no criterion called 'langauge'" in wrong.stdout + str(wrong.exception), words


def test_a_file_that_a_person_refused_does_not_travel_with_its_post(run: Run, folder: Path, tmp_path: Path) -> None:
    copied(run, folder, tmp_path, "open")
    plan = tmp_path / "home" / "transfers" / json.loads(run("trace", "--json").stdout)[0]["transfer"] / "plan.jsonl"
    lines = [json.loads(line) for line in plan.read_text(encoding="utf-8").splitlines()[1:-1]]
    post = next(line for line in lines if line["kind"] == "post" and line.get("shape", {}).get("media"))
    member = post["shape"]["media"][0]["member"]
    run("decide", "reject", member, "--because", "Not hers.")
    again = tmp_path / "again.jsonl"
    run("plan", str(folder / "alice.zip"), "--to", "nowhere", "--policy", "open", "-o", str(again))
    planned = {line["n"]: line for line in map(json.loads, again.read_text(encoding="utf-8").splitlines()[1:-1])}
    assert planned[post["n"]]["action"] == "limit"
    file = next(line for line in planned.values() if line["origin"] == member)
    assert (file["fate"], file["reason"]) == ("refused", "Not hers.")


@pytest.mark.parametrize("place", ["site:out", "container:out.tar", "gotosocial"])
def test_a_picture_is_traced_by_the_digest_of_its_bytes_stand_in(
    place: str, run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAFECONDUCT_TOKEN", TOKEN)
    with StandIn() as server:
        there = f"gotosocial:{server.url}" if place == "gotosocial" else place
        words = ("copy", str(folder / "alice.zip"), there, "--policy", "open", "--loopback", "--json")
        transfer = json.loads(run(*words).stdout)["transfer"]
        uploads = [one["data"] for one in server.media.values()]
    with zipfile.ZipFile(folder / "alice.zip") as archive:
        left = {hashlib.sha256(archive.read(name)).hexdigest(): name for name in archive.namelist()}
    entries = json.loads(run("trace", "--transfer", transfer, "--journal", "--json").stdout)
    assert any(row["detail"].get("media") for row in entries if row["event"] == "delivered")
    everything = json.dumps(entries).encode() + (tmp_path / "home" / "safeconduct.db").read_bytes()
    traced = {digest: found(run, digest) for digest in left}
    told = [digest for digest, rows in traced.items() if {row["kind"] for row in rows} >= {"post", "media"}]
    assert len(told) > 5
    for digest in told:
        assert left[digest] in {row["origin"] for row in traced[digest] if row["kind"] == "media"}
        assert {row["state"] for row in traced[digest] if row["kind"] == "post"} == {"delivered"}
        assert found(run, digest.upper()) == traced[digest]
        assert digest.encode() not in everything
    here = [path.read_bytes() for path in (tmp_path / "out" / "media").glob("*")] if place == "site:out" else uploads
    assert bool(here) == (not place.startswith("container"))
    for data in here:
        assert {row["kind"] for row in found(run, hashlib.sha256(data).hexdigest())} & {"post", "profile"}


def test_last_is_the_newest_transfer(run: Run, folder: Path, tmp_path: Path) -> None:
    first, second = copied(run, folder, tmp_path), copied(run, folder, tmp_path, "open")
    assert first["transfer"] != second["transfer"]
    assert {row["transfer"] for row in found(run, "--transfer", "last")} == {second["transfer"]}
    assert json.loads(run("undo", "last", "--json").stdout)["transfer"] == second["transfer"]
    assert isinstance(
        CliRunner().invoke(safeconduct, ["undo", "last", "--home", str(tmp_path / "x")]).exception, PlanError
    )


def test_undoing_nothing_is_not_called_done(run: Run, folder: Path, tmp_path: Path) -> None:
    copied(run, folder, tmp_path)
    result = run("undo", "last", "--item", "99999")
    assert isinstance(result.exception, SafeconductError)
    assert "nothing was taken back" in str(result.exception)
    assert "Took back" in run("undo", "last").stdout
    assert "is there any more" in run("undo", "last").stdout


def test_a_plan_that_was_taken_back_says_so_before_it_writes(run: Run, folder: Path, tmp_path: Path) -> None:
    plan = str(tmp_path / "plan.jsonl")
    run("plan", str(folder / "alice.zip"), "--to", f"site:{tmp_path / 'site'}", "-o", plan)
    assert "planned deliveries are there" in run("copy", "--plan", plan).stdout
    run("undo", "last")
    result = run("copy", "--plan", plan)
    assert isinstance(result.exception, PlanError)
    assert "taken back" in str(result.exception)
    assert not (tmp_path / "site").exists()


def test_a_copy_that_was_cut_short_is_not_gone_on_with_under_another_policy(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("copy", str(folder / "alice.zip"), f"site:{tmp_path / 'site'}")

    def full(site: Site, *_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Site, "deliver", full)
        assert isinstance(run(*words, "--policy", "balanced").exception, DeliveryError)
    for others in (("--policy", "open"), ("--policy", "balanced", "--policy", "careful"), ("--no-media",)):
        result = run(*words, *others)
        assert isinstance(result.exception, PlanError), others
        assert "other choices or policies" in str(result.exception)
        assert not (tmp_path / "site" / "index.html").exists()
    gone_on = run(*words, "--policy", "balanced")
    assert "planned deliveries are there" in gone_on.stdout
    assert "Going on with transfer" in gone_on.stderr
    assert len(json.loads(run("trace", "--json").stdout)) == 1


def test_two_impossible_dates_do_not_stretch_an_import(run: Run, folder: Path) -> None:
    report = json.loads(run("inspect", str(folder / "alice.zip"), "--no-media", "--json").stdout)
    assert report["span"]["impossible"] == 2, "one of the year 801 and one of 2099"
    assert report["span"]["first"] > "2016"
    assert report["span"]["last"] < report["as_of"]
    assert "2 items claim impossible dates." in run("inspect", str(folder / "alice.zip"), "--no-media").stdout.replace(
        "\n", " "
    )


def test_a_journal_needs_a_transfer(run: Run) -> None:
    result = run("trace", "--journal")
    assert result.exit_code == 2
    assert "--transfer" in result.output


@pytest.mark.parametrize(
    "words", [("list",), ("explain", "open"), ("diff", "open", "careful"), ("diff", "open", "open")]
)
def test_policies_as_json(words: tuple[str, ...]) -> None:
    said = CliRunner().invoke(safeconduct, ["policy", *words, "--json"])
    assert said.exit_code == 0
    assert bool(json.loads(said.stdout)) is (words[1:] != ("open", "open"))


HOSTILE = "\x1b[31mred\x1b[0m \u202eback"
ROW = {
    "transfer": "20240601-120000-abcdef", "number": 1, "kind": "post", "origin": HOSTILE, "fate": "held",
    "action": "quarantine", "criteria": ["phrase"], "reason": HOSTILE, "state": "",
}  # fmt: skip
GROUP = {
    "group": "0a1b2c3d", "transfer": ROW["transfer"], "kind": "poll", "because": HOSTILE, "count": 2,
    "finding": "phrase", "first": 1,
}  # fmt: skip


@pytest.mark.parametrize("text", [traced_text([ROW]), queue_text([GROUP])])
def test_what_an_archive_says_commands_no_terminal(text: str) -> None:
    assert all(sign.isprintable() or sign == "\n" for sign in text)


@pytest.mark.parametrize(
    ("delivered", "failed", "known", "waiting", "code"),
    [
        (3, 0, (), False, 0), (3, 0, (), True, 1), (3, 2, (), False, 1), (3, 2, (7,), False, 1),
        (3, 2, (7, 8), False, 0), (3, 2, (7, 8), True, 1), (0, 2, (7, 8), False, 3), (0, 0, (), False, 0),
    ],
)  # fmt: skip
def test_only_what_is_new_asks_for_a_person(
    delivered: int, failed: int, known: tuple[int, ...], waiting: bool, code: int
) -> None:
    result = Outcome("t", delivered + failed, delivered, 0, failed, ((7, "gone"), (8, "gone"))[:failed], (), known)
    assert _exit_code(result, waiting) == code


def test_one_and_many() -> None:
    assert "1 delivery of" in rollback_text(
        {"transfer": "t", "undone": 1, "failed": 0, "leftovers": [], "chosen": None}
    )
    assert queue_text([GROUP]).startswith("2 items wait in 1 group.")
    assert decided_text({"action": "accept", "kinds": {"post": 1}, "also_found": {}}).startswith("accept: 1 post.")
    report = {
        "transfer": "t", "destination": "site:s", "planned": 3, "delivered": 1, "already_there": 1, "failed": 1,
        "differences": [{"item": 7, "reason": "still undone"}], "remainder": None,
        "plan": {"totals": {"arrives": 3, "held": 1}},
    }  # fmt: skip
    said = copy_text(report)
    assert "1 did not arrive:" in said
    before = copy_text({**report, "differences": [{"item": 7, "reason": "gone", "known": True}]})
    assert "1 still did not arrive, as in an earlier copy:" in before
    assert "1 did not arrive:" not in before
    assert "2 of 3 planned deliveries are there: 1 new, 1 from an earlier transfer." in said
    assert "item 7: It was taken back with undo" in said
    assert "safeconduct queue --transfer t" in said


def test_a_plan_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "plan.jsonl").write_text("somebody's plan")
    done = subprocess.run(
        [sys.executable, "-m", "safeconduct", "plan", "alice.zip", "--to", "nowhere", "--home", str(tmp_path / "home")],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert "never overwritten" in done.stderr
    assert (tmp_path / "plan.jsonl").read_text() == "somebody's plan"
