"""Image formats that TensorFlow cannot read, rewritten as PNG by Pillow and its plug-ins: no pixel changes.

In Python only. The extra `images` brings the packages. Orientation is applied on the way.
"""

import functools
import importlib
import io
import re

import numpy as np

from keras_effconv.data.images.containers import PHOTOMETRIC, depth, is_deep, tiff_tags
from keras_effconv.data.images.header import (
    BMP,
    DECODED,
    INFO,
    OS2,
    PIXEL_LIMIT,
    REFUSED,
    declared_size,
    format_of,
    index_of,
)
from keras_effconv.utils.extras import Deferred, require

tf = Deferred("tensorflow")

EXTRA = "images"
PLUGINS = {"HEIF": "pillow_heif"}
KEPT = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "I;16")  # modes of Pillow that become a PNG as they are
AS_RGB = ("CMYK", "YCbCr", "LAB", "HSV", "RGBX")
WAY_OUT = "convert it to JPEG or PNG"
WHITE_IS_ZERO = 0  # a value of TIFF's tag


class UnreadableImageError(ValueError):
    """The cause, in a few words, why an image file cannot be read."""


def readable(data: bytes, max_pixels: int = PIXEL_LIMIT) -> bytes:
    """Return a file that TensorFlow reads: the same one, or a PNG with the pixels of an AVIF, HEIC, TIFF or JPEG 2000.

    Args:
        data: bytes, the content of an image file.
        max_pixels: int; a file that declares more is refused before it is decoded. Default 178,000,000.

    Raises:
        UnreadableImageError: it is of a format that cannot be read, too large or damaged, or a package is missing; or
            Pillow would drop bits, as of a TIFF of 16 bits and several channels.

    Example:

    >>> readable(b"GIF89a...")
    b'GIF89a...'
    """
    row = format_of(data)
    if row in REFUSED:
        raise UnreadableImageError(f"{row.name} cannot be read: {WAY_OUT}")
    if not _needs_pillow(row, data):
        return data
    check_size(*declared_size(data), max_pixels)
    return _rewritten(data, row, max_pixels)


def is_foreign(data: bytes) -> bool:
    """Return whether a file is of a format that TensorFlow does not read, so that `readable` rewrites or refuses it.

    Example:

    >>> is_foreign(b"GIF89a..."), is_foreign(b"II*\\0...")
    (False, True)
    """
    row = format_of(data)
    return row in REFUSED or _needs_pillow(row, data)


def _needs_pillow(row, data):
    return row is not None and bool(row.plugin or _is_odd_bmp(row, data))


def check_size(height, width, max_pixels):
    """Raise an `UnreadableImageError` for more than `max_pixels`."""
    if height * width > max_pixels:
        raise UnreadableImageError(f"{width} x {height} pixels, more than {max_pixels:,}")


def _is_odd_bmp(row, data):
    """Whether a BMP is one of OS/2, compressed, or has other than 8, 24 or 32 bits a pixel in the usual order."""
    if row is not BMP or len(data) <= INFO or (data[INFO] != OS2 and (len(data) < 34 or data[INFO] < 40)):
        return False
    bits, compression = int.from_bytes(data[28:30], "little"), int.from_bytes(data[30:34], "little")
    usual = compression == 3 and bits == 32 and data[54:66] == b"\0\0\xff\0\0\xff\0\0\xff\0\0\0"
    return data[INFO] == OS2 or not (usual or (compression == 0 and bits in (8, 24, 32)))


@functools.cache
def _pillow(plugin):
    """Return Pillow's module of images, with the plug-in of a format."""
    image = require("PIL.Image", EXTRA)
    if plugin in PLUGINS:
        require(PLUGINS[plugin], EXTRA).register_heif_opener()
    elif plugin:
        importlib.import_module(f"PIL.{'Jpeg2K' if plugin == 'JPEG2000' else plugin.capitalize()}ImagePlugin")
    return image


def _rewritten(data, row, max_pixels):
    plugin = row.plugin or row.name
    try:
        pillow = _pillow(row.plugin)
    except ImportError as error:
        package = PLUGINS.get(plugin, "pillow")
        raise UnreadableImageError(
            f'{row.name} needs {package} (pip install "keras-effconv[{EXTRA}]"), or {WAY_OUT}'
        ) from error
    try:
        with pillow.open(io.BytesIO(data), formats=[plugin]) as image:
            check_size(image.height, image.width, max_pixels)
            plain = _plain(require("PIL.ImageOps", EXTRA).exif_transpose(image), row)
            if is_deep(data):
                _check_depth(plain, row, depth(data), len(image.getbands()))
                plain = _as_light(plain, data)
            file = io.BytesIO()
            plain.save(file, "PNG", compress_level=1)
    except UnreadableImageError:
        raise
    except Exception as error:  # each plug-in has its own for a damaged file
        cause = re.sub(r"(image file )?<[^>]*>", "the file", " ".join(f"{type(error).__name__}: {error}".split()))
        cause = re.sub(r" \(\d+ bytes not processed\)", "", cause)  # the same damage is one cause
        raise UnreadableImageError(f"{row.name}: {cause[:160]}") from error
    return file.getvalue()


def _plain(image, row):
    """Return an image of Pillow in a mode that a PNG has, without what would be written next to the pixels."""
    image.load()
    mode = image.mode
    if mode in AS_RGB:
        image = image.convert("RGB")
    elif mode in ("La", "RGBa"):
        image = image.convert(mode.upper())
    elif mode.startswith("I;16"):
        image = image if mode == "I;16" else image.convert("I").convert("I;16")  # at once, Pillow cuts off at 255
    elif mode not in KEPT:
        raise UnreadableImageError(f"{row.name} of {mode} values cannot be read: convert it to 8 or 16 bits")
    clear = image.info.get("transparency") if image.mode in ("P", "L", "RGB", "1") else None
    image.info = {} if clear is None else {"transparency": clear}
    return image.convert("RGBA") if image.mode == "PA" else image


def _check_depth(image, row, bits, channels):
    """Raise an `UnreadableImageError` for an image that Pillow has cut down to 8 bits, as those of several channels."""
    if image.mode != "I;16":
        text = f"{row.name} of {bits} bits and {channels} channels cannot be read in full"
        raise UnreadableImageError(f"{text}: convert it to PNG")


def _as_light(image, data):
    """Return an image of 16 bits whose 0 is black; Pillow itself inverts the others whose 0 is white."""
    inverted = data[:2] in (b"II", b"MM") and tiff_tags(data).get(PHOTOMETRIC) == WHITE_IS_ZERO
    return _pillow(None).fromarray(np.uint16(65535) - np.asarray(image)) if inverted else image


def converted(data: "tf.Tensor") -> "tf.Tensor":
    """Return a file that TensorFlow reads, in a graph that runs in this process: `readable`, with Python inside.

    Args:
        data: scalar string tensor, the content of an image file.
    """

    def rewrite():
        return tf.ensure_shape(tf.numpy_function(readable, [data], tf.string), ())

    ready = tuple(row for row in DECODED if row is not BMP)
    return tf.cond(index_of(data, ready) < len(ready), lambda: data, rewrite)
