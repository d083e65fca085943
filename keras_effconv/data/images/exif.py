"""How the camera was held: the orientation tag of a file, and pixels turned by it. TensorFlow operations only.

The tag is 0x0112 of the first directory of Exif (CIPA DC-008): 1 for pixels as they are, 2 to 8 for the other ways to
lay a rectangle down. JPEG has Exif in an APP1 segment, PNG in `eXIf`, WebP in `EXIF`.
"""

from keras_effconv.data.images.apart import apart
from keras_effconv.data.images.blocks import find_block, is_named
from keras_effconv.data.images.header import JPEG, PNG, WEBP_EXTENDED, big_endian, index_of, little_endian, octets_of
from keras_effconv.utils.extras import Deferred

tf = Deferred("tensorflow")

TAG = 0x0112
START_OF_SCAN, END_OF_IMAGE, APP1 = 0xDA, 0xD9, 0xE1
BYTE, SHORT, LONG = 1, 3, 4
PREFIX = b"Exif\0\0"


def orientation(data: "tf.Tensor") -> "tf.Tensor":
    """Read the orientation of an image file.

    Args:
        data: scalar string tensor, the content of the file.

    Returns:
        int64 scalar, 1 to 8; 1 if the file says nothing, or nothing that is allowed.
    """
    # Most files have none, and this is faster than a walk. Behind \C any octet fits, so it is no matter of encoding.
    mentioned = tf.strings.regex_full_match(data, r"\C*(Exif\x00\x00|eXIf|EXIF)\C*")
    return tf.cond(mentioned, lambda: _read(data), lambda: tf.constant(1, tf.int64))


@apart
def _read(data):
    octets = octets_of(tf.strings.join([data, b"\0" * 16]))
    rows = [lambda: _of_jpeg(octets), lambda: _of_png(octets), lambda: _of_webp(octets)]
    start = tf.switch_case(index_of(data, (JPEG, PNG, WEBP_EXTENDED)), [*rows, lambda: tf.constant(-1, tf.int64)])
    return tf.cond(start >= 0, lambda: _tag(octets, start), lambda: tf.constant(1, tf.int64))


def _of_jpeg(octets):
    """The position of Exif's TIFF header; -1 without one."""

    def following(octets, at):
        marker = octets[at + 1]
        alone = (marker == 0x01) | ((marker >= 0xD0) & (marker <= 0xD8))  # markers without content
        behind = at + 2 + tf.where(alone, tf.zeros_like(at), big_endian(octets, at + 2, 2))
        return tf.where(marker == 0xFF, at + 1, behind)  # an octet of filling

    def last(octets, at):
        return (octets[at] != 0xFF) | (octets[at + 1] == START_OF_SCAN) | (octets[at + 1] == END_OF_IMAGE)

    exif = is_named(PREFIX, 4)
    at = find_block(octets, 2, following, lambda o, at: (o[at + 1] == APP1) & exif(o, at), last)
    return tf.where(at < 0, at, at + 4 + len(PREFIX))


def _of_png(octets):
    at = find_block(octets, 8, lambda o, at: at + 12 + big_endian(o, at, 4), is_named(b"eXIf", 4))
    return _behind_prefix(octets, at)


def _of_webp(octets):
    def following(octets, at):
        size = little_endian(octets, at + 4, 4)
        return at + 8 + size + size % 2

    at = find_block(octets, 12, following, is_named(b"EXIF", 0))
    declared = octets[20] // 8 % 2 == 1  # decoders read the block only if the header speaks of it
    return tf.where(declared, _behind_prefix(octets, at), tf.constant(-1, tf.int64))


def _behind_prefix(octets, at):
    """The content of a chunk of a PNG or a WebP; some programs put the prefix of JPEG in front of it."""
    prefixed = is_named(PREFIX, 8)(octets, tf.maximum(at, 0))
    return tf.where(at < 0, at, at + 8 + len(PREFIX) * tf.cast(prefixed, tf.int64))


def _tag(octets, start):
    """The orientation in the TIFF structure at `start`."""
    octets = tf.concat([octets[start:], tf.zeros(16, tf.int64)], 0)
    end = tf.size(octets, tf.int64) - 16
    little = tf.reduce_all(octets[:4] == list(b"II*\0"))
    known = little | tf.reduce_all(octets[:4] == list(b"MM\0*"))

    def number(at, count):
        """The unsigned integers of `count` octets at several positions; positions behind the end are zeros."""
        columns = tf.gather(octets, tf.clip_by_value(at[..., None] + tf.range(count, dtype=tf.int64), 0, end))
        weights = tf.constant([256**i for i in range(count)], tf.int64)
        return tf.reduce_sum(columns * tf.where(little, weights, weights[::-1]), -1)

    directory = number(tf.constant(4, tf.int64), 4)
    entries = tf.minimum(number(directory, 2), tf.maximum(end - directory, 0) // 12 + 1)
    places = directory + 2 + 12 * tf.range(entries)
    kinds = number(places + 2, 2)
    values = tf.where(
        kinds == SHORT, number(places + 8, 2), tf.where(kinds == LONG, number(places + 8, 4), number(places + 8, 1))
    )
    fits = (number(places, 2) == TAG) & ((kinds == SHORT) | (kinds == LONG) | (kinds == BYTE))
    value = tf.reduce_max(tf.where(fits & (values >= 1) & (values <= 8), values, tf.ones_like(values)))
    return tf.where(known & (entries > 0), tf.clip_by_value(value, 1, 8), tf.constant(1, tf.int64))


def _moves(tag):
    """(whether rows change their order, whether columns do, whether rows then become columns), bool scalars."""
    upside_down = (tag == 3) | (tag == 4) | (tag == 6) | (tag == 7)
    mirrored = (tag == 2) | (tag == 3) | (tag == 7) | (tag == 8)
    return upside_down, mirrored, tag >= 5


def turned(image: "tf.Tensor", tag: "tf.Tensor") -> "tf.Tensor":
    """Turn pixels as their tag says.

    Args:
        image: tensor (height, width, channels), as stored.
        tag: int64 scalar, what `orientation` returns.

    Returns:
        The image as it should be seen, (width, height, channels) for tags 5 to 8.

    Example:

    >>> image = tf.reshape(tf.range(6), (2, 3, 1))
    >>> turned(image, tf.constant(6, tf.int64))[..., 0].numpy().tolist()
    [[3, 0], [4, 1], [5, 2]]
    """

    def turn():
        upside_down, mirrored, transposed = _moves(tag)
        x = tf.cond(upside_down, lambda: image[::-1], lambda: image)
        x = tf.cond(mirrored, lambda: x[:, ::-1], lambda: x)
        return tf.cond(transposed, lambda: tf.transpose(x, (1, 0, 2)), lambda: x)

    return tf.cond(tag > 1, turn, lambda: image)


def turned_shape(shape: "tf.Tensor", tag: "tf.Tensor") -> "tf.Tensor":
    """Return (height, width, channels) of a turned image, from that of the stored one: int32 tensors (3,)."""
    return tf.where(tag >= 5, tf.gather(shape, (1, 0, 2)), shape)


def stored_window(window: "tf.Tensor", shape: "tf.Tensor", tag: "tf.Tensor") -> "tf.Tensor":
    """Return where a part of the turned image is among the stored pixels.

    Args:
        window: int32 tensor (4,), (top, left, height, width) in the turned image.
        shape: int32 tensor (3,), of the stored image.
        tag: int64 scalar, what `orientation` returns.

    Returns:
        int32 tensor (4,): `turned` makes of that part of the stored image what `window` is of the turned one.
    """
    upside_down, mirrored, transposed = _moves(tag)
    top, left, height, width = tf.unstack(tf.where(transposed, tf.gather(window, (1, 0, 3, 2)), window))
    top = tf.where(upside_down, shape[0] - top - height, top)
    left = tf.where(mirrored, shape[1] - left - width, left)
    return tf.stack([top, left, height, width])
