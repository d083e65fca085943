"""A process that serves models: from a socket to a clean end."""

import os
import signal
import socket
from collections.abc import Callable, Mapping

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from keras_effconv.serving.app import Limits, app
from keras_effconv.serving.versions import Versions

AHEAD = 1 << 20  # bytes of further requests that a client may send before one is answered


def serve(
    models: Mapping[str, Versions],
    host: str = "127.0.0.1",
    port: int = 8501,
    limits: Limits | None = None,
    shutdown_timeout: int = 30,
    started: Callable[[int], None] | None = None,
    cors: bool = False,
    listener: socket.socket | None = None,
) -> None:
    """Serve models until SIGTERM or SIGINT. Then all accepted requests are answered, and the signal is raised again.

    A second SIGINT ends the process at once.

    Args:
        models: dict of str -> `Versions`.
        host: str, the address to listen at. Default `"127.0.0.1"`: clients on this machine only.
        port: int; 0 for any that is free. Default 8501.
        limits: `Limits`. Default: `Limits()`.
        shutdown_timeout: int, seconds in which requests may be finished. Default 30.
        started: callable (port), called when the server accepts connections. Default `None`.
        cors: bool, whether pages of any origin may ask. Default `False`.
        listener: `socket.socket` of `bound`, in place of host and port; it is closed at the end. Default: a new one.

    Raises:
        OSError: the port is in use; the message names it.

    Example:

    >>> from keras_effconv.serving import Versions
    >>> serve({"flowers": Versions("serving/flowers")}, port=8501)  # doctest: +SKIP
    """
    limits = limits or Limits()
    with listener or bound(host, port) as listener:
        _listen(listener)
        config = uvicorn.Config(
            app(models, limits, cors),
            loop="asyncio",
            http=type("Protocol", (_Protocol,), {"seconds": limits.read_timeout}),
            ws="none",
            lifespan="on",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=shutdown_timeout,
        )
        _Server(config, started).run(sockets=[listener])


def bound(host: str, port: int) -> socket.socket:
    """Take a port, before models are loaded for it. Clients are refused until `serve` listens.

    Args:
        host: str, the address to listen at.
        port: int; 0 for any that is free.

    Returns:
        A `socket.socket` for `serve`.

    Raises:
        OSError: the address cannot be taken; the message names it.

    Example:

    >>> with bound("127.0.0.1", 0) as listener:
    ...     listener.getsockname()[0]
    '127.0.0.1'
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, asyncio sends answers at once, without waiting for more to send.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise _taken(host, port, error) from None
    return listener


def _listen(listener):
    """Listen. Two processes may have bound one port; only the first may listen at it."""
    try:
        listener.listen()
    except OSError as error:
        raise _taken(*listener.getsockname()[:2], error) from None


def _taken(host, port, error):
    return OSError(f"`host` and `port` must be free. Received: host={host!r}, port={port}: {error.strerror or error}")


class _Server(uvicorn.Server):
    """A server that calls a function when it has started, and ends at once on a second SIGINT."""

    def __init__(self, config, on_start):
        super().__init__(config)
        self.on_start = on_start

    async def startup(self, sockets=None):
        await super().startup(sockets)
        if self.on_start:
            self.on_start(sockets[0].getsockname()[1])

    def handle_exit(self, number, frame):
        if self.should_exit and number == signal.SIGINT:
            os._exit(130)
        super().handle_exit(number, frame)


class _Protocol(H11Protocol):
    """Uvicorn's protocol that cuts off clients that do not send, do not read, or send without end."""

    seconds, deadline, ahead = None, None, 0

    def connection_made(self, transport):
        super().connection_made(transport)
        self._watch()

    def data_received(self, data):
        # Uvicorn keeps what arrives before the last request is answered, without a bound.
        answering = self.cycle and not self.cycle.response_complete and not self.cycle.more_body
        self.ahead = self.ahead + len(data) if answering else 0
        if self.ahead > AHEAD:
            self.transport.abort()
            return
        super().data_received(data)
        self._watch()

    def on_response_complete(self):
        super().on_response_complete()
        self._watch()

    def pause_writing(self):
        super().pause_writing()
        self._watch()

    def resume_writing(self):
        super().resume_writing()
        self._watch()

    def connection_lost(self, error):
        if self.deadline:
            self.deadline.cancel()
        super().connection_lost(error)

    def _watch(self):
        """Run the clock while it is the client's turn."""
        idle = self.cycle is None or self.cycle.response_complete or self.flow.write_paused
        if idle and not self.deadline:
            self.deadline = self.loop.call_later(self.seconds, self.transport.abort)
        elif not idle and self.deadline:
            self.deadline.cancel()
            self.deadline = None
