"""The import report in parts: what ``inspect`` said and what the shape shows, put into words and rows.

One page that is taken in in a minute: the sentence first, then who and how it was proved, then shape, relations,
questions, signs of forgery, and what nobody assessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import get_language_info, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from safeconduct.model import Json
from safeconduct_desk import shapes, wording
from safeconduct_desk.answers import settled
from safeconduct_desk.custody import home
from safeconduct_desk.models import Arrival, Community, Held, Identity, Member
from safeconduct_desk.sampling import SEEN

OLDEST = 1990  # a year before this is a claim that nobody believes
MONTHS = 180
TOP = 8
FORGERY = {
    "id-order": gettext_lazy("numbers that do not fit their dates"),
    "timing": gettext_lazy("posts at machine-like times"),
    "burst": gettext_lazy("many posts at once"),
    "future-dated": gettext_lazy("dates in the future"),
    "impossible-date": gettext_lazy("dates that cannot be"),
    "totals-mismatch": gettext_lazy("other totals than the archive says"),
    "not-the-author": gettext_lazy("posts by somebody else"),
    "outlier-share": gettext_lazy("one thing makes up an unusual share"),
    "edited": gettext_lazy("posts edited later"),
}
PROOFS = {
    "archive only": gettext_lazy("Nothing is proved: this is what the archive says of itself."),
    "signed in": gettext_lazy("The person signed in at the origin as this account."),
}


def sentence(arrival: Arrival) -> str:
    """Everything in one sentence."""
    report, shape = arrival.report, arrival.shape
    parts = [_span(arrival)]
    languages = [language(code) for code in list(shape.get("languages", {}))[:2]]
    if languages:
        parts.append(_("mostly %(languages)s") % {"languages": _(" and ").join(languages)})
    pictures = sum(shape.get("media", {}).values())
    parts.append(ngettext("%(n)s file", "%(n)s files", pictures) % {"n": _n(pictures)} if pictures else _("no files"))
    decisions = report.get("decisions", {})
    held, refused = decisions.get("quarantine", 0), decisions.get("reject", 0)
    rules = arrival.groups.filter(proposed="quarantine").values("rule").distinct().count()
    parts.append(
        ngettext("%(n)s held under %(rules)s rule", "%(n)s held under %(rules)s rules", rules)
        % {"n": _n(held), "rules": rules} if held else _("nothing held")
    )  # fmt: skip
    if refused:
        parts.append(_("%(n)s refused by exact rules") % {"n": _n(refused)})
    if report.get("unreadable"):
        parts.append(_("%(n)s could not be read") % {"n": _n(report["unreadable"])})
    return "; ".join([", ".join(parts[:3]), *parts[3:]]) + "."


def _span(arrival: Arrival) -> str:
    said = {"n": _n(arrival.items)}
    years = [int(month[:4]) for month in plausible(arrival)]
    if not years:
        return ngettext("%(n)s item without dates", "%(n)s items without dates", arrival.items) % said
    said |= {"first": str(min(years)), "last": str(max(years))}
    if min(years) == max(years):
        return ngettext("%(n)s item from %(first)s", "%(n)s items from %(first)s", arrival.items) % said
    many = "%(n)s items from %(first)s to %(last)s"
    return ngettext("%(n)s item from %(first)s to %(last)s", many, arrival.items) % said


def plausible(arrival: Arrival) -> dict[str, int]:
    """Items by month, without months that nobody believes."""
    now = datetime.now(UTC).strftime("%Y-%m")
    months: Mapping[str, int] = arrival.shape.get("months", {})
    return {month: count for month, count in months.items() if f"{OLDEST}-01" <= month.zfill(7) <= now}


def volume(arrival: Arrival) -> list[tuple[str, int]]:
    """Items by month with the empty months between; by year where that is too many."""
    found = plausible(arrival)
    if not found:
        return []
    first, last = min(found), max(found)
    start, end = (int(one[:4]) * 12 + int(one[5:]) - 1 for one in (first, last))
    if end - start < MONTHS:
        months = (f"{place // 12:04d}-{place % 12 + 1:02d}" for place in range(start, end + 1))
        return [(month, found.get(month, 0)) for month in months]
    years = range(start // 12, end // 12 + 1)
    return [(str(year), sum(n for month, n in found.items() if month.startswith(f"{year}-"))) for year in years]


def unbelievable(arrival: Arrival) -> int:
    """How many items say a date that nobody believes."""
    months: Mapping[str, int] = arrival.shape.get("months", {})
    return sum(months.values()) - sum(plausible(arrival).values())


def language(code: str) -> str:
    """A language by name; its code where Django does not know it."""
    try:
        return str(get_language_info(code)["name_translated"])
    except KeyError:
        return code


def charts(arrival: Arrival) -> dict[str, Any]:
    """Rows for every chart."""
    report, shape = arrival.report, arrival.shape
    kinds = {str(wording.KINDS.get(kind, kind)): n for kind, n in report.get("kinds", {}).items() if n}
    audiences = {str(wording.AUDIENCES.get(one, one)): n for one, n in report.get("visibility", {}).items() if n}
    return {
        "volume": volume(arrival), "unbelievable": unbelievable(arrival), "kinds": kinds, "audiences": audiences,
        "languages": {language(code): n for code, n in shape.get("languages", {}).items()},
        "media": shape.get("media", {}), "hosts": _top(shape.get("hosts", {})),
        "host_count": shape.get("host_count", 0), "mentions": _top(shape.get("mentions", {})),
        "mention_count": shape.get("mention_count", 0),
    }  # fmt: skip


def _top(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: -pair[1])[:TOP])


def forgery(arrival: Arrival) -> list[tuple[str, str]]:
    """(what, in how many words) of each sign that something may be made up; signs are no proof."""
    said = [(str(FORGERY[one["criterion"]]), one["reason"]) for one in arrival.report.get("whole", [])
            if one["criterion"] in FORGERY]  # fmt: skip
    told = {one["criterion"] for one in arrival.report.get("whole", [])}
    for one in arrival.report.get("findings", []):
        if one["criterion"] in FORGERY and one["criterion"] not in told:
            count = ngettext("%(n)s item", "%(n)s items", one["count"]) % {"n": _n(one["count"])}
            said.append((str(FORGERY[one["criterion"]]), count))
    return said


def presets(arrival: Arrival) -> list[dict[str, Any]]:
    """What each preset would do with it; the policy in force first."""
    live = {"name": _("your policy ‘%(name)s’") % {"name": policy_name(arrival)}, **arrival.report.get("decisions", {})}
    rows = [{"name": name, **counts} for name, counts in arrival.shape.get("presets", {}).items()]
    return [live, *rows]


def policy_name(arrival: Arrival) -> str:
    """The policy by which it was read."""
    return arrival.policy.name if arrival.policy else _("none")


# --- relations --------------------------------------------------------------------------------------------------------


def relations(arrival: Arrival) -> dict[str, Any]:
    """How many here the person follows and blocks, and who here blocks them: counts, with names for leads to see."""
    marks: Mapping[str, list[str]] = arrival.shape.get("relations", {}).get("marks", {})
    hosts: Mapping[str, Mapping[str, int]] = arrival.shape.get("relations", {}).get("hosts", {})
    server = host_here(arrival)
    with home() as opened:
        here = {shapes.account_mark(opened, acct): acct for acct in _accounts(arrival)}
        own = shapes.account_mark(opened, arrival.acct) if arrival.acct else ""
        from_ = shapes.account_mark(opened, arrival.acct.rpartition("@")[2]) if arrival.acct else ""
    found: dict[str, Any] = {"server": server}
    for name in ("follows", "blocks", "mutes"):
        known = [here[one] for one in marks.get(name, []) if one in here]
        found[name] = max(len(known), int(hosts.get(name, {}).get(server, 0)))
        found[f"{name}_who"] = known
    others = Arrival.objects.exclude(pk=arrival.pk).exclude(person=arrival.person_id).exclude(shape={})
    found["blocked_by_who"] = [str(one) for one in others if own and _blocks(one, own, from_)]
    found["blocked_by"] = len(found["blocked_by_who"])
    return found


def _blocks(other: Arrival, own: str, server: str) -> bool:
    said = other.shape.get("relations", {}).get("marks", {})
    return own in said.get("blocks", []) or server in said.get("domains", [])


def host_here(arrival: Arrival) -> str:
    """The server that receives, where the destination is one."""
    community = Community.here()
    spec = arrival.destination or (community.destination if community else "")
    return spec.partition("://")[2].partition("/")[0].partition(":")[0].lower()


def _accounts(arrival: Arrival) -> set[str]:
    """Every account of somebody who is here."""
    members = Member.objects.exclude(user_id=arrival.person_id)
    found = {acct for pair in members.values_list("acct", "receiving") for acct in pair}
    found |= set(Identity.objects.filter(member__in=members).values_list("acct", flat=True))
    found |= set(Arrival.objects.exclude(person=arrival.person_id).values_list("acct", flat=True))
    return {acct.lower().lstrip("@") for acct in found if acct} - {arrival.acct.lower()}


# --- overlap, and what nobody looked at -------------------------------------------------------------------------------


def overlap(arrival: Arrival) -> list[tuple[Arrival | None, int]]:
    """Other imports that hold the same items: those delivered, from the core's index, and those that wait."""
    counts: dict[int, int] = {}
    unknown = 0
    known = {one.transfer: one.pk for one in Arrival.objects.exclude(transfer="").exclude(pk=arrival.pk)}
    for transfer, count in arrival.shape.get("overlap", {}).items():
        if transfer in known:
            counts[known[transfer]] = count
        elif transfer != arrival.transfer:
            unknown += count
    names = Held.objects.filter(group__arrival=arrival).exclude(item="").order_by().values("item")
    for other in Arrival.objects.exclude(pk=arrival.pk).exclude(pk__in=counts).filter(acct=arrival.acct):
        waiting = Held.objects.filter(group__arrival=other, item__in=names).order_by()
        if waiting.exists():
            counts[other.pk] = waiting.values("item").distinct().count()
    rows: list[tuple[Arrival | None, int]] = [
        (one, counts[one.pk]) for one in Arrival.objects.filter(pk__in=counts)
    ]  # fmt: skip
    return rows + ([(None, unknown)] if unknown else [])


def unseen(arrival: Arrival) -> int:
    """How many things with something to look at would be delivered and were looked at by nobody."""
    kinds: Mapping[str, int] = arrival.report.get("kinds", {})
    whole = sum(kinds.get(kind, 0) for kind in SEEN)
    grouped = Held.objects.filter(group__arrival=arrival, kind__in=list(SEEN)).values("n").distinct().count()
    return max(0, whole - grouped - sum(one.looked for one in arrival.samples.all()))


def answered(arrival: Arrival) -> dict[str, Any]:
    """What people answered, what an exact rule refused, and what is open."""
    every = list(arrival.groups.select_related("decided_by", "arrival"))
    return {
        "answered": [one for one in every if one.action and settled(one)],
        "refused": [one for one in every if not one.action and one.proposed == "reject"],
    }


def unassessed(report: Mapping[str, Json]) -> list[str]:
    """What nobody assessed, and why."""
    return [*report.get("unknown", []), *(f"{one['origin']}: {one['reason']}" for one in report.get("unreadables", []))]


def _n(count: int) -> str:
    return number_format(count, use_l10n=True, force_grouping=True)
