"""The size that files of the formats claim which only Pillow reads: boxes of ISO media, the tags of TIFF, JPEG 2000.

Each function takes the content of a file, and returns (height, width), or (0, 0) if it is not found; Pillow then says
what it finds before it decodes.
"""

import struct

HEIGHT, WIDTH, BITS, PHOTOMETRIC = 257, 256, 258, 262  # tags of TIFF
BOXES, ENDLESS = 10_000, 1 << 31


def box_size(data):
    """AVIF and HEIC: the largest extent of all pictures in the file, tiles and thumbnails among them.

    More boxes than a file of tiles has are taken for an image that is too large: to read them all would take seconds.
    """
    largest, at = (0, 0), data.find(b"ispe")
    for _ in range(BOXES):
        if not 0 <= at <= len(data) - 16:
            return largest
        width, height = struct.unpack_from(">II", data, at + 8)
        largest = max(largest, (height, width), key=lambda sides: sides[0] * sides[1])
        at = data.find(b"ispe", at + 4)
    return ENDLESS, ENDLESS


def jp2_size(data):
    """JPEG 2000 in boxes: the image header."""
    at = data.find(b"ihdr", 0, 4096)
    return struct.unpack_from(">II", data, at + 4) if 0 <= at <= len(data) - 12 else (0, 0)


def codestream_size(data):
    """JPEG 2000 without boxes: the marker SIZ."""
    if len(data) < 24:
        return 0, 0
    right, bottom, left, top = struct.unpack_from(">IIII", data, 8)
    return max(0, bottom - top), max(0, right - left)


def tiff_size(data):
    """TIFF: the first directory."""
    tags = tiff_tags(data)
    return tags.get(HEIGHT, 0), tags.get(WIDTH, 0)


def tiff_tags(data):
    """Return the tags of a TIFF's first directory whose value is one whole number, or of which all are the same: dict.

    Example:

    >>> tiff_tags(b"II*\\0" + struct.pack("<IHHHIII", 8, 1, 256, 4, 1, 640, 0))
    {256: 640}
    """
    order = "<" if data[:2] == b"II" else ">"
    try:
        (start,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, start)
        entries = [struct.unpack_from(order + "HHI4s", data, start + 2 + 12 * i) for i in range(count)]
    except struct.error:
        return {}
    kinds = {1: "B", 3: "H", 4: "I"}
    tags = {}
    for tag, kind, number, value in entries:
        if kind not in kinds or not number:
            continue
        if number * struct.calcsize(kinds[kind]) > 4:  # then the value is the place of the values
            (at,) = struct.unpack(order + "I", value)
            value = data[at : at + 4].ljust(4, b"\0")
        tags[tag] = struct.unpack_from(order + kinds[kind], value)[0]
    return tags


def is_deep(data):
    """Whether a TIFF or a JPEG 2000 declares 9 to 16 bits a channel."""
    return 8 < depth(data) <= 16


def depth(data):
    """Return the bits of the first channel that a TIFF or a JPEG 2000 declares; 0 if it is cut off ahead of that."""
    if data[:2] in (b"II", b"MM"):
        return tiff_tags(data).get(BITS, 1)
    at = data.find(b"ihdr", 0, 4096) + 14  # behind the sides and the number of channels
    if data.startswith(b"\xff\x4f\xff\x51"):
        at = 42  # Ssiz of the first channel
    return data[at] % 128 + 1 if len(data) > at else 0
