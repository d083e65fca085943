"""The bodies of requests, with bounds on size and time."""

import asyncio
import contextlib


class Refused(Exception):
    """A request that is refused.

    Attributes:
        status: int, the status of HTTP.
    """

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


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
        """Yield the body of a request, as a bytearray. It counts as held until the block ends.

        Args:
            request: `starlette.requests.Request`.

        Raises:
            Refused: 413 for one that is too large, 408 for one that is too slow, 503 when too much is held.
        """
        body = bytearray()
        try:
            await self._fill(body, request)
            yield body
        finally:
            self.held -= len(body)

    async def _fill(self, body, request):
        size = 0
        try:
            async with asyncio.timeout(self.timeout):
                async for part in request.stream():
                    size += len(part)
                    if size > 2 * self.limit:
                        break
                    if size <= self.limit:  # the rest is read and dropped, so that the client gets its answer
                        if self.held + len(part) > self.total:
                            raise Refused(503, "too many requests are read at the same time")
                        self.held += len(part)
                        body += part
        except TimeoutError:
            raise Refused(408, f"the body must arrive within {self.timeout:g} seconds") from None
        if size > self.limit:
            raise Refused(413, f"the body must be of at most {self.limit} bytes")
