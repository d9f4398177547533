"""What people did and what happened to items, as sentences: the acts of the desk and the entries of a journal.

Numbers that stand for something become its name where it still has one; digests stay digests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from safeconduct.model import Json
from safeconduct_desk import approvals
from safeconduct_desk.models import Act, Group, Member, PolicyVersion, Role
from safeconduct_desk.templatetags.desk import ACTIONS, named
from safeconduct_desk.wording import EVENTS

# ``%(…)s`` are members of the detail, in words (``_words``).
VERBS = {
    "decided": gettext_lazy("answered the question about %(group)s with: %(action)s"),
    "read second": gettext_lazy("read %(group)s as the second reader: %(agreed)s"),
    "took back": gettext_lazy("took back the answer about %(group)s: %(action)s"),
    "not now": gettext_lazy("put the question about %(group)s off"),
    "split": gettext_lazy("split a group %(by)s, into %(into)s questions"),
    "accepted": gettext_lazy("said yes to the import: what was decided is done"),
    "refused": gettext_lazy("said no to the import: nothing of it is taken"),
    "asked the person": gettext_lazy("asked the person a question"),
    "asked the origin": gettext_lazy("asked the origin a question"),
    "claimed": gettext_lazy("looks after the import from now on"),
    "gave back": gettext_lazy("looks after the import no longer"),
    "handed over": gettext_lazy("handed the import over to %(to)s"),
    "offered": gettext_lazy("offered the import"),
    "received": gettext_lazy("sent the whole file"),
    "withdrew": gettext_lazy("withdrew the offer, or had the file deleted"),
    "took along": gettext_lazy("downloaded what was not taken"),
    "answered": gettext_lazy("answered a question"),
    "appealed": gettext_lazy("appealed against a decision"),
    "answered an appeal": gettext_lazy("answered an appeal: %(stands)s"),
    "forgotten": gettext_lazy("deleted the file when its time was over"),
    "stopped the delivery": gettext_lazy("stopped the delivery"),
    "let the delivery go on": gettext_lazy("let the delivery go on"),
    "hold": gettext_lazy("held %(scope)s: nothing more arrives, and it is hidden where that can be done"),
    "show": gettext_lazy("showed %(scope)s again"),
    "closed reports": gettext_lazy("answered the reports about the import: %(outcome)s"),
    "drew a sample": gettext_lazy("drew a sample of %(size)s of %(of)s items"),
    "found in a sample": gettext_lazy("held item %(n)s, which was found in a sample"),
    "opened the sealed map": gettext_lazy("looked into the sealed map for item %(n)s"),
    "legal hold": gettext_lazy("sealed %(items)s items because a law orders it"),
    "legal hold opened": gettext_lazy("opened what is sealed because a law orders it: %(why)s"),
    "left what a new policy would hold": gettext_lazy("left %(items)s items there that a new policy would hold"),
    "wrote a draft of the policy": gettext_lazy("wrote a draft of the policy: %(policy)s"),
    "asked: make a policy live": gettext_lazy("asked that a policy decides from now on: %(policy)s"),
    "made a policy live": gettext_lazy(
        "made a policy live: %(policy)s; it releases %(releases)s, newly holds %(holds)s"
    ),
    "stopped: make a policy live": gettext_lazy("stopped a policy from being made live: %(policy)s"),
    "made a token": gettext_lazy("made a key for a program, which may do: %(scopes)s"),
    "revoked a token": gettext_lazy("revoked the key of a program"),
    "made a webhook": gettext_lazy("had another program told what happens here"),
    "resumed a webhook": gettext_lazy("had a paused program told again"),
    "removed a webhook": gettext_lazy("stopped telling another program"),
    "webhook paused": gettext_lazy("stopped telling a program that did not answer"),
    "agreed: make a policy live": gettext_lazy("agreed that a policy decides from now on: %(policy)s"),
    "people: role": gettext_lazy("gave %(about)s the role %(role)s"),
    "people: close": gettext_lazy("closed the account of %(about)s"),
    "people: open": gettext_lazy("opened the account of %(about)s again"),
    "people: way-in": gettext_lazy("made a link with which %(about)s can choose a new password"),
    "people: factors": gettext_lazy("had the second factors of %(about)s forgotten"),
    "proved: sign in": gettext_lazy("signed in at another server"),
    "proved: link": gettext_lazy("linked an account elsewhere, by signing in there"),
    "proved: receive": gettext_lazy("named the receiving account, by signing in there"),
    "accepted an invitation": gettext_lazy("accepted an invitation as %(role)s"),
    "invited": gettext_lazy("invited somebody as %(role)s"),
    "unlinked an account": gettext_lazy("unlinked an account elsewhere"),
    "receiving: forgotten": gettext_lazy("had the key of the receiving account forgotten"),
    "chose a new password": gettext_lazy("chose a new password"),
    "changed the community": gettext_lazy("changed what is said of the community: %(changed)s"),
    "changed the destination": gettext_lazy("changed where imports are delivered"),
}
# What stands before the name of an act that waited for a second person: "agreed: rollback".
WAITED = {
    "asked": gettext_lazy("wants to %(act)s this import"),
    "agreed": gettext_lazy("agreed to %(act)s this import"),
    "stopped": gettext_lazy("stopped it before it began: to %(act)s this import"),
    "delay over": gettext_lazy("the delay was over and nobody had stopped it: began to %(act)s this import"),
}
HAPPENED = {
    **EVENTS,
    "offered": gettext_lazy("The plan was taken over, and the delivery began."),
    "paused": gettext_lazy("The delivery made a pause."),
    "finished": gettext_lazy("The delivery came to its end."),
    "hidden": gettext_lazy("What is there was hidden."),
    "shown": gettext_lazy("What was hidden is in sight again."),
    "map-opened": gettext_lazy("The sealed map was opened."),
}
LABELS = {
    "items": gettext_lazy("items"), "n": gettext_lazy("item"), "soft_days": gettext_lazy("days it is spread over"),
    "size": gettext_lazy("bytes"), "reports": gettext_lazy("reports"), "count": gettext_lazy("items"),
    "records": gettext_lazy("records"), "fates": gettext_lazy("what was planned"), "fence": gettext_lazy("turn"),
    "item": gettext_lazy("mark of the item"), "as": gettext_lazy("mark of its new address"),
    "media": gettext_lazy("marks of its files"), "source": gettext_lazy("mark of the archive"),
    "actor": gettext_lazy("mark of the account"), "plan": gettext_lazy("digest of the plan"),
    "policies": gettext_lazy("digests of the policies"), "why": gettext_lazy("why"), "by": gettext_lazy("mark of who"),
    "reconciled": gettext_lazy("found there after an answer was lost"), "author": gettext_lazy("mark of who"),
    "filters": gettext_lazy("limits"), "action": gettext_lazy("answer"), "delivered": gettext_lazy("delivered"),
    "failed": gettext_lazy("not taken there"), "already": gettext_lazy("there already"), "left": gettext_lazy("left"),
    "about": gettext_lazy("about"), "role": gettext_lazy("role"), "scope": gettext_lazy("how far"),
}  # fmt: skip
NUMBERED = {"approval", "sample", "hold", "token", "webhook", "question", "appeal", "group"}  # rows without a name
YES, NO = gettext_lazy("yes"), gettext_lazy("no")
ANSWERS = {
    "agreed": (gettext_lazy("they agree"), gettext_lazy("they do not agree, so it stays held")),
    "stands": (gettext_lazy("the decision stands"), gettext_lazy("the question is open again")),
}


@dataclass(frozen=True)
class Deed:
    """One line: what was done, and what else is known, as pairs of a label and a value."""

    what: str
    more: list[tuple[str, str]]


class Names:
    """The names of what many acts are about, each kind asked for once."""

    def __init__(self, acts: Iterable[Act]) -> None:
        details = [one.detail for one in acts]
        self._groups = {one.pk: one for one in Group.objects.filter(pk__in=_numbers(details, "group"))}
        people = Member.objects.filter(pk__in=_numbers(details, "to", "about")).select_related("user")
        self._people = {one.pk: one.user.username for one in people}
        versions = PolicyVersion.objects.filter(pk__in=_numbers(details, "policy"))
        self._policies = {one.pk: one.name for one in versions}

    def group(self, pk: Json, items: Json) -> str:
        """ "41 items: nearly the same text as an earlier item"; a group that was split since has no name left."""
        group = self._groups.get(pk) if isinstance(pk, int) else None
        count = group.count if group else items if isinstance(items, int) else 0
        said = ngettext("%(n)s item", "%(n)s items", count) % {"n": count} if count else _("a group")
        if group is None:
            return said
        return _("%(items)s: %(named)s (rule %(rule)s)") % {
            "items": said, "named": named(group.criterion), "rule": group.rule
        }  # fmt: skip

    def person(self, pk: Json) -> str:
        return self._people.get(pk) or _("somebody who is not here any more")

    def policy(self, pk: Json) -> str:
        return _("%(name)s (version %(n)s)") % {"name": self._policies.get(pk, _("one that is gone")), "n": pk}


def _numbers(details: Iterable[Mapping[str, Json]], *keys: str) -> set[int]:
    return {one[key] for one in details for key in keys if isinstance(one.get(key), int)}


def told(act: Act, names: Names) -> Deed:
    """What somebody did."""
    words = {key: _words(key, value, act.detail, names) for key, value in act.detail.items()}
    first, _colon, rest = act.verb.partition(": ")
    if act.verb not in VERBS and first in WAITED and rest:
        what = str(WAITED[first]) % {"act": approvals.words(rest)}
        return Deed(what, _more(words, ()))
    sentence = str(VERBS.get(act.verb, act.verb.replace("%", "%%")))
    used = {key for key in words if f"%({key})s" in sentence}
    try:
        return Deed(sentence % words, _more(words, {*used, *(("items",) if "group" in used else ())}))
    except KeyError:  # written by an earlier version, which said less
        return Deed(act.verb, _more(words, ()))


def happened(entry: Mapping[str, Json], names: Names) -> Deed:
    """What an entry of a journal says; acts of people stand in it as ``desk:`` and their verb."""
    event, detail = str(entry["event"]), dict(entry["detail"])
    if event.startswith("desk:"):
        return told(Act(verb=event.removeprefix("desk:"), detail=detail), names)
    words = {key: _words(key, value, detail, names) for key, value in detail.items()}
    what = str(HAPPENED.get(event, event))
    if isinstance(detail.get("n"), int):
        what = _("Item %(n)s: %(what)s") % {"n": detail["n"], "what": what}
    return Deed(what, _more(words, {"n"} | ({"reconciled"} if not detail.get("reconciled") else set())))


def _more(words: Mapping[str, str], used: Iterable[str]) -> list[tuple[str, str]]:
    left = {key: said for key, said in words.items() if key not in used and key not in NUMBERED and said}
    return [(str(LABELS.get(key, key.replace("_", " "))), said) for key, said in left.items()]


def _words(key: str, value: Json, detail: Mapping[str, Json], names: Names) -> str:
    """One member of a detail as words."""
    match key:
        case "group":
            return names.group(value, detail.get("items"))
        case "to" | "about":
            return names.person(value)
        case "policy":
            return names.policy(value)
        case "action" if value in ACTIONS:
            return str(ACTIONS[value][1])
        case "scope":
            return _scope(str(value))
        case "role" if value in Role.values:
            return str(Role(value).label)
        case "agreed" | "stands":
            return str(ANSWERS[key][0 if value else 1])
        case "soft_days" if not value:
            return ""
    return _plain(value)


def _scope(name: str) -> str:
    from safeconduct_desk.notices import SCOPES

    return str(SCOPES.get(name, name))


def _plain(value: Json) -> str:
    if isinstance(value, bool):
        return str(YES if value else NO)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(one)}" for name, one in value.items())
    return ", ".join(map(_plain, value)) if isinstance(value, list | tuple) else str(value)
