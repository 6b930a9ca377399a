"""A Postman collection (format 2.1) of an OpenAPI document: one request per route, its parameters, its examples."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import NAMESPACE_URL, uuid5

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["collection"]

_FORMAT = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_PREVIEW = {"application/json": "json", "application/problem+json": "json"}


def collection(document: Mapping[str, Any], *, url: str) -> dict[str, Any]:
    """Return the collection; ``url`` and the token are variables that a person sets in Postman.

    The same document gives the same collection.
    """
    title, version = document["info"]["title"], document["info"]["version"]
    return {
        "info": {
            "_postman_id": str(uuid5(NAMESPACE_URL, f"{title}/{version}")),
            "name": f"{title} {version}",
            "description": document["info"].get("description", ""),
            "schema": _FORMAT,
        },
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}", "type": "string"}]},
        "variable": [{"key": "baseUrl", "value": url}, {"key": "token", "value": ""}],
        "item": [_item(path, methods["get"]) for path, methods in document["paths"].items()],
    }


def _item(path: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    request = {
        "method": "GET",
        "description": operation.get("description", ""),
        "header": [],
        "url": _url(path, operation.get("parameters", ())),
    }
    return {"name": operation["summary"], "request": request, "response": list(_examples(operation, request))}


def _url(path: str, parameters: Any) -> dict[str, Any]:
    query = [
        {
            "key": item["name"],
            "value": str(item["schema"].get("default", "")),
            "description": item.get("description", ""),
            # What has a default need not be sent; the box is there to be ticked.
            "disabled": not item.get("required", False),
        }
        for item in parameters
        if item["in"] == "query"
    ]
    sent = urlencode({item["key"]: item["value"] for item in query if not item["disabled"]})
    raw = f"{{{{baseUrl}}}}{path}{'?' + sent if sent else ''}"
    found: dict[str, Any] = {"raw": raw, "host": ["{{baseUrl}}"], "path": path.strip("/").split("/")}
    return found | ({"query": query} if query else {})


def _examples(operation: Mapping[str, Any], request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for status, answer in operation["responses"].items():
        for kind, content in answer.get("content", {}).items():
            example = content["example"]
            yield {
                "name": answer["description"],
                "originalRequest": dict(request),
                "status": _phrase(int(status)),
                "code": int(status),
                "header": [{"key": "Content-Type", "value": kind}],
                "_postman_previewlanguage": _PREVIEW.get(kind, "text"),
                "body": example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False),
            }


def _phrase(status: int) -> str:
    from tradeterm.api.problems import TITLES

    return TITLES.get(status) or HTTPStatus(status).phrase
