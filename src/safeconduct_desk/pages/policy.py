"""The policy: what is live, as sentences, with what each rule did; every version, and what came of it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from safeconduct_desk import approvals, backtest, workbench
from safeconduct_desk.custody import act
from safeconduct_desk.doors import arrival_for, door, member_of
from safeconduct_desk.models import Arrival, PolicyVersion, Role

VERSIONS = 50


@require_safe
@door(Role.MODERATOR)
def view(request: HttpRequest) -> HttpResponse:
    """The live policy and its rules at work; below, versions with who, why and what changed."""
    live = PolicyVersion.live()
    checked = workbench.check(live.text, live.name) if live else None
    policy = checked.policy if checked else None
    return render(
        request, "desk/policy.html",
        {
            "live": live, "checked": checked, "policy": policy, "rules": workbench.did(policy) if policy else [],
            "lately": min(workbench.LATELY, Arrival.objects.exclude(report={}).count()),
            "versions": _versions(), "breaker": workbench.usual_breaker(policy) if policy else None,
            "queue": _queue(live), "lead": member_of(request).rank >= Role.LEAD,
        },
    )  # fmt: skip


@require_safe
@door(Role.MODERATOR)
def version(request: HttpRequest, pk: int) -> HttpResponse:
    """One version: its sentences, its text, and what changed since the one that was live before it."""
    one = get_object_or_404(PolicyVersion, pk=pk)
    checked = workbench.check(one.text, one.name)
    before = _before(one)
    return render(
        request, "desk/policy_version.html",
        {
            "one": one, "checked": checked, "before": before, "changes": workbench.changes(one, before),
            "rules": workbench.did(checked.policy) if checked.policy else [],
            "lead": member_of(request).rank >= Role.LEAD,
        },
    )  # fmt: skip


@require_safe
@door(Role.MODERATOR)
def queue(request: HttpRequest) -> HttpResponse:
    """What was delivered and would be held today, import by import.  Nothing of it is touched by itself."""
    live = PolicyVersion.live()
    return render(request, "desk/policy_hits.html", {"live": live, "rows": _queue(live)})


@require_POST
@door(Role.MODERATOR)
def answer(request: HttpRequest, name: str, verb: str) -> HttpResponse:
    """Leave them there, or have them taken back: that is asked for as every rollback is."""
    live, arrival, member = PolicyVersion.live(), arrival_for(request, name), member_of(request)
    if verb not in ("leave", "undo") or live is None:
        raise Http404
    found = live.tried.get("imports", {}).get(arrival.name, {})
    if not found.get("holds") or not backtest.answered(live, arrival.name, verb):
        messages.error(request, _("Somebody has answered this meanwhile."))
        return redirect("policy-hits")
    if verb == "leave":
        act(member, "left what a new policy would hold", arrival, items=len(found["holds"]), policy=live.pk)
        messages.success(request, _("They stay where they are."))
        return redirect("policy-hits")
    approval = approvals.ask(member, arrival, "rollback", {"numbers": found["holds"]})
    begun = approval.done_at is not None
    messages.success(request, _("Taking back has begun.") if begun else _("Asked for. Somebody has to agree first."))
    return redirect("policy-hits")


def _versions() -> list[dict[str, Any]]:
    them = list(PolicyVersion.objects.select_related("author__user", "asked_by__user", "second_by__user")[:VERSIONS])
    return [{"one": one, "current": backtest.current(one), "sums": backtest.sums(one.tried)} for one in them]


def _before(one: PolicyVersion) -> PolicyVersion | None:
    """What it is compared with: the live one for a draft, else the one that was live before it."""
    if one.state == PolicyVersion.State.DRAFT:
        return PolicyVersion.live()
    return PolicyVersion.objects.filter(lived__lt=one.lived).order_by("-lived").first() if one.lived else None


def _queue(live: PolicyVersion | None) -> list[dict[str, Any]]:
    rows = backtest.queue(live) if live else []
    return [
        {"arrival": arrival, "count": len(said["holds"]), "numbers": said["holds"][: backtest.SHOWN],
         "rules": _rules(said)}
        for arrival, said in rows
    ]  # fmt: skip


def _rules(said: dict[str, Any]) -> list[str]:
    return sorted({said["rules"][str(n)] for n in said["holds"] if str(n) in said["rules"]})


urls = [
    path("policy/", view, name="policy"),
    path("policy/versions/<int:pk>/", version, name="policy-version"),
    path("policy/hits/", queue, name="policy-hits"),
    path("policy/hits/<slug:name>/<slug:verb>/", answer, name="policy-hits-answer"),
]
