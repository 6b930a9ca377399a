"""schemathesis asks whatever the OpenAPI document allows and forbids; every answer has to be as the document says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from pydantic import SecretStr, ValidationError
from schemathesis.core.failures import FailureGroup

from tradeterm.api.app import application
from tradeterm.api.examples import EXAMPLES
from tradeterm.api.server import guarded
from tradeterm.api.shapes import shape_of
from tradeterm.views.health import HealthView
from tradeterm.views.predictions import HistoryView, NewestView
from tradeterm.views.strategy_metrics import StrategyMetricsView

TOKEN = "a-token-of-twenty-five-ch"
VIEWS = {
    "predict": NewestView,
    "history": HistoryView,
    "metrics": StrategyMetricsView,
    "health": HealthView,
    "health_unreadable": HealthView,
}


def examples(count: int) -> settings:
    ignored = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=count, derandomize=True, suppress_health_check=ignored)


@pytest.fixture
def service(stocked: Any) -> Any:
    return schemathesis.openapi.from_asgi("/openapi.json", guarded(stocked.workspace))


@pytest.fixture
def locked_service(stocked: Any) -> Any:
    app = guarded(stocked.workspace, token=SecretStr(TOKEN))
    return schemathesis.openapi.from_asgi("/openapi.json", app, headers={"Authorization": f"Bearer {TOKEN}"})


@pytest.fixture
def bare_service(desk: Any) -> Any:
    return schemathesis.openapi.from_asgi("/openapi.json", guarded(desk.workspace))


@schemathesis.pytest.from_fixture("service").parametrize()
@examples(25)
def test_every_answer_over_a_stocked_desk_is_as_documented(case: Any) -> None:
    case.call_and_validate()


@schemathesis.pytest.from_fixture("bare_service").parametrize()
@examples(8)
def test_every_answer_over_an_empty_desk_is_as_documented(case: Any) -> None:
    answer = case.call_and_validate()
    assert answer.status_code < 500


@schemathesis.pytest.from_fixture("locked_service").parametrize()
@examples(8)
def test_every_answer_behind_a_token_is_as_documented(case: Any) -> None:
    case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"})


def test_an_answer_that_is_not_as_documented_is_found(stocked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    app = guarded(stocked.workspace)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    told = HealthView.to_json
    monkeypatch.setattr(HealthView, "to_json", lambda self: told(self) | {"status": "splendid"})
    with pytest.raises(FailureGroup, match="splendid"):
        schema["/health"]["GET"].Case().call_and_validate()


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_has_the_shape_of_its_answer(name: str) -> None:
    shape = shape_of(VIEWS[name])
    shape.model_validate(EXAMPLES[name])
    with pytest.raises(ValidationError):
        shape.model_validate(EXAMPLES[name] | {"more": 1})
    for field in EXAMPLES[name]:
        with pytest.raises(ValidationError):
            shape.model_validate({key: value for key, value in EXAMPLES[name].items() if key != field})


def test_every_route_has_an_example_and_says_its_errors(desk: Any) -> None:
    made = application(desk.workspace, profile=None, clock=lambda: 0, secured=True).openapi()
    assert set(made["paths"]) == {"/predict", "/history", "/metrics", "/health", "/metrics/prometheus"}
    page = (Path(__file__).parents[2] / "docs/service.md").read_text(encoding="utf-8")
    for path, methods in made["paths"].items():
        assert f"| `{path}` |" in page
        assert set(methods) == {"get"}, path
        for status, answer in methods["get"]["responses"].items():
            for kind, content in answer.get("content", {}).items():
                assert "example" in content, f"{path} {status} {kind}"
        assert {"401", "405", "422", "500"} <= methods["get"]["responses"].keys()
    assert made["components"]["securitySchemes"] == {"token": {"type": "http", "scheme": "bearer"}}
    assert "HTTPValidationError" not in made["components"]["schemas"]
