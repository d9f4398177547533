"""Sign in: what lets somebody in, what does not, and what a server on the other side may claim."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from safeconduct.errors import NetworkRefused, SafeconductError
from safeconduct_desk import custody, jobs, oauth
from safeconduct_desk.models import Arrival, Community, Identity, Member, Registration, Role
from tests.desk.conftest import PASSWORD, ClientOf
from tests.desk.elsewhere import Elsewhere, finger


@pytest.fixture
def old(community: Community) -> Iterator[Elsewhere]:
    """Alice's old server; the community lets people try things out on this machine."""
    Community.objects.update(loopback=True)
    with Elsewhere() as server:
        yield server


def leave(client: Client, server: str, **given: str) -> str:
    """Name a server; the address of the link out."""
    answer = client.post("/sign-in/server/", {"server": server, **given})
    assert answer.status_code == 302, answer.content.decode()
    assert answer["Location"] == "/sign-in/server/leave/"
    page = client.get("/sign-in/server/leave/").content.decode()
    found = re.search(r'href="(http[^"]+/oauth/authorize[^"]+)"', page)
    assert found, page
    return unescape(found[1])


def through(client: Client, old: Elsewhere, server: str = "", **given: str) -> Any:
    """The whole way: out, yes, back."""
    return client.get(old.authorize(leave(client, server or old.host, **given)))


def who(client: Client) -> str:
    """The name of whoever is signed in; "" for nobody."""
    pk = client.session.get("_auth_user_id")
    return User.objects.get(pk=pk).username if pk else ""


# --- name and password


def test_in_with_a_name_and_a_password(carol: User) -> None:
    client = Client()
    client.get("/sign-in/")
    before = client.session.session_key
    answer = client.post("/sign-in/", {"login": "carol", "password": PASSWORD})
    assert (answer.status_code, answer["Location"], who(client)) == (302, "/", "carol")
    assert client.session.session_key != before, "a session that was known before is not the one that is signed in"


def test_a_session_planted_before_is_not_signed_in(carol: User) -> None:
    mallory, victim = Client(), Client()
    mallory.post("/sign-in/server/", {"server": "not a server"})
    mallory.session["anything"] = 1
    planted = mallory.session
    planted["x"] = 1
    planted.save()
    victim.cookies["sessionid"] = planted.session_key or ""
    mallory.cookies["sessionid"] = planted.session_key or ""
    victim.post("/sign-in/", {"login": "carol", "password": PASSWORD})
    assert (who(victim), who(mallory)) == ("carol", "")


def test_wrong_names_and_wrong_passwords_look_the_same(carol: User) -> None:
    wrong = Client().post("/sign-in/", {"login": "carol", "password": "not the password"})
    nobody = Client().post("/sign-in/", {"login": "nobody", "password": "not the password"})
    assert (wrong.status_code, nobody.status_code) == (200, 200)
    shown = [re.sub(r'value="[^"]*"', "", one.content.decode()) for one in (wrong, nobody)]
    assert shown[0] == shown[1]


def test_after_five_wrong_passwords_there_is_a_pause(carol: User) -> None:
    for _ in range(5):
        Client().post("/sign-in/", {"login": "carol", "password": "guess"})
    client = Client()
    answer = client.post("/sign-in/", {"login": "carol", "password": PASSWORD})
    assert (answer.status_code, who(client)) == (200, "")
    assert "Too many failed login attempts" in answer.content.decode()


def test_whoever_names_many_servers_has_to_wait(community: Community) -> None:
    answers = [Client().post("/sign-in/server/", {"server": "no server at all"}).status_code for _ in range(11)]
    assert answers == [400] * 10 + [429]


def test_a_closed_account_stays_out(carol: User) -> None:
    User.objects.filter(pk=carol.pk).update(is_active=False)
    client = Client()
    client.post("/sign-in/", {"login": "carol", "password": PASSWORD})
    assert who(client) == ""


@pytest.mark.parametrize(
    "next",
    [
        "https://mallory.example/",
        "//mallory.example/",
        "http://localhost:9/",
        "javascript:alert(1)",
        "/\\mallory.example",
    ],
)
def test_signing_in_leads_nowhere_else(carol: User, next: str) -> None:
    answer = Client().post(f"/sign-in/?next={next}", {"login": "carol", "password": PASSWORD, "next": next})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    client = Client()
    client.force_login(carol)
    assert client.post("/sign-out/", {"next": next})["Location"] == "/sign-in/"


def test_signing_in_leads_to_where_one_wanted_to_go(carol: User) -> None:
    answer = Client().post(
        "/sign-in/?next=/approvals/", {"login": "carol", "password": PASSWORD, "next": "/approvals/"}
    )
    assert answer["Location"] == "/approvals/"


def test_signing_out_takes_a_post(carol: User, client_of: ClientOf) -> None:
    client = client_of(carol)
    client.get("/sign-out/")
    assert who(client) == "carol"
    client.post("/sign-out/")
    assert who(client) == ""


# --- second factors


def test_with_codes_turned_on_a_password_is_not_enough(carol: User) -> None:
    secret = generate_totp_secret()
    TOTP.activate(carol, secret)
    client = Client()
    answer = client.post("/sign-in/", {"login": "carol", "password": PASSWORD})
    assert (answer["Location"], who(client)) == ("/account/factors/ask/", "")
    assert client.post("/account/factors/ask/", {"code": "000000"}).status_code == 200
    assert who(client) == ""
    client.post("/account/factors/ask/", {"code": _code(secret)})
    assert who(client) == "carol"


def test_the_secret_of_codes_is_sealed_in_the_database(carol: User) -> None:
    secret = generate_totp_secret()
    TOTP.activate(carol, secret)
    stored = str(Authenticator.objects.get(user=carol, type="totp").data)
    assert secret not in stored


def test_turning_codes_on_in_the_browser(carol: User) -> None:
    client = Client()
    client.post("/sign-in/", {"login": "carol", "password": PASSWORD})
    first = client.get("/account/codes/on/")
    assert first["Location"].startswith("/account/again/"), "whoever finds an open browser cannot lock its owner out"
    client.post(first["Location"], {"password": PASSWORD})
    page = client.get("/account/codes/on/")
    assert page.status_code == 200
    text = page.content.decode()
    assert "data:" not in text.replace("data-", ""), "the policy of this desk allows no data: pictures"
    assert "<svg" in text
    secret = re.search(r'readonly value="([A-Z2-7]+)"', text)
    assert secret
    answer = client.post("/account/codes/on/", {"code": _code(secret[1])})
    assert answer.status_code == 302
    assert Authenticator.objects.filter(user=carol, type="totp").exists()


def test_a_passkey_is_asked_for_by_scripts_from_here_only(carol: User) -> None:
    page = Client().get("/sign-in/")
    scripts = re.findall(r"<script([^>]*)>", page.content.decode())
    assert scripts
    for one in scripts:
        assert 'src="/static/' in one or 'type="application/json"' in one, one
    assert "'unsafe" not in page["Content-Security-Policy"]
    asked = Client().get("/sign-in/passkey/use/", HTTP_ACCEPT="application/json")
    assert asked.json()["request_options"]["publicKey"]["challenge"]


def _code(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


# --- sign up


def test_a_person_makes_an_account(community: Community) -> None:
    client = Client()
    answer = client.post("/sign-up/", {"username": "dora", "password1": "seven otters in a river"})
    assert (answer.status_code, who(client)) == (302, "dora")
    assert Client().get("/sign-in/").content.decode().count("/sign-up/") == 1
    assert client.get("/people/").status_code == 403


@pytest.mark.parametrize("closed", ["sign_up", "intake_open"])
def test_nobody_makes_an_account_where_the_community_closed_the_door(community: Community, closed: str) -> None:
    Community.objects.update(**{closed: False})
    assert "/sign-up/" not in Client().get("/sign-in/").content.decode()
    client = Client()
    client.post("/sign-up/", {"username": "dora", "password1": "seven otters in a river"})
    assert not User.objects.exists()
    assert who(client) == ""


def test_nobody_takes_a_name_that_belongs_to_a_server(community: Community) -> None:
    Client().post("/sign-up/", {"username": "alice@old.example", "password1": "seven otters in a river"})
    assert not User.objects.exists()


# --- with one's own server


def test_in_with_ones_own_server(old: Elsewhere) -> None:
    client = Client()
    answer = through(client, old)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert who(client) == f"alice@{old.host}"
    identity = Identity.objects.get()
    assert (identity.acct, identity.actor) == (f"alice@{old.host}", old.actor())
    assert identity.member.rank is Role.PERSON
    assert not User.objects.get().has_usable_password()


def test_the_least_scope_is_asked_for_and_the_key_is_given_back(old: Elsewhere) -> None:
    client = Client()
    asked = dict(parse_qsl(urlsplit(leave(client, old.host)).query))
    assert asked["scope"] == "profile"
    assert asked["code_challenge_method"] == "S256"
    through(client, old)
    assert old.tokens == {}, "the token was revoked"
    assert "POST /oauth/revoke" in old.log
    assert bytes(Member.objects.get().token) == b""


def test_a_server_that_does_not_know_the_least_scope_is_asked_for_the_next(old: Elsewhere) -> None:
    old.knows.discard("profile")
    asked = dict(parse_qsl(urlsplit(leave(Client(), f"@alice@{old.host}")).query))
    assert asked["scope"] == "read:accounts"


def test_the_desk_introduces_itself_once(old: Elsewhere) -> None:
    for _ in range(2):
        through(Client(), old)
    assert len(old.apps) == 1
    assert User.objects.count() == 1


def test_a_server_that_forgot_us_is_introduced_to_again(old: Elsewhere) -> None:
    out = leave(Client(), old.host)
    client = Client()
    out = leave(client, old.host)
    back = old.authorize(out)
    old.apps.clear()
    assert client.get(back).status_code == 400
    assert not Registration.objects.exists()
    again = Client()
    assert through(again, old).status_code == 302


def test_a_no_changes_nothing(old: Elsewhere) -> None:
    old.agrees = False
    client = Client()
    answer = through(client, old)
    assert (answer.status_code, who(client)) == (400, "")
    assert "did not say yes" in answer.content.decode()
    assert not User.objects.exists()


def test_an_answer_that_nobody_asked_for_signs_nobody_in(old: Elsewhere) -> None:
    mallory, victim = Client(), Client()
    back = old.authorize(leave(mallory, old.host))
    assert victim.get(back).status_code == 400, "login CSRF: another browser's answer"
    assert who(victim) == ""
    state = dict(parse_qsl(urlsplit(back).query))["state"]
    assert mallory.get(back.replace(state, "x")).status_code == 400
    assert mallory.get(back).status_code == 400, "a journey that went wrong is over"
    assert not User.objects.exists()


def test_an_answer_comes_back_once(old: Elsewhere) -> None:
    client = Client()
    back = old.authorize(leave(client, old.host))
    assert client.get(back).status_code == 302
    client.post("/sign-out/")
    assert client.get(back).status_code == 400
    assert who(client) == ""


def test_an_answer_of_another_server_is_refused(old: Elsewhere) -> None:
    old.issuer = "https://mallory.example"
    client = Client()
    assert through(client, old).status_code == 400
    assert who(client) == ""


def test_a_journey_ends_after_ten_minutes(old: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client()
    back = old.authorize(leave(client, old.host))
    monkeypatch.setattr(oauth, "PATIENCE", -1.0)
    assert client.get(back).status_code == 400
    assert who(client) == ""


def test_codes_are_asked_for_after_the_server_too(old: Elsewhere) -> None:
    through(Client(), old)
    secret = generate_totp_secret()
    TOTP.activate(User.objects.get(), secret)
    client = Client()
    assert (through(client, old)["Location"], who(client)) == ("/account/factors/ask/", "")


def test_one_wants_to_go_on_where_one_was(old: Elsewhere) -> None:
    assert through(Client(), old, next="/account/")["Location"] == "/account/"
    assert through(Client(), old, next="https://mallory.example/")["Location"] == "/"


def test_no_stranger_comes_in_by_their_server_where_the_door_is_closed(old: Elsewhere) -> None:
    Community.objects.update(intake_open=False)
    client = Client()
    answer = through(client, old)
    assert (answer.status_code, who(client)) == (403, "")
    assert not User.objects.exists()
    Community.objects.update(intake_open=True)
    through(Client(), old)
    Community.objects.update(intake_open=False)
    assert through(client, old).status_code == 302, "who was here before still comes in"


@pytest.mark.parametrize(
    "server", ["http://old.example", "10.0.0.1", "169.254.169.254", "localhost:8765", "[::1]:80", "a b", "", "user@@x"]
)
def test_addresses_inside_are_never_asked(community: Community, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safeconduct.net.resolve", lambda host, port: ["10.0.0.1"])
    answer = Client().post("/sign-in/server/", {"server": server})
    assert answer.status_code == 400
    assert "Something needs to be put right" in answer.content.decode()


def test_loopback_is_for_trying_out_only(old: Elsewhere) -> None:
    Community.objects.update(loopback=False)
    assert Client().post("/sign-in/server/", {"server": old.host}).status_code == 400
    assert old.log == []


# --- what a server may claim


def test_nobody_speaks_for_the_people_of_another_server(old: Elsewhere) -> None:
    """Mallory's server says that she is Alice of old.example."""
    old.who = "mallory"
    old.says = {"uri": "https://old.example/users/alice", "acct": "alice@old.example"}
    old.fingers = {f"acct:mallory@{old.host}": finger("alice@old.example", "https://old.example/users/alice")}
    client = Client()
    through(client, old)
    identity = Identity.objects.get()
    assert (identity.acct, identity.actor) == (f"mallory@{old.host}", "")


def test_a_name_on_another_domain_counts_if_that_domain_says_so(old: Elsewhere) -> None:
    """alice@domain, whose server has another host: as large communities do it."""
    with Elsewhere() as domain:
        old.fingers = {f"acct:alice@{old.host}": finger(f"alice@{domain.host}", old.actor())}
        domain.fingers = {f"acct:alice@{domain.host}": finger(f"alice@{domain.host}", old.actor())}
        client = Client()
        through(client, old, f"alice@{domain.host}")
        identity = Identity.objects.get()
        assert (identity.origin, identity.acct, identity.actor) == (old.url, f"alice@{domain.host}", old.actor())
        domain.fingers = {}
        through(Client(), old)
        identity.refresh_from_db()
        assert identity.acct == f"alice@{old.host}", "the domain says so no more"


@pytest.mark.parametrize(
    "says", [{"id": ""}, {"username": ""}, {"username": "a@b"}, {"username": "<script>"}, {"id": "9" * 200}]
)
def test_who_is_nobody_does_not_come_in(old: Elsewhere, says: dict[str, str]) -> None:
    old.says = says
    client = Client()
    assert through(client, old).status_code == 400
    assert (who(client), User.objects.count()) == ("", 0)


def test_a_name_that_is_taken_here_does_not_merge_two_people(old: Elsewhere) -> None:
    User.objects.create_user(f"alice@{old.host}", password=PASSWORD)
    client = Client()
    through(client, old)
    assert who(client) == f"alice@{old.host}-3"


# --- proof


def test_an_archive_of_the_account_that_signed_in_is_proved(
    old: Elsewhere, screened: Arrival, client_of: ClientOf
) -> None:
    assert screened.proof == "archive only"
    Arrival.objects.filter(pk=screened.pk).update(actor=old.actor())
    client = client_of(screened.person)
    answer = through(client, old)
    screened.refresh_from_db()
    assert (answer["Location"], screened.proof) == ("/account/", "signed in")
    assert screened.person.member.identities.get().actor == old.actor()


def test_an_archive_of_somebody_else_is_not_proved(old: Elsewhere, screened: Arrival, client_of: ClientOf) -> None:
    old.who = "mallory"
    Arrival.objects.filter(pk=screened.pk).update(actor=old.actor("alice"), acct=f"alice@{old.host}")
    through(client_of(screened.person), old)
    screened.refresh_from_db()
    assert screened.proof == "archive only"


def test_an_archive_that_is_read_after_signing_in_is_proved(arrival: Arrival) -> None:
    Identity.objects.create(
        member=arrival.person.member, origin="https://old.example", account="1", acct="alice@old.example",
        actor="https://old.example/users/alice",
    )  # fmt: skip
    jobs.start("screen", arrival)
    arrival.refresh_from_db()
    assert (arrival.actor, arrival.proof) == ("https://old.example/users/alice", "signed in")


def test_an_account_elsewhere_belongs_to_one_person_here(
    old: Elsewhere, alice: User, bob: User, client_of: ClientOf
) -> None:
    through(client_of(alice), old)
    client = client_of(bob)
    answer = through(client, old)
    assert answer["Location"] == "/account/"
    assert Identity.objects.get().member == alice.member
    assert "belongs to somebody else" in client.get("/account/").content.decode()


def test_the_only_way_in_is_not_taken_away(old: Elsewhere) -> None:
    client = Client()
    through(client, old)
    identity = Identity.objects.get()
    client.post(f"/account/elsewhere/{identity.pk}/remove/")
    assert Identity.objects.exists()
    user = User.objects.get()
    user.set_password(PASSWORD)
    user.save()
    client.force_login(user)
    client.post(f"/account/elsewhere/{identity.pk}/remove/")
    assert not Identity.objects.exists()


def test_nobody_unlinks_the_account_of_somebody_else(
    old: Elsewhere, alice: User, bob: User, client_of: ClientOf
) -> None:
    through(client_of(alice), old)
    answer = client_of(bob).post(f"/account/elsewhere/{Identity.objects.get().pk}/remove/")
    assert answer.status_code == 404
    assert Identity.objects.exists()


# --- where posts go


def test_the_receiving_account_is_a_yes_of_its_own(old: Elsewhere, alice: User, client_of: ClientOf) -> None:
    Community.objects.update(destination=f"mastodon:{old.url}")
    client = client_of(alice)
    assert old.url in client.get("/account/receiving/").content.decode()
    assert client.post("/account/receiving/")["Location"] == "/sign-in/server/leave/"
    page = client.get("/sign-in/server/leave/").content.decode()
    assert "write to your account" in page
    found = re.search(r'href="(http[^"]+/oauth/authorize[^"]+)"', page)
    assert found
    scope = dict(parse_qsl(urlsplit(unescape(found[1])).query))["scope"].split()
    assert "write:statuses" in scope
    assert not {"read", "write", "read:notifications", "follow", "push"} & set(scope)
    assert client.get(old.authorize(unescape(found[1])))["Location"] == "/account/"
    member = Member.objects.get(user=alice)
    token = str(custody.unsealed(member.token))
    assert member.receiving == f"alice@{old.host}"
    assert token in old.tokens
    assert token.encode() not in bytes(member.token), "sealed"
    client.post("/account/receiving/", {"forget": "yes"})
    member.refresh_from_db()
    assert (member.receiving, bytes(member.token), old.tokens) == ("", b"", {})


def test_who_signed_in_meanwhile_gets_nobody_elses_key(
    old: Elsewhere, alice: User, bob: User, client_of: ClientOf
) -> None:
    Community.objects.update(destination=f"mastodon:{old.url}")
    client = client_of(alice)
    client.post("/account/receiving/")
    page = client.get("/sign-in/server/leave/").content.decode()
    found = re.search(r'href="(http[^"]+/oauth/authorize[^"]+)"', page)
    assert found
    journey = client.session["journey"]
    client.force_login(bob)
    session = client.session
    session["journey"] = journey
    session.save()
    client.get(old.authorize(unescape(found[1])))
    assert not Member.objects.exclude(receiving="").exists()


def test_where_posts_go_into_a_file_nobody_is_asked(alice: User, client_of: ClientOf) -> None:
    assert client_of(alice).get("/account/receiving/").status_code == 404


# --- single sign-on


@pytest.fixture
def single(old: Elsewhere, settings: Settings) -> Elsewhere:
    """The community's single sign-on is the same server."""
    old.apps["desk"] = {
        "secret": "s3cret", "scopes": "openid profile email", "redirect_uris": "http://testserver/sign-in/oidc/back/",
    }  # fmt: skip
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {
            "OAUTH_PKCE_ENABLED": True,
            "APPS": [
                {
                    "provider_id": "oidc", "name": "Garden ID", "client_id": "desk", "secret": "s3cret",
                    "settings": {"server_url": old.url, "token_auth_method": "client_secret_post"},
                }
            ],
        }
    }  # fmt: skip
    return old


def test_in_with_single_sign_on(single: Elsewhere) -> None:
    client = Client()
    assert 'href="/sign-in/oidc/"' in client.get("/sign-in/").content.decode()
    out = client.get("/sign-in/oidc/")
    assert out.status_code == 302
    client.get(single.authorize(out["Location"]))
    assert who(client) == "alice"
    user = User.objects.get()
    assert (user.email, user.first_name, user.has_usable_password()) == ("", "", False)
    assert Member.objects.get_or_create(user=user)[0].rank is Role.PERSON
    again = Client()
    again.get(single.authorize(again.get("/sign-in/oidc/")["Location"]))
    assert (who(again), User.objects.count()) == ("alice", 1)


def test_single_sign_on_makes_nobody_of_the_same_name_theirs(single: Elsewhere) -> None:
    User.objects.create_user("alice", password=PASSWORD)
    client = Client()
    client.get(single.authorize(client.get("/sign-in/oidc/")["Location"]))
    assert who(client) not in ("", "alice")


def test_single_sign_on_goes_out_by_the_guarded_way_only(single: Elsewhere) -> None:
    Community.objects.update(loopback=False)
    single.log.clear()
    answer = Client().get("/sign-in/oidc/")
    assert "That did not work" in answer.content.decode()
    assert single.log == []


def test_single_sign_on_is_not_asked_without_end(single: Elsewhere) -> None:
    assert [Client().get("/sign-in/oidc/").status_code for _ in range(11)] == [302] * 10 + [429]


def test_an_unknown_single_sign_on_is_not_there(community: Community) -> None:
    assert Client().get("/sign-in/nothing/").status_code == 404


# --- the parts


def test_a_server_is_found_in_what_people_write(old: Elsewhere) -> None:
    for written in (old.host, f"alice@{old.host}", f"@alice@{old.host}", f"  {old.url}/@alice ", old.host.upper()):
        assert oauth.place(written, loopback=True) == oauth.Place(old.url, old.host), written


@pytest.mark.parametrize("written", ["", "@", "alice@", "two words", "ftp://x", "a@b@c", "https://u:p@h/"])
def test_what_names_no_server_is_said(written: str) -> None:
    with pytest.raises(SafeconductError):
        oauth.place(written)


def test_a_host_inside_is_refused_when_it_is_asked(monkeypatch: pytest.MonkeyPatch, community: Community) -> None:
    monkeypatch.setattr("safeconduct.net.resolve", lambda host, port: ["169.254.169.254"])
    where = oauth.place("old.example")
    with pytest.raises(NetworkRefused):
        oauth.begin(where, "https://desk.example/back/", "sign in")


def test_too_many_at_once_are_told_to_wait(community: Community, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oauth, "_outside", type("Full", (), {"acquire": lambda self, timeout: False})())
    with pytest.raises(SafeconductError, match="in a minute"):
        oauth.begin(oauth.Place("https://old.example", "old.example"), "https://desk.example/back/", "sign in")
