"""The bodies of requests, whose size and time are bounded."""

import asyncio
import contextlib


class Refused(Exception):
    """A request that is not answered as it was meant.

    Attributes:
        status: int, of HTTP.
    """

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Bodies:
    """Reads bodies; what is held of all of them together is bounded, so that many clients cannot take the memory.

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
        """The body of a request, as a bytearray; it counts as held until the block ends.

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
                    if size <= self.limit:  # what is more is read and dropped: who is cut off sees no answer
                        if self.held + len(part) > self.total:
                            raise Refused(503, "too many requests are read at the same time")
                        self.held += len(part)
                        body += part
        except TimeoutError:
            raise Refused(408, f"expected the body within {self.timeout:g} seconds") from None
        if size > self.limit:
            raise Refused(413, f"expected a body of at most {self.limit} bytes")
