"""Errors in one shape, RFC 9457: one line of JSON with status, title and detail, never a traceback."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from loguru import logger
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from tradeterm.core.errors import LockHeld, StoreError
from tradeterm.core.ids import canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException
    from starlette.requests import Request

__all__ = ["PROBLEM_TYPE", "TITLES", "Problem", "install", "problem"]

PROBLEM_TYPE = "application/problem+json"
# In words of our own: the standard library renames some of them from version to version.
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    422: "Unprocessable Content",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class Problem(BaseModel):
    """Why there is no answer."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["about:blank"] = Field(description="No page of its own: the status says which kind it is.")
    status: int = Field(description="HTTP status.", ge=400, le=599)
    title: str = Field(description="The status in words.")
    detail: str = Field(description="What was found, where, and what to do, in one line.")


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with a problem."""
    title = TITLES.get(status) or HTTPStatus(status).phrase
    body = {"type": "about:blank", "status": status, "title": title, "detail": " ".join(detail.split())}
    return Response(
        canonical_json(body),
        status_code=status,
        media_type=PROBLEM_TYPE,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def install(app: FastAPI) -> None:
    """Turn everything that a request can fail with into a problem."""
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException

    app.exception_handler(RequestValidationError)(_wrong_words)
    app.exception_handler(HTTPException)(_refused)
    app.exception_handler(StoreError)(_unreadable)
    app.exception_handler(Exception)(_unexpected)


async def _wrong_words(request: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0]
    name = str(first["loc"][-1])
    return problem(422, f"query {name}={_short(first.get('input'))}: {first['msg']}; see /openapi.json")


async def _refused(request: Request, error: HTTPException) -> Response:
    if error.status_code == HTTPStatus.NOT_FOUND and error.detail == HTTPStatus.NOT_FOUND.phrase:
        return problem(404, f"no such path: {_short(request.url.path)}; see /openapi.json")
    return problem(error.status_code, str(error.detail), error.headers)


async def _unreadable(request: Request, error: StoreError) -> Response:
    logger.warning("{}", error)
    wait = {"Retry-After": "1"} if isinstance(error, LockHeld) else None
    return problem(503, str(error), wait)


async def _unexpected(request: Request, error: Exception) -> Response:
    logger.opt(exception=error).error("{} failed: {}", request.url.path, type(error).__name__)
    return problem(500, f"unexpected {type(error).__name__}; the log of this service has it in full")


def _short(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
