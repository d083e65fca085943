"""An ASGI application with the routes of TensorFlow Serving's REST interface."""

import asyncio
import collections
import contextlib
import dataclasses
import json
import logging
import re
from collections.abc import Mapping

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from keras_effconv.serving import wire
from keras_effconv.serving.batching import Batcher, Full
from keras_effconv.serving.bodies import Bodies, Refused
from keras_effconv.serving.versions import Versions

PATH = re.compile(r"/v1/models/([^/:]+)(?:/versions/([0-9]{1,18}))?(/metadata|:predict)?")


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a server accepts.

    Attributes:
        max_batch: int, rows that are computed at a time.
        max_delay: float, seconds that a request waits for others, to be computed together.
        max_queue: int, requests that wait; more are refused with status 503.
        max_body: int, bytes of a request; larger ones are refused with status 413.
        max_held: int, bytes of all requests that are read or computed at the same time; then status 503.
        read_timeout: float, seconds in which a request must arrive, and its answer be read.
        request_timeout: float, seconds in which a request must be computed; status 504.
        poll: float, seconds between two searches for new versions.
    """

    max_batch: int = 16
    max_delay: float = 0.005
    max_queue: int = 128
    max_body: int = 32 << 20
    max_held: int = 256 << 20
    read_timeout: float = 30.0
    request_timeout: float = 60.0
    poll: float = 2.0


def app(models: Mapping[str, Versions], limits: Limits | None = None) -> Starlette:
    """Return an ASGI application that serves models.

    Args:
        models: dict of str -> `Versions`, by name; closed when the application ends.
        limits: `Limits`. Default: `Limits()`.

    Returns:
        A `starlette.applications.Starlette`.
    """
    service = Service(models, limits or Limits())
    routes = [
        Route("/v1/{rest:path}", service.respond, methods=["GET", "POST"]),
        Route("/healthz", service.health),
        Route("/metrics", service.metrics),
    ]
    return Starlette(routes=routes, lifespan=service.running, exception_handlers={HTTPException: _no_route})


class Service:
    """Models, the thread that computes them, and the numbers of `/metrics`."""

    def __init__(self, models, limits):
        self.models, self.limits = models, limits
        self.codes, self.accepted = collections.Counter(), 0
        self.bodies = Bodies(limits.max_body, limits.max_held, limits.read_timeout)

    @contextlib.asynccontextmanager
    async def running(self, _):
        """Hold what the service needs, from the start of the server to its end."""
        limits = self.limits
        self.batcher = Batcher(limits.max_batch, limits.max_delay, limits.max_queue)
        self.parsing = anyio.CapacityLimiter(1)  # one body at a time is Python objects, several times its size
        for versions in self.models.values():
            versions.watch(limits.poll)
        try:
            yield
        finally:
            for each in (self.batcher, *self.models.values()):
                await asyncio.to_thread(each.close)

    async def respond(self, request):
        """Respond to any path below /v1."""
        try:
            status, body = 200, await self._act(request)
        except Refused as refused:
            status, body = refused.status, {"error": str(refused)}
        except ClientDisconnect:
            status, body = 499, {"error": "the client went away"}
        except Exception as error:
            logging.getLogger("uvicorn.error").exception("a request failed")
            status, body = 500, {"error": type(error).__name__}
        self.codes[status] += 1
        return _json(body, status)

    async def _act(self, request):
        method, path = request.method.replace("HEAD", "GET"), request.scope["path"]
        parts = PATH.fullmatch(path)
        action = ACTIONS.get((method, parts[3])) if parts else None
        if action is None:
            raise Refused(400, f"Malformed request: {method} {path[:200]}")
        return await action(self, request, parts[1], parts[2] and int(parts[2]))

    async def status(self, request, name, number):
        """Return the state of every version, or of one."""
        states = self.models[name].states() if name in self.models else {}
        if not states:
            raise Refused(404, f"Could not find any versions of model {name[:100]}")
        if number is not None and number not in states:
            raise Refused(404, f"Could not find version {number} of model {name[:100]}")
        return {
            "model_version_status": [
                {
                    "version": str(each),
                    "state": "END" if cause else "AVAILABLE",
                    "status": {"error_code": "UNKNOWN" if cause else "OK", "error_message": cause or ""},
                }
                for each, cause in states.items()
                if number in (None, each)
            ]
        }

    async def metadata(self, request, name, number):
        """Return the inputs and outputs of the signatures."""
        number, version = self._version(name, number)
        return wire.metadata(name, number, version.signatures)

    async def predict(self, request, name, number):
        """Run a signature on the rows of a request."""
        _, version = self._version(name, number)
        async with self.bodies.read(request) as body:
            try:
                query = await anyio.to_thread.run_sync(wire.parse, body, version.signatures, limiter=self.parsing)
            except ValueError as error:
                raise Refused(400, " ".join(str(error).split())) from None
            outputs = await self._computed(query)
        return wire.response(outputs, query.by_row)

    async def _computed(self, query):
        try:
            future = asyncio.wrap_future(self.batcher.submit(query.signature, query.rows))
            self.accepted += 1
            return await asyncio.wait_for(future, self.limits.request_timeout)
        except Full as error:
            raise Refused(503, str(error)) from None
        except TimeoutError:
            raise Refused(504, f"not computed within {self.limits.request_timeout:g} seconds") from None

    def _version(self, name, number):
        try:
            return self.models[name].get(number)
        except KeyError:
            version = f"Latest({name[:100]})" if number is None else f"Specific({name[:100]}, {number})"
            raise Refused(404, f"Servable not found for request: {version}") from None

    async def health(self, request):
        """Respond that all is well: a server without a version of each model does not start."""
        return _json({"status": "ok"})

    async def metrics(self, request):
        """Return the numbers in the text format of Prometheus."""
        counts = self.batcher.counts
        rows = [
            *((f'answers_total{{code="{code}"}}', count) for code, count in sorted(self.codes.items())),
            ("accepted_requests_total", self.accepted),
            ("computed_requests_total", counts["requests"]),
            ("computed_batches_total", counts["batches"]),
            ("computed_rows_total", counts["rows"]),
            ("waiting_requests", self.batcher.waiting()),
            ("held_bytes", self.bodies.held),
        ]
        return PlainTextResponse("".join(f"keras_effconv_{name} {value}\n" for name, value in rows))


ACTIONS = {
    ("GET", None): Service.status,
    ("GET", "/metadata"): Service.metadata,
    ("POST", None): Service.predict,
    ("POST", ":predict"): Service.predict,
}


async def _no_route(request, error):
    return _json({"error": f"{error.detail}: {request.method} {request.scope['path'][:200]}"}, error.status_code)


def _json(value, status=200):
    """Respond with JSON, with NaN as TensorFlow Serving writes it. After an error, the rest of the body is not read."""
    headers = {"connection": "close"} if status in (408, 413, 503) else None
    return Response(json.dumps(value), status, headers, "application/json")
