"""The bodies of requests, with bounds on size and time."""

import asyncio
import contextlib

from keras_effconv.serving.encodings import decoder_of
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
        """Yield the body of a request, inflated, as a bytearray. It counts as held until the block ends.

        Args:
            request: `starlette.requests.Request`.

        Raises:
            Refused: 413 for one that is too large when inflated, 408 for one that is too slow, 415 for an encoding
                other than gzip, 400 if it is not what the encoding says, 503 when too much is held.
        """
        body = bytearray()
        try:
            await self._fill(body, request)
            yield body
        finally:
            self.held -= len(body)

    async def _fill(self, body, request):
        decoder, size = decoder_of(request.headers.get("content-encoding", "")), 0
        try:
            async with asyncio.timeout(self.timeout):
                async for part in request.stream():
                    size += len(part)
                    if size > 2 * self.limit:
                        break
                    if max(size, len(body)) <= self.limit:  # the rest is read and dropped, so that the answer arrives
                        await self._hold(body, decoder.pieces(part))
        except TimeoutError:
            raise Refused(408, f"the body must arrive within {self.timeout:g} seconds") from None
        if max(size, len(body)) > self.limit:
            raise Refused(413, f"the body must be of at most {self.limit} bytes")
        decoder.finish()

    async def _hold(self, body, pieces):
        """Append pieces up to the first one that makes the body too large."""
        for piece in pieces:
            if self.held + len(piece) > self.total:
                raise Refused(503, "too many requests are read at the same time")
            self.held += len(piece)
            body += piece
            if len(body) > self.limit:
                return
            await asyncio.sleep(0)
