"""Whatever is asked of the API, the answer is one that its description names; never a crash."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.specs.openapi import checks

from safeconduct_desk import tokens
from safeconduct_desk.api.description import desk
from safeconduct_desk.models import Arrival, Member
from safeconduct_desk.wsgi import application

schemathesis.serializer.alias("application/x-ndjson", "text/plain")
schema = schemathesis.openapi.from_dict(desk.get_openapi_schema())
schema.app = application


@pytest.fixture(autouse=True)
def whole(db: None) -> Iterator[None]:
    """The transaction of the test is not ended with each request."""
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    yield
    request_started.connect(close_old_connections)
    request_finished.connect(close_old_connections)


@pytest.fixture
def secret(olga: User) -> str:
    member = Member.objects.get(user=olga)
    return tokens.make(member, "schemathesis", tokens.offered(member))[1]


@pytest.fixture
def offered(alice: User) -> Arrival:
    """An import on which acts are tried: it waits for its file."""
    return Arrival.objects.create(person=alice, size=100)


@schema.parametrize()
@settings(
    max_examples=12, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much, HealthCheck.too_slow],
)  # fmt: skip
def test_every_answer_is_one_that_is_described(
    case: Case[Any], secret: str, screened: Arrival, offered: Arrival
) -> None:
    given = case.path_parameters
    if len(given.get("name", "x")) % 2:  # an import that is there, in half of all cases
        reading = case.method == "GET"
        given |= {"name": (screened if reading else offered).name} if "name" in given else {}
        given |= {"key": screened.groups.all()[0].key} if "key" in given and reading else {}
    # Parameters that nobody knows are passed over, as everywhere on the web; a text may be no policy.
    excluded: list[Any] = [checks.negative_data_rejection]
    if "policy" in case.path:
        excluded.append(checks.positive_data_acceptance)
    case.call_and_validate(headers={"Authorization": f"Bearer {secret}"}, excluded_checks=excluded)
