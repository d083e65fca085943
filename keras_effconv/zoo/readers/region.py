"""A part of a file, from which nothing can be read that is not there."""

import io
import math
import os

import numpy as np

from keras_effconv.zoo.readers.errors import ContentError


class Region(io.RawIOBase):
    """A run of bytes of an open file, as a file of its own.

    A size that a file *states* is a number somebody wrote. Every read is checked against the bytes that are left
    before memory is taken, and arrays are read straight into their own buffer.

    Args:
        file: an open binary file.
        start: int, where the region begins. Default 0.
        size: int, how many bytes it has. Default: all that follow.

    Example:

    >>> region = Region(io.BytesIO(b"..abcdef"), start=2)
    >>> bytes(region.take(2)), region.array("u1", (2, 2)).tolist(), region.left
    (b'ab', [[99, 100], [101, 102]], 0)
    """

    def __init__(self, file, start=0, size=None):
        super().__init__()
        available = file.seek(0, os.SEEK_END) - start
        if start < 0 or available < 0 or not 0 <= (available if size is None else size) <= available:
            raise ContentError(f"{size} bytes at {start}", "a file cut short or damaged")
        self._file, self._start, self._position = file, start, 0
        self.size = available if size is None else size

    @property
    def left(self):
        """How many bytes follow."""
        return max(0, self.size - self._position)

    def take(self, count):
        """Read exactly so many bytes.

        Raises:
            FormatError: when fewer are left.
        """
        self._check(count)
        return self.read(count)

    def array(self, dtype, shape):
        """Read an array of its own from the next bytes.

        Args:
            dtype: a NumPy dtype, of fixed size.
            shape: tuple of ints.

        Returns:
            A NumPy array.

        Raises:
            FormatError: when fewer bytes are left than it has, before memory is taken.
        """
        dtype = np.dtype(dtype)
        if min(shape, default=0) < 0:
            raise ContentError("sizes of 0 and more", f"shape {tuple(shape)}")
        self._check(math.prod(shape) * dtype.itemsize)
        values = np.empty(shape, dtype)
        buffer = memoryview(values.reshape(-1).view(np.uint8))
        done = 0
        while done < len(buffer):
            count = self.readinto(buffer[done:])
            if not count:
                raise ContentError("the values of an array", "a file cut short")
            done += count
        return values

    def _check(self, count):
        if not 0 <= count <= self.left:
            raise ContentError(f"{count:,} more bytes", f"{self.left:,}: a file cut short or damaged")

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self._position

    def seek(self, offset, whence=os.SEEK_SET):
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError(f"`offset` must lead to a position of 0 or more. Received: offset={offset}, from {base}")
        self._position = base + offset
        return self._position

    def read(self, count=-1):
        count = self.left if count is None or count < 0 else min(count, self.left)
        self._file.seek(self._start + self._position)
        data = self._file.read(count)
        self._position += len(data)
        return data

    def readinto(self, buffer):
        view = memoryview(buffer).cast("B")[: self.left]
        self._file.seek(self._start + self._position)
        count = self._file.readinto(view)
        self._position += count
        return count

    def readline(self, limit=-1):
        self._file.seek(self._start + self._position)
        line = self._file.readline(self.left if limit is None or limit < 0 else min(limit, self.left))
        self._position += len(line)
        return line
