"""One's own account: how media are shown, quiet hours, the name that others see, ways in, accounts elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from safeconduct.errors import SafeconductError
from safeconduct_desk import oauth
from safeconduct_desk.custody import act
from safeconduct_desk.doors import door, member_of, slowed
from safeconduct_desk.models import Community, Identity, Member, Role
from safeconduct_desk.pages.sign_in import Server, back_address, leave_for

if TYPE_CHECKING:
    _Form = forms.ModelForm[Member]
else:
    _Form = forms.ModelForm

LOOKS = (
    ("blurred", gettext_lazy("blurred")),
    ("grey", gettext_lazy("in grey")),
    ("small", gettext_lazy("small")),
    ("still", gettext_lazy("films and moving pictures stand still")),
    ("muted", gettext_lazy("without sound")),
)


class Own(_Form):
    """What a moderator chooses for themselves."""

    shown = forms.MultipleChoiceField(
        label=gettext_lazy("Show me pictures and films"), choices=LOOKS, required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("They stay closed until you open them. This is how they look then."),
    )  # fmt: skip

    class Meta:
        model = Member
        fields = ("pseudonym", "soft_cap", "quiet_from", "quiet_to")
        labels: ClassVar = {
            "pseudonym": gettext_lazy("The name that people outside see"),
            "soft_cap": gettext_lazy("Suggest a break after so many hard things a day"),
            "quiet_from": gettext_lazy("Quiet hours begin"),
            "quiet_to": gettext_lazy("Quiet hours end"),
        }
        help_texts: ClassVar = {
            "pseudonym": gettext_lazy("It stands under decisions. Take one that says nothing about you."),
            "quiet_from": gettext_lazy("As 22:00, in UTC. The desk gives you no new work in these hours."),
        }
        widgets: ClassVar = {
            "quiet_from": forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
            "quiet_to": forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["shown"].initial = [name for name, on in self.instance.looks.items() if on]
        self.fields["pseudonym"].required = True

    def clean_pseudonym(self) -> str:
        """Not the name somebody signs in with: then it would be no pseudonym, or somebody else's name."""
        given: str = self.cleaned_data["pseudonym"].strip()
        if User.objects.filter(username__iexact=given).exists():
            raise forms.ValidationError(
                _("Somebody signs in with this name. Take one that says nothing about anybody.")
            )
        if Member.objects.filter(pseudonym__iexact=given).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("Somebody else has this name."))
        return given

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if bool(given.get("quiet_from")) != bool(given.get("quiet_to")):
            self.add_error("quiet_to", _("Say when quiet hours begin and when they end, or neither."))
        return given

    def save(self, commit: bool = True) -> Member:
        self.instance.looks = {name: name in self.cleaned_data["shown"] for name, _label in LOOKS}
        return super().save(commit)


@door(Role.PERSON)
def view(request: HttpRequest) -> HttpResponse:
    """Everything about oneself on one page; moderators also choose how they work."""
    member = member_of(request)
    form = Own(request.POST or None, instance=member) if member.rank.works_here else None
    if request.method == "POST" and form is not None and form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect("account")
    factors = Authenticator.objects.filter(user=member.user)
    return render(
        request,
        "desk/account.html",
        {
            "form": form, "member": member, "server": Server(), "identities": member.identities.order_by("acct"),
            "has_password": member.user.has_usable_password(), "receiving_at": oauth.receiving_origin(),
            "codes": factors.filter(type=Authenticator.Type.TOTP).exists(),
            "passkeys": factors.filter(type=Authenticator.Type.WEBAUTHN).count(),
        },
        status=400 if form is not None and form.errors else 200,
    )  # fmt: skip


@door(Role.PERSON)
@require_POST
def unlink(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget an account elsewhere, unless it is the only way in."""
    member = member_of(request)
    identity = get_object_or_404(Identity, pk=pk, member=member)
    if not _another_way(member, identity):
        messages.error(request, _("This is your only way in. Set a password first."))
        return redirect("account")
    identity.delete()
    rest = member.identities.order_by("-seen").first()
    Member.objects.filter(pk=member.pk).update(acct=rest.acct if rest else "")
    act(member, "unlinked an account")
    return redirect("account")


@door(Role.PERSON)
@slowed("elsewhere")
def receiving(request: HttpRequest) -> HttpResponse:
    """The explicit yes: may this desk write to the person's account on the community's server?"""
    community, origin = Community.here(), oauth.receiving_origin()
    if not origin or community is None:
        return render(request, "desk/receiving.html", {"origin": ""}, status=404)
    member = member_of(request)
    if request.method == "POST" and "forget" in request.POST:
        oauth.forget_receiving(member)
        act(member, "receiving: forgotten")
        messages.success(request, _("The key was given back and forgotten."))
        return redirect("account")
    if request.method == "POST":
        try:
            where = oauth.place(origin, community.loopback)
            return leave_for(request, oauth.begin(where, back_address(request), "receive", member=member.pk))
        except SafeconductError as error:
            messages.error(request, str(error))
            return redirect("receiving")
    return render(request, "desk/receiving.html", {"origin": origin, "member": member})


def _another_way(member: Member, identity: Identity) -> bool:
    return (
        member.user.has_usable_password()
        or member.identities.exclude(pk=identity.pk).exists()
        or SocialAccount.objects.filter(user=member.user).exists()
    )


urls = [
    path("account/", view, name="account"),
    path("account/receiving/", receiving, name="receiving"),
    path("account/elsewhere/<int:pk>/remove/", unlink, name="unlink"),
]
