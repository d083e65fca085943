"""Responses of JSON, of errors too."""

import json

from starlette.responses import Response


def as_json(text, status=200, headers=()):
    """Respond with JSON. If a body may be left that is long or late, its connection ends."""
    closing = {"connection": "close"} if status in (408, 413, 503) else {}
    return Response(text, status, {**dict(headers), **closing}, "application/json")


def error(message):
    """Return the JSON text of an error."""
    return json.dumps({"error": message})


async def no_route(request, exception):
    """Respond that there is no such page."""
    text = error(f"{exception.detail}: {request.method} {request.scope['path'][:200]}")
    return as_json(text, exception.status_code)


def preflight(request):
    """Return the status and the body for `OPTIONS`, with which a browser asks whether a page may send a request."""
    origin = request.headers.get("origin", "")
    if "http://" in origin or "https://" in origin:
        return 200, ""
    return 400, error("Origin header is missing in CORS preflight")


def state(number, state):
    """Return the state of a version as TensorFlow Serving writes it, a dict for JSON."""
    status = {"error_code": state.code, "error_message": state.message}
    return {"version": str(number), "state": state.name, "status": status}
