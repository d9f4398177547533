"""Disagree with a decision: read its reasons again, and say what was not seen rightly."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from safeconduct_desk import appeals, statements
from safeconduct_desk.doors import door
from safeconduct_desk.models import Role
from safeconduct_desk.pages.upload import own


class Words(forms.Form):
    """What the person says."""

    text = forms.CharField(
        label=gettext_lazy("What was not seen rightly?"), max_length=appeals.LONGEST,
        widget=forms.Textarea({"rows": 8}),
        help_text=gettext_lazy("A few words are enough. Only the people who decide here read it."),
        error_messages={"required": gettext_lazy("Say in a few words what was not seen rightly.")},
    )  # fmt: skip


@door(Role.PERSON)
def view(request: HttpRequest, name: str, key: str) -> HttpResponse:
    """One appeal for one statement at a time."""
    arrival = own(request, name)
    statement = statements.one(arrival, key)
    if statement is None:
        raise Http404
    form = Words(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            appeals.appeal(arrival, key, form.cleaned_data["text"])
        except appeals.CannotAppeal as no:
            messages.error(request, str(no))
        else:
            messages.success(request, _("Your appeal is here. You will read the answer on this page."))
        return redirect("my-arrival", name)
    given = {"arrival": arrival, "statement": statement, "form": form}
    return render(request, "desk/appeal.html", given, status=400 if form.errors else 200)


urls = [path("mine/<slug:name>/appeal/<slug:key>/", view, name="appeal")]
