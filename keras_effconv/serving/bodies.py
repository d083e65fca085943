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

        A body that is refused is not read further; the connection drops the rest.

        Args:
            request: `starlette.requests.Request`.

        Raises:
            Refused: 413 for one that is too large, as declared, sent or inflated, 408 for one that is too slow, 415 for
                an encoding other than gzip, 400 if it is not what the encoding says, 503 when too much is held.
        """
        if int(request.headers.get("content-length", 0)) > self.limit:
            raise self._too_large()
        body, held = bytearray(), []
        try:
            await self._fill(body, held, request)
            yield body
        finally:
            self.held -= sum(held)

    def _too_large(self):
        return Refused(413, f"the body must be of at most {self.limit} bytes")

    async def _fill(self, body, held, request):
        decoder, size = decoder_of(request.headers.get("content-encoding", "")), 0
        try:
            async with asyncio.timeout(self.timeout):
                async for part in request.stream():
                    size += len(part)
                    if size > self.limit:
                        raise self._too_large()
                    await self._hold(body, held, decoder.pieces(part))
        except TimeoutError:
            raise Refused(408, f"the body must arrive within {self.timeout:g} seconds") from None
        decoder.finish()

    async def _hold(self, body, held, pieces):
        """Append pieces up to the first one that makes the body too large."""
        for piece in pieces:
            if self.held + len(piece) > self.total:
                raise Refused(503, "too many requests are read at the same time")
            self.held += len(piece)
            held.append(len(piece))
            body += piece
            if len(body) > self.limit:
                raise self._too_large()
            await asyncio.sleep(0)
