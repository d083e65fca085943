"""A process that serves models: from a socket to a clean end."""

import asyncio
import dataclasses
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping

import uvicorn

from keras_effconv.serving.app import app
from keras_effconv.serving.limits import Limits
from keras_effconv.serving.listening import bound, listen, room
from keras_effconv.serving.protocol import Protocol
from keras_effconv.serving.versions import Versions

ACCEPTED, WAITING = 16, 1024  # connections that are accepted at a time, and that the kernel holds until then


def serve(
    models: Mapping[str, Versions],
    host: str = "127.0.0.1",
    port: int = 8501,
    limits: Limits | None = None,
    shutdown_timeout: float = 5,
    started: Callable[[int], None] | None = None,
    cors: bool = False,
    listener: socket.socket | None = None,
) -> None:
    """Serve models until SIGTERM or SIGINT. Then all accepted requests are answered, and the signal is raised again.

    What is not computed after two thirds of `shutdown_timeout` gets status 503. A second SIGINT ends the process at
    once.

    Args:
        models: dict of str -> `Versions`.
        host: str, the address to listen at. Default `"127.0.0.1"`: clients on this machine only.
        port: int; 0 for any that is free. Default 8501.
        limits: `Limits`. Default: `Limits()`.
        shutdown_timeout: float, seconds after which the process ends, whatever clients and models do. Default 5.
        started: callable (port), called when the server accepts connections. Default `None`.
        cors: bool, whether pages of any origin may ask. Default `False`.
        listener: `socket.socket` of `bound`, in place of host and port; it is closed at the end. Default: a new one.

    Raises:
        OSError: the port is in use; the message names it.

    Example:

    >>> from keras_effconv.serving import Versions
    >>> serve({"flowers": Versions("serving/flowers")}, port=8501)  # doctest: +SKIP
    """
    with listener or bound(host, port) as listener:
        listen(listener)
        server = server_of(models, limits or Limits(), shutdown_timeout, started, cors)
        try:
            server.run(sockets=[listener])
        finally:
            server.last_call.cancel()


def server_of(models, limits, shutdown_timeout, started, cors):
    """Return a `Server` that runs with `run(sockets=[...])`. Arguments are those of `serve`."""
    limits = dataclasses.replace(limits, max_connections=room(limits.max_connections))
    application = app(models, limits, cors)
    service = application.state.service
    config = uvicorn.Config(
        application,
        loop="asyncio",
        http=type("Protocol", (Protocol,), {"limits": limits, "codes": service.codes}),
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        backlog=ACCEPTED,
    )
    return Server(config, started, service.ending, shutdown_timeout)


class Server(uvicorn.Server):
    """A server that calls a function when it has started, and that ends in time.

    Args:
        config: `uvicorn.Config`.
        on_start: callable (port), or `None`.
        ending: `Ending` of the application.
        seconds: float, from the first signal to the end of the process.
    """

    def __init__(self, config, on_start, ending, seconds):
        super().__init__(config)
        self.on_start, self.ending, self.seconds = on_start, ending, seconds
        self.last_call = threading.Timer(seconds, _exit)
        self.last_call.daemon = True

    async def startup(self, sockets=None):
        await super().startup(sockets)
        sockets[0].listen(WAITING)
        if self.on_start:
            self.on_start(sockets[0].getsockname()[1])

    def handle_exit(self, number, frame):
        if self.should_exit and number == signal.SIGINT:
            os._exit(130)
        if not self.should_exit:
            self.last_call.start()
        super().handle_exit(number, frame)

    async def shutdown(self, sockets=None):
        """Let requests be finished; then refuse the rest, then close the connections of clients that do not read."""
        loop = asyncio.get_running_loop()
        loop.call_later(self.seconds * 2 / 3 - 0.1, self.ending.reach)
        loop.call_later(self.seconds * 4 / 5 - 0.1, self._abort)
        await super().shutdown(sockets)

    def _abort(self):
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def _exit():
    """End the process, though a model computes or loads, which nothing can interrupt."""
    print("ended before a model was done", file=sys.stderr, flush=True)
    os._exit(0)
