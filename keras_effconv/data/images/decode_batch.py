"""A batch of image files in TensorFlow operations, of which one bad file spoils one row."""

import tensorflow as tf

from keras_effconv.data.images.decode import decode
from keras_effconv.data.images.gif import first_frame

UNKNOWN = "expected a JPEG, PNG, GIF or BMP file"
CORRUPT = "the image is corrupt or of a kind that cannot be read"
TOO_LARGE = "expected at most {} pixels"


def decode_each(files, size, crop=0.875, interpolation="bicubic", max_pixels=64_000_000):
    """Decodes image files to square uint8 RGB images; a file that cannot be read gives an image of zeros and a cause.

    TensorFlow has no exceptions inside a graph: an operation that fails fails the whole request. Data sets can drop
    what failed, so the files are read by a data set inside the graph. It works in a SavedModel, without Python.

    Args:
        files: string tensor (n,), contents of image files; n may be 0.
        size: Height and width of the result, in pixels.
        crop: See `decode`.
        interpolation: See `decode`.
        max_pixels: A file that declares more is refused before it is decoded.

    Returns:
        uint8 tensor (n, size, size, 3), and string tensor (n,): the cause in a few words, empty for an image.

    Example:
        >>> png = tf.io.encode_png(tf.zeros((4, 6, 3), tf.uint8)).numpy()
        >>> images, errors = decode_each(tf.constant([png, png[:40], b"text"]), size=2)
        >>> [error.decode() for error in errors.numpy()] == ["", CORRUPT, UNKNOWN]
        True
    """

    def read(index, data):
        is_gif = tf.equal(tf.strings.substr(tf.strings.join([data, b"\0" * 4]), 0, 4), b"GIF8")
        data, pixels = tf.cond(is_gif, lambda: first_frame(data), lambda: (data, declared_pixels(data)))
        blank = tf.zeros((size, size, 3), tf.uint8)
        image, error = tf.case(
            [
                (pixels < 0, lambda: (blank, tf.constant(UNKNOWN))),
                (pixels > max_pixels, lambda: (blank, tf.constant(TOO_LARGE.format(max_pixels)))),
            ],
            default=lambda: (decode(data, size, crop, interpolation), tf.constant("")),
        )
        return index, tf.ensure_shape(image, (size, size, 3)), error

    count = tf.shape(files, tf.int64)[0]
    last = tf.constant(-1, tf.int64), tf.zeros((size, size, 3), tf.uint8), tf.constant("")  # a batch is never empty
    rows = tf.data.Dataset.from_tensor_slices(files).enumerate()
    rows = rows.map(read, num_parallel_calls=tf.data.AUTOTUNE).ignore_errors()
    rows = rows.concatenate(tf.data.Dataset.from_tensors(last)).batch(count + 1).with_options(_options())
    index, images, errors = (column[:-1] for column in rows.get_single_element())
    where = index[:, None]
    images = tf.scatter_nd(where, images, tf.stack([count, size, size, 3]))
    return images, tf.tensor_scatter_nd_update(tf.fill([count], CORRUPT), where, errors)


def _options():
    """As many threads as there are processors, without the thread that would tune their number."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.deterministic = True
    return options


def declared_pixels(data):
    """The number of pixels that an image file claims, without decoding it.

    Args:
        data: Scalar string tensor, the content of a file.

    Returns:
        int64 scalar; -1 when the format is not JPEG, PNG or BMP; of a GIF, `first_frame` tells.

    Raises:
        tf.errors.InvalidArgumentError: A JPEG without a valid header.

    Example:
        >>> int(declared_pixels(tf.io.encode_png(tf.zeros((4, 6, 3), tf.uint8))))
        24
    """
    start = tf.strings.substr(tf.strings.join([data, b"\0" * 26]), 0, 26)
    octets = tf.cast(tf.io.decode_raw(start, tf.uint8), tf.int64)

    def jpeg():
        return tf.cast(tf.io.extract_jpeg_shape(data)[:2], tf.int64)

    def big_endian(first):
        return tf.reduce_sum(octets[first : first + 4] * [1 << 24, 1 << 16, 1 << 8, 1])

    def little_endian(first):
        return tf.reduce_sum(octets[first : first + 2] * [1, 1 << 8])

    def signed(first):  # A negative height means that the top row comes first.
        value = little_endian(first) + (1 << 16) * little_endian(first + 2)
        return tf.minimum(value, (1 << 32) - value)

    readers = {
        b"\xff\xd8\xff": jpeg,
        b"\x89PNG": lambda: tf.stack([big_endian(16), big_endian(20)]),
        b"BM": lambda: tf.stack([signed(18), signed(22)]),
    }
    cases = [(tf.equal(tf.strings.substr(start, 0, len(magic)), magic), read) for magic, read in readers.items()]
    sides = tf.case(cases, default=lambda: tf.constant([-1, 1], tf.int64))
    return tf.minimum(sides[0], 1 << 31) * tf.minimum(sides[1], 1 << 31)
