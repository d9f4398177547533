"""One page with every kind of field, chart and action that pages can have; the rest of the desk beside it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path

from safeconduct_desk.doors import door
from safeconduct_desk.urls import urlpatterns as desk

HOSTS = {"shop.example": 412, "a-host-with-a-name-that-is-longer-than-any-bar.example": 96, "wiki.example": 7, "": 1}
MONTHS = [(f"{2017 + n // 12}-{n % 12 + 1:02}", n * 37 % 211) for n in range(110)]
KINDS = {"posts": 9000, "replies": 300, "boosts": 80, "pictures": 20, "polls": 9, "follows": 2, "lists": 1}
CHOICES = [("a", "accept"), ("l", "limit"), ("q", "quarantine")]
TEMPLATE = Path(__file__).with_suffix(".html")
COLOURS = ("grey", "green", "yellow", "orange", "red", "purple", "teal", "blue", "magenta")


class Every(forms.Form):
    """Every kind of field."""

    hidden = forms.CharField(widget=forms.HiddenInput, initial="h", required=False)
    text = forms.CharField(label="Text", help_text="A hint.")
    secret = forms.CharField(label="Secret", widget=forms.PasswordInput({"autocomplete": "new-password"}))
    number = forms.IntegerField(label="Number", required=False, min_value=3)
    long = forms.CharField(label="Long text", widget=forms.Textarea({"rows": 3}))
    one = forms.ChoiceField(label="One of some", choices=CHOICES, help_text="Only one.")
    radio = forms.ChoiceField(label="One of few", choices=CHOICES, widget=forms.RadioSelect, help_text="Look first.")
    some = forms.MultipleChoiceField(label="Some of few", choices=CHOICES, widget=forms.CheckboxSelectMultiple)
    many = forms.MultipleChoiceField(label="Some of many", choices=CHOICES)
    yes = forms.BooleanField(label="I agree", help_text="Needed.")
    file = forms.FileField(label="A file")
    day = forms.DateField(label="A day", widget=forms.DateInput({"type": "date"}))
    parts = forms.DateField(label="Another day", widget=forms.SelectDateWidget(years=[2025, 2026]))

    def clean(self) -> None:
        raise forms.ValidationError("Nothing is ever right here.")


@door(None)
def view(request: HttpRequest) -> HttpResponse:
    """The page; what is sent is shown with its errors."""
    form = Every(request.POST, request.FILES) if "text" in request.POST and "act" not in request.POST else Every()
    for level in (messages.INFO, messages.SUCCESS, messages.ERROR):
        messages.add_message(request, level, "96 decided.")
    given = {
        "form": form, "hosts": HOSTS, "months": MONTHS, "kinds": KINDS, "day": date(2019, 3, 3), "colours": COLOURS,
        "name": "\u202ewren\u202c@old.example", "page": Paginator(range(500), 10).get_page(20),
        "pressed": request.POST.get("act", ""),
    }  # fmt: skip
    return HttpResponse(engines["django"].from_string(TEMPLATE.read_text(encoding="utf-8")).render(given, request))


def broken(request: HttpRequest) -> HttpResponse:
    """A page with a mistake in it."""
    raise RuntimeError("a mistake")


broken.door = None  # type: ignore[attr-defined]
urlpatterns = [path("gallery/", view), path("broken/", broken), *desk]
