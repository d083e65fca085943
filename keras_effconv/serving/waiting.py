"""Work for a client, for as long as it waits."""

import asyncio
import contextlib

from starlette.requests import ClientDisconnect

from keras_effconv.serving.refused import Refused


@contextlib.asynccontextmanager
async def awaited(request, seconds):
    """Run a block for as long as the client waits for it, and no longer than so many seconds.

    Args:
        request: `starlette.requests.Request`, whose body was read.
        seconds: float.

    Raises:
        ClientDisconnect: the client has left.
        Refused: 504, the time has passed.
    """
    scope = asyncio.timeout(seconds)
    gone = asyncio.create_task(_left(request))

    def leave(_):
        with contextlib.suppress(RuntimeError):  # the block has ended at the same time
            scope.reschedule(0)

    gone.add_done_callback(leave)
    try:
        async with scope:
            yield
    except TimeoutError:
        if gone.done():
            raise ClientDisconnect from None
        if not scope.expired():
            raise
        raise Refused(504, f"not computed within {seconds:g} seconds") from None
    finally:
        gone.remove_done_callback(leave)
        gone.cancel()


async def _left(request):
    """Return when the client has left."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
