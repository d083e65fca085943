"""The bodies of requests, with bounds on size and time."""

import asyncio
import contextlib

from keras_effconv.serving.encodings import too_large
from keras_effconv.serving.refused import Refused


class Bodies:
    """Read bodies. What is held of all of them together is bounded, so that many clients cannot exhaust the memory.

    Args:
        limit: int, bytes of one body.
        total: int, bytes of all that are read or computed.
        timeout: float, seconds in which a body must arrive.
    """

    def __init__(self, limit, total, timeout):
        self.limit, self.total, self.timeout = limit, total, timeout
        self.held = 0

    @contextlib.asynccontextmanager
    async def read(self, request):
        """Yield the body of a request, as it was sent, and an `Account` of it, which counts until the block ends.

        A body may be compressed: as long as it is not there as a whole, it takes no more than was sent. One that is
        refused is not read further; the connection drops the rest.

        Args:
            request: `starlette.requests.Request`.

        Raises:
            Refused: 413 for one that is too large, as declared or sent, 408 for one that is too slow, 503 when too much
                is held.
        """
        if int(request.headers.get("content-length", 0)) > self.limit:
            raise too_large(self.limit)
        body, account = bytearray(), Account(self)
        try:
            await self._fill(body, account, request)
            yield body, account
        finally:
            account.close()

    async def _fill(self, body, account, request):
        try:
            async with asyncio.timeout(self.timeout):
                async for part in request.stream():
                    if len(body) + len(part) > self.limit:
                        raise too_large(self.limit)
                    account.hold(len(part))
                    body += part
        except TimeoutError:
            raise Refused(408, f"the body must arrive within {self.timeout:g} seconds") from None


class Account:
    """What one request holds of the total."""

    def __init__(self, bodies):
        self._bodies, self._size = bodies, 0

    def hold(self, size):
        """Count so many more bytes.

        Raises:
            Refused: 503, too much is held by all.
        """
        if self._bodies.held + size > self._bodies.total:
            raise Refused(503, "too many requests are read at the same time")
        self._bodies.held += size
        self._size += size

    def close(self):
        """Count nothing more of this request."""
        self._bodies.held -= self._size
        self._size = 0
