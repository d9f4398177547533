"""Set up, once, by whoever has the code; and the people who are invited afterwards."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from safeconduct_desk import custody, invitations, setup
from safeconduct_desk.models import Act, Arrival, Community, Invitation, Member, PolicyVersion, Role
from tests.desk.conftest import PASSWORD, ClientOf
from tests.desk.elsewhere import Elsewhere
from tests.journeys.stand_in import TOKEN, StandIn


def given(**changes: str) -> dict[str, str]:
    """A form filled in as it should be, but for ``changes``."""
    return {
        "code": setup.code(), "community": "Garden", "kind": "nowhere", "place": "", "policy": "careful",
        "name": "olga", "password": "seven otters in a river", **changes,
    }  # fmt: skip


@pytest.fixture
def fresh(db: None) -> Client:
    """A desk that nobody has set up."""
    del db
    return Client()


def test_before_it_is_set_up_every_page_leads_there(fresh: Client) -> None:
    for path in ("/", "/sign-in/", "/people/", "/sign-up/"):
        assert fresh.get(path)["Location"] == "/set-up/", path
    fresh.post("/sign-up/", {"username": "mallory", "password1": "seven otters in a river"})
    assert not User.objects.exists()


def test_nobody_sets_it_up_without_the_code(fresh: Client) -> None:
    for code in ("", "wrong", setup.code()[:-1], "é"):
        assert fresh.get("/set-up/", {"code": code}).status_code == 403
        answer = fresh.post("/set-up/", given(code=code))
        assert answer.status_code == 403
        assert "terminal printed" in answer.content.decode()
    assert not Community.is_set_up()


def test_the_code_is_readable_by_its_owner_only(fresh: Client, folder: Path) -> None:
    setup.code()
    assert (folder / "set-up-code").stat().st_mode & 0o777 == 0o600


def test_set_up_in_the_browser(fresh: Client) -> None:
    page = fresh.get(setup.invitation()).content.decode()
    assert "When" in page, "the rules of each policy are sentences on this page"
    assert "is refused" in page
    answer = fresh.post("/set-up/", given())
    assert (answer.status_code, answer["Location"]) == (302, "/")
    community, user = Community.objects.get(), User.objects.get()
    assert (community.name, community.destination, community.loopback) == ("Garden", "nowhere", False)
    assert (user.username, user.member.rank) == ("olga", Role.OPERATOR)
    live = PolicyVersion.live()
    assert live is not None
    assert live.name == "careful"
    assert fresh.get("/people/").status_code == 200, "whoever set it up is signed in"
    assert setup.invitation() == "/"


def test_it_is_set_up_once(fresh: Client) -> None:
    fresh.post("/set-up/", given())
    stranger = Client()
    for answer in (stranger.get(f"/set-up/?code={setup.code()}"), stranger.post("/set-up/", given(name="mallory"))):
        assert (answer.status_code, answer["Location"]) == (302, "/")
    assert not User.objects.filter(username="mallory").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"community": ""}, "Name of your community: This field is required"),
        ({"password": "short"}, "too short"),
        ({"password": "1q2w3e4r5t6y"}, "too common"),
        ({"password": "olga-olga-olga", "name": "olga-olga-olga"}, "too similar"),
        ({"name": "olga@garden.example"}, "has no @ in it"),
        ({"policy": "none"}, "Select a valid choice"),
        ({"kind": "gotosocial"}, "Say where"),
        ({"kind": "gotosocial", "place": "http://garden.example"}, "only be reached over https"),
        ({"kind": "gotosocial", "place": "https://user:secret@garden.example"}, "without a user name"),
        ({"kind": "site", "place": "arrivals"}, "Write the whole path"),
        ({"kind": "teapot", "place": "x"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(fresh: Client, changes: dict[str, str], said: str) -> None:
    answer = fresh.post("/set-up/", given(**changes))
    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert "seven otters" not in answer.content.decode(), "a password is not written into a page"
    assert not Community.is_set_up()


def test_a_folder_with_other_things_in_it_is_no_place(fresh: Client, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "one.txt").write_text("mine")
    answer = fresh.post("/set-up/", given(kind="site", place=str(tmp_path / "letters")))
    assert "other things in it" in answer.content.decode()
    assert fresh.post("/set-up/", given(kind="site", place=str(tmp_path / "empty"))).status_code == 302
    assert Community.objects.get().destination == f"site:{tmp_path / 'empty'}"


def test_a_server_inside_is_never_asked(fresh: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safeconduct.net.resolve", lambda host, port: ["10.0.0.1"])
    answer = fresh.post("/set-up/", given(kind="mastodon", place="garden.example"))
    assert "not on the open internet" in answer.content.decode()
    assert not Community.is_set_up()


def test_the_server_is_looked_at_and_its_key_is_sealed(fresh: Client) -> None:
    with StandIn() as server:
        local = {"kind": "gotosocial", "place": server.url, "loopback": "on"}
        assert "does not open it" in fresh.post("/set-up/", given(**local, token="wrong")).content.decode()
        assert fresh.post("/set-up/", given(**local, token=TOKEN)).status_code == 302
    community = Community.objects.get()
    assert (community.destination, community.loopback) == (f"gotosocial:{server.url}", True)
    assert TOKEN.encode() not in bytes(community.token)
    assert custody.unsealed(community.token) == TOKEN


def test_a_server_of_another_kind_is_said(fresh: Client) -> None:
    with Elsewhere(software="gotosocial") as server:
        answer = fresh.post("/set-up/", given(kind="mastodon", place=server.url, loopback="on"))
        assert "runs gotosocial. Choose that kind" in answer.content.decode()
        assert fresh.post("/set-up/", given(kind="gotosocial", place=server.url, loopback="on")).status_code == 302


def test_a_server_that_is_not_there_is_said(fresh: Client) -> None:
    with Elsewhere() as server:
        pass
    answer = fresh.post("/set-up/", given(kind="mastodon", place=server.url, loopback="on"))
    assert "Nobody could be asked" in answer.content.decode()


# --- afterwards


def test_the_operator_changes_what_was_set_up(olga: User, client_of: ClientOf) -> None:
    client = client_of(olga)
    page = client.get("/community/").content.decode()
    assert "Garden" in page
    given = {name: str(value) for name, value in Community.objects.values()[0].items() if value is not None}
    changed = {**given, "about-form": "yes", "name": "Orchard", "per_day": "3", "two_people": "", "sign_up": ""}
    assert client.post("/community/", changed).status_code == 302
    community = Community.objects.get()
    assert (community.name, community.per_day, community.two_people, community.sign_up) == ("Orchard", 3, False, False)
    assert community.intake_open
    assert Act.objects.get(verb="changed the community").detail["changed"] == "name, sign_up, per_day, two_people"
    answer = client.post("/community/", {**changed, "per_day": "-1"})
    assert answer.status_code == 400
    assert Community.objects.get().per_day == 3


def test_what_was_delivered_stays_tied_to_where_it_is(
    olga: User, arrival: Arrival, client_of: ClientOf, tmp_path: Path
) -> None:
    before = Community.objects.get().destination
    done = Arrival.objects.create(person=arrival.person, state=Arrival.State.APPLIED)
    client, place = client_of(olga), {"where-form": "yes", "kind": "site", "place": str(tmp_path / "site")}
    assert client.post("/community/", {**place, "place": "relative"}).status_code == 400
    assert Community.objects.get().destination == before
    assert client.post("/community/", place).status_code == 302
    assert Community.objects.get().destination == f"site:{tmp_path / 'site'}"
    arrival.refresh_from_db()
    done.refresh_from_db()
    assert (done.destination, arrival.destination) == (before, "")


def test_the_key_goes_with_the_place_it_opens(olga: User, client_of: ClientOf) -> None:
    client = client_of(olga)
    with StandIn() as server:
        place = {"where-form": "yes", "kind": "gotosocial", "place": server.url, "loopback": "on"}
        client.post("/community/", {**place, "token": TOKEN})
        client.post("/community/", place)
        assert custody.unsealed(Community.objects.get().token) == TOKEN, "the place is the same: so is its key"
    client.post("/community/", {"where-form": "yes", "kind": "nowhere"})
    assert bytes(Community.objects.get().token) == b""


# --- people


def link(client: Client) -> str:
    """The path of the link that the page of people shows now."""
    found = re.search(r'value="http://testserver(/welcome/[^"]+)"', client.get("/people/").content.decode())
    assert found
    return found[1]


def test_a_moderator_is_invited_by_a_link_that_works_once(olga: User, client_of: ClientOf) -> None:
    operator = client_of(olga)
    operator.post("/people/invite/", {"role": Role.MODERATOR})
    path = link(operator)
    assert "/welcome/" not in operator.get("/people/").content.decode(), "shown once"
    client = Client()
    assert client.get(path).status_code == 200
    assert client.get(path).status_code == 200, "looking does not use it up"
    answer = client.post(path, {"name": "carol", "password": "seven otters in a river"})
    assert answer.status_code == 302
    carol = User.objects.get(username="carol")
    assert (carol.member.rank, client.get("/approvals/").status_code) == (Role.MODERATOR, 200)
    late = Client()
    assert late.get(path).status_code == 404
    assert late.post(path, {"name": "mallory", "password": "seven otters in a river"}).status_code == 404
    assert not User.objects.filter(username="mallory").exists()
    assert Act.objects.filter(verb="accepted an invitation", member=carol.member).exists()


def test_the_link_itself_is_kept_nowhere(olga: User, client_of: ClientOf) -> None:
    operator = client_of(olga)
    operator.post("/people/invite/", {"role": Role.LEAD})
    secret = link(operator).split("/")[2]
    assert secret not in str(list(Invitation.objects.values())) + str(list(Act.objects.values()))


def test_an_invitation_ends_after_three_days(olga: User) -> None:
    secret = invitations.invite(olga.member, Role.OPERATOR)
    Invitation.objects.update(until=timezone.now())
    client = Client()
    assert client.post(f"/welcome/{secret}/", {"name": "mallory", "password": PASSWORD}).status_code == 404
    assert not User.objects.filter(username="mallory").exists()


def test_an_invitation_opens_the_door_that_is_closed_to_strangers(olga: User) -> None:
    Community.objects.update(sign_up=False, loopback=True)
    path = f"/welcome/{invitations.invite(olga.member, Role.MODERATOR)}/"
    with Elsewhere() as server:
        client = Client()
        client.get(path)
        answer = client.post("/sign-in/server/", {"server": server.host, "next": path})
        page = client.get(answer["Location"]).content.decode()
        found = re.search(r'href="(http[^"]+/oauth/authorize[^"]+)"', page)
        assert found
        back = client.get(server.authorize(found[1].replace("&amp;", "&")))
        assert back["Location"] == path
        assert client.get("/approvals/").status_code == 403
        client.post(path)
        assert client.get("/approvals/").status_code == 200


def test_an_invitation_takes_no_role_away(olga: User, erin: User, client_of: ClientOf) -> None:
    client = client_of(erin)
    client.post(f"/welcome/{invitations.invite(olga.member, Role.MODERATOR)}/")
    assert Member.objects.get(user=erin).rank is Role.LEAD


def test_a_link_for_a_new_password(olga: User, carol: User, client_of: ClientOf) -> None:
    operator, before = client_of(olga), client_of(carol)
    operator.post(f"/people/{carol.member.pk}/way-in/")
    first = link(operator)
    operator.post(f"/people/{carol.member.pk}/way-in/")
    path, client = link(operator), Client()
    assert client.get(first).status_code == 404, "only the newest works"
    assert client.post(path, {"password": "short"}).status_code == 400
    assert client.post(path, {"password": "eight otters in a river"}).status_code == 302
    assert client.get("/approvals/").status_code == 200
    assert before.get("/approvals/").status_code == 302, "who was signed in with the old one is not any more"
    assert client.get(path).status_code == 404
    assert User.objects.get(username="carol").check_password("eight otters in a river")


def test_a_link_for_a_new_password_does_not_replace_the_second_factor(olga: User, carol: User) -> None:
    TOTP.activate(carol, generate_totp_secret())
    client = Client()
    path = f"/welcome/{invitations.way_in(olga.member, carol.member)}/"
    assert client.post(path, {"password": "eight otters in a river"})["Location"] == "/account/factors/ask/"
    assert client.get("/approvals/").status_code == 302


def test_second_factors_are_forgotten_for_who_lost_them(olga: User, carol: User, client_of: ClientOf) -> None:
    TOTP.activate(carol, generate_totp_secret())
    client_of(olga).post(f"/people/{carol.member.pk}/factors/")
    client = Client()
    client.post("/sign-in/", {"login": "carol", "password": PASSWORD})
    assert client.get("/approvals/").status_code == 200


def test_roles_change_at_once(olga: User, carol: User, client_of: ClientOf) -> None:
    operator, client = client_of(olga), client_of(carol)
    assert client.get("/people/").status_code == 403
    operator.post(f"/people/{carol.member.pk}/role/", {"role": Role.OPERATOR})
    assert client.get("/people/").status_code == 200
    operator.post(f"/people/{carol.member.pk}/role/", {"role": Role.PERSON})
    assert client.get("/approvals/").status_code == 403
    operator.post(f"/people/{carol.member.pk}/close/")
    assert client.get("/account/").status_code == 302, "a closed account is signed out"
    operator.post(f"/people/{carol.member.pk}/open/")
    assert Client().post("/sign-in/", {"login": "carol", "password": PASSWORD}).status_code == 302


@pytest.mark.parametrize("verb", ["role", "close"])
def test_the_last_operator_stays(olga: User, carol: User, client_of: ClientOf, verb: str) -> None:
    client, role = client_of(olga), {"role": Role.LEAD}
    answer = client.post(f"/people/{olga.member.pk}/{verb}/", role, follow=True)
    assert "Nobody else is an operator" in answer.content.decode()
    olga.refresh_from_db()
    assert (olga.is_active, Member.objects.get(user=olga).rank) == (True, Role.OPERATOR)
    Member.objects.filter(user=carol).update(role=Role.OPERATOR)
    client.post(f"/people/{olga.member.pk}/{verb}/", role)
    olga.refresh_from_db()
    assert (olga.is_active, Member.objects.get(user=olga).rank) != (True, Role.OPERATOR)


def test_a_closed_operator_is_nobody_to_rely_on(olga: User, carol: User, client_of: ClientOf) -> None:
    Member.objects.filter(user=carol).update(role=Role.OPERATOR)
    User.objects.filter(pk=carol.pk).update(is_active=False)
    client_of(olga).post(f"/people/{olga.member.pk}/close/")
    olga.refresh_from_db()
    assert olga.is_active


def test_people_who_move_are_listed_only_when_they_are_searched_for(
    olga: User, alice: User, client_of: ClientOf
) -> None:
    client = client_of(olga)
    assert "alice" not in client.get("/people/").content.decode()
    assert "alice" in client.get("/people/?q=ali").content.decode()


# --- one's own account


def test_a_moderator_chooses_how_they_work(carol: User, client_of: ClientOf) -> None:
    client = client_of(carol)
    given = {
        "pseudonym": "heron",
        "soft_cap": "20",
        "quiet_from": "22:00",
        "quiet_to": "07:00",
        "shown": ["grey", "small"],
    }
    assert client.post("/account/", given).status_code == 302
    member = Member.objects.get(user=carol)
    assert (member.pseudonym, member.soft_cap, str(member.quiet_from)) == ("heron", 20, "22:00:00")
    assert member.looks == {"blurred": False, "grey": True, "small": True, "still": False, "muted": False}
    page = client.get("/account/").content.decode()
    assert re.search(r'value="grey"[^>]*checked', page)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pseudonym": "carol"}, "Somebody signs in with this name"),
        ({"pseudonym": "Erin"}, "Somebody signs in with this name"),
        ({"pseudonym": ""}, "required"),
        ({"pseudonym": "heron"}, "Somebody else has this name"),
        ({"quiet_to": ""}, "when they end"),
        ({"soft_cap": "-1"}, "greater than or equal to 0"),
    ],
)
def test_a_pseudonym_is_one(carol: User, erin: User, client_of: ClientOf, changes: dict[str, str], said: str) -> None:
    Member.objects.filter(user=erin).update(pseudonym="heron")
    before = Member.objects.get(user=carol).pseudonym
    given = {"pseudonym": "wren", "soft_cap": "20", "quiet_from": "22:00", "quiet_to": "07:00", **changes}
    answer = client_of(carol).post("/account/", given)
    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert Member.objects.get(user=carol).pseudonym == before


def test_a_person_who_moves_has_nothing_to_choose_there(alice: User, client_of: ClientOf) -> None:
    client = client_of(alice)
    client.post("/account/", {"pseudonym": "lead moderator", "soft_cap": "1"})
    assert Member.objects.get(user=alice).pseudonym != "lead moderator"
    assert "How you work" not in client.get("/account/").content.decode()
