"""What the desk keeps in its own database.

What happened to items is not here: that is in the core's journal and index (``custody.home()``), so that the desk and
the command line can never disagree.  Here is who works here, what was offered, and what people decided.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is taken for another when read aloud
UNDO_SECONDS = 30


def fresh_name() -> str:
    """A name that cannot be guessed: 60 bits."""
    return "".join(secrets.choice(LETTERS) for _ in range(12))


class Role(models.IntegerChoices):
    """Who somebody is here; each may do what those before may."""

    PERSON = 1, _("person who moves")
    MODERATOR = 2, _("moderator")
    LEAD = 3, _("lead")
    OPERATOR = 4, _("operator")

    @property
    def works_here(self) -> bool:
        return self >= Role.MODERATOR


class Community(models.Model):
    """The community this desk works for: one row."""

    name = models.CharField(max_length=100)
    about = models.TextField(blank=True)
    contact = models.CharField(max_length=200, blank=True)
    destination = models.CharField(max_length=300, default="nowhere")  # as the command line writes it
    token = models.BinaryField(blank=True, default=b"")  # sealed; for destinations with one account for all
    intake_open = models.BooleanField(default=True)
    sign_up = models.BooleanField(default=True)  # may people make an account here, to offer their own import?
    retention_days = models.PositiveIntegerField(default=365)
    soft_days = models.PositiveIntegerField(default=0)
    promise_days = models.PositiveIntegerField(default=7)  # how long a decision takes, as published
    two_people = models.BooleanField(default=True)
    delay_minutes = models.PositiveIntegerField(default=10)  # instead of a second person, where there is none
    most_items = models.PositiveIntegerField(default=200_000)
    most_bytes = models.PositiveBigIntegerField(default=20 * 2**30)
    per_person_week = models.PositiveIntegerField(default=3)
    per_origin_week = models.PositiveIntegerField(default=50)
    per_day = models.PositiveIntegerField(default=20)
    review_minutes_day = models.PositiveIntegerField(default=120)  # intake slows itself above this
    sellers = models.TextField(blank=True)  # what it asks of accounts that sell
    language = models.CharField(max_length=10, default="en")
    loopback = models.BooleanField(default=False)  # a server on this machine, for trying out
    created = models.DateTimeField(auto_now_add=True)

    @classmethod
    def here(cls) -> Community | None:
        """The community, once it is set up."""
        return cls.objects.order_by("pk").first()

    @classmethod
    def is_set_up(cls) -> bool:
        return cls.objects.exists()


class Member(models.Model):
    """Somebody who signs in.  ``pseudonym`` is the only name that leaves the desk."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="member")
    role = models.PositiveSmallIntegerField(choices=Role.choices, default=Role.PERSON)
    pseudonym = models.CharField(max_length=60, blank=True)
    looks = models.JSONField(default=dict)  # how media are shown: blurred, grey, small, still, muted
    soft_cap = models.PositiveIntegerField(default=60)  # severe looks a day before the desk suggests a break
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_to = models.TimeField(null=True, blank=True)
    acct = models.CharField(max_length=300, blank=True)  # user@host, once they have signed in with that server
    receiving = models.CharField(max_length=300, blank=True)  # user@host: the account here that takes the posts
    token = models.BinaryField(blank=True, default=b"")  # sealed; for the receiving account

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.pseudonym:
            self.pseudonym = f"moderator {fresh_name()[:4]}"
        super().save(*args, **kwargs)

    @property
    def rank(self) -> Role:
        return Role(self.role)


class Identity(models.Model):
    """An account on another server that somebody proved to be theirs by signing in there."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="identities")
    origin = models.CharField(max_length=300)  # https://host
    account = models.CharField(max_length=100)  # that server's own id, which a rename does not change
    acct = models.CharField(max_length=300)  # user@host
    actor = models.CharField(max_length=500, blank=True)  # the id that posts carry
    seen = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["origin", "account"], name="one_owner_an_account")]


class Registration(models.Model):
    """This desk as another server knows it: made once for each server, set of scopes and address of ours."""

    origin = models.CharField(max_length=300)
    scopes = models.CharField(max_length=200)
    back = models.CharField(max_length=300)  # where that server sends people back to
    client = models.CharField(max_length=300)
    secret = models.BinaryField()  # sealed
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["origin", "scopes", "back"], name="registered_once")]


class Invitation(models.Model):
    """A link that works once: to begin working here, or to choose a new password.  Only its digest is kept."""

    digest = models.CharField(max_length=64, unique=True)
    role = models.PositiveSmallIntegerField(choices=Role.choices)
    member = models.ForeignKey(Member, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    made_by = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    created = models.DateTimeField(auto_now_add=True)
    until = models.DateTimeField()
    used = models.DateTimeField(null=True, blank=True)


class PolicyVersion(models.Model):
    """One version of the community's policy; versions are never changed, only followed by others."""

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        LIVE = "live", _("live")
        RETIRED = "retired", _("retired")

    name = models.CharField(max_length=60)
    text = models.TextField()
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    author = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL)
    because = models.TextField(blank=True)
    created = models.DateTimeField(auto_now_add=True)
    lived = models.DateTimeField(null=True, blank=True)
    tried = models.JSONField(default=dict)  # what it would change in stored imports (``backtest.py``)
    asked_by = models.ForeignKey(Member, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    asked_at = models.DateTimeField(null=True, blank=True)  # somebody wants it live and a second person has to agree
    second_by = models.ForeignKey(Member, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering: ClassVar = ["-created", "-pk"]

    @classmethod
    def live(cls) -> PolicyVersion | None:
        return cls.objects.filter(state=cls.State.LIVE).first()


class Arrival(models.Model):
    """One import: an object with a life, from the offer to its end."""

    class State(models.TextChoices):
        OFFERED = "offered", _("waits for its file")
        RECEIVED = "received", _("waits to be read")
        SCREENING = "screening", _("is being read")
        WAITING = "waiting", _("waits for a decision")
        APPLYING = "applying", _("is being delivered")
        APPLIED = "applied", _("delivered")
        UNDOING = "undoing", _("is being taken back")
        UNDONE = "undone", _("taken back")
        REFUSED = "refused", _("not taken")
        WITHDRAWN = "withdrawn", _("withdrawn by the person")
        BROKEN = "broken", _("could not be read")

    name = models.CharField(max_length=20, unique=True, default=fresh_name)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="arrivals")
    state = models.CharField(max_length=12, choices=State.choices, default=State.OFFERED)
    problem = models.TextField(blank=True)  # a sentence: what went wrong and what to do
    created = models.DateTimeField(auto_now_add=True)
    changed = models.DateTimeField(auto_now=True)
    filename = models.CharField(max_length=200, blank=True)  # shown, never used as a path
    origin = models.CharField(max_length=300, blank=True, db_index=True)  # host: said by the person, then by the file
    size = models.PositiveBigIntegerField(default=0)  # bytes announced
    got = models.PositiveBigIntegerField(default=0)  # bytes received
    sha256 = models.CharField(max_length=64, blank=True)
    actor = models.CharField(max_length=500, blank=True)  # a claim of the archive
    acct = models.CharField(max_length=300, blank=True)
    proof = models.CharField(max_length=40, default="archive only")
    destination = models.CharField(max_length=300, blank=True)
    transfer = models.CharField(max_length=64, blank=True, db_index=True)  # the core's id, once planned
    policy = models.ForeignKey(PolicyVersion, null=True, blank=True, on_delete=models.PROTECT)
    choices = models.JSONField(default=dict)  # ``model.Choices`` of the person
    consent = models.JSONField(default=dict)  # what was shown and agreed to, and when
    report = models.JSONField(default=dict)  # what ``inspect`` says
    shape = models.JSONField(default=dict)  # volume, languages, hosts, mentions … (``shape.py``)
    progress = models.JSONField(default=dict)  # {"step", "done", "of"} while a worker is at it
    outcome = models.JSONField(default=dict)  # what the last copy or rollback did
    items = models.PositiveIntegerField(default=0)
    held = models.PositiveIntegerField(default=0)
    minutes = models.FloatField(default=0)  # of review, forecast
    claimed_by = models.ForeignKey(Member, null=True, blank=True, on_delete=models.SET_NULL, related_name="claims")
    claimed_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(Member, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    soft_days = models.PositiveIntegerField(default=0)
    stop = models.BooleanField(default=False)  # the stop button of a soft application
    told = models.CharField(max_length=12, blank=True)  # the state that webhooks know of
    received_at = models.DateTimeField(null=True, blank=True)  # its file is complete: it stands in line
    let_in_at = models.DateTimeField(null=True, blank=True)  # it was its turn to be read
    ended_at = models.DateTimeField(null=True, blank=True)  # retention is counted from here
    forgotten_at = models.DateTimeField(null=True, blank=True)  # its bytes are gone; journal and tombstones are not

    class Meta:
        ordering: ClassVar = ["created"]

    def __str__(self) -> str:
        return self.acct or self.actor or self.filename or self.name

    @property
    def open(self) -> bool:
        """Does anybody still have to do something about it?"""
        return self.state in {self.State.RECEIVED, self.State.SCREENING, self.State.WAITING, self.State.APPLYING,
                              self.State.UNDOING, self.State.BROKEN}  # fmt: skip


class Group(models.Model):
    """Like findings of one arrival, decided at once."""

    arrival = models.ForeignKey(Arrival, on_delete=models.CASCADE, related_name="groups")
    key = models.CharField(max_length=32)  # digest of rule, criterion, value: the same after screening again
    rule = models.CharField(max_length=100, blank=True)
    criterion = models.CharField(max_length=100)
    value = models.CharField(max_length=300, blank=True)
    sentence = models.TextField()  # the rule's, which the person will read
    excerpt = models.TextField(blank=True)  # first words of one of them, as text
    count = models.PositiveIntegerField()
    media = models.PositiveIntegerField(default=0)  # how many of them show a picture or film
    severe = models.BooleanField(default=False)
    basis = models.CharField(max_length=20, blank=True)
    confidence = models.PositiveSmallIntegerField(default=2)
    proposed = models.CharField(max_length=12)  # what the policy says
    action = models.CharField(max_length=12, blank=True)  # what a person said; "" while open
    filters = models.CharField(max_length=200, blank=True)
    because = models.TextField(blank=True)
    decided_by = models.ForeignKey(Member, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    second_by = models.ForeignKey(Member, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    later = models.BooleanField(default=False)  # "not now"

    class Meta:
        ordering: ClassVar = ["-count"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["arrival", "key"], name="one_group_a_key")]

    @property
    def small(self) -> int:
        """How many small clusters stand together in it; 0: it is one cluster."""
        name, _sep, count = self.value.partition(":")
        return int(count) if name == "small" and count.isdecimal() else 0

    @property
    def undo_until(self) -> datetime | None:
        return self.decided_at + timedelta(seconds=UNDO_SECONDS) if self.decided_at else None

    @property
    def can_be_undone(self) -> bool:
        until = self.undo_until
        return until is not None and timezone.now() < until and self.arrival.state == Arrival.State.WAITING


class Held(models.Model):
    """One item of a group: its number in the archive and what was found where."""

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="members")
    n = models.PositiveIntegerField()
    item = models.CharField(max_length=1100, blank=True)  # the core's name for it, across archives
    kind = models.CharField(max_length=20)
    published = models.DateTimeField(null=True, blank=True)
    findings = models.JSONField(default=list)  # findings of every criterion on this item, as plain data
    otherwise = models.CharField(max_length=200, blank=True)  # filters of other rules: they stay when it is released

    class Meta:
        ordering: ClassVar = ["n"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["group", "n"], name="once_in_a_group")]
        indexes: ClassVar = [models.Index(fields=["item"])]  # "was the same refused before?"


class Look(models.Model):
    """One exposure of one member: what they have seen is not shown to them again."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="seen")
    mark = models.CharField(max_length=64)  # keyed digest of what was seen
    severe = models.BooleanField(default=False)
    opened = models.BooleanField(default=False)  # a picture was opened
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["member", "mark"]), models.Index(fields=["member", "at"])]


class Labour(models.Model):
    """Time given, by member and day; shown to the member first."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="labour")
    day = models.DateField()
    seconds = models.PositiveIntegerField(default=0)
    decisions = models.PositiveIntegerField(default=0)
    saved = models.PositiveIntegerField(default=0)  # items decided without being looked at one by one

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["member", "day"], name="one_row_a_day")]


class Sample(models.Model):
    """A sample drawn by the desk, never by whoever imports; its seed is kept, so that it can be drawn again."""

    arrival = models.ForeignKey(Arrival, on_delete=models.CASCADE, related_name="samples")
    seed = models.CharField(max_length=64)
    size = models.PositiveIntegerField()
    population = models.PositiveIntegerField()
    numbers = models.JSONField(default=list)  # in the order in which they are looked at
    strata = models.JSONField(default=dict)  # "2019 post": {"of": how many there are, "numbers": those drawn}
    looked = models.PositiveIntegerField(default=0)
    bad = models.PositiveIntegerField(default=0)
    by = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL)
    created = models.DateTimeField(auto_now_add=True)


class Question(models.Model):
    """Something asked of the person or of the origin, and the answer."""

    arrival = models.ForeignKey(Arrival, on_delete=models.CASCADE, related_name="questions")
    group = models.ForeignKey(Group, null=True, blank=True, on_delete=models.CASCADE)
    to = models.CharField(max_length=10, default="person")  # or "origin"
    text = models.TextField()
    asked_by = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL)
    asked_at = models.DateTimeField(auto_now_add=True)
    answer = models.TextField(blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)


class Appeal(models.Model):
    """The person disagrees; somebody else answers, where there is somebody else."""

    arrival = models.ForeignKey(Arrival, on_delete=models.CASCADE, related_name="appeals")
    group = models.ForeignKey(Group, null=True, blank=True, on_delete=models.CASCADE)
    text = models.TextField()
    created = models.DateTimeField(auto_now_add=True)
    upheld = models.BooleanField(null=True)  # None while open; True: the decision stands
    answer = models.TextField(blank=True)
    answered_by = models.ForeignKey(Member, null=True, blank=True, on_delete=models.SET_NULL)
    answered_at = models.DateTimeField(null=True, blank=True)
    against = models.JSONField(default=list)  # members who decided what is appealed, at that time
    statement = models.JSONField(default=dict)  # the reasons that were given, as the person read them


class Notice(models.Model):
    """A report about something that was delivered: polled, sent by a webhook, or by the notice form."""

    thing = models.CharField(max_length=1000)  # an address or id
    said = models.TextField(blank=True)
    channel = models.CharField(max_length=20)  # "form", "gotosocial", "mastodon", "api"
    outside = models.CharField(max_length=200, blank=True)  # the report's id there
    arrival = models.ForeignKey(Arrival, null=True, blank=True, on_delete=models.SET_NULL, related_name="notices")
    n = models.IntegerField(null=True, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(Member, null=True, blank=True, on_delete=models.SET_NULL)
    outcome = models.CharField(max_length=40, blank=True)


class Approval(models.Model):
    """A mass or irreversible act waits for a second person, or for its delay where there is none."""

    arrival = models.ForeignKey(Arrival, on_delete=models.CASCADE, related_name="approvals")
    act = models.CharField(max_length=40)  # "rollback", "reject", "apply", "open-map"
    detail = models.JSONField(default=dict)
    asked_by = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="+")
    asked_at = models.DateTimeField(auto_now_add=True)
    due = models.DateTimeField(null=True, blank=True)  # when it happens by itself: only where there is no second person
    second_by = models.ForeignKey(Member, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    done_at = models.DateTimeField(null=True, blank=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    problem = models.TextField(blank=True)  # a sentence: what went wrong; it waits until a person tries again


class LegalHold(models.Model):
    """Items that must be kept: no preview, no copy, every access logged; survives a rollback."""

    arrival = models.ForeignKey(Arrival, on_delete=models.PROTECT, related_name="legal_holds")
    numbers = models.JSONField(default=list)
    because = models.TextField()
    by = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    second_by = models.ForeignKey(Member, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created = models.DateTimeField(auto_now_add=True)
    released_at = models.DateTimeField(null=True, blank=True)


class Tombstone(models.Model):
    """The keyed digest of something refused or taken back: it does not come back by another import."""

    mark = models.CharField(max_length=64, unique=True)  # with the community's key, not the transfer's
    arrival = models.ForeignKey(Arrival, null=True, blank=True, on_delete=models.SET_NULL)
    because = models.CharField(max_length=200, blank=True)
    created = models.DateTimeField(auto_now_add=True)


class Token(models.Model):
    """A key for programs.  Only its digest is kept; ``scopes`` are words with blanks between."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="tokens")
    title = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.CharField(max_length=200)
    created = models.DateTimeField(auto_now_add=True)
    used = models.DateTimeField(null=True, blank=True)
    revoked = models.DateTimeField(null=True, blank=True)


class Webhook(models.Model):
    """Where other programs are told what happened, signed."""

    url = models.URLField(max_length=500)
    secret = models.BinaryField()  # sealed
    events = models.CharField(max_length=300, blank=True)  # words; empty: all
    created = models.DateTimeField(auto_now_add=True)
    failures = models.PositiveIntegerField(default=0)
    paused = models.BooleanField(default=False)


class Call(models.Model):
    """One event for one webhook: tried until it is taken, or until nobody there takes anything any more."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="calls")
    event = models.CharField(max_length=40)
    body = models.TextField()  # JSON, as it is signed; names and states, never content
    created = models.DateTimeField(auto_now_add=True)
    due = models.DateTimeField(default=timezone.now, db_index=True)
    tries = models.PositiveIntegerField(default=0)
    said = models.CharField(max_length=300, blank=True)  # why it was not taken the last time


class Worker(models.Model):
    """A process that does long work, and when it was last heard of."""

    name = models.CharField(max_length=100, unique=True)
    started = models.DateTimeField(auto_now_add=True)
    beat = models.DateTimeField(default=timezone.now)


class Act(models.Model):
    """What people did at the desk, for the audit page; what happened to items is in the core's journal."""

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    member = models.ForeignKey(Member, null=True, on_delete=models.SET_NULL)
    arrival = models.ForeignKey(Arrival, null=True, blank=True, on_delete=models.SET_NULL, related_name="acts")
    verb = models.CharField(max_length=40)
    detail = models.JSONField(default=dict)  # numbers and words of ours, never content

    class Meta:
        ordering: ClassVar = ["-at", "-pk"]
