"""What the check keeps of an image file: a few hundred bytes."""

import dataclasses
import hashlib

import numpy as np

from keras_effconv.data.images.convert import readable
from keras_effconv.data.images.decode import rgb
from keras_effconv.data.images.header import format_of
from keras_effconv.data.images.reading import UnreadableImageError, compiled_decoder, content_of, decode_image
from keras_effconv.data.images.traits import is_cut_off, traits_of
from keras_effconv.preprocessing import Resize
from keras_effconv.utils.extras import require

HEIGHT, WIDTH = 16, 17  # of a thumbnail: 16 differences a row
FLAT = 8  # levels; a thumbnail with a smaller range shows nothing


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An image file that can be read.

    Args:
        format: str, such as "JPEG".
        height: int, pixels, of the image as it should be seen.
        width: int, likewise.
        traits: tuple of str, see `traits_of`.
        digest: bytes, the same for the same pixels.
        thumbnail: uint8 (16, 17), the image in grey.
    """

    format: str
    height: int
    width: int
    traits: tuple[str, ...]
    digest: bytes
    thumbnail: np.ndarray

    @property
    def blank(self) -> bool:
        """Whether the image is next to one colour."""
        return int(self.thumbnail.max()) - int(self.thumbnail.min()) < FLAT

    @property
    def ratio(self) -> float:
        """The longer side by the shorter one."""
        return max(self.height, self.width) / min(self.height, self.width)


def full_decoder(white):
    """Return a function from the bytes of an image file to all its pixels: uint8 (height, width, 3).

    Args:
        white: int, as in `Resize`; `None` for 65535.
    """
    return compiled_decoder(Resize(1, white=white), rgb)


def picture_of(path, decoder) -> Picture:
    """Read, decode and describe one file.

    Args:
        path: str or path of the file.
        decoder: what `full_decoder` returns.

    Raises:
        UnreadableImageError: as `read_image` does.
    """
    data = content_of(path)
    try:
        plain = readable(data)
        pixels = np.ascontiguousarray(decode_image(plain, decoder))
    except UnreadableImageError as error:
        raise UnreadableImageError(f"truncated: {error}" if is_cut_off(data) else str(error)) from error
    digest = hashlib.blake2b(pixels, digest_size=16, person=b"%d" % pixels.shape[1])
    return Picture(
        format_of(data).name, *pixels.shape[:2], traits_of(data, plain), digest.digest(), thumbnail_of(pixels)
    )


def thumbnail_of(pixels: np.ndarray) -> np.ndarray:
    """Shrink an image to uint8 (16, 17) in grey, by the mean of areas.

    Args:
        pixels: uint8 (height, width, 3), RGB.

    Example:

    >>> thumbnail_of(np.full((30, 50, 3), 200, "uint8")).max()
    np.uint8(200)
    """
    image = require("PIL.Image", "images")
    small = image.fromarray(pixels).convert("L").resize((WIDTH, HEIGHT), image.Resampling.BOX)
    return np.asarray(small, np.uint8)
