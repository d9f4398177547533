"""What waits for a second person, or for its delay."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from safeconduct_desk import approvals
from safeconduct_desk.doors import door, member_of
from safeconduct_desk.models import Approval, Member, Role

LATELY = 20
VERBS: dict[str, Callable[[Member, Approval], object]] = {
    "approve": approvals.approve, "cancel": approvals.cancel, "again": approvals.again,
}  # fmt: skip


@door(Role.MODERATOR)
def view(request: HttpRequest) -> HttpResponse:
    """What waits, with who asked and when it happens; below, what was agreed to or stopped lately."""
    member = member_of(request)
    everything = Approval.objects.select_related("asked_by__user", "second_by__user", "arrival").order_by("-asked_at")
    open_ones = everything.filter(done_at=None, cancelled_at=None)
    return render(
        request,
        "desk/approvals.html",
        {
            "rows": [_row(one, member) for one in open_ones],
            "lately": [_row(one, member) for one in everything.exclude(pk__in=open_ones)[:LATELY]],
        },
    )


@require_POST
@door(Role.MODERATOR)
def answer(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """Agree, stop, or try again."""
    approval = get_object_or_404(Approval, pk=pk)
    if verb not in VERBS:
        raise Http404
    VERBS[verb](member_of(request), approval)
    approval.refresh_from_db()
    if approval.problem:
        messages.error(request, approval.problem)
    elif approval.cancelled_at:
        messages.success(request, _("Stopped. It will not happen."))
    elif approval.done_at:
        messages.success(request, _("Agreed. It has begun."))
    return redirect("approvals")


def _row(approval: Approval, member: Member) -> dict[str, object]:
    return {
        "one": approval,
        "words": approvals.words(approval.act),
        "minutes": approvals.due_in(approval),
        "mine": approval.asked_by_id == member.pk,
        "can_agree": member.pk != approval.asked_by_id and member.user_id != approval.arrival.person_id,
    }


urls = [
    path("approvals/", view, name="approvals"),
    path("approvals/<int:pk>/<slug:verb>/", answer, name="approval-answer"),
]
