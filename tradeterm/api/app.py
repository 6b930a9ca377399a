"""The routes: each reads one view and answers with its JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response

from tradeterm import __version__
from tradeterm.api.answers import fresh, kept, unchanged
from tradeterm.api.examples import EXAMPLES, PROBLEMS, PROMETHEUS
from tradeterm.api.problems import PROBLEM_TYPE, TITLES, Problem, install
from tradeterm.api.prometheus import CONTENT_TYPE, exposition
from tradeterm.api.shapes import shape_of
from tradeterm.core.errors import nearest
from tradeterm.views import gauges, health, predictions, strategy_metrics
from tradeterm.views.health import HealthView
from tradeterm.views.predictions import HistoryView, NewestView
from tradeterm.views.strategy_metrics import StrategyMetricsView

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradeterm.config.workspace import Workspace
    from tradeterm.views.base import View

__all__ = ["LARGEST_PAGE", "application"]

LARGEST_PAGE = 500
_LARGEST_SEQ = 2**63 - 1
_LONGEST = 200
_ABOUT = """What a workspace of tradeterm holds: signals, their outcomes, metrics of certified runs, health.

It only reads. Instants are ISO-8601 in UTC, unknown values are null, returns and drawdowns are fractions.
Answers that carry an `ETag` may be kept and asked about with `If-None-Match`. Errors are `application/problem+json`.
"""

Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="At most this many signals.", examples=[50])]
Cursor = Annotated[
    int | None, Query(ge=1, le=_LARGEST_SEQ, description="`next` of the page before; none: the first page.")
]
Symbol = Annotated[str | None, Query(min_length=1, max_length=_LONGEST, description="Only this symbol.")]
StrategyName = Annotated[str | None, Query(min_length=1, max_length=_LONGEST, description="Only this strategy.")]
RunId = Annotated[
    str | None, Query(min_length=1, max_length=_LONGEST, description="This run; none: the newest daily snapshot.")
]


def _told(view: type[View], example: str, *also: int, unreadable: str | None = None) -> dict[str, Any]:
    """What the OpenAPI document says of a route's answers."""
    shape = shape_of(view)
    good = {"model": shape, "content": {"application/json": {"example": EXAMPLES[example]}}}
    responses: dict[int, dict[str, Any]] = {200: good}
    if 304 in also:
        responses[304] = {"description": "What the client holds is still the answer"}
        tag = {"description": "Strong validator", "schema": {"type": "string"}, "required": False}
        good["headers"] = {"ETag": tag}
    for status in (400, 401, *(status for status in also if status >= 400), 405, 422, 500, 503):
        responses[status] = _problem(status)
    if unreadable is not None:
        responses[503] = good | {
            "description": "The ledger can't be read",
            "content": {"application/json": {"example": EXAMPLES[unreadable]}},
        }
    return {"response_class": Response, "responses": responses}


def _problem(status: int) -> dict[str, Any]:
    example = {"type": "about:blank", "status": status, "title": TITLES[status], "detail": PROBLEMS[status]}
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": TITLES[status], "content": {PROBLEM_TYPE: {"schema": schema, "example": example}}}


def _text() -> dict[int | str, dict[str, Any]]:
    good = {
        "description": "Prometheus text",
        "content": {"text/plain": {"schema": {"type": "string"}, "example": PROMETHEUS}},
    }
    return {200: good, **{status: _problem(status) for status in (400, 401, 405, 422, 500)}}


_PREDICT = _told(NewestView, "predict", 304)
_HISTORY = _told(HistoryView, "history", 304)
_METRICS = _told(StrategyMetricsView, "metrics", 304, 404)
_HEALTH = _told(HealthView, "health", unreadable="health_unreadable")
_TEXT = _text()


def application(workspace: Workspace, *, profile: str | None, clock: Callable[[], int], secured: bool) -> FastAPI:
    """Return the routes over a workspace.

    profile : only daily runs under it; None takes the newest of any
    secured : whether a token is asked for, which is said in the OpenAPI document
    """
    app = FastAPI(
        title="tradeterm",
        version=__version__,
        description=_ABOUT,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        dependencies=[Depends(_known_words)],
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    install(app)

    @app.get("/predict", summary="Newest signals", **_PREDICT)
    def predict(request: Request) -> Response:
        """Signals of the newest daily run that predicted, and whether that run was partial."""
        asked = {"profile": profile}
        if (same := unchanged(request, workspace, asked)) is not None:
            return same
        view = predictions.build_newest(workspace, profile=profile)
        return kept(request, view.to_json(), asked, view.ledger)

    @app.get("/history", summary="Signal history with outcomes", **_HISTORY)
    def history(
        request: Request,
        limit: Limit = 50,
        cursor: Cursor = None,
        symbol: Symbol = None,
        strategy: StrategyName = None,
    ) -> Response:
        """Signals of every profile, the last recorded first; a page keeps its signals whatever is recorded later."""
        asked = {"limit": limit, "cursor": cursor, "symbol": symbol, "strategy": strategy}
        if (same := unchanged(request, workspace, asked)) is not None:
            return same
        view = predictions.build_history(workspace, limit=limit, cursor=cursor, symbol=symbol, strategy=strategy)
        return kept(request, view.to_json(), asked, view.ledger)

    @app.get("/metrics", summary="Strategy metrics", **_METRICS)
    def metrics(request: Request, run_id: RunId = None) -> Response:
        """Metrics of a certified run, of the book and by strategy, with the definition of each."""
        asked = {"profile": profile, "run_id": run_id}
        if (same := unchanged(request, workspace, asked)) is not None:
            return same
        view = strategy_metrics.build(workspace, run_id=run_id, profile=profile)
        if view is None:
            raise HTTPException(404, f"no run '{run_id}' is recorded; `tradeterm backtest list` lists them")
        return kept(request, view.to_json(), asked, view.ledger, whole=view.readable)

    @app.get("/health", summary="Health", **_HEALTH)
    def healthy() -> Response:
        """Whether the ledger can be read, the age of the last daily run and its bars, and the kill latch."""
        view = health.build(workspace, clock(), profile=profile)
        return fresh(view.to_json(), 200 if view.ledger is not None else 503)

    @app.get("/metrics/prometheus", summary="Gauges for Prometheus", response_class=Response, responses=_TEXT)
    def prometheus() -> Response:
        """NAV, drawdown, ages, counts, latch; what is unknown is absent, not 0."""
        text = exposition(gauges.build(workspace, clock(), profile=profile))
        return Response(text, media_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})

    app.openapi = lambda: _openapi(app, secured)  # type: ignore[method-assign]  # the documented way to add to it
    return app


def _known_words(request: Request) -> None:
    """Refuse a query word that the route doesn't know, or that is there twice: misspelt, it would filter nothing."""
    known = [param.alias for param in request.scope["route"].dependant.query_params]
    seen = [name for name, _ in request.query_params.multi_items()]
    for name in seen:
        if name not in known:
            near = nearest(name, known)
            hint = f"did you mean '{near}'?" if near else f"it takes {', '.join(known) or 'none'}"
            raise HTTPException(422, f"'{name[:60]}' is no query parameter of {request.url.path}; {hint}")
        if seen.count(name) > 1:
            raise HTTPException(422, f"query parameter '{name}' is there {seen.count(name)} times; give it once")


def _openapi(app: FastAPI, secured: bool) -> dict[str, Any]:
    from fastapi.openapi.utils import get_openapi

    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            license_info=app.license_info,
            routes=app.routes,
        )
        parts = made.setdefault("components", {}).setdefault("schemas", {})
        parts["Problem"] = Problem.model_json_schema()
        # Errors of ours have one shape: FastAPI's own is never sent.
        for name in ("HTTPValidationError", "ValidationError"):
            parts.pop(name, None)
        if secured:
            made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            made["security"] = [{"token": []}]
        app.openapi_schema = made
    return app.openapi_schema
