"""The end of a server: what is not finished by then is refused."""

import asyncio
import contextlib

from keras_effconv.serving.refused import Refused


class Ending:
    """A moment at which all open blocks are cut off.

    Example:

    >>> async def story(ending):
    ...     async with ending.cut():
    ...         ending.reach()
    ...         await asyncio.sleep(60)
    >>> asyncio.run(story(Ending()))
    Traceback (most recent call last):
    keras_effconv.serving.refused.Refused: the server ends
    """

    def __init__(self):
        self.reached, self._open = False, set()

    def reach(self):
        """Cut off all blocks, and those that are still to come."""
        self.reached = True
        for scope in self._open:
            scope.reschedule(0)

    @contextlib.asynccontextmanager
    async def cut(self):
        """Run a block up to the end.

        Raises:
            Refused: 503, the end was reached.
        """
        scope = asyncio.timeout_at(0 if self.reached else None)
        try:
            async with scope:
                self._open.add(scope)
                yield
        except TimeoutError:
            if not scope.expired():
                raise
            raise Refused(503, "the server ends") from None
        finally:
            self._open.discard(scope)
