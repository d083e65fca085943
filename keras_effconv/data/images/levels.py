"""The range of values in files of 16 bits a channel: many cameras and scanners use the lower 10 to 14 bits alone."""

import concurrent.futures
import dataclasses
import os

from absl import logging

from keras_effconv.data.images.containers import is_deep
from keras_effconv.data.images.convert import UnreadableImageError, readable
from keras_effconv.data.images.header import JPEG, LENGTH, PIXEL_LIMIT, PNG, declared_size, format_of
from keras_effconv.data.images.png import DEPTH
from keras_effconv.preprocessing import DEEPEST, Resize
from keras_effconv.utils.extras import Deferred

tf = Deferred("tensorflow")


def find_white(paths: list[str]) -> int | None:
    """Find what is white in the training images of 16 bits a channel, and say so.

    Args:
        paths: the files of all training images. A file with the name of a JPEG is not opened.

    Returns:
        int, the smallest 2**k - 1 that is not below any value in a file of 16 bits; `None` without such files.
    """
    candidates = [path for path in paths if not str(path).lower().endswith(JPEG.extensions)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        largest = [value for value in pool.map(_largest, candidates) if value is not None]
    if not largest:
        return None
    white = min(2 ** max(1, max(largest)).bit_length() - 1, DEEPEST)
    logging.warning(
        "%d of %d training images have 16 bits a channel, with values to %d: %d becomes white, here and wherever the "
        "network sees such files",
        *(len(largest), len(paths), max(largest), white),
    )
    return white


def with_white(resize: Resize, paths: list[str]) -> Resize:
    """Return a `Resize` with the white of training images, unless it has one."""
    return resize if resize.white else dataclasses.replace(resize, white=find_white(paths))


def _largest(path):
    """Return the largest value of a colour in a file of 16 bits; `None` for another file, or one that is unreadable."""
    try:
        with open(path, "rb") as file:
            head = file.read(LENGTH)
            row = format_of(head)
            if row is None or not (row.plugin or (row is PNG and head[DEPTH : DEPTH + 1] == b"\x10")):
                return None
            data = head + file.read()
        return _largest_of(readable(data) if row is not PNG else data) if row is PNG or is_deep(data) else None
    except (OSError, UnreadableImageError, tf.errors.OpError):  # the loader names it
        return None


def _largest_of(data):
    height, width = declared_size(data)
    if height * width > PIXEL_LIMIT or data[DEPTH] != 16:
        return None
    with tf.device("CPU:0"):
        pixels = tf.io.decode_png(data, 4, tf.uint16).numpy()
    return int(pixels[..., :3].max(initial=0, where=pixels[..., 3:] > 0))
