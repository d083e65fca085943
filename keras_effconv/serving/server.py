"""A process that serves: from a socket to a clean end."""

import signal
import socket
import sys

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from keras_effconv.serving.app import Limits, app


def serve(models, host="127.0.0.1", port=8501, limits=None, shutdown_timeout=30, started=None):
    """Serve models until SIGTERM or SIGINT; then what has arrived is answered, and the process ends with status 0.

    Args:
        models: dict of str -> `Versions`.
        host: str, the address to listen at. Default: this machine alone.
        port: int; 0 for any that is free. Default 8501.
        limits: `Limits`.
        shutdown_timeout: int, seconds in which requests may be finished.
        started: callable that is given the port when connections are taken.

    Raises:
        OSError: the port is taken.
    """
    limits = limits or Limits()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        config = uvicorn.Config(
            app(models, limits),
            loop="asyncio",
            http=_protocol(limits.read_timeout),
            ws="none",
            lifespan="on",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=shutdown_timeout,
        )
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, lambda *_: sys.exit(0))  # uvicorn raises the signal again when it has ended
        _Server(config, started).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Tells when it has started."""

    def __init__(self, config, tell):
        super().__init__(config)
        self.tell = tell

    async def startup(self, sockets=None):
        await super().startup(sockets)
        if self.tell:
            self.tell(sockets[0].getsockname()[1])


def _protocol(seconds):
    """uvicorn, but a client that does not send its request, or does not read its answer, is cut off."""

    class Protocol(H11Protocol):
        deadline = None

        def connection_made(self, transport):
            super().connection_made(transport)
            self._watch()

        def data_received(self, data):
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
            """The clock runs while it is the client's turn."""
            idle = self.cycle is None or self.cycle.response_complete or self.flow.write_paused
            if idle and not self.deadline:
                self.deadline = self.loop.call_later(seconds, self.transport.abort)
            elif not idle and self.deadline:
                self.deadline.cancel()
                self.deadline = None

    return Protocol
