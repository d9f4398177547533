"""One item as it was: its words with what was found in them, its files closed, everything found, and its story."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_safe

from safeconduct.model import Item
from safeconduct_desk import looks, originals, tombstones, wording
from safeconduct_desk.custody import home
from safeconduct_desk.doors import arrival_for, door, member_of
from safeconduct_desk.models import Arrival, Held, Member, Role
from safeconduct_desk.pages.medium import sealed


@require_safe
@door(Role.MODERATOR)
def view(request: HttpRequest, name: str, n: int) -> HttpResponse:
    """The item; ``?open=1`` opens its pictures."""
    arrival, member = arrival_for(request, name), member_of(request)
    if sealed(arrival, n):
        return render(request, "desk/item.html", {"arrival": arrival, "n": n, "sealed": True})
    item = originals.item(arrival, n)
    if item is None:
        raise Http404
    held = Held.objects.filter(group__arrival=arrival, n=n).select_related("group").order_by("group__action")
    with home() as opened:
        story = wording.story(opened, arrival, n)
    return render(
        request,
        "desk/item.html",
        {
            **shown(arrival, item, member, [finding for one in held[:1] for finding in one.findings]),
            "n": n, "groups": [one.group for one in held], "story": story, "calm": looks.calm(member),
            "open": request.GET.get("open") == "1", "again": True, "before": refused_before(arrival, item, held),
        },
    )  # fmt: skip


def shown(arrival: Arrival, item: Item, member: Member, findings: list[dict[str, Any]]) -> dict[str, Any]:
    """What every page shows of an item; a look at it is written down."""
    marked = looks.marks_of([item])[item.number]
    before = looks.seen_before(member, [marked]).get(marked)
    severe = any(finding["criterion"] in {"known-media", "similar-media"} for finding in findings)
    looks.saw(member, marked, severe=severe)
    return {
        "arrival": arrival, "item": item, "passages": wording.passages(item, findings),
        "addresses": wording.addresses(item), "findings": wording.said(findings),
        "media": wording.medium_of(item), "seen_at": before, "shown": looks.shown(member),
        "kind": wording.ONE.get(item.kind, item.kind),
        "audience": wording.AUDIENCES[item.visibility.name.lower()],
    }  # fmt: skip


def refused_before(arrival: Arrival, item: Item, held: Any) -> int:
    """How often the same item was refused in other imports here, or taken back with a tombstone."""
    names = [one.item for one in held if one.item]
    others = Held.objects.filter(item__in=names, group__action="reject").exclude(group__arrival=arrival)
    buried = tombstones.of(item).exclude(arrival=arrival)
    return len({*others.values_list("group__arrival", flat=True), *buried.values_list("arrival", flat=True)})


urls = [path("arrivals/<slug:name>/items/<int:n>/", view, name="item")]
