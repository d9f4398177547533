"""Appeals that wait: answered by somebody who did not decide, where there is somebody."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from safeconduct_desk import appeals
from safeconduct_desk.doors import door, member_of
from safeconduct_desk.models import Appeal, Arrival, Role

LATELY = 20


class Answer(forms.Form):
    """The answer to one appeal."""

    stands = forms.ChoiceField(
        label=gettext_lazy("The decision"), widget=forms.RadioSelect,
        choices=[("yes", gettext_lazy("stands")), ("no", gettext_lazy("was wrong: open the question again"))],
        error_messages={"required": gettext_lazy("Choose whether the decision stands.")},
    )  # fmt: skip
    text = forms.CharField(
        label=gettext_lazy("Your answer"), max_length=appeals.LONGEST, widget=forms.Textarea({"rows": 5}),
        help_text=gettext_lazy("The person reads it, and your pseudonym under it."),
        error_messages={"required": gettext_lazy("Write an answer that the person can read.")},
    )  # fmt: skip


@door(Role.MODERATOR)
def view(request: HttpRequest) -> HttpResponse:
    """Open ones, oldest first; below, what was answered lately."""
    member = member_of(request)
    rows = [{"one": one, "why_not": appeals.why_not(member, one)} for one in appeals.waiting(member)]
    lately = Appeal.objects.exclude(upheld=None).select_related("arrival", "answered_by").order_by("-answered_at")
    return render(request, "desk/appeals_queue.html", {"rows": rows, "lately": lately[:LATELY]})


@door(Role.MODERATOR)
def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """One appeal: what was decided, what the person says, and the answer."""
    member = member_of(request)
    one = get_object_or_404(Appeal.objects.select_related("arrival", "group"), pk=pk)
    if one.arrival.person_id == member.user_id:
        raise Http404
    form = Answer(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            appeals.answer(member, one, form.cleaned_data["stands"] == "yes", form.cleaned_data["text"])
        except appeals.CannotAppeal as no:
            messages.error(request, str(no))
            return redirect("appeals")
        messages.success(request, _("Answered. The person can read it now."))
        return redirect("appeals") if one.upheld else redirect(_import(one.arrival))
    given = {"one": one, "form": form, "why_not": appeals.why_not(member, one), "import": _import(one.arrival)}
    return render(request, "desk/appeal_answer.html", given, status=400 if form.errors else 200)


def _import(arrival: Arrival) -> str:
    """The page of the import, where it is installed."""
    try:
        return reverse("arrival", args=[arrival.name])
    except NoReverseMatch:
        return reverse("appeals")


urls = [
    path("appeals/", view, name="appeals"),
    path("appeals/<int:pk>/", answer, name="appeal-answer"),
]
