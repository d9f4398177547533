"""A sample of what nobody has looked at: drawn by the desk, gone through ten at a time, by keyboard."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from safeconduct.model import Item
from safeconduct.steps.plan import item_name
from safeconduct_desk import groups, looks, originals, sampling, summary, wording
from safeconduct_desk.custody import act
from safeconduct_desk.doors import arrival_for, door, member_of
from safeconduct_desk.models import Arrival, Held, Member, Role, Sample
from safeconduct_desk.pages.medium import sealed

AT_ONCE = 10
SIZES = (60, 300, 600)


@require_safe
@door(Role.MODERATOR)
def view(request: HttpRequest, name: str) -> HttpResponse:
    """The next ten of the sample that is being looked at, or a button to draw one."""
    arrival, member = arrival_for(request, name), member_of(request)
    sample = arrival.samples.order_by("-created").first()
    given: dict[str, Any] = {
        "arrival": arrival, "unseen": summary.unseen(arrival), "sizes": SIZES, "calm": looks.calm(member),
        "one": sample, "said": sampling.statement(sample) if sample else None, "decides": _decides(arrival),
        "open": request.GET.get("open") == "1", "started": looks.started(),
    }  # fmt: skip
    if sample is not None and sample.looked < sample.size:
        given |= {"rows": _rows(arrival, member, sample), "from": sample.looked + 1}
    return render(request, "desk/sample.html", given)


def _decides(arrival: Arrival) -> bool:
    return arrival.state == Arrival.State.WAITING


def _rows(arrival: Arrival, member: Member, sample: Sample) -> list[dict[str, Any]]:
    numbers = [n for n in _ten(sample) if not sealed(arrival, n)]
    items = originals.items(arrival, numbers)
    found = [items[n] for n in numbers if n in items]
    marks = looks.marks_of(found)
    seen = looks.seen_before(member, marks.values())
    for item in found:
        looks.saw(member, marks[item.number])
    return [_row(item, key, marks[item.number] in seen) for key, item in enumerate(found, 1)]


def _ten(sample: Sample) -> list[int]:
    return [int(n) for n in sample.numbers[sample.looked : sample.looked + AT_ONCE]]


def _row(item: Item, key: int, seen: bool) -> dict[str, Any]:
    return {
        "n": item.number, "key": key % 10, "seen": seen, "item": item, "passages": wording.passages(item, []),
        "media": wording.medium_of(item), "kind": wording.ONE.get(item.kind, item.kind),
    }  # fmt: skip


@require_POST
@door(Role.MODERATOR)
def draw(request: HttpRequest, name: str) -> HttpResponse:
    """Draw one: the desk does, nobody chooses what is in it."""
    arrival, member = arrival_for(request, name), member_of(request)
    wanted = request.POST.get("size", "")
    size = int(wanted) if wanted in map(str, SIZES) else sampling.SIZE
    if not _decides(arrival):
        messages.error(request, _("This import does not wait for a decision any more."))
    elif not summary.unseen(arrival):
        messages.error(request, _("There is nothing left that nobody has looked at."))
    else:
        sample = sampling.draw(arrival, member, size)
        act(member, "drew a sample", arrival, sample=sample.pk, size=sample.size, of=sample.population)
    return redirect("sample", name)


@require_POST
@door(Role.MODERATOR)
def looked(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    """These ten were looked at; those that were ticked are held back."""
    arrival, member = arrival_for(request, name), member_of(request)
    sample = get_object_or_404(Sample, pk=pk, arrival=arrival)
    numbers = _ten(sample)
    if not _decides(arrival) or request.POST.get("from") != str(sample.looked + 1):
        messages.error(request, _("Somebody else has looked at these already. Here are the next ones."))
        return redirect("sample", name)
    bad = [n for n in numbers if str(n) in request.POST.getlist("bad")]
    moved = Sample.objects.filter(pk=pk, looked=sample.looked).update(
        looked=sample.looked + len(numbers), bad=sample.bad + len(bad)
    )
    if moved:
        _hold(arrival, member, bad)
        looks.worked(member, looks.seconds_since(request.POST.get("started", "")))
    if bad:
        messages.success(request, ngettext("%(n)s is held back.", "%(n)s are held back.", len(bad)) % {"n": len(bad)})
    return redirect("sample", name)


def _hold(arrival: Arrival, member: Member, bad: list[int]) -> None:
    for item in originals.items(arrival, bad).values():
        held = Held(n=item.number, item=item_name(item)[:1100], kind=item.kind, published=item.published)
        groups.found_by_hand(arrival, member, held)
        act(member, "found in a sample", arrival, n=item.number)


urls = [
    path("arrivals/<slug:name>/sample/", view, name="sample"),
    path("arrivals/<slug:name>/sample/draw/", draw, name="sample-draw"),
    path("arrivals/<slug:name>/sample/<int:pk>/looked/", looked, name="sample-looked"),
]
