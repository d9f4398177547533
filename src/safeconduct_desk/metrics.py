"""Measurements for Prometheus: numbers of the community and of this process, never a name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from django.db.models import Count, Sum
from django.utils import timezone
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from safeconduct.model import Action
from safeconduct_desk.models import Appeal, Approval, Arrival, Group, Notice, Webhook, Worker

REGISTRY = CollectorRegistry()
_screened = Counter("desk_screened_posts", "Posts answered for other importers", ["decision"], registry=REGISTRY)
SCREENED = {action: _screened.labels(action.name.lower()) for action in Action}
CUT = Counter("desk_screen_cut", "Streams whose client went away before the end", registry=REGISTRY)
SILENT = timedelta(seconds=30)


class Desk(Collector):
    """Asked of the database each time somebody looks."""

    def describe(self) -> Iterable[Metric]:
        return ()  # nothing is asked of the database before somebody looks

    def collect(self) -> Iterator[Metric]:
        arrivals = GaugeMetricFamily("desk_arrivals", "Imports by state", labels=["state"])
        found = dict(Arrival.objects.order_by().values_list("state").annotate(Count("pk")))
        for state in Arrival.State.values:
            arrivals.add_metric([state], found.get(state, 0))
        yield arrivals
        waiting = Arrival.objects.filter(state=Arrival.State.WAITING)
        beat = timezone.now() - SILENT
        for name, words, value in (
            ("desk_review_minutes", "Minutes of review that wait", waiting.aggregate(Sum("minutes"))["minutes__sum"]),
            ("desk_groups_open", "Groups nobody has decided",
             Group.objects.filter(action="", arrival__in=waiting).count()),
            ("desk_appeals_open", "Appeals without an answer", Appeal.objects.filter(upheld=None).count()),
            ("desk_notices_open", "Reports nobody has closed", Notice.objects.filter(closed_at=None).count()),
            ("desk_approvals_waiting", "Acts that wait for a second person or a delay",
             Approval.objects.filter(done_at=None, cancelled_at=None).count()),
            ("desk_workers", "Workers that were heard of lately", Worker.objects.filter(beat__gt=beat).count()),
            ("desk_webhooks_paused", "Webhooks that failed too often", Webhook.objects.filter(paused=True).count()),
        ):  # fmt: skip
            yield GaugeMetricFamily(name, words, value=value or 0)


REGISTRY.register(Desk())


def page() -> bytes:
    """Everything, in the text format of Prometheus."""
    return generate_latest(REGISTRY)
