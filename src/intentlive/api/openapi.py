"""The OpenAPI description of the routes that FastAPI does not serve."""

from typing import Any

import msgspec
from fastapi import FastAPI

from intentlive.core.events import AnyEvent
from intentlive.core.record import Record
from intentlive.core.times import Instant
from intentlive.ingest.cloudevents import BATCH, NDJSON, SINGLE

_BOT = {"name": "BotID", "in": "path", "required": True, "schema": {"type": "string"}}
_ACCOUNT = {"name": "accountId", "in": "header", "schema": {"type": "string"}}
_SECURITY: list[dict[str, list[str]]] = [{"auth": []}, {"bearer": []}]
_COUNT = {"type": "integer", "minimum": 0}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    """The schema of an object that has all of these."""
    return {"type": "object", "properties": properties, "required": list(properties)}


_ERRORS = {
    "type": "array",
    "minItems": 1,
    "items": _object(msg={"type": "string"}, code={"type": "integer"}),
}
_ERROR = _object(errors=_ERRORS)
_REJECTED = _object(index=_COUNT, id={"type": ["string", "null"]}, errors=_ERRORS)
_ACCEPTED = _object(accepted=_COUNT, rejected={"type": "array", "items": _REJECTED})

_REQUEST_ID = {"required": True, "schema": {"type": "string", "pattern": "^[0-9a-f]{24}$"}}
_SECONDS = {"description": "Seconds", "schema": _COUNT}
_RETRY_AFTER = {"retry-after": _SECONDS | {"required": True}}
_QUOTA = {
    "ratelimit-limit": {"description": "Questions a minute", "schema": _COUNT},
    "ratelimit-remaining": {"description": "How many of them are left", "schema": _COUNT},
    "ratelimit-reset": _SECONDS,
}
_DETAIL = {"x-error-detail": {"description": "What is wrong", "schema": {"type": "string"}}}

# What may become of any call of a bot, and more of events.
_REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "400": ("No bot of this account, or no request in HTTP/1.1", {}),
    "401": ("Not allowed: no token, or one that does not count here", {}),
    "408": ("The request did not come in time", {}),
    "413": ("The body is too large", {}),
    "429": ("Over the account's limit of a minute", _RETRY_AFTER),
    "431": ("The headers are too large", {}),
    "500": ("A fault of the server", {}),
    "503": ("Not now: send the same again in a moment", _RETRY_AFTER),
    "default": ("Refused", {}),
}
_EVENTS_REFUSED = _REFUSED | {
    "412": ("The body is not what its type says", _DETAIL),
    "415": ("No media type or content encoding of events", {}),
}


_HAS_ALREADY = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The etag of an answer that the caller has",
    "schema": {"type": "string"},
}
_UNCHANGED = {"x-request-id": _REQUEST_ID, "etag": {"schema": {"type": "string"}}} | _QUOTA


def describe(app: FastAPI) -> None:
    """Add the plain routes and their schemas to the document that `app` publishes."""
    generated = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generated()
            (event, record), components = msgspec.json.schema_components(
                [AnyEvent, Record],
                schema_hook=_schema_hook,
                ref_template="#/components/schemas/{name}",
            )
            for component in components.values():
                _respell_patterns(component)
            schemas = document.setdefault("components", {})
            schemas.setdefault("schemas", {}).update(components)
            schemas["securitySchemes"] = {
                "auth": {"type": "apiKey", "in": "header", "name": "auth"},
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            }
            latest = {verb: _latest(record, verb) for verb in ("get", "post")}
            for path in document["paths"].values():
                for operation in path.values():
                    _add_errors(operation["responses"])
            keys = document["paths"]["/.well-known/jwks.json"]["get"]
            keys["responses"]["503"] = _response(_REFUSED["503"][0], _ERROR, _RETRY_AFTER)
            document["paths"]["/api/public/bot/{BotID}/intentrealtimedata"] = latest
            document["paths"]["/api/public/bot/{BotID}/events"] = {"post": _events(event)}
        return app.openapi_schema or document

    app.openapi = complete  # type: ignore[method-assign]  # the way that FastAPI documents


def _schema_hook(kind: type) -> dict[str, Any]:
    if kind is Instant:
        return {"type": "string", "format": "date-time"}
    raise NotImplementedError


def _respell_patterns(schema: dict[str, Any]) -> None:
    """Write patterns as ECMA-262 has them, which begins with ^ and ends with $ only."""
    for member in schema.get("properties", {}).values():
        if "pattern" in member:
            member["pattern"] = (
                "^" + member["pattern"].removeprefix("\\A").removesuffix("\\Z") + "$"
            )


def _latest(record: dict[str, Any], verb: str) -> dict[str, Any]:
    return {
        "tags": ["sessions"],
        "operationId": f"{verb}IntentRealTimeData",
        "summary": "The bot's latest 25 sessions that finished their flow, newest end first",
        "description": "Scope SmartAssist Analytics. A body is ignored.",
        "parameters": [_BOT, _ACCOUNT, _HAS_ALREADY],
        "security": _SECURITY,
        "responses": _responses(
            {"type": "array", "maxItems": 25, "items": record}, _REFUSED, _QUOTA
        )
        | {"304": {"description": "The caller has this answer already", "headers": _UNCHANGED}},
    }


def _events(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "tags": ["events"],
        "operationId": "postEvents",
        "summary": "Session events in (CloudEvents 1.0); answered when they are durable",
        "description": "Scope Session Events. Repeats and any order are harmless.",
        "parameters": [_BOT, _ACCOUNT],
        "security": _SECURITY,
        "requestBody": {
            "required": True,
            "content": {
                SINGLE: {"schema": event},
                BATCH: {"schema": {"type": "array", "maxItems": 10_000, "items": event}},
                NDJSON: {"schema": {"type": "string"}},
            },
        },
        "responses": _responses(_ACCEPTED, _EVENTS_REFUSED, {}),
    }


def _add_errors(responses: dict[str, Any]) -> None:
    """What becomes of calls of the routes that need no login, beside what FastAPI knows."""
    for response in responses.values():
        response["headers"] = {"x-request-id": _REQUEST_ID}
    for status in ("500", "default"):
        responses[status] = _response(_REFUSED[status][0], _ERROR, {})


def _responses(
    schema: dict[str, Any],
    refused: dict[str, tuple[str, dict[str, Any]]],
    headers: dict[str, Any],
) -> dict[str, Any]:
    """The answers of a route; `headers` are those of all that are counted."""
    return {"200": _response("OK", schema, headers)} | {
        status: _response(what, _ERROR, headers | more)
        for status, (what, more) in sorted(refused.items())
    }


def _response(what: str, schema: dict[str, Any], headers: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": what,
        "headers": {"x-request-id": _REQUEST_ID} | headers,
        "content": {"application/json": {"schema": schema}},
    }
