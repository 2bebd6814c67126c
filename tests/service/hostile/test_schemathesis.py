"""Schemathesis: requests made up from the service's own OpenAPI document, sent over a socket."""

from __future__ import annotations

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import response_schema_conformance

EXAMPLES = 12
"""Of each operation, and as many again that do not fit."""

POSITIVE, NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE


@pytest.fixture(scope="module")
def schema(client: httpx.Client) -> BaseSchema:
    return schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")


def asked(operation: schemathesis.schemas.APIOperation, mode: schemathesis.GenerationMode) -> list[int]:
    """Send made up requests; return the statuses of the answers."""
    statuses: list[int] = []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        answer = case.call()
        statuses.append(answer.status_code)
        case.validate_response(answer, checks=[not_a_server_error, response_schema_conformance])

    try:
        ask()
    except Unsatisfiable:  # what takes no parameter cannot be asked wrongly
        assert mode is NEGATIVE, operation.label
    return statuses


def test_every_operation_answers_whatever_fits_or_does_not(schema: BaseSchema) -> None:
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) >= 25
    refused = 0
    for operation in operations:
        assert asked(operation, POSITIVE), operation.label
        refused += sum(status >= 400 for status in asked(operation, NEGATIVE))
    assert refused > len(operations)
