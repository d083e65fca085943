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
from keras_effconv.utils.files import open_file

tf = Deferred("tensorflow")


def find_white(paths: list[str]) -> int | None:
    """Find what is white in the training images of 16 bits a channel, and say so.

    Args:
        paths: the files of all training images. A file with the name of a JPEG is not opened.

    Returns:
        int, the smallest 2**k - 1 that is not below any value in a file of 16 bits; `None` without such files.
    """
    largest = [value for value in _each(_largest, paths) if value is not None]
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


def warn_without_white(paths: list[str], resize: Resize):
    """Warn, once, of files of 16 bits a channel if the network has seen none in training, and so knows no white.

    Args:
        paths: the files that the network is to see. A file with the name of a JPEG is not opened.
        resize: `Resize` (or `Preprocessing`) of the network.
    """
    if resize.white is None and (count := sum(_each(_is_deep, paths))):
        tell_unknown(count, len(paths), "the network was trained without such files")


def tell_unknown(count: int, total: int, why: str):
    """Warn that files of 16 bits a channel are scaled by the full range."""
    logging.warning(
        "%d of %d files have 16 bits a channel, and %s: %d becomes white, so values that end at 1023 or 4095 are "
        "nearly black",
        *(count, total, why, DEEPEST),
    )


def _each(function, paths):
    """Return what a function gives for each file that is not named as a JPEG."""
    candidates = [path for path in paths if not str(path).lower().endswith(JPEG.extensions)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, candidates))


def _largest(path):
    """Return the largest value of a colour in a file of 16 bits; `None` for another file, or one that is unreadable."""
    try:
        data = _deep_content(path)
        return data and _largest_of(readable(data))
    except (UnreadableImageError, tf.errors.OpError):  # the loader names it
        return None


def _is_deep(path):
    return _deep_content(path) is not None


def _deep_content(path):
    """Return the content of a file of 16 bits; `None` for another file, or one that cannot be opened."""
    try:
        with open_file(path) as file:
            head = file.read(LENGTH)
            if not _may_be_deep(head):
                return None
            data = head + file.read()
    except (OSError, ValueError):
        return None
    return data if has_16_bits(data) else None


def _may_be_deep(head):
    row = format_of(head)
    return row is not None and bool(row.plugin or (row is PNG and head[DEPTH : DEPTH + 1] == b"\x10"))


def has_16_bits(data: bytes) -> bool:
    """Whether the content of a file has 16 bits a channel, as its header says."""
    return _may_be_deep(data) and (format_of(data) is PNG or is_deep(data))


def _largest_of(data):
    height, width = declared_size(data)
    if height * width > PIXEL_LIMIT or data[DEPTH] != 16:
        return None
    with tf.device("CPU:0"):
        pixels = tf.io.decode_png(data, 4, tf.uint16).numpy()
    return int(pixels[..., :3].max(initial=0, where=pixels[..., 3:] > 0))
