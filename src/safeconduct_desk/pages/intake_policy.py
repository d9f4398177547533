"""What is taken and what is not, for everybody: as a page, as the policy that programs obey, and as data.

``/.well-known/safeconduct`` is TOML, because that is what ``copy`` and ``probe`` of the core read there (asking
with ``Accept: application/json``, as they ask for everything else, so nothing may be guessed from that header).
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import path

from safeconduct_desk import budgets, published
from safeconduct_desk.doors import door
from safeconduct_desk.models import Community, PolicyVersion


@door(None)
def view(request: HttpRequest) -> HttpResponse:
    """The promise as sentences."""
    community = Community.objects.get()
    given = {
        "sections": published.sections(community), "now": budgets.forecast(community),
        "wait": budgets.about(budgets.forecast(community).days), "version": PolicyVersion.live(),
    }  # fmt: skip
    return render(request, "desk/intake_policy.html", given)


@door(None)
def custody(request: HttpRequest) -> HttpResponse:
    """Who holds the data, and when."""
    return render(request, "desk/custody.html", {"sentences": published.custody(Community.objects.get())})


@door(None)
def gate(request: HttpRequest) -> HttpResponse:
    """The policy as TOML; with ``?format=json`` everything as data.  404 where there is no policy."""
    if request.GET.get("format") == "json":
        return data(request)
    community, version = Community.objects.get(), PolicyVersion.live()
    if version is None:
        return HttpResponse("There is no policy yet.\n", content_type="text/plain; charset=utf-8", status=404)
    response = HttpResponse(
        published.as_policy(community, version, _address(request)), content_type="application/toml; charset=utf-8"
    )
    response["Link"] = f'<{_address(request)}/.well-known/safeconduct.json>; rel="alternate"; type="application/json"'
    return _for_everybody(response)


@door(None)
def data(request: HttpRequest) -> HttpResponse:
    """The promise as JSON."""
    return _for_everybody(JsonResponse(published.as_data(Community.objects.get(), _address(request))))


def _address(request: HttpRequest) -> str:
    return f"{request.scheme}://{request.get_host()}"


def _for_everybody(response: HttpResponse) -> HttpResponse:
    """It is public, so pages elsewhere may read it."""
    response["Access-Control-Allow-Origin"] = "*"
    return response


urls = [
    path("intake/", view, name="published"),
    path("custody/", custody, name="custody"),
    path(".well-known/safeconduct", gate, name="gate"),
    path(".well-known/safeconduct.json", data, name="gate-json"),
]
