"""HTTP/1.1 for clients that send nonsense, too much or too slowly, do not read, or end one side of a connection."""

import contextlib
import json
import logging
import re

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

CLOSE = (b"connection", b"close")
PATIENCE = 0.5  # seconds between two questions to a client that has ended its side
EMPTY_LINES, ABSOLUTE = re.compile(rb"(?:\r?\n)*(?:\r\Z)?"), re.compile(rb"^https?://[^/?]*", re.IGNORECASE)
TWO_LENGTHS = {b"content-length", b"transfer-encoding"}
MOST_DROPPED = 2  # times the largest body
FREE_CHUNKS, SMALLEST_CHUNK = 256, 64  # chunks of any size; bytes that further ones must have on average


class Protocol(H11Protocol):
    """Uvicorn's protocol with bounds on what a client may do.

    - Errors below HTTP are JSON, too, and cause no line in the log.
    - Idle, slow and deaf clients are cut off after `limits.read_timeout`, and bodies in tiny chunks are refused.
    - What is left of a refused body is dropped, so that the client gets to its answer.
    - A client that ends its side after a request gets its answer. If it takes long, an interim answer 100 finds out
      whether someone still listens; else the request is given up.
    - If there are more than `limits.max_connections`, the longest idle one is closed, or the new one refused.

    Attributes:
        limits: `Limits`.
        codes: `collections.Counter` of statuses.
    """

    limits, codes = None, None

    def connection_made(self, transport):
        super().connection_made(transport)
        self.conn = _Connection(h11.SERVER)
        self.logger = QUIET
        self.transport = _Transport(transport, self)
        self.dropped, self.half, self.deadline, self.question, self.since = 0, False, None, None, self.loop.time()
        self._watch()
        self._make_room()

    def idle(self):
        """Whether it is the client's turn."""
        return self.cycle is None or self.cycle.response_complete or self.transport.draining

    def _make_room(self):
        open_ = [each for each in self.connections if not each.transport.ended()]
        excess = len(open_) - self.limits.max_connections
        if excess > 0:
            others = sorted((each for each in open_ if each is not self and each.idle()), key=lambda each: each.since)
            for each in others[:excess]:
                each.transport.abort()
            if len(others) < excess:
                self._refuse(503, f"at most {self.limits.max_connections} connections may be open")

    def data_received(self, data):
        if self.idle() and (self.transport.draining or self.conn.their_state is h11.SEND_BODY):
            self.dropped += len(data)
            if self.dropped > MOST_DROPPED * self.limits.max_body:
                self.transport.abort()
        if not self.transport.draining:
            super().data_received(data)
            self._watch()

    def eof_received(self):
        """Return whether the connection stays open, for an answer."""
        if self.idle():
            return False
        self.half = True
        if self.cycle.more_body:
            self._refuse(400, "the body ended early")
        elif not self.question:
            self.question = self.loop.call_later(PATIENCE, self._ask)
        return True

    def _ask(self):
        """Send an interim answer: if no one reads it, the next one finds the connection reset."""
        self.question = None
        if not self.idle() and not self.cycle.response_started and not self.transport.is_closing():
            if self.scope["http_version"] != "1.0":
                self.transport.write(self.conn.send(h11.InformationalResponse(status_code=100, headers=[])))
            self.question = self.loop.call_later(PATIENCE, self._ask)

    def send_400_response(self, message):
        self._refuse(400, message)

    def _refuse(self, status, message):
        """Answer in place of the application, and close."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.codes[status] += 1
            if not self.idle():
                self.scope["state"]["refused"] = status  # so that the application does not count it again
            self._answer(status, json.dumps({"error": message}).encode())
        if not self.idle():
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    def _answer(self, status, body):
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), CLOSE]
        content = [] if self.conn.is_head() else [h11.Data(data=body)]
        with contextlib.suppress(h11.LocalProtocolError):  # of what is no HTTP, what can be sent is sent
            for event in (h11.Response(status_code=status, headers=headers), *content, h11.EndOfMessage()):
                self.transport.write(self.conn.send(event))

    def on_response_complete(self):
        self.dropped = 0
        super().on_response_complete()
        if self.half and self.idle() and not self.transport.is_closing():
            self.transport.close()
        self._watch()

    def shutdown(self):
        """Let the answer say that the connection ends; close it at once if there is none to come."""
        if not self.idle():
            self.cycle.default_headers = [*self.cycle.default_headers, CLOSE]
            self.cycle.keep_alive = False
        elif not self.transport.draining:
            self.transport.end()

    def pause_writing(self):
        super().pause_writing()
        self._watch()

    def resume_writing(self):
        super().resume_writing()
        self._watch()

    def connection_lost(self, error):
        for timer in (self.deadline, self.question):
            if timer:
                timer.cancel()
        super().connection_lost(error)

    def _watch(self):
        """Run the clock while it is the client's turn."""
        waits = self.idle() or self.flow.write_paused
        if waits and not self.deadline:
            self.since = self.loop.time()
            self.deadline = self.loop.call_later(self.limits.read_timeout, self.transport.abort)
        elif not waits and self.deadline:
            self.deadline.cancel()
            self.deadline = None


class _Transport:
    """A transport that reads and drops what a client still sends before it closes, lest the answer be lost.

    Closing with unread data resets the connection, and a client that writes would not get to read.

    Attributes:
        draining: bool, whether only the client's end is waited for.
    """

    def __init__(self, transport, protocol):
        self._transport, self._protocol, self.draining = transport, protocol, False

    def __getattr__(self, name):
        return getattr(self._transport, name)

    def is_closing(self):
        """Whether nothing more is answered."""
        return self.draining or self._transport.is_closing()

    def ended(self):
        """Whether it is closed, but for what is still to be written."""
        return self._transport.is_closing()

    def close(self):
        """Close when all is written, and the client has ended, too, if it is still sending."""
        protocol = self._protocol
        sending = protocol.conn.their_state in (h11.SEND_BODY, h11.ERROR) or protocol.cycle is None
        if self.is_closing():
            return
        if not sending or protocol.half or not self._transport.can_write_eof():
            self.end()
            return
        try:
            self._transport.write_eof()
        except OSError:  # the client is gone
            self.end()
            return
        self.draining = True
        protocol.flow.resume_reading()
        protocol._watch()

    def end(self):
        """Close when all is written."""
        self._transport.close()


class _Connection(h11.Connection):
    """HTTP/1.1, with empty lines ahead of a request, and targets with a host, as RFC 9112 asks of servers.

    Without two kinds of requests:

    - Those that have two lengths, which could hide another request from a proxy.
    - Bodies in tiny chunks. All that a read brings is parsed in one go: tens of thousands of them stop the event loop.
    """

    method = b""

    def is_head(self):
        """Whether the answer to come has no body."""
        return self.our_state is h11.SEND_RESPONSE and self.method == b"HEAD"

    def next_event(self):
        if self.their_state in (h11.IDLE, h11.DONE, h11.MUST_CLOSE):
            self._drop_empty_lines()
        event = super().next_event()
        if isinstance(event, h11.Request):
            return self._begun(event)
        if isinstance(event, h11.Data):
            self.chunks += event.chunk_start
            self.payload += len(event.data)
            if self.chunks > FREE_CHUNKS + self.payload // SMALLEST_CHUNK:
                raise h11.RemoteProtocolError("chunks are too small")
        return event

    def _drop_empty_lines(self):
        """Section 2.2: some clients send one after a body. h11 has no other access to what it has not read yet."""
        count = EMPTY_LINES.match(self._receive_buffer._data).end()
        self._receive_buffer.maybe_extract_at_most(count)

    def _begun(self, request):
        self.chunks = self.payload = 0
        self.method = request.method
        if {name for name, _ in request.headers} >= TWO_LENGTHS:
            raise h11.RemoteProtocolError("Content-Length and Transfer-Encoding")
        path = ABSOLUTE.sub(b"", request.target)  # section 3.2.2
        if path == request.target:
            return request
        target = path if path.startswith(b"/") else b"/" + path
        headers = request.headers.raw_items()
        return h11.Request(method=request.method, headers=headers, target=target, http_version=request.http_version)


QUIET = logging.getLogger("keras_effconv.serving.protocol")
QUIET.setLevel(logging.ERROR)
