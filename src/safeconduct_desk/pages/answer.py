"""A question of the people here, and one's answer to it."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from safeconduct_desk.custody import act
from safeconduct_desk.doors import door, member_of
from safeconduct_desk.models import Question, Role
from safeconduct_desk.pages.upload import own


class Words(forms.Form):
    """The answer."""

    answer = forms.CharField(
        label=gettext_lazy("Your answer"), max_length=4000, widget=forms.Textarea({"rows": 6}),
        help_text=gettext_lazy("Only the people who decide here read it."),
        error_messages={"required": gettext_lazy("Write something, even if it is only that you would rather not say.")},
    )  # fmt: skip


@door(Role.PERSON)
def view(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    """Once it is answered it stays as it was said."""
    arrival = own(request, name)
    question = get_object_or_404(Question, pk=pk, arrival=arrival, to="person")
    form = Words(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        said = Question.objects.filter(pk=pk, answered_at=None).update(
            answer=form.cleaned_data["answer"], answered_at=timezone.now()
        )
        if said:
            act(member_of(request), "answered", arrival, question=pk)
            messages.success(request, _("Thank you. The people here can read your answer now."))
        else:
            messages.info(request, _("You have answered this already."))
        return redirect("my-arrival", name)
    given = {"arrival": arrival, "question": question, "form": form}
    return render(request, "desk/answer.html", given, status=400 if form.errors else 200)


urls = [path("mine/<slug:name>/question/<int:pk>/", view, name="answer")]
