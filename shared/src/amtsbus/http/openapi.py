"""The OpenAPI document: what FastAPI finds by itself, and what our edge adds to every operation."""

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from amtsbus.http.problems import MEDIA_TYPE, Problem
from amtsbus.http.routes import EdgeRoute

SCHEME = "bearer"

_DESCRIPTIONS: Mapping[int, str] = {
    400: "The request is malformed: headers, JSON or address",
    401: "No valid token",
    403: "The caller does not have the role",
    404: "There is no such thing for this caller",
    408: "The request did not arrive in time",
    409: "Somebody else changed it at the same time",
    412: "It has changed since the caller read it (If-Match)",
    413: "The body is too large",
    415: "The body is not application/json",
    422: "A field or a rule forbids it",
    428: "If-Match is missing",
    500: "A defect of the service",
    503: "Try again after Retry-After seconds",
}

_IDEMPOTENCY_KEY: Mapping[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "A new one for each thing that you want done; the same one again when you repeat a request whose answer "
    "got lost: then it is done once, and you get the first answer.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$", "examples": ["018f3c2e-7d1a-7c3b-9a55-0b6a2f4d9e10"]},
}


def document(app: FastAPI, routes: Iterable[EdgeRoute]) -> dict[str, Any]:
    """The document of `app`; the same on every machine."""
    found: dict[str, Any] = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        separate_input_output_schemas=False,
    )
    components = found.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    described = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= described.pop("$defs") | {"Problem": described}
    components["securitySchemes"] = {
        SCHEME: {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An OIDC access token with the claims `roles`, and `person_id` (citizens) or `department` (staff)",
        }
    }
    for route in routes:
        for method in sorted(route.verbs):
            operation = found["paths"][route.path_format][method.lower()]
            _complete(operation, route, method)
    return found


def _complete(operation: dict[str, Any], route: EdgeRoute, method: str) -> None:
    rule = route.rule
    if rule is not None:
        text = f"For {rule.describe()}."
        operation["description"] = f"{operation['description']}\n\n{text}" if operation.get("description") else text
        operation["security"] = [] if rule.is_public else [{SCHEME: []}]
    parameters: list[dict[str, Any]] = operation.setdefault("parameters", [])
    versioned = False
    for parameter in parameters:
        _exclude_nul(parameter["schema"])
        if parameter["in"] == "header" and parameter["name"].lower() == "if-match":
            versioned = True
            parameter |= {
                "required": True,
                "description": "The ETag of the version that you have seen",
                "schema": {"type": "string", "pattern": '^"[1-9][0-9]{0,8}"$', "examples": ['"3"']},
            }
    if method == "POST":
        parameters.append(dict(_IDEMPOTENCY_KEY))
    if not parameters:
        del operation["parameters"]
    operation["responses"] = {
        **{status: answer for status, answer in operation["responses"].items() if not _is_default_422(answer)},
        **{str(status): _problem(status) for status in _statuses(operation, route, method, versioned=versioned)},
    }


def _exclude_nul(schema: dict[str, Any]) -> None:
    """The edge refuses NUL in every address; a client may know."""
    for part in schema.get("anyOf", [schema]):
        if part.get("type") == "string" and not {"pattern", "format", "enum", "const"} & set(part):
            part["pattern"] = "^[^\\x00]*$"


def _statuses(operation: dict[str, Any], route: EdgeRoute, method: str, *, versioned: bool) -> list[int]:
    statuses = {400, 404, 413, 422, 500, 503}
    if route.rule is not None and not route.rule.is_public:
        statuses |= {401, 403}
    if "requestBody" in operation:
        statuses |= {408, 415}
    if method != "GET":
        statuses.add(409)
    if versioned:
        statuses |= {412, 428}
    return sorted(statuses)


def _is_default_422(answer: Mapping[str, Any]) -> bool:
    return "HTTPValidationError" in str(answer)


def _problem(status: int) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": _DESCRIPTIONS[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status == 401:
        answer["headers"] = {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}}
    if status == 503:
        answer["headers"] = {"Retry-After": {"required": True, "schema": {"type": "string", "pattern": "^[0-9]+$"}}}
    return answer
