"""Writing a policy: TOML with a check that says the line and what to write instead, or a form for a common rule.

Both work without JavaScript: "Check it" is a button.  Saving makes a draft; nothing is decided by it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from safeconduct.errors import PolicyError
from safeconduct.policy.prose import diff, explain
from safeconduct_desk import workbench
from safeconduct_desk.doors import door, member_of
from safeconduct_desk.models import PolicyVersion, Role

START = 'name = "ours"\ntitle = "Our policy"\nbase = "careful"\n'
THEN = (
    ("quarantine", gettext_lazy("Hold it until somebody here has looked")),
    ("warn", gettext_lazy("Let it in behind a content warning")),
    ("unlisted", gettext_lazy("Let it in without public timelines")),
)
LIMITS = {"warn": ("limit", ("content-warning",)), "unlisted": ("limit", ("unlisted",))}


class Text(forms.Form):
    """The policy as TOML."""

    name = forms.CharField(label=gettext_lazy("Name of this version"), max_length=60)
    text = forms.CharField(
        label=gettext_lazy("The policy, as TOML"), max_length=workbench.LONGEST, strip=False,
        widget=forms.Textarea(attrs={"rows": 24, "spellcheck": "false", "autocapitalize": "off"}),
    )  # fmt: skip
    because = forms.CharField(
        label=gettext_lazy("Why this change"), max_length=2000, required=False,
        help_text=gettext_lazy("It stands in the list of versions."),
    )  # fmt: skip


class Simple(forms.Form):
    """What every simple rule needs: what then, and the sentence that the person reads."""

    then = forms.ChoiceField(
        label=gettext_lazy("What then"), choices=THEN, widget=forms.RadioSelect, initial="quarantine"
    )
    because = forms.CharField(
        label=gettext_lazy("What the person is told"), max_length=300,
        help_text=gettext_lazy("One sentence to the person whose post it is."),
    )  # fmt: skip


class Phrases(Simple):
    """A list of words."""

    words = forms.CharField(
        label=gettext_lazy("Words or phrases, one a line"), max_length=200_000, widget=forms.Textarea(attrs={"rows": 6})
    )


class Hosts(Simple):
    """A list of domains."""

    hosts = forms.CharField(
        label=gettext_lazy("Domains, one a line"), max_length=200_000, widget=forms.Textarea(attrs={"rows": 6}),
        help_text=gettext_lazy("Their subdomains count too. Links, mentions, answers, boosts and files are looked at."),
    )  # fmt: skip


class Old(Simple):
    """Posts older than so many days."""

    days = forms.IntegerField(label=gettext_lazy("Older than how many days"), min_value=1, max_value=99_999)


Write = Callable[[str, dict[str, Any]], str]


def _lines(said: str) -> list[str]:
    return list(dict.fromkeys(line.strip() for line in said.splitlines() if line.strip()))


def _rule(text: str, said: dict[str, Any], when: str, given: dict[str, Any] | None = None) -> str:
    then, filters = LIMITS.get(said["then"], (said["then"], ()))
    ident = workbench.free_name(text, f"our-{when}")
    return workbench.rule_text(ident, when, then, said["because"], given, filters)


# What can be added from a form: what it is called, its form, and the rule it writes.
SIMPLE: dict[str, tuple[Any, type[Simple], Write]] = {
    "phrases": (gettext_lazy("Words we mind"), Phrases,
                lambda text, said: _rule(text, said, "phrase", {"words": _lines(said["words"])})),
    "domains": (gettext_lazy("Domains we mind"), Hosts,
                lambda text, said: _rule(text, said, "listed-domain", {"hosts": _lines(said["hosts"])})),
    "images": (gettext_lazy("No pictures"), Simple, lambda text, said: _rule(text, said, "image")),
    "videos": (gettext_lazy("No films"), Simple, lambda text, said: _rule(text, said, "video")),
    "old": (gettext_lazy("Nothing old"), Old, lambda text, said: _rule(text, said, "old", {"days": said["days"]})),
}  # fmt: skip


@door(Role.LEAD)
def view(request: HttpRequest) -> HttpResponse:
    """The text, what is wrong with it, and what it says; ``?from=`` begins with another version."""
    form = Text(request.POST or None, initial=_start(request))
    checked = None
    if request.method == "POST":
        if form.is_valid():
            checked = workbench.check(form.cleaned_data["text"], form.cleaned_data["name"])
            if "rule" in request.POST:
                return _page(request, Text(initial=form.cleaned_data), checked, request.POST["rule"])
            if "save" in request.POST and (saved := _saved(request, form)) is not None:
                return saved
        _tell(form, checked)
    return _page(request, form, checked, "")


@door(Role.LEAD)
def add(request: HttpRequest, kind: str) -> HttpResponse:
    """A form for one common rule; it writes TOML into the text, and nothing is saved."""
    if kind not in SIMPLE or request.method != "POST":
        return redirect("policy-edit")
    _title, of, write = SIMPLE[kind]
    text = Text(request.POST, prefix="whole")
    simple = of(request.POST if "add" in request.POST else None)
    if not text.is_valid():
        messages.error(request, _("The policy was not sent along. Begin again."))
        return redirect("policy-edit")
    kept = text.cleaned_data
    if "add" in request.POST and simple.is_valid():
        kept["text"] = workbench.with_rule(kept["text"], write(kept["text"], simple.cleaned_data))
        checked = workbench.check(kept["text"], kept["name"])
        return _page(request, Text(initial=kept), checked, "")
    return _rule_page(request, kind, simple, kept)


def _rule_page(request: HttpRequest, kind: str, simple: Simple, kept: dict[str, Any]) -> HttpResponse:
    given = {"kind": kind, "title": SIMPLE[kind][0], "form": simple, "kept": kept}
    return render(request, "desk/policy_rule.html", given)


def _start(request: HttpRequest) -> dict[str, str]:
    known = request.GET.get("from", "")
    if known.isdecimal():
        version: PolicyVersion | None = get_object_or_404(PolicyVersion, pk=min(int(known), 2**62))
    else:
        version = PolicyVersion.live()
    return {"name": version.name, "text": version.text} if version else {"name": "ours", "text": START}


def _saved(request: HttpRequest, form: Text) -> HttpResponse | None:
    said = form.cleaned_data
    try:
        draft = workbench.save(member_of(request), said["name"], said["text"], said["because"])
    except PolicyError:
        return None
    messages.success(request, _("Saved as a draft. It decides nothing before it is live."))
    return redirect("policy-try", pk=draft.pk)


def _tell(form: Text, checked: workbench.Checked | None) -> None:
    if checked is not None and checked.problem:
        line = _("Line %d: ") % checked.line if checked.line else ""
        instead = " " + _("Write instead: %s") % checked.instead if checked.instead else ""
        form.add_error("text", f"{line}{checked.problem}{instead}")


def _page(request: HttpRequest, form: Text, checked: workbench.Checked | None, rule: str) -> HttpResponse:
    if rule in SIMPLE:
        return _rule_page(request, rule, SIMPLE[rule][1](), dict(form.initial))
    live = PolicyVersion.live()
    before = workbench.check(live.text, live.name).policy if live else None
    policy = checked.policy if checked else None
    return render(
        request, "desk/policy_edit.html",
        {
            "form": form, "checked": checked, "said": explain(policy) if policy else "",
            "changes": diff(before, policy) if policy and before else (),
            "same": bool(policy and before and policy.digest == before.digest),
            "simple": [(key, one[0]) for key, one in SIMPLE.items()], "line": _line(form, checked),
            "typing": "HX-Request" in request.headers,
        },
    )  # fmt: skip


def _line(form: Text, checked: workbench.Checked | None) -> str:
    """The line that is wrong, as it stands there."""
    lines = str(form["text"].value() or "").splitlines()
    return lines[checked.line - 1] if checked and 0 < checked.line <= len(lines) else ""


urls = [
    path("policy/edit/", view, name="policy-edit"),
    path("policy/edit/<slug:kind>/", add, name="policy-rule"),
]
