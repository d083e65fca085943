"""A batch of image files in TensorFlow operations: one bad file spoils one row."""

import tensorflow as tf

from keras_effconv.data.images.decode import decode
from keras_effconv.data.images.header import CONVERTED, DECODED, REFUSED, index_of
from keras_effconv.data.images.limits import declared_pixels
from keras_effconv.preprocessing import Resize, as_resize

*OTHERS, LAST = dict.fromkeys(row.name for row in DECODED)
UNKNOWN = f"expected a {', '.join(OTHERS)} or {LAST} file"
CORRUPT = "the image is corrupt or of a kind that cannot be read"
TOO_LARGE = "expected at most {} pixels"
FOREIGN = (*REFUSED, *CONVERTED)
CONVERT = [f"{row.name} cannot be read: convert it to JPEG or PNG" for row in FOREIGN]


def decode_each(files: tf.Tensor, resize: Resize | int, max_pixels: int = 64_000_000) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode image files to square uint8 RGB images; a file that cannot be read gives an image of zeros and a cause.

    TensorFlow has no exceptions inside a graph: an operation that fails fails the whole request. Data sets can drop
    what failed, so the files are read by a data set inside the graph. It works in a SavedModel, without Python.

    Args:
        files: string tensor (n,), contents of image files; n may be 0.
        resize: as in `decode`.
        max_pixels: int; a file that declares more is refused before it is decoded. Default 64,000,000.

    Returns:
        uint8 tensor (n, size, size, 3), and string tensor (n,): the cause in a few words, empty for an image.

    Example:

    >>> png = tf.io.encode_png(tf.zeros((4, 6, 3), tf.uint8)).numpy()
    >>> images, errors = decode_each(tf.constant([png, png[:40], b"text"]), 2)
    >>> [error.decode() for error in errors.numpy()] == ["", CORRUPT, UNKNOWN]
    True
    """
    resize = as_resize(resize)
    shape = (resize.size, resize.size, 3)

    @tf.autograph.experimental.do_not_convert
    def read(index, data):
        pixels, blank = declared_pixels(data), tf.zeros(shape, tf.uint8)
        image, error = tf.case(
            [
                (pixels < 0, lambda: (blank, tf.gather([*CONVERT, UNKNOWN], index_of(data, FOREIGN)))),
                (pixels > max_pixels, lambda: (blank, tf.constant(TOO_LARGE.format(max_pixels)))),
            ],
            default=lambda: (decode(data, resize), tf.constant("")),
        )
        return index, tf.ensure_shape(image, shape), error

    count = tf.shape(files, tf.int64)[0]
    last = tf.constant(-1, tf.int64), tf.zeros(shape, tf.uint8), tf.constant("")  # a batch is never empty
    rows = tf.data.Dataset.from_tensor_slices(files).enumerate()
    rows = rows.map(read, num_parallel_calls=tf.data.AUTOTUNE).ignore_errors()
    rows = rows.concatenate(tf.data.Dataset.from_tensors(last)).batch(count + 1).with_options(_options())
    index, images, errors = (column[:-1] for column in rows.get_single_element())
    where = index[:, None]
    images = tf.scatter_nd(where, images, tf.stack([count, *shape]))
    return images, tf.tensor_scatter_nd_update(tf.fill([count], CORRUPT), where, errors)


def _options():
    """As many threads as there are processors, without the thread that would tune their number."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.deterministic = True
    return options
