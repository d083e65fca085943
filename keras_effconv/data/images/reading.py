"""Image files to pixels: many at a time, and never stopped by a bad one."""

import concurrent.futures
import os
import pathlib
import re
import stat

import numpy as np

from keras_effconv.data.images.decode import decode
from keras_effconv.utils.extras import Deferred, require

tf = Deferred("tensorflow")

PIXEL_LIMIT = 178_000_000  # The limit of pillow: above it a small file is an attack on memory, not a photo.
BLOCK = 1024  # files handed to the threads at a time, to bound what waits to be stored


class UnreadableImageError(ValueError):
    """The cause, in a few words, why an image file was refused."""


def compiled_decoder(size, crop=0.875, interpolation="bicubic"):
    """Returns `decode` with these arguments, compiled, on the CPU: a function of the bytes, in half the time."""

    @tf.function(input_signature=[tf.TensorSpec((), tf.string)])
    def decoder(data):
        with tf.device("CPU:0"):
            return decode(data, size, crop, interpolation)

    # Called through `decoder`, the fifth data set of a process would bring a warning about retracing.
    concrete = decoder.get_concrete_function()
    return lambda data: concrete(tf.constant(data))


def read_image(path, decoder):
    """Reads and decodes one file.

    Args:
        path: Of the file.
        decoder: From bytes to a tensor, such as `compiled_decoder(224)`.

    Returns:
        The decoder's result as an array.

    Raises:
        UnreadableImageError: It cannot be opened, is not an image that `decode` takes, or is larger than `PIXEL_LIMIT`.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise UnreadableImageError("not a regular file")  # Opening a named pipe would wait for ever.
        data = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise UnreadableImageError(error.strerror or type(error).__name__) from error
    return decode_image(data, decoder)


def decode_image(data, decoder):
    """Decodes the content of an image file; the arguments and errors of `read_image`, but for bytes."""
    if not data:
        raise UnreadableImageError("empty file")
    try:
        height, width = declared_size(data)
        if height * width > PIXEL_LIMIT:
            raise UnreadableImageError(f"{width} x {height} pixels, more than {PIXEL_LIMIT:,}")
        return decoder(data).numpy()
    except tf.errors.OpError as error:
        raise UnreadableImageError(_cause(error)) from error


def declared_size(data):
    """Reads the height and width that an image file claims, without decoding it.

    Args:
        data: bytes of the file.

    Returns:
        (height, width) in pixels; (0, 0) when the format is not JPEG, PNG, GIF or BMP.

    Raises:
        tf.errors.InvalidArgumentError: A JPEG without a valid header.

    Example:
        >>> declared_size(tf.io.encode_png(tf.zeros((4, 6, 3), tf.uint8)).numpy())
        (4, 6)
    """

    def integer(start, stop, byteorder, signed=False):
        return int.from_bytes(data[start:stop], byteorder, signed=signed)

    if data.startswith(b"\xff\xd8\xff"):
        with tf.device("CPU:0"):
            height, width, _ = tf.io.extract_jpeg_shape(data).numpy().tolist()
        return height, width
    if data.startswith(b"\x89PNG"):
        return integer(20, 24, "big"), integer(16, 20, "big")
    if data.startswith(b"GIF8"):
        return integer(8, 10, "little"), integer(6, 8, "little")
    if data.startswith(b"BM"):  # A negative height means that the top row comes first.
        return abs(integer(22, 26, "little", signed=True)), abs(integer(18, 22, "little", signed=True))
    return 0, 0


def assert_pixels(data):
    """An operation that fails if an image file, a string tensor, claims more than `PIXEL_LIMIT` pixels."""

    def of_another_format():
        shape = tf.numpy_function(lambda content: np.array(declared_size(content), np.int32), [data], tf.int32)
        return tf.ensure_shape(shape, (2,))

    shape = tf.cond(tf.io.is_jpeg(data), lambda: tf.io.extract_jpeg_shape(data)[:2], of_another_format)
    pixels = tf.reduce_prod(tf.cast(shape, tf.int64))
    return tf.debugging.Assert(pixels <= PIXEL_LIMIT, [f"more than {PIXEL_LIMIT:,} pixels"])


def read_into(images, paths, decoder, description):
    """Fills the first rows of `images` with the files that can be read, in order, leaving no gap.

    Args:
        images: uint8 (n, size, size, 3) with n at least the number of paths; written to.
        paths: Files.
        decoder: See `read_image`.
        description: Title of the progress bar, which shows on a terminal only.

    Returns:
        The indices of the paths that were read, as a list, and a dict {index: cause} of the others.
    """
    kept, refused = [], {}

    def attempt(path):
        try:
            return read_image(path, decoder)
        except UnreadableImageError as error:
            return error

    tqdm = require("tqdm").tqdm
    with (
        concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool,
        tqdm(total=len(paths), desc=description, unit="image", leave=False, disable=None) as bar,
    ):
        for start in range(0, len(paths), BLOCK):
            results = pool.map(attempt, paths[start : start + BLOCK])
            for index, result in enumerate(results, start):
                if isinstance(result, UnreadableImageError):
                    refused[index] = str(result)
                else:
                    images[len(kept)] = result
                    kept.append(index)
                bar.update()
    return kept, refused


def _cause(error):
    """TensorFlow's message without the names of its operations, on one line."""
    message = re.sub(r"\{\{.*?\}\}", "", error.message)
    message = re.sub(r'Graph execution error:.*(?:\n *File "[^\n]*\n)', "", message, flags=re.DOTALL)
    return " ".join(re.split(r"\[\[|\[Op:", message)[0].split())[:200]
