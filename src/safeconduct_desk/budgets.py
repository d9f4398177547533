"""How much is taken, and when: budgets by person, origin and day, and a forecast of the review that waits.

Nobody is sent away because a moderator is tired: what is here stands in line and is read in order.  Only when the line
is so long that the published promise could not be kept does intake close by itself, and it opens again by itself.
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Avg, Q, QuerySet, Sum
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from safeconduct.errors import SafeconductError
from safeconduct_desk.models import Arrival, Community, Member

State = Arrival.State
DAY, WEEK = timedelta(days=1), timedelta(days=7)
GUESS = 10.0  # minutes of review for an import nobody has read, while nothing was measured yet
SPARE = 1 << 30  # bytes of the disk that no upload may take: databases and journals need them
RECENT = 20  # imports whose review is the forecast for the next
log = logging.getLogger("safeconduct.desk")


@dataclass(frozen=True)
class Forecast:
    """What waits: minutes of review now, imports in line, minutes one takes, days until a new one is decided."""

    minutes: float
    line: int
    each: float
    days: float
    state: str  # "open", "slow" or "closed"


@dataclass(frozen=True)
class Place:
    """A place in line: first is 1.  ``days``: an honest guess until people here have read it; ``why`` it waits."""

    number: int
    days: float
    why: str


def forecast(community: Community) -> Forecast:
    """The review that waits, and what that means for whoever offers now."""
    minutes = Arrival.objects.filter(state=State.WAITING).aggregate(sum=Sum("minutes"))["sum"] or 0.0
    each, waiting = _each(), line().count()
    reading = Arrival.objects.filter(state__in=(State.RECEIVED, State.SCREENING)).exclude(let_in_at=None).count()
    minutes += reading * each
    days = _days(community, minutes, each, waiting)
    closed = not community.intake_open or days > max(1, community.promise_days)
    slow = waiting > 0 or minutes > community.review_minutes_day
    return Forecast(minutes, waiting, each, days, "closed" if closed else "slow" if slow else "open")


def refusal(community: Community, person: User, size: int, origin: str) -> str:
    """Why an offer is not taken now, and when it would be; "" if it is."""
    why = no_room(community, size)
    if why:
        return why
    now = forecast(community)
    if now.state == "closed" and not community.intake_open:
        return _("No imports are taken at the moment. The people here have closed the intake; ask them when it opens.")
    if now.state == "closed":
        return _("So much waits here that we could not keep our promise to you. Come back in a few days.")
    when = _full(_lately().filter(person=person), "created", community.per_person_week)
    if when:
        return _("You have offered as many imports as one person may in a week. The next is possible from %(day)s.") % {
            "day": when
        }
    when = _origin_full(community, origin)
    if when:
        return _("Many people come from %(host)s this week. The next import from there is possible from %(day)s.") % {
            "host": origin, "day": when,
        }  # fmt: skip
    return ""


def no_room(community: Community, size: int) -> str:
    """Why a file of this size cannot be kept; "" if it can."""
    if size > community.most_bytes:
        return too_large(community.most_bytes)
    if shutil.disk_usage(settings.FOLDER).free < size + SPARE:
        return _("There is no room for a file of this size here at the moment. The people here know; come back later.")
    return ""


def too_large(most: int) -> str:
    return _(
        "The file is larger than %(most)s, which is the most that is taken here. Ask your old server for an archive "
        "without media, or ask the people here."
    ) % {"most": filesizeformat(most)}


def too_many(community: Community, items: int) -> str:
    """Why an import of so many items is not read further; "" if it is."""
    if items <= community.most_items:
        return ""
    return _(
        "It has more than %(most)s posts and other things, which is the most that is taken here. Nothing was "
        "published. Withdraw it, and offer a part of it, or ask the people here."
    ) % {"most": number_format(community.most_items, force_grouping=True)}


def origin_of(person: User, said: str) -> str:
    """The host somebody comes from: the one they proved, else the one they say."""
    member = Member.objects.filter(user=person).first()
    proved = member.acct.rpartition("@")[2] if member else ""
    return (proved or said.strip().rpartition("@")[2].removeprefix("https://").partition("/")[0]).lower()[:300]


def line() -> QuerySet[Arrival]:
    """Who waits to be read, first come first."""
    return Arrival.objects.filter(state=State.RECEIVED, let_in_at=None).exclude(received_at=None).order_by(
        "received_at", "pk"
    )  # fmt: skip


def place(arrival: Arrival) -> Place | None:
    """Where this arrival stands; ``None`` if it does not stand in line."""
    community = Community.here()
    if community is None or arrival.received_at is None or arrival.let_in_at or arrival.state != State.RECEIVED:
        return None
    before = line().filter(received_at__lt=arrival.received_at).count()
    now = forecast(community)
    days = _days(community, now.minutes, now.each, before)
    return Place(before + 1, days, _why(community, arrival, now.minutes))


def let_in() -> int:
    """Begin to read those whose turn it is; returns how many.  Safe to call often, by any worker."""
    from safeconduct_desk import intake  # it asks the budgets

    community = Community.here()
    if community is None:
        return 0
    begun = intake.overlooked()
    for arrival in line()[: max(1, community.per_day)]:
        if not _room(community):
            break
        if _origin_full(community, arrival.origin):
            continue  # it waits for its origin's week; others need not wait behind it
        begun += _begin(arrival)
    return begun


def _begin(arrival: Arrival) -> int:
    from safeconduct_desk import jobs  # reading asks the budgets, and they start it

    try:
        jobs.start("screen", arrival)
    except (SafeconductError, OSError) as error:
        log.warning("arrival %s: %s", arrival.pk, type(error).__name__)  # its state and its sentence are written
    # Afterwards, because asking twice is harmless and not asking is not.
    return Arrival.objects.filter(pk=arrival.pk, let_in_at=None).update(let_in_at=timezone.now())


def _room(community: Community) -> bool:
    today = Arrival.objects.filter(let_in_at__gt=timezone.now() - DAY).count()
    if today >= community.per_day:
        return False
    minutes = Arrival.objects.filter(state=State.WAITING).aggregate(sum=Sum("minutes"))["sum"] or 0.0
    reading = Arrival.objects.filter(state__in=(State.RECEIVED, State.SCREENING)).exclude(let_in_at=None).count()
    return float(minutes + reading * _each()) < max(1, community.review_minutes_day)


def _origin_full(community: Community, origin: str) -> str:
    """When one more from this host can be read; "" if it can now.  Only what was read counts: offering costs nothing,
    and must not close the door to others who come from there."""
    if not origin:
        return ""
    read = Arrival.objects.filter(let_in_at__gt=timezone.now() - WEEK).filter(
        Q(origin=origin) | Q(acct__iendswith=f"@{origin}")
    )
    return _full(read, "let_in_at", community.per_origin_week)


def _each() -> float:
    done = Arrival.objects.filter(items__gt=0).order_by("-created").values("minutes")[:RECENT]
    return float(done.aggregate(mean=Avg("minutes"))["mean"] or GUESS)


def _days(community: Community, minutes: float, each: float, before: int) -> float:
    """People review so many minutes a day, and so many imports are begun a day: whichever takes longer."""
    review = (minutes + (before + 1) * each) / max(1, community.review_minutes_day)
    return max(review, (before + 1) / max(1, community.per_day))


def _why(community: Community, arrival: Arrival, minutes: float) -> str:
    if minutes >= community.review_minutes_day:
        return _("The people here still have others to read before yours.")
    if _origin_full(community, arrival.origin):
        return _("Many people come from your old server this week. Yours is read when the week allows it.")
    if Arrival.objects.filter(let_in_at__gt=timezone.now() - DAY).count() >= community.per_day:
        return _("As many imports were begun today as fit into a day.")
    return _("It is about to be read.")


def _lately() -> QuerySet[Arrival]:
    """Offers of a week; one that was withdrawn before its file was here cost nobody anything."""
    return Arrival.objects.filter(created__gt=timezone.now() - WEEK).exclude(state=State.WITHDRAWN, received_at=None)


def _full(counted: QuerySet[Arrival], moment: str, most: int) -> str:
    """When one more is possible; "" if it is possible now."""
    times: list[datetime] = list(counted.order_by(f"-{moment}").values_list(moment, flat=True)[: max(1, most)])
    if len(times) < most:
        return ""
    return date_format(timezone.localtime(times[-1] + WEEK if times and most else timezone.now() + WEEK), "j F Y, H:i")


def about(days: float) -> str:
    """A wait in words that promise no more than is known."""
    if days < 0.1:
        return _("less than two hours")
    if days < 1:
        return _("less than a day")
    n = ceil(days)
    return ngettext("about %(n)s day", "about %(n)s days", n) % {"n": n}
