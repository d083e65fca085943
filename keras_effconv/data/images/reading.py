"""Image files to pixels: many at a time, and never stopped by a bad one."""

import concurrent.futures
import functools
import os
import re
import stat

from keras_effconv.data.images.convert import UnreadableImageError, check_size, readable
from keras_effconv.data.images.decode import decode
from keras_effconv.data.images.header import PIXEL_LIMIT, declared_size
from keras_effconv.data.images.limits import assert_pixels
from keras_effconv.preprocessing import Resize, as_resize
from keras_effconv.utils.extras import Deferred
from keras_effconv.utils.files import NotAFileError, open_file
from keras_effconv.utils.progress import progress

tf = Deferred("tensorflow")

BLOCK = 1024  # files handed to the threads at a time, to bound what waits to be stored
DECODERS = 16  # that are kept: one is traced for up to a second


def compiled_decoder(resize: Resize | int, read=decode):
    """Compile `decode` with a `Resize`, on the CPU: a function of the bytes, in half the time.

    Args:
        resize: `Resize` (or `Preprocessing`), or int, pixels, for a `Resize` with the defaults.
        read: function of the bytes and the `Resize` that is compiled. `decode.rgb` gives all pixels. Default `decode`.
    """
    return _compiled(as_resize(resize), read)


@functools.lru_cache(DECODERS)
def _compiled(resize, read):
    @tf.function(input_signature=[tf.TensorSpec((), tf.string)], autograph=False)
    def decoder(data):
        with tf.device("CPU:0"), tf.control_dependencies([assert_pixels(data)]):
            return read(tf.identity(data), resize)

    # Called through `decoder`, the fifth data set of a process would bring a warning about retracing.
    concrete = decoder.get_concrete_function()
    return lambda data: concrete(tf.constant(data))


def not_a_file(path):
    """Return why no file can be opened at a path, or `None`; opening a named pipe would wait for ever."""
    try:
        return None if stat.S_ISREG(os.stat(path).st_mode) else "not a regular file"
    except OSError as error:
        return error.strerror or type(error).__name__


def read_image(path, decoder):
    """Read and decode one file.

    Args:
        path: str or path of the file.
        decoder: function from bytes to a tensor, such as `compiled_decoder(224)`.

    Returns:
        The decoder's result as an array.

    Raises:
        UnreadableImageError: it cannot be opened, is an image neither for `decode` nor for Pillow, or is larger than
            `PIXEL_LIMIT`.
    """
    return decode_image(content_of(path), decoder)


def content_of(path):
    """Return the bytes of a file.

    Raises:
        UnreadableImageError: it cannot be opened.
    """
    if cause := not_a_file(path):
        raise UnreadableImageError(cause)
    try:
        with open_file(path) as file:
            return file.read()
    except NotAFileError as error:  # another one has taken its place
        raise UnreadableImageError("not a regular file") from error
    except OSError as error:
        raise UnreadableImageError(error.strerror or type(error).__name__) from error


def decode_image(data, decoder):
    """Decode the content of an image file; the arguments and errors of `read_image`, but for bytes."""
    if not data:
        raise UnreadableImageError("empty file")
    try:
        data = readable(data)
        check_size(*declared_size(data), PIXEL_LIMIT)
        return decoder(data).numpy()
    except tf.errors.OpError as error:
        raise UnreadableImageError(_cause(error)) from error


def read_into(images, paths, decoder, description):
    """Fill the first rows of `images` with the files that can be read, in order, without a gap.

    Args:
        images: uint8 (n, size, size, 3) with n at least the number of paths; written to.
        paths: sequence of paths.
        decoder: as in `read_image`.
        description: str, the title of the progress bar, which shows on a terminal only.

    Returns:
        The indices of the paths that were read, as a list, and a dict {index: cause} of the others.
    """
    kept, unreadable = [], {}
    for index, result in enumerate(each_file(paths, lambda path: read_image(path, decoder), description)):
        if isinstance(result, UnreadableImageError):
            unreadable[index] = str(result)
        else:
            images[len(kept)] = result
            kept.append(index)
    return kept, unreadable


def each_file(paths, read, description):
    """Yield what a function gives for each file, in order, from several threads.

    Args:
        paths: sequence of paths.
        read: function of a path.
        description: str, the title of the progress bar, which shows on a terminal only.

    Yields:
        The result for each path, or the `UnreadableImageError` that was raised.
    """

    def attempt(path):
        try:
            return read(path)
        except UnreadableImageError as error:
            return error

    with (
        concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool,
        progress(None, description, len(paths), unit="image") as bar,
    ):
        for start in range(0, len(paths), BLOCK):
            for result in pool.map(attempt, paths[start : start + BLOCK]):
                yield result
                bar.update()


def _cause(error):
    """TensorFlow's message without the names of its operations and what differs from file to file, on one line."""
    message = re.sub(r"\{\{.*?\}\}", "", error.message)
    message = re.sub(r'Graph execution error:.*(?:\n *File "[^\n]*\n)', "", message, flags=re.DOTALL)
    message = re.sub(r"Graph execution error:.*<stack traces unavailable>", "", message, flags=re.DOTALL)
    message = re.sub(r", size \d+\b", "", message)  # the same damage is one cause
    return " ".join(re.split(r"\[\[|\[Op:", message)[0].split())[:200]
