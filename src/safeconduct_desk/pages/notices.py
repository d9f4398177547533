"""Reports about what was delivered: the public form, a Mastodon server's webhook, and what they say together."""

from __future__ import annotations

from typing import Any

import msgspec
from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from safeconduct.errors import SafeconductError
from safeconduct_desk import delivering, notices
from safeconduct_desk.doors import arrival_for, door, member_of, slowed
from safeconduct_desk.models import Notice, Role

ON_A_PAGE = 50
LARGEST = 1 << 20  # bytes of a webhook
OUTCOMES = {"nothing": gettext_lazy("nothing was wrong"), "done": gettext_lazy("something was done")}


class Report(forms.Form):
    """Anybody may say that something here is not right."""

    thing = forms.CharField(
        label=gettext_lazy("Its address"), max_length=1000,
        help_text=gettext_lazy("Copy it from your browser, as in https://garden.example/@alice/01ABC"),
    )  # fmt: skip
    said = forms.CharField(
        label=gettext_lazy("What is wrong with it?"), max_length=5000, required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@door(None)
@slowed("report")
def report(request: HttpRequest) -> HttpResponse:
    """The notice form.  The answer is the same whether we know the thing or not: nobody learns what came with what."""
    form = Report(request.POST or None)
    if request.method == "POST" and form.is_valid():
        notices.received(form.cleaned_data["thing"], form.cleaned_data["said"], "form")
        return redirect("report-thanks")
    return render(request, "desk/report_form.html", {"form": form})


@require_safe
@door(None)
def thanks(request: HttpRequest) -> HttpResponse:
    """It has arrived."""
    return render(request, "desk/report_form.html", {"thanks": True})


@csrf_exempt
@require_POST
@door(None)
def webhook(request: HttpRequest) -> HttpResponse:
    """``report.created`` of a Mastodon server, signed with that webhook's secret.  Others are answered 403."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST:
        return HttpResponse(status=413)
    if not notices.signed(request.body, request.headers.get("X-Hub-Signature", "")):
        raise PermissionDenied
    try:
        said: Any = msgspec.json.decode(request.body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return HttpResponse(status=400)
    if isinstance(said, dict) and said.get("event") == "report.created" and isinstance(said.get("object"), dict):
        notices.reported(said["object"], "mastodon")
    return HttpResponse(status=204)


@require_safe
@door(Role.MODERATOR)
def view(request: HttpRequest) -> HttpResponse:
    """What open reports say together, with one action each; below, every open report."""
    rows = Notice.objects.filter(closed_at=None).select_related("arrival").order_by("-created")
    found = [
        {"one": one, "hides": delivering.can_hide(one.arrival), "outside": one.arrival.state in notices.REACH}
        for one in notices.flagged()[:ON_A_PAGE]
    ]
    page = Paginator(rows, ON_A_PAGE).get_page(request.GET.get("page"))
    return render(
        request, "desk/notices.html",
        {"flagged": found, "rows": page, "page": page, "scopes": notices.SCOPES, "outcomes": OUTCOMES},
    )  # fmt: skip


@require_POST
@door(Role.MODERATOR)
def answer(request: HttpRequest, name: str) -> HttpResponse:
    """Hold, show, limit or take back; or close the reports."""
    arrival, member = arrival_for(request, name), member_of(request)
    verb, scope = request.POST.get("verb", ""), request.POST.get("scope", "these")
    if verb in OUTCOMES:
        count = notices.close(member, arrival, verb)
        messages.success(request, _("%(n)d reports are closed.") % {"n": count})
        return redirect("notices")
    if verb not in notices.DONE or scope not in notices.SCOPES:
        raise Http404
    try:
        messages.success(request, notices.do(member, arrival, verb, scope))
    except SafeconductError as error:
        messages.error(request, str(error))
    return redirect("notices")


urls = [
    path("report/", report, name="report"),
    path("report/thanks/", thanks, name="report-thanks"),
    path("hooks/mastodon/", webhook, name="mastodon-webhook"),
    path("notices/", view, name="notices"),
    path("notices/<slug:name>/", answer, name="notices-answer"),
]
