"""What a community promises before any bytes move, as sentences and as data.

What is shown is what is kept: the person agrees to one section at a time, and the record of that (``consent``) has
the text and its digest, so that nobody can say later that something else stood there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from safeconduct.errors import PolicyError
from safeconduct.model import Action, Json
from safeconduct.policy import Policy, explain, parse_policy
from safeconduct.policy.rules import State
from safeconduct_desk import budgets, retention
from safeconduct_desk.models import Community, Member, PolicyVersion, Role

FORMAT = "safeconduct-intake/1"


@dataclass(frozen=True)
class Section:
    """One thing to agree to: what it is called, its sentences, and what the person says about it."""

    key: str
    title: str
    sentences: tuple[str, ...]
    agree: str
    parts: tuple[tuple[str, tuple[str, ...]], ...] = ()  # heading and sentences
    words: tuple[str, ...] = ()  # the same word by word, for who wants it

    @property
    def text(self) -> str:
        parts = [line for heading, sentences in self.parts for line in (heading, *sentences)]
        return "\n".join((self.title, *parts, *self.sentences, *self.words, self.agree))

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def sections(community: Community, version: PolicyVersion | None = None) -> tuple[Section, ...]:
    """Everything that is agreed to, in this order."""
    version = version or PolicyVersion.live()
    found = [_taken(community, version), _course(community), _custody(community)]
    if community.sellers.strip():
        found.append(_sellers(community))
    return (*found, _own())


def _taken(community: Community, version: PolicyVersion | None) -> Section:
    limits = (
        _("At most %(n)s posts and other things in one import, and at most %(size)s.")
        % {"n": number_format(community.most_items, force_grouping=True), "size": filesizeformat(community.most_bytes)},
        ngettext(
            "One person may offer %(n)s import in a week.", "One person may offer %(n)s imports in a week.",
            community.per_person_week,
        ) % {"n": community.per_person_week},
    )  # fmt: skip
    return Section(
        "taken", _("What is taken, and what is not"), (*_about(version), *limits),
        _("I have read what is taken and what is not."), plainly(version), rules(version),
    )  # fmt: skip


def plainly(version: PolicyVersion | None) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What the policy does, in the sentences that people will read about their own posts."""
    policy = _read(version)
    if policy is None:
        return ()
    live = [rule for rule in policy.rules if rule.state is State.LIVE and rule.because]
    headings = (
        (Action.REJECT, _("What is not taken")), (Action.QUARANTINE, _("What a person looks at first")),
        (Action.LIMIT, _("What arrives changed")),
    )  # fmt: skip
    said = (
        (name, tuple(dict.fromkeys(rule.because for rule in live if rule.then is action))) for action, name in headings
    )
    return tuple((name, sentences) for name, sentences in said if sentences)


def _about(version: PolicyVersion | None) -> tuple[str, ...]:
    policy = _read(version)
    if policy is None:
        return rules(version)
    return (*filter(None, [policy.description.strip()]), _("What no rule minds is taken as it is."))


def _read(version: PolicyVersion | None) -> Policy | None:
    if version is None:
        return None
    try:
        return parse_policy(version.text, version.name)
    except PolicyError:
        return None


def rules(version: PolicyVersion | None) -> tuple[str, ...]:
    """The policy word by word, a line each; a policy that cannot be read holds everything, and that is said."""
    if version is None:
        return (_("This community has written no policy yet. People here look at everything."),)
    policy = _read(version)
    if policy is None:
        return (_("The policy cannot be read at the moment. Until it can, nothing is published."),)
    return tuple(line.removeprefix("• ") for line in explain(policy).splitlines() if line.strip())


def _course(community: Community) -> Section:
    n = community.promise_days
    promised = ngettext(
        "We promise a decision within %(n)s day after your file is here.",
        "We promise a decision within %(n)s days after your file is here.", n,
    ) % {"n": n}  # fmt: skip
    people = Member.objects.filter(role__gte=Role.MODERATOR, user__is_active=True).count()
    who = ngettext(
        "%(n)s person decides here. They sign with a name that is not their own.",
        "%(n)s people decide here. They sign with names that are not their own.", people,
    ) % {"n": people}  # fmt: skip
    return Section(
        "course", _("How long it takes, and who decides"),
        (
            _("A program reads your archive first, by the rules that you have just seen."), who, promised,
            *((_softly(community),) if community.soft_days else ()),
            _("Nothing is published before a person has said yes, even where no rule minds anything."),
            _("For everything that is not taken you are told the rule, and who or what decided."),
            _("If you disagree you can appeal. Somebody else answers, where there is somebody else."),
            _("You can withdraw at any time before it is published. Then your file is deleted at once."),
        ),
        _("I have read how long it takes, and who decides."),
    )  # fmt: skip


def _softly(community: Community) -> str:
    return ngettext(
        "What is accepted becomes visible step by step over %(n)s day.",
        "What is accepted becomes visible step by step over %(n)s days.", community.soft_days,
    ) % {"n": community.soft_days}  # fmt: skip


def custody(community: Community) -> tuple[str, ...]:
    """Who holds the data when, and until when."""
    name = {"community": community.name}
    return (
        _("While it is sent: your browser and this desk of %(community)s, nobody else. An upload that nobody goes on "
          "with is deleted after %(days)s days.") % {**name, "days": retention.TRANSIT.days},
        _("While it is decided: this desk keeps your file. Only people who decide here can open it, and each of their "
          "decisions is written down."),
        _("If it is not taken: your file is deleted %(days)s days after that was decided. Until then you can appeal, "
          "and take it with you. An appeal that is still open keeps it here.") % {"days": retention.NOT_TAKEN.days},
        _("If it is taken: what you publish here is yours, as everything you write here. This desk keeps its copy of "
          "your file for %(days)s days, to find and take back what turns out to be wrong. Then the copy is deleted. "
          "A list of what was published stays, because without it nothing could be taken back later.")
        % {"days": community.retention_days},
        _("What was not taken of it is kept as long, so that you can download it. You can have it deleted earlier."),
        _("What stays: that there was an import, what was decided and when, without your words. And marks of refused "
          "things, from which nobody can read them, so that they do not come back by another way."),
        _("If a law orders us to keep something, that part stays sealed until the order ends."),
    )  # fmt: skip


def _custody(community: Community) -> Section:
    return Section(
        "custody", _("Who will hold your data, and when"), custody(community),
        _("I agree that %(community)s holds my data like this.") % {"community": community.name},
    )  # fmt: skip


def _sellers(community: Community) -> Section:
    asked = tuple(line.strip() for line in community.sellers.splitlines() if line.strip())
    return Section(
        "sellers", _("If you sell something"), asked,
        _("I do not sell anything here; or if I do, I agree to this."),
    )  # fmt: skip


def _own() -> Section:
    return Section(
        "own", _("Your own archive"),
        (
            _("Offer only an archive of your own account. Posts of other people are not published under your name."),
            _("Direct messages are not published. Leave them out if you can: they are other people's words too."),
        ),
        _("This is the archive of my own account."),
    )  # fmt: skip


def consent(
    community: Community, agreed: Mapping[str, str], *, origin: str = "", shown: Sequence[Section] | None = None
) -> dict[str, Json]:
    """The record of what was shown and agreed to.  ``agreed``: keys of sections, and when (ISO 8601)."""
    shown = sections(community) if shown is None else shown
    version = PolicyVersion.live()
    kept = [{"key": one.key, "title": one.title, "text": one.text} for one in shown]
    return {
        "format": FORMAT, "at": timezone.now().isoformat(), "origin": origin, "shown": kept, "agreed": dict(agreed),
        "policy": {"name": version.name, "digest": version.digest} if version else None, "digest": digest(kept),
    }  # fmt: skip


def digest(shown: Iterable[Mapping[str, Json]]) -> str:
    """SHA-256 of what was shown, however it is stored."""
    plain = json.dumps(list(shown), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(plain.encode()).hexdigest()


def missing(community: Community, agreed: Iterable[str]) -> list[Section]:
    """Sections that were not agreed to yet."""
    known = set(agreed)
    return [one for one in sections(community) if one.key not in known]


def as_data(community: Community, address: str) -> dict[str, Json]:
    """The promise for programs.  ``address``: where this desk is reached, with scheme and host."""
    version = PolicyVersion.live()
    now = budgets.forecast(community)
    return {
        "format": FORMAT, "community": community.name, "contact": community.contact, "desk": address,
        "offer": {"page": f"{address}/offer/", "api": f"{address}/api/v1/"},
        "policy": {
            "address": f"{address}/.well-known/safeconduct", "name": version.name, "digest": version.digest,
            "sentences": list(rules(version)),
        } if version else None,
        "intake": {"state": now.state, "line": now.line, "days": round(now.days, 1)},
        "promise_days": community.promise_days, "soft_days": community.soft_days,
        "nothing_public_before_a_yes": True,
        "limits": {
            "bytes": community.most_bytes, "items": community.most_items, "person_week": community.per_person_week,
            "origin_week": community.per_origin_week, "day": community.per_day,
        },
        "retention_days": {
            "unfinished": retention.TRANSIT.days, "not_taken": retention.NOT_TAKEN.days,
            "intake_copy": community.retention_days,
        },
        "agree": [
            {"key": one.key, "title": one.title, "sentences": list(one.sentences), "agree": one.agree,
             "digest": one.digest}
            for one in sections(community, version)
        ],
    }  # fmt: skip


def as_policy(community: Community, version: PolicyVersion, address: str) -> str:
    """The policy as the core reads it at ``/.well-known/safeconduct``; what else there is to know as comments."""
    with override("en"):
        known = [
            f"The intake policy of {_line(community.name)}. As sentences: {address}/intake/",
            f"As data, with limits, times and custody: {address}/.well-known/safeconduct.json",
            f"Imports are offered at {address}/offer/ and nothing is public before a person there has said yes.",
        ]
    return "".join(f"# {line}\n" for line in known) + "\n" + version.text


def _line(text: str) -> str:
    """Text of people on one line, so that it cannot end the comment it stands in."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
