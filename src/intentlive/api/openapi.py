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
_ERRORS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"msg": {"type": "string"}, "code": {"type": "integer"}},
    },
}
_ERROR = {"type": "object", "properties": {"errors": _ERRORS}}
_ACCEPTED = {
    "type": "object",
    "properties": {
        "accepted": {"type": "integer"},
        "rejected": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "index": {"type": "integer"},
                    "id": {"type": ["string", "null"]},
                    "errors": _ERRORS,
                },
            },
        },
    },
}


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
            schemas = document.setdefault("components", {})
            schemas.setdefault("schemas", {}).update(components)
            schemas["securitySchemes"] = {
                "auth": {"type": "apiKey", "in": "header", "name": "auth"},
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            }
            latest = {verb: _latest(record, verb) for verb in ("get", "post")}
            document["paths"]["/api/public/bot/{BotID}/intentrealtimedata"] = latest
            document["paths"]["/api/public/bot/{BotID}/events"] = {"post": _events(event)}
        return app.openapi_schema or document

    app.openapi = complete  # type: ignore[method-assign]  # the way that FastAPI documents


def _schema_hook(kind: type) -> dict[str, Any]:
    if kind is Instant:
        return {"type": "string", "format": "date-time"}
    raise NotImplementedError


def _latest(record: dict[str, Any], verb: str) -> dict[str, Any]:
    return {
        "tags": ["sessions"],
        "operationId": f"{verb}IntentRealTimeData",
        "summary": "The bot's latest 25 sessions that finished their flow, newest end first",
        "description": "Scope SmartAssist Analytics. A body is ignored.",
        "parameters": [_BOT, _ACCOUNT],
        "security": _SECURITY,
        "responses": _responses({"type": "array", "maxItems": 25, "items": record}),
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
        "responses": _responses(_ACCEPTED),
    }


def _responses(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "200": {"description": "OK", "content": {"application/json": {"schema": schema}}},
        "default": {
            "description": "Refused",
            "content": {"application/json": {"schema": _ERROR}},
        },
    }
