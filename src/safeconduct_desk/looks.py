"""What somebody has seen, what it costs them, and how they want to see it.

A look is a keyed digest: it says *that* this member saw this thing, to whoever has the key and the thing.  Nothing here
blocks anybody: a soft cap and quiet hours are a sentence on the page.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, time, timedelta

from django.core import signing
from django.db.models import F, Sum
from django.utils import timezone

from safeconduct.home import Home
from safeconduct.model import Item
from safeconduct.screening.fields import fields
from safeconduct.screening.html import reading
from safeconduct.screening.views import fold
from safeconduct_desk.custody import home
from safeconduct_desk.models import Labour, Look, Member

SITTING = timedelta(minutes=10)  # the same page again is no second look
LONGEST = 300  # seconds that one answer can count: whoever went for tea was not working
FEWEST = 3  # members, below which a sum would say something about one of them
DEFAULTS = {"blurred": False, "grey": False, "small": True, "still": True, "muted": True}
SALT = "looks.started"


def mark(opened: Home, content: str) -> str:
    """The keyed digest of what was seen."""
    return opened.mark(f"look:{content}")


def content_of(item: Item) -> str:
    """Equal for items that look the same: the folded words, the warning, and the files by name."""
    words = [fold(reading(one.text).text if one.html else one.text) for one in fields(item)]
    shown = "\n".join([*words, *(medium.member or medium.pointer for medium in item.media)])
    return hashlib.sha256(shown.encode("utf-8", "replace")).hexdigest()


def marks_of(items: Iterable[Item]) -> dict[int, str]:
    """The mark of each, by number."""
    with home() as opened:
        return {item.number: mark(opened, content_of(item)) for item in items}


def seen_before(member: Member, marks: Iterable[str]) -> dict[str, datetime]:
    """Which of these the member saw in an earlier sitting, and when."""
    until = timezone.now() - SITTING
    rows = Look.objects.filter(member=member, mark__in=list(marks), at__lt=until).order_by("-at")
    return {look.mark: look.at for look in rows}


def saw(member: Member, marked: str, *, severe: bool = False, opened: bool = False) -> bool:
    """Write a look down; False if it is the same as a moment ago."""
    lately = Look.objects.filter(member=member, mark=marked, opened=opened, at__gt=timezone.now() - SITTING)
    if lately.exists():
        return False
    Look.objects.create(member=member, mark=marked, severe=severe, opened=opened)
    return True


def calm(member: Member, now: datetime | None = None) -> str:
    """ "cap" if they saw more hard things today than they wanted to, "quiet" in their quiet hours, else ""."""
    now = timezone.localtime(now)
    if member.quiet_from and member.quiet_to and _within(now.time(), member.quiet_from, member.quiet_to):
        return "quiet"
    return "cap" if hard(member, now) >= member.soft_cap else ""


def hard(member: Member, now: datetime | None = None) -> int:
    """Severe things and opened pictures of today."""
    since = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    looks = Look.objects.filter(member=member, at__gte=since)
    return (looks.filter(severe=True) | looks.filter(opened=True)).distinct().count()


def _within(at: time, start: time, end: time) -> bool:
    return start <= at < end if start <= end else at >= start or at < end


# --- labour -----------------------------------------------------------------------------------------------------------


def started() -> str:
    """When a page was opened, signed: it comes back with the answer."""
    return signing.dumps(timezone.now().timestamp(), salt=SALT)


def seconds_since(token: str) -> int:
    """How long ago; 0 for anything that is not ours."""
    try:
        passed = timezone.now().timestamp() - float(signing.loads(token, salt=SALT, max_age=86400))
    except (signing.BadSignature, TypeError, ValueError):
        return 0
    return max(0, min(LONGEST, round(passed)))


def worked(member: Member, seconds: int, *, decisions: int = 0, saved: int = 0) -> None:
    """Add to the member's day."""
    day, _new = Labour.objects.get_or_create(member=member, day=timezone.localdate())
    Labour.objects.filter(pk=day.pk).update(
        seconds=F("seconds") + seconds, decisions=F("decisions") + decisions, saved=F("saved") + saved
    )


def week(member: Member) -> list[Labour]:
    """The member's last seven days that had work."""
    since = timezone.localdate() - timedelta(days=6)
    return list(Labour.objects.filter(member=member, day__gte=since).order_by("day"))


def together() -> dict[str, int] | None:
    """Sums of everybody's week, for leads; ``None`` while fewer than three worked: it would be about one of them."""
    rows = Labour.objects.filter(day__gte=timezone.localdate() - timedelta(days=6))
    members = rows.values("member").distinct().count()
    if members < FEWEST:
        return None
    sums = rows.aggregate(seconds=Sum("seconds"), decisions=Sum("decisions"), saved=Sum("saved"))
    looks = Look.objects.filter(at__gte=timezone.now() - timedelta(days=7)).count()
    return {"members": members, "looks": looks, **{name: value or 0 for name, value in sums.items()}}


def shown(member: Member) -> dict[str, bool]:
    """How this member wants to see pictures and films."""
    return {name: bool(member.looks.get(name, usual)) for name, usual in DEFAULTS.items()}
