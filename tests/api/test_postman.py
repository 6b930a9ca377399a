"""The Postman collection holds what the OpenAPI document says, in the format that Postman imports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tradeterm.api.postman import collection

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "api"


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "openapi.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "tradeterm.postman_collection.json").read_text(encoding="utf-8"))
    return found


def test_it_is_of_format_2_1_and_keeps_the_token_out(made: dict[str, Any]) -> None:
    assert made["info"]["schema"] == "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
    assert made["variable"] == [
        {"key": "baseUrl", "value": "http://127.0.0.1:8710"},
        {"key": "token", "value": ""},
    ]
    assert made["auth"]["bearer"][0]["value"] == "{{token}}"


def test_it_has_one_request_per_route_with_its_parameters(made: dict[str, Any], openapi: dict[str, Any]) -> None:
    found = {"/" + "/".join(item["request"]["url"]["path"]): item for item in made["item"]}
    assert set(found) == set(openapi["paths"])
    for path, item in found.items():
        operation = openapi["paths"][path]["get"]
        asked = [query["key"] for query in item["request"]["url"].get("query", [])]
        assert asked == [parameter["name"] for parameter in operation.get("parameters", [])]
        assert item["request"]["url"]["raw"] == f"{{{{baseUrl}}}}{path}"


def test_its_examples_are_those_of_the_document(made: dict[str, Any], openapi: dict[str, Any]) -> None:
    for item in made["item"]:
        operation = openapi["paths"]["/" + "/".join(item["request"]["url"]["path"])]["get"]
        documented = {
            int(status): content["example"]
            for status, answer in operation["responses"].items()
            for content in answer.get("content", {}).values()
        }
        shown = {answer["code"]: answer["body"] for answer in item["response"]}
        assert shown.keys() == documented.keys()
        for code, example in documented.items():
            assert (shown[code] if isinstance(example, str) else json.loads(shown[code])) == example


def test_a_required_parameter_is_ticked() -> None:
    parameter = {"name": "id", "in": "query", "required": True, "schema": {"default": "a b"}}
    operation = {"summary": "One", "parameters": [parameter], "responses": {}}
    document = {"info": {"title": "t", "version": "1"}, "paths": {"/one": {"get": operation}}}
    (item,) = collection(document, url="http://x")["item"]
    assert item["request"]["url"]["raw"] == "{{baseUrl}}/one?id=a+b"
    assert item["request"]["url"]["query"][0]["disabled"] is False
