"""An ASGI application with the routes of TensorFlow Serving's REST interface."""

import asyncio
import collections
import concurrent.futures
import contextlib
import functools
import json
import logging
import time
from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from keras_effconv.serving import answers, examples, monitoring, paths, responses, signature_defs, wire
from keras_effconv.serving.batching import Batcher, Full
from keras_effconv.serving.bodies import Bodies
from keras_effconv.serving.conversion import Converter, with_causes
from keras_effconv.serving.encodings import decoder_of, plain
from keras_effconv.serving.ending import Ending
from keras_effconv.serving.limits import Limits
from keras_effconv.serving.refused import Refused
from keras_effconv.serving.versions import Versions
from keras_effconv.serving.waiting import awaited

# What is below takes milliseconds: less than two changes of thread while a model computes.
SHORT_BODY, FEW_VALUES = 300_000, 5000  # bytes to parse; numbers and strings to write
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}


def app(models: Mapping[str, Versions], limits: Limits | None = None, cors: bool = False) -> Starlette:
    """Return an ASGI application that serves models.

    Args:
        models: dict of str -> `Versions`, by name; closed when the application ends.
        limits: `Limits`. Default: `Limits()`.
        cors: bool, whether pages of any origin may ask: answers have the CORS headers of TensorFlow Serving. Default
            `False`.

    Returns:
        A `starlette.applications.Starlette`.
    """
    service = Service(models, limits or Limits(), cors)
    routes = [
        Route("/healthz", service.health),
        Route("/metrics", service.metrics),
        Route("/monitoring/prometheus/metrics", service.metrics),
        Route("/{rest:path}", service.respond, methods=METHODS),
    ]
    application = Starlette(
        routes=routes, lifespan=service.running, exception_handlers={HTTPException: responses.no_route}
    )
    application.state.service = service
    return application


class Service:
    """Models, the thread that computes them, and the numbers of `/metrics`."""

    def __init__(self, models, limits, cors):
        self.models, self.limits, self.headers = models, limits, CORS if cors else {}
        self.codes, self.accepted, self.monitor = collections.Counter(), 0, monitoring.Monitor()
        self.bodies, self.ending = Bodies(limits.max_body, limits.max_held, limits.read_timeout), Ending()

    @contextlib.asynccontextmanager
    async def running(self, _):
        """Hold what the service needs, from the start of the server to its end."""
        limits = self.limits
        self.batcher = Batcher(limits.max_batch, limits.max_delay, limits.max_queue, limits.streams)
        # One large body at a time is inflated, and Python objects, several times its size.
        self.parser = concurrent.futures.ThreadPoolExecutor(1, "parser")
        self.converter = Converter()
        for versions in self.models.values():
            versions.watch(limits.poll)
        try:
            yield
        finally:
            for each in (self.batcher, *self.models.values()):
                await asyncio.to_thread(each.close)
            self.parser.shutdown(wait=False, cancel_futures=True)
            self.converter.close()

    async def respond(self, request):
        """Respond to any path without a page of its own."""
        path = request.scope["path"]
        if not path.lower().startswith(paths.ROOT):
            raise HTTPException(404)
        begun, target = time.monotonic(), None
        try:
            if request.method == "OPTIONS":
                status, body = responses.preflight(request)
            else:
                target = paths.target(request.method, path)
                async with self.ending.cut():
                    status, body = 200, await ACTIONS[target.action](self, request, target)
        except Refused as refused:
            status, body = refused.status, responses.error(" ".join(str(refused).split()))
        except ClientDisconnect:
            status, body = 499, responses.error("the client went away")
        except Exception as error:
            logging.getLogger("uvicorn.error").exception("a request failed")
            status, body = 500, responses.error(type(error).__name__)
        refused = request.scope.get("state", {}).get("refused")  # below HTTP, where that is counted, too
        if not refused:
            self.codes[status] += 1
        name = target.name if target and target.name in self.models else ""
        self.monitor.add(name, target.action if target else "", refused or status, time.monotonic() - begun)
        return responses.as_json(body, status, self.headers)

    async def status(self, request, target):
        """Return the state of every version, or of one."""
        name, number = target.name, target.number
        states = self.models[name].states() if name in self.models else {}
        if not states:
            raise Refused(404, f"Could not find any versions of model {name[:100]}")
        if number is not None and number not in states:
            raise Refused(404, f"Could not find version {number} of model {name[:100]}")
        shown = {each: state for each, state in states.items() if number in (None, each)}
        return json.dumps({"model_version_status": [responses.state(*each) for each in shown.items()]})

    async def metadata(self, request, target):
        """Return the inputs and outputs of the signatures."""
        number, version = self._version(target)
        return json.dumps(signature_defs.metadata(target.name, number, version.definitions))

    async def predict(self, request, target):
        """Run a signature on the rows of a request."""
        _, version = self._version(target)
        parse = functools.partial(wire.parse, signatures=version.signatures, max_rows=self.limits.max_rows)
        async with self.bodies.read(request) as (body, account), awaited(request, self.limits.request_timeout):
            with self.batcher.announced():
                try:
                    query = await self._parsed(request, body, account, parse)
                except ValueError as error:
                    raise Refused(400, str(error)) from None
                future = None if query.foreign else self._submitted(query)
            causes = await self.converter.rewrite(query.rows, query.foreign, account.hold)
            outputs = with_causes(await (future or self._submitted(query)), causes)
        if sum(values.size for values in outputs.values()) < FEW_VALUES:
            return answers.text(outputs, query.by_row)
        return await asyncio.to_thread(answers.text, outputs, query.by_row)

    async def examples(self, request, target):
        """Refuse a request of examples as TensorFlow Serving does: no export has a signature that reads them."""
        _, version = self._version(target)
        async with self.bodies.read(request) as (body, account), awaited(request, self.limits.request_timeout):
            parse = functools.partial(examples.refusal, target.action, signatures=version.signatures)
            raise Refused(400, await self._parsed(request, body, account, parse))

    async def _parsed(self, request, body, account, parse):
        """Return what a body says. What a small one has become counts as held, too."""
        decode = decoder_of(request.headers.get("content-encoding", ""))

        def work():
            decoded = decode(body, self.limits.max_body)
            return parse(decoded), len(decoded)

        if decode is plain and len(body) < SHORT_BODY:
            parsed, size = work()
        else:
            parsed, size = await asyncio.get_running_loop().run_in_executor(self.parser, work)
        account.hold(max(0, size - len(body)))
        body.clear()
        return parsed

    def _submitted(self, query):
        try:
            future = self.batcher.submit(query.signature, query.rows)
        except Full as error:
            raise Refused(503, str(error)) from None
        self.accepted += 1
        return asyncio.wrap_future(future)

    def _version(self, target):
        name, number, versions = target.name[:100], target.number, self.models.get(target.name)
        if target.label is not None:
            number = versions and versions.labels.get(target.label)
            if number is None:
                raise Refused(400, f"Unrecognized servable version label: {target.label[:100]}")
        try:
            return self.models[target.name].get(number)
        except KeyError:
            which = f"Latest({name})" if number is None else f"Specific({name}, {number})"
            raise Refused(404, f"Servable not found for request: {which}") from None

    async def health(self, request):
        """Respond whether all is well: a server without a version of each model does not start."""
        if not self.batcher.works():
            return responses.as_json(responses.error("a thread that computes has ended"), 503)
        return responses.as_json('{"status": "ok"}')

    async def metrics(self, request):
        """Return the numbers in the text format of Prometheus."""
        counts = self.batcher.counts
        rows = [
            *(("counter", "answers_total", f'{{code="{code}"}}', count) for code, count in sorted(self.codes.items())),
            ("counter", "accepted_requests_total", "", self.accepted),
            ("counter", "computed_requests_total", "", counts["requests"]),
            ("counter", "computed_batches_total", "", counts["batches"]),
            ("counter", "computed_rows_total", "", counts["rows"]),
            ("gauge", "waiting_requests", "", self.batcher.waiting()),
            ("gauge", "held_bytes", "", self.bodies.held),
        ]
        return PlainTextResponse(monitoring.page(self.monitor, rows))


ACTIONS = {
    "status": Service.status,
    "metadata": Service.metadata,
    "predict": Service.predict,
    "classify": Service.examples,
    "regress": Service.examples,
}
