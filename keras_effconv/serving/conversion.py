"""Image files in formats that no graph reads, rewritten ahead of it: TIFF, AVIF, HEIC, JPEG 2000."""

import asyncio
import concurrent.futures
import math

from keras_effconv.data.images import convert
from keras_effconv.data.images.header import declared_size
from keras_effconv.exporting.format import MAX_PIXELS


def foreign(rows):
    """Return the places of the files that are rewritten, or refused by name.

    Args:
        rows: array (n, ...); one of files is of `bytes` objects.

    Example:

    >>> import numpy as np
    >>> foreign(np.array([b"GIF89a", b"II*\\0", b"text"], object)), foreign(np.zeros(3))
    ([1], [])
    """
    files = rows if rows.dtype == object else ()
    return [place for place, file in enumerate(files) if convert.is_foreign(file)]


class Converter:
    """A thread that rewrites files, next to those that compute: a large image takes seconds and gigabytes.

    Requests take turns, a file of each.

    Args:
        max_pixels: int, of all such files of a request together; those beyond it are not decoded. Default 64,000,000.
    """

    def __init__(self, max_pixels=MAX_PIXELS):
        self.max_pixels = max_pixels
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "converter")

    async def rewrite(self, rows, places, hold):
        """Rewrite files in their places, without a loss. If this is cancelled, the rest is not rewritten.

        Args:
            rows: array (n,) of `bytes` objects; a file that cannot be read becomes an empty one.
            places: list of ints, as of `foreign`.
            hold: callable (bytes of a new file).

        Returns:
            dict of place -> bytes, the cause why a file cannot be read.
        """
        left, causes = self.max_pixels, {}
        for place in places:
            work = asyncio.get_running_loop().run_in_executor(self._thread, self._rewritten, rows[place], left)
            rows[place], pixels, cause = await work
            hold(len(rows[place]))
            left -= pixels
            if cause:
                causes[place] = cause.encode()
        return causes

    def _rewritten(self, file, most):
        """Return a file that a graph reads, how many pixels were decoded for it, and why it cannot be read."""
        try:
            ready = convert.readable(file, most)
            return ready, math.prod(declared_size(ready)), ""
        except convert.UnreadableImageError as error:
            pixels, cause = math.prod(declared_size(file)), str(error)
        if pixels <= most:
            return b"", pixels, cause
        if pixels <= self.max_pixels:
            cause = f"{cause}, which is left of {self.max_pixels:,} for such files of a request"
        return b"", 0, cause

    def close(self):
        """Rewrite nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def with_causes(outputs, causes):
    """Return outputs in whose `error` causes are at their places."""
    if not causes:
        return outputs
    error = outputs["error"].copy()
    for place, cause in causes.items():
        error[place] = cause
    return {**outputs, "error": error}
