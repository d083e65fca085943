"""A look at the index of a TensorFlow checkpoint before TensorFlow reads it: it ends the process over some shapes.

The index is a table of LevelDB: blocks of entries, a block of their places, and a footer. An entry is a name and a
message `BundleEntryProto`.
"""

import math

from keras_effconv.utils.files import open_file
from keras_effconv.zoo.readers.errors import ContentError
from keras_effconv.zoo.readers.region import Region

FOOTER, TRAILER = 48, 5  # bytes; a trailer is the compression of a block, and its checksum
MAX_NAME = 1024
MAX_DIMENSIONS, MAX_VALUES = 254, 1 << 40
SHAPE, SHARD, OFFSET, SIZE = 2, 3, 4, 5  # fields of an entry


def check(path):
    """Check what the index states of each variable.

    Args:
        path: str or path of the `.index` file.

    Raises:
        FormatError: for names and shapes that nobody has, and for a damaged file.
    """
    with open_file(path) as file:
        region = Region(file)
        if region.size < FOOTER:
            raise ContentError("a whole index", "a shorter one")
        region.seek(region.size - FOOTER)
        footer = region.take(FOOTER)
        _, at = _handle(footer, 0)
        (place, _) = _handle(footer, at)
        for _, handle in _entries(_block(region, *place)):
            for length, value in _entries(_block(region, *_handle(handle, 0)[0])):
                if length:  # the header of the index has no name
                    _check_entry(value)


def _handle(data, at):
    place, at = _varint(data, at)
    size, at = _varint(data, at)
    return (place, size), at


def _block(region, place, size):
    if place + size + TRAILER > region.size:
        raise ContentError("a whole index", "one of blocks beyond its end")
    region.seek(place)
    data = region.take(size + TRAILER)
    if data[size]:
        raise ContentError("an index without compression", f"one of kind {data[size]}")
    return data[:size]


def _entries(block):
    """Yield (length of the name, value) of each entry."""
    count = int.from_bytes(block[-4:], "little")
    end, at = len(block) - 4 * (count + 1), 0
    while at < end:
        shared, at = _varint(block, at)
        more, at = _varint(block, at)
        size, at = _varint(block, at)
        if shared + more > MAX_NAME or at + more + size > end:
            raise ContentError(f"names of at most {MAX_NAME:,} characters", "a longer one, or a damaged index")
        yield shared + more, block[at + more : at + more + size]
        at += more + size


def _check_entry(message):
    sizes = []
    for number, value in _fields(message):
        if number == SHAPE:
            dimensions = [size for kind, size in _fields(value) if kind == 2]
            sizes = [next((n for kind, n in _fields(each) if kind == 1), 0) for each in dimensions]
        elif number in (SHARD, OFFSET, SIZE) and not 0 <= value < 1 << 62:
            raise ContentError("places of 0 and more", str(value))
    if len(sizes) > MAX_DIMENSIONS or min(sizes, default=0) < 0 or math.prod(sizes) > MAX_VALUES:
        raise ContentError("shapes of variables", f"{sizes!s:.80}")


def _fields(message):
    """Yield (number, value) of a message; a value is an int, or the bytes of a text or of another message."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        if key & 7 == 0:
            value, at = _varint(message, at)
            value -= (value >> 63) << 64
        else:
            size, at = {1: (8, at), 5: (4, at)}.get(key & 7) or _varint(message, at)
            if at + size > len(message):
                raise ContentError("a whole index", "one of damaged entries")
            value, at = message[at : at + size], at + size
        yield key >> 3, value


def _varint(data, at):
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]  # an IndexError at the end
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            break
    return value & (1 << 64) - 1, at
