"""Trying a draft: "releases 41, newly holds 9", with both lists; and from there, making it live."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from safeconduct_desk import approvals, backtest, workbench
from safeconduct_desk.doors import door, member_of
from safeconduct_desk.models import Arrival, Member, PolicyVersion, Role

State = PolicyVersion.State


class Because(forms.Form):
    """Why it goes live."""

    because = forms.CharField(
        label=gettext_lazy("Why this change"), max_length=2000,
        help_text=gettext_lazy("It stands in the list of versions, with your name."),
    )  # fmt: skip


@door(Role.MODERATOR)
def view(request: HttpRequest, pk: int) -> HttpResponse:
    """What the draft would change; POST tries it."""
    draft, member = get_object_or_404(PolicyVersion, pk=pk), member_of(request)
    if request.method == "POST":
        if draft.state != State.DRAFT:
            raise Http404
        done = backtest.begin(draft)
        messages.success(request, _("Tried.") if done else _("Trying has begun. Look again in a minute."))
        return redirect("policy-try", pk=pk)
    return render(request, "desk/policy_try.html", given(draft, member, Because(initial={"because": draft.because})))


def given(draft: PolicyVersion, member: Member, form: Because) -> dict[str, Any]:
    """What the page shows."""
    them = {one.name: one for one in Arrival.objects.filter(name__in=draft.tried.get("imports", {}))}
    rows = [_row(them[name], said) for name, said in draft.tried.get("imports", {}).items() if name in them]
    live = PolicyVersion.live()
    return {
        "draft": draft, "live": live, "form": form, "rows": rows, "sums": backtest.sums(draft.tried),
        "begun": "against" in draft.tried, "done": bool(draft.tried.get("done")), "current": backtest.current(draft),
        "of": draft.tried.get("of", 0), "stored": backtest.stored().count(), "shown": backtest.SHOWN,
        "changes": workbench.changes(draft, live), "much": backtest.releases_much(draft.tried),
        "second": workbench.needs_second(draft), "due": workbench.due(draft), "is_draft": draft.state == State.DRAFT,
        "lead": member.rank >= Role.LEAD, "mine": draft.asked_by_id == member.pk,
        "watched": _watched(draft),
    }  # fmt: skip


@require_POST
@door(Role.MODERATOR)
def live(request: HttpRequest, pk: int) -> HttpResponse:
    """Make it live, agree to that, or stop it."""
    draft, member = get_object_or_404(PolicyVersion, pk=pk), member_of(request)
    form = Because(request.POST)
    verb = request.POST.get("verb", "ask")
    try:
        if verb == "stop" and draft.state == State.DRAFT:
            workbench.withdraw(member, draft)
        elif verb == "agree":
            workbench.agree(member, draft)
        else:
            workbench.ask(member, draft, request.POST.get("because", ""))
    except (workbench.NotYet, approvals.TwoPeople) as error:
        form.add_error("because", str(error))
        draft.refresh_from_db()
        return render(request, "desk/policy_try.html", given(draft, member, form), status=409)
    draft.refresh_from_db()
    if draft.state == State.LIVE:
        messages.success(request, _("It is live. It decides what is read from now on."))
        return redirect("policy")
    messages.success(
        request, _("Asked for. Somebody has to agree.") if draft.asked_at else _("Stopped. It stays a draft.")
    )
    return redirect("policy-try", pk=pk)


def _row(arrival: Arrival, said: dict[str, Any]) -> dict[str, Any]:
    """One import: both lists, as many as a page shows, each item with the rule that speaks."""
    rules = said.get("rules", {})
    lists = {
        kind: [{"n": n, "rule": rules.get(str(n), "")} for n in said.get(kind, [])[: backtest.SHOWN]]
        for kind in ("releases", "holds")
    }
    counts = {f"{kind}_count": len(said.get(kind, [])) for kind in ("releases", "holds")}
    return {"arrival": arrival, "said": said, **lists, **counts}


def _watched(draft: PolicyVersion) -> list[tuple[str, int]]:
    """What rules that only watch would touch, over all that was tried."""
    counts: dict[str, int] = {}
    for said in draft.tried.get("imports", {}).values():
        for rule, count in said.get("watched", {}).items():
            counts[rule] = counts.get(rule, 0) + count
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


urls = [
    path("policy/versions/<int:pk>/try/", view, name="policy-try"),
    path("policy/versions/<int:pk>/live/", live, name="policy-live"),
]
