"""Programs: the tokens one gave to programs, and, for operators, the webhooks that are told what happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from safeconduct.errors import SafeconductError
from safeconduct_desk import tokens, webhooks
from safeconduct_desk.doors import door, member_of
from safeconduct_desk.models import Arrival, Member, Role, Token, Webhook

SHOWN = "secret of a program"  # in the session: shown on the next page, and never again


class Program(forms.Form):
    """What a program is called, and what it may do."""

    title = forms.CharField(
        label=gettext_lazy("What is the program called?"), max_length=100,
        help_text=gettext_lazy("For yourself, so that you know later what it was for."),
    )  # fmt: skip
    scopes = forms.MultipleChoiceField(label=gettext_lazy("It may"), widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, member: Member, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["scopes"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = list(tokens.offered(member).items())


class Hook(forms.Form):
    """Where a program is told, and of what."""

    url = forms.CharField(
        label=gettext_lazy("Address that is called"), max_length=500,
        help_text=gettext_lazy("It begins with https://. What it is told is signed, and holds no words of anybody."),
        widget=forms.URLInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )  # fmt: skip
    events = forms.MultipleChoiceField(
        label=gettext_lazy("It is told when an import"), required=False, widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Choose nothing to tell it everything."),
        choices=[(f"arrival.{state.value}", state.label) for state in Arrival.State],
    )  # fmt: skip


@door(Role.PERSON)
def view(request: HttpRequest) -> HttpResponse:
    """One's own tokens; a new one is shown once."""
    member = member_of(request)
    form = Program(request.POST or None, member=member)
    if request.method == "POST" and form.is_valid():
        _token, secret = tokens.make(member, form.cleaned_data["title"], form.cleaned_data["scopes"])
        request.session[SHOWN] = [form.cleaned_data["title"], secret]
        return redirect("tokens")
    return _page(request, form, Hook(), 400 if form.errors else 200)


@door(Role.PERSON)
@require_POST
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """The program is let in no longer."""
    member = member_of(request)
    token = get_object_or_404(Token, pk=pk, member=member)
    tokens.revoke(member, token)
    messages.success(request, _("“%(name)s” is not let in any more.") % {"name": token.title})
    return redirect("tokens")


@door(Role.OPERATOR)
@require_POST
def hook(request: HttpRequest) -> HttpResponse:
    """A new webhook; its secret is shown once."""
    member = member_of(request)
    form = Hook(request.POST)
    if form.is_valid():
        try:
            _made, secret = webhooks.make(member, form.cleaned_data["url"], form.cleaned_data["events"])
        except SafeconductError as error:
            form.add_error("url", str(error))
        else:
            request.session[SHOWN] = [form.cleaned_data["url"], secret]
            return redirect("tokens")
    return _page(request, Program(member=member), form, 400)


@door(Role.OPERATOR)
@require_POST
def change(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """Try again what was paused, or tell nothing there any more."""
    does = CHANGES.get(verb)
    if does is None:
        raise Http404
    does(member_of(request), get_object_or_404(Webhook, pk=pk))
    return redirect("tokens")


CHANGES: dict[str, Callable[[Member, Webhook], None]] = {"resume": webhooks.resume, "remove": webhooks.remove}


def _page(request: HttpRequest, form: Program, hook: Hook, status: int) -> HttpResponse:
    member = member_of(request)
    title, secret = request.session.pop(SHOWN, None) or ("", "")
    operator = member.role >= Role.OPERATOR
    words = tokens.offered(member)
    rows = [
        {"token": one, "may": [words.get(scope, scope) for scope in one.scopes.split()]}
        for one in member.tokens.filter(revoked=None).order_by("-created")
    ]
    given = {
        "form": form, "hook": hook if operator else None, "rows": rows, "title": title, "secret": secret,
        "hooks": Webhook.objects.order_by("pk") if operator else [],
    }  # fmt: skip
    return render(request, "desk/tokens.html", given, status=status)


urls = [
    path("account/programs/", view, name="tokens"),
    path("account/programs/<int:pk>/revoke/", revoke, name="token-revoke"),
    path("account/programs/told/", hook, name="webhooks"),
    path("account/programs/told/<int:pk>/<slug:verb>/", change, name="webhook-change"),
]
