"""One group: the rule and how it can be wrong, one of them to look at, what differs, and the answer."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.db.models import Count
from django.db.models.functions import ExtractYear
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from safeconduct.model import Filter, Item
from safeconduct_desk import groups, looks, originals, wording
from safeconduct_desk.answers import settled
from safeconduct_desk.doors import arrival_for, door, member_of
from safeconduct_desk.grouping import JOIN, SMALL
from safeconduct_desk.models import Arrival, Group, Held, Member, Role
from safeconduct_desk.pages.item import refused_before, shown
from safeconduct_desk.pages.medium import sealed
from safeconduct_desk.screening import excerpt, policies

CANDIDATES = 12
COMPARED = 40
LISTED = 50
FILTERS = {
    Filter.CONTENT_WARNING: gettext_lazy("behind a warning that says why"),
    Filter.SENSITIVE: gettext_lazy("pictures covered"),
    Filter.UNLISTED: gettext_lazy("not in public timelines"),
    Filter.FOLLOWERS_ONLY: gettext_lazy("for followers only"),
    Filter.NO_MEDIA: gettext_lazy("without files"),
    Filter.NO_LINKS: gettext_lazy("without links"),
    Filter.NO_MENTIONS: gettext_lazy("without mentions"),
}
SPLITS = {
    "year": gettext_lazy("by year"), "kind": gettext_lazy("by kind"),
    "finding": gettext_lazy("by what was found"), "one by one": gettext_lazy("one by one"),
}  # fmt: skip


class Answer(forms.Form):
    """What is said beside the button that is pressed."""

    filters = forms.MultipleChoiceField(
        label=gettext_lazy("If you limit: how"), choices=[(one.value, label) for one, label in FILTERS.items()],
        required=False, widget=forms.CheckboxSelectMultiple, initial=[Filter.CONTENT_WARNING.value],
    )  # fmt: skip
    because = forms.CharField(
        label=gettext_lazy("Why, for the person to read"), required=False, max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("If you say nothing, they read the sentence of the rule."),
    )  # fmt: skip


@require_safe
@door(Role.MODERATOR)
def view(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    """The group; ``?member=12`` shows that one, ``?open=1`` opens its pictures."""
    arrival, member = arrival_for(request, name), member_of(request)
    group = _group(arrival, pk)
    held = _chosen(group, member, request.GET.get("member", ""))
    given: dict[str, Any] = {
        "arrival": arrival, "group": group, "sentences": group.sentence.split("\n"), "mind": mind(group),
        "form": Answer(), "splits": SPLITS, "settled": settled(group), "started": looks.started(),
        "calm": looks.calm(member), "second": _second(group, member), "last": last(request, arrival),
        "answered_here": group.action and not _second(group, member),
        "filters": [str(FILTERS[Filter(one)]) for one in group.filters.split()], **_around(arrival, group),
    }  # fmt: skip
    if held is not None:
        given |= _representative(arrival, member, held)
        given |= {"open": request.GET.get("open") == "1", **_members(arrival, group)}
    return render(request, "desk/group.html", given)


def _group(arrival: Arrival, pk: int) -> Group:
    return get_object_or_404(Group.objects.select_related("arrival", "decided_by", "second_by"), pk=pk, arrival=arrival)


def mind(group: Group) -> list[str]:
    """How each criterion that speaks here can be wrong."""
    names = [group.criterion, *_others(group)]
    return [said for said in dict.fromkeys(wording.mind(name) for name in names) if said]


def _others(group: Group) -> list[str]:
    rules = group.rule.split(JOIN)
    if len(rules) < 2:
        return []
    return [rule.when for policy in policies(group.arrival.policy) for rule in policy.rules if rule.id in rules]


def _second(group: Group, member: Member) -> bool:
    """Does this group wait for this member as its second reader?"""
    return bool(group.action) and group.severe and not settled(group) and group.decided_by_id != member.pk


def _around(arrival: Arrival, group: Group) -> dict[str, Any]:
    """Where this stands among the questions."""
    order = groups.questions(arrival)
    place = next((n for n, one in enumerate(order, 1) if one.pk == group.pk), 0)
    return {"place": place, "of": len(order), "following": next((one for one in order if one.pk != group.pk), None)}


# --- one of them to look at -------------------------------------------------------------------------------------------


def _chosen(group: Group, member: Member, wanted: str) -> Held | None:
    """The one asked for; else one that this member has not seen; a second reader gets another than the first."""
    if wanted.isdecimal() and (held := group.members.filter(n=int(wanted)).first()):
        return held
    order = "-n" if _second(group, member) else "n"
    some = list(group.members.order_by(order)[:CANDIDATES])
    if not some:
        return None
    items = originals.items(group.arrival, [one.n for one in some])
    marks = looks.marks_of(items.values())
    seen = looks.seen_before(member, marks.values())
    return next((one for one in some if one.n in marks and marks[one.n] not in seen), some[0])


def _representative(arrival: Arrival, member: Member, held: Held) -> dict[str, Any]:
    if sealed(arrival, held.n):
        return {"n": held.n, "sealed": True}
    item = originals.item(arrival, held.n)
    if item is None:
        raise Http404
    found = shown(arrival, item, member, held.findings)
    return {**found, "n": held.n, "before": refused_before(arrival, item, [held])}


def _members(arrival: Arrival, group: Group) -> dict[str, Any]:
    """Counts by year, what differs, and one of each where several small clusters stand together."""
    years = group.members.order_by().values_list(ExtractYear("published")).annotate(Count("pk"))
    some = list(group.members.all()[:COMPARED])
    items = originals.items(arrival, [one.n for one in some])
    return {
        "years": [(year or _("no date"), count) for year, count in sorted(years, key=lambda pair: pair[0] or 0)],
        "differs": _differs([items[one.n] for one in some if one.n in items]),
        "clusters": _clusters(group, items) if group.value.startswith(f"{SMALL}:") else [],
        "listed": some if group.count <= LISTED else some[:CANDIDATES],
    }


def _differs(items: list[Item]) -> list[str]:
    """What is not the same in all of them, as short sentences."""
    count = len(items)
    if count < 2:
        return []
    hosts = Counter(host for item in items for host, _ in wording.addresses(item) if host)
    texts = len({looks.content_of(item) for item in items})
    media = sum(bool(item.media) for item in items)
    kinds = {str(wording.KINDS.get(item.kind, item.kind)) for item in items}
    said = [
        _("Word for word the same.") if texts == 1
        else ngettext("%(n)s different text among %(of)s.", "%(n)s different texts among %(of)s.", texts)
        % {"n": texts, "of": count},
    ]  # fmt: skip
    if hosts:
        said.append(_("They link to: %(hosts)s.") % {"hosts": ", ".join(host for host, _n in hosts.most_common(5))})
    if media:
        said.append(ngettext("%(n)s of them shows files.", "%(n)s of them show files.", media) % {"n": media})
    if len(kinds) > 1:
        said.append(_("They are %(kinds)s.") % {"kinds": ", ".join(sorted(kinds))})
    return said


def _clusters(group: Group, items: dict[int, Item]) -> list[dict[str, Any]]:
    """The first of each small cluster, with how many there are."""
    found: dict[str, dict[str, Any]] = {}
    for one in group.members.all()[:COMPARED]:
        value = groups.value_of(one, group.criterion)
        row = found.setdefault(value, {"held": one, "value": value, "count": 0, "text": excerpt(items.get(one.n))})
        row["count"] += 1
    return sorted(found.values(), key=lambda row: -row["count"])


# --- the answer -------------------------------------------------------------------------------------------------------


@require_POST
@door(Role.MODERATOR)
def decide(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    """Accept, limit, hold or reject all of them; then the next question."""
    arrival, member = arrival_for(request, name), member_of(request)
    group, form = _group(arrival, pk), Answer(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose limits from the list, and give a reason of at most 1,000 letters."))
        return redirect("group", name, pk)
    try:
        group = groups.decide(group, member, request.POST.get("action", ""), **form.cleaned_data)
    except groups.NotNow as error:
        messages.error(request, str(error))
        return redirect("group", name, pk)
    looks.worked(member, looks.seconds_since(request.POST.get("started", "")), decisions=1, saved=group.count - 1)
    request.session["desk-last"] = group.pk
    return redirect(_next(arrival, group))


@require_POST
@door(Role.MODERATOR)
def change(request: HttpRequest, name: str, pk: int, verb: str) -> HttpResponse:
    """Take the answer back, put it off, or split the group."""
    arrival, member = arrival_for(request, name), member_of(request)
    group = _group(arrival, pk)
    target = reverse("group", args=[name, pk])
    try:
        if verb == "undo":
            groups.undo(group, member)
            request.session.pop("desk-last", None)
        elif verb == "later":
            groups.put_off(group, member)
            target = _next(arrival, group)
        elif verb == "split" and request.POST.get("by") in SPLITS:
            made = groups.split(group, member, request.POST["by"])
            messages.success(request, _("Split into %(n)s questions.") % {"n": len(made)})
            target = reverse("group", args=[name, made[0].pk])
        else:
            raise Http404
    except groups.NotNow as error:
        messages.error(request, str(error))
    return redirect(target)


def _next(arrival: Arrival, group: Group) -> str:
    """The next question that is not put off; after the last, the report."""
    order = [one for one in groups.questions(arrival) if one.pk != group.pk and not one.later and not one.action]
    return reverse("group", args=[arrival.name, order[0].pk]) if order else reverse("arrival", args=[arrival.name])


def last(request: HttpRequest, arrival: Arrival) -> Group | None:
    """What this member answered last, as long as it can be taken back with one key."""
    pk = request.session.get("desk-last")
    group = Group.objects.filter(pk=pk, arrival=arrival).exclude(action="").first() if pk else None
    return group if group is not None and group.can_be_undone else None


def link(arrival: Arrival, group: Group, **query: object) -> str:
    """The address of a group's page."""
    address = reverse("group", args=[arrival.name, group.pk])
    return f"{address}?{urlencode(query)}" if query else address


urls = [
    path("arrivals/<slug:name>/groups/<int:pk>/", view, name="group"),
    path("arrivals/<slug:name>/groups/<int:pk>/decide/", decide, name="group-decide"),
    path("arrivals/<slug:name>/groups/<int:pk>/<slug:verb>/", change, name="group-change"),
]
