"""What a weight set wants of an image. It belongs to the weights and travels with the saved model."""

import dataclasses
import numbers
from collections.abc import Iterable

import keras
from keras import ops

from keras_effconv.utils.arguments import one_of, positive

LUMA = (0.299, 0.587, 0.114)  # of RGB, as of JPEG and television (ITU-R BT.601)
DEEPEST = 65535  # the largest value of 16 bits
WHITE = (255, 255, 255)
INTERPOLATIONS = ("bilinear", "bicubic", "nearest", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")


@dataclasses.dataclass(frozen=True)
class Resize:
    """From an image file of any size to a square: how its pixels are read, which part is used, and how it is resized.

    Every loader of `keras_effconv.data` takes one, or an `int`, which is a size with the defaults below.

    Args:
        size: int, pixels of the square.
        crop: float, the side of the central square that is used, as a share of the image's shorter side, in (0, 1];
            `None` for the whole image, squeezed to a square. Default 0.875.
        interpolation: str, one of `INTERPOLATIONS`; always anti-aliased. Default `"bicubic"`.
        white: int, the value that is white in files of 16 bits a channel, 1 to 65535; larger ones are white, too.
            Default `None`: 65535, and a loader of training images may find a smaller one (`data.images.levels`).
        background: three ints, 0 to 255, RGB: what transparent pixels are laid over. Default: white.

    Raises:
        ValueError: a field is out of range.

    Example:

    >>> Resize(224, crop=1.0).at(96)
    Resize(size=96, crop=1.0, interpolation='bicubic', white=None, background=(255, 255, 255))
    """

    size: int
    crop: float | None = 0.875
    interpolation: str = "bicubic"
    white: int | None = None
    background: tuple[int, int, int] = WHITE

    def __post_init__(self):
        positive("size", self.size)
        if self.crop is not None and not (isinstance(self.crop, numbers.Real) and 0 < self.crop <= 1):
            raise ValueError(f"`crop` must be a number in (0, 1] or None. Received: crop={self.crop!r}")
        one_of("interpolation", self.interpolation, INTERPOLATIONS)
        if self.white is not None and not (isinstance(self.white, numbers.Integral) and 1 <= self.white <= DEEPEST):
            raise ValueError(f"`white` must be an integer, 1 to {DEEPEST}, or None. Received: white={self.white!r}")
        object.__setattr__(self, "background", _colour(self.background))

    def at(self, size):
        """Return the same at another size."""
        return dataclasses.replace(self, size=size)

    def settled(self):
        """Return the same for images that are not those of training: no loader looks for another white."""
        return dataclasses.replace(self, white=self.white or DEEPEST)


def _colour(values):
    values = tuple(values) if isinstance(values, Iterable) else values
    whole = isinstance(values, tuple) and all(isinstance(value, numbers.Integral) for value in values)
    if not whole or len(values) != 3 or not all(0 <= value <= 255 for value in values):
        raise ValueError(f"`background` must be three integers, 0 to 255. Received: background={values!r}")
    return tuple(map(int, values))


def as_resize(resize: Resize | int, crop: float | None = 0.875) -> Resize:
    """Return a `Resize` as it is, and an `int` as the size of one with the defaults, or with another `crop`.

    Raises:
        ValueError: it is neither.

    Example:

    >>> as_resize(96)
    Resize(size=96, crop=0.875, interpolation='bicubic', white=None, background=(255, 255, 255))
    """
    if isinstance(resize, Resize):
        return resize
    if not isinstance(resize, numbers.Integral):
        raise ValueError(f"`resize` must be a `Resize`, or an integer for its size. Received: resize={resize!r}")
    return Resize(resize, crop)


@dataclasses.dataclass(frozen=True)
class Preprocessing(Resize):
    """From an RGB image with values 0..255 to the input of a network: a `Resize`, then `(x - mean) / std`.

    The channels are RGB or BGR. EfficientNets have the arithmetic inside (`inside=True`): their `normalization` layer
    holds mean and std as weights, and their input is 0..255. The loaders of `keras_effconv.data` take it as the
    `Resize` that it is.

    Args:
        size: int, pixels of the square input.
        crop: float, as in `Resize`. Default 0.875.
        interpolation: str, as in `Resize`. Default `"bicubic"`.
        white: int, as in `Resize`. Default `None`.
        background: three ints, as in `Resize`. Default: white.
        mean: three numbers on the scale 0..255, RGB; one for a network of grey images.
        std: three numbers on the scale 0..255, RGB; one for a network of grey images.
        bgr: bool; whether the network reads BGR.
        inside: bool; whether the network does the arithmetic itself.
    """

    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    bgr: bool = False
    inside: bool = False

    def sampled(self, crop, interpolation):
        """Return the same arithmetic on another part of the image, resized in another way."""
        return dataclasses.replace(self, crop=crop, interpolation=interpolation)

    def viewing(self, resize):
        """Return the same arithmetic with all else that a `Resize` says."""
        return dataclasses.replace(self, **{field.name: getattr(resize, field.name) for field in FIELDS})

    def grey(self):
        """Return the same for a network of one channel, whose mean and deviation are the average of the three."""
        mean, std = (sum(values) / len(values) for values in (self.mean, self.std))
        return dataclasses.replace(self, mean=(mean,), std=(std,), bgr=False)

    def layer(self, name="preprocessing"):
        """Return the arithmetic as a layer, with all else in its config."""
        return ImagePreprocessing(**dataclasses.asdict(self), name=name)


FIELDS = dataclasses.fields(Resize)


@keras.saving.register_keras_serializable(package="keras_effconv")
class ImagePreprocessing(keras.layers.Layer):
    """From RGB images (n, h, w, 3) with values 0..255, uint8 or float, to what a network expects.

    With one number for `mean` and `std`, images become grey, (n, h, w, 1), unless they are.

    Images of another size than `size` x `size` are cropped and resized first. Inside a model the input has the right
    size, and only the arithmetic is left; the config tells whoever loads the model how to crop and resize.

    Args: as of `Preprocessing`.

    Example:

    >>> layer = ImagePreprocessing(size=8, mean=(127.0,) * 3, std=(128.0,) * 3)
    >>> float(layer(keras.ops.full((1, 20, 10, 3), 255, dtype="uint8"))[0, 0, 0, 0])
    1.0
    """

    def __init__(
        self,
        size,
        crop=0.875,
        interpolation="bicubic",
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        bgr=False,
        inside=False,
        white=None,
        background=WHITE,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # half precision has no room for pixels and fractions of them
        view = (size, crop, interpolation, white, tuple(background))
        self.preprocessing = Preprocessing(*view, tuple(mean), tuple(std), bgr, inside)

    def call(self, images):
        steps = self.preprocessing
        x = images
        if tuple(x.shape[1:3]) != (steps.size, steps.size):
            x = self._resized(x)
        x = ops.cast(x, "float64" if self.compute_dtype == "float64" else "float32")
        if len(steps.mean) == 1 and x.shape[-1] == 3:
            x = ops.sum(x * ops.cast(LUMA, x.dtype), axis=-1, keepdims=True)
        return ops.cast(x if steps.inside else self._scaled(x), self.compute_dtype)

    def _scaled(self, x):
        steps = self.preprocessing
        if any(steps.mean) or set(steps.std) != {1.0}:
            x = (x - ops.cast(_of_channels(steps.mean), x.dtype)) / ops.cast(_of_channels(steps.std), x.dtype)
        return x[..., ::-1] if steps.bgr else x

    def _resized(self, x):
        steps = self.preprocessing
        if None in x.shape[1:3]:
            raise ValueError(f"`ImagePreprocessing` expects a known size. Received: images of shape {tuple(x.shape)}")
        if steps.crop is not None:
            height, width = x.shape[1:3]
            side = max(1, round(steps.crop * min(height, width)))
            top, left = (height - side) // 2, (width - side) // 2
            x = x[:, top : top + side, left : left + side]
        x = ops.cast(x, "float32")
        x = ops.image.resize(x, (steps.size,) * 2, steps.interpolation, antialias=True, data_format="channels_last")
        return ops.clip(ops.round(x), 0, 255)

    def compute_output_shape(self, input_shape):
        channels = 1 if len(self.preprocessing.mean) == 1 else input_shape[-1]
        return (input_shape[0], self.preprocessing.size, self.preprocessing.size, channels)

    def get_config(self):
        return {**super().get_config(), **dataclasses.asdict(self.preprocessing)}


def _of_channels(numbers):
    """Return one number in place of equal ones: runtimes are slow at vectors of three."""
    return numbers[0] if len(set(numbers)) == 1 else numbers


def lite_preprocessing(size):
    """Return EfficientNet-Lite's: (x - 127) / 128, centre crop of S / (S + 32)."""
    return Preprocessing(size, size / (size + 32), mean=(127.0,) * 3, std=(128.0,) * 3, inside=True)


def keras_preprocessing(size):
    """Return Keras' for EfficientNet: ImageNet's mean and standard deviation, inside the network."""
    return Preprocessing(size, 0.875, mean=IMAGENET_MEAN, std=IMAGENET_STD, inside=True)


IMAGENET_MEAN = tuple(255 * m for m in (0.485, 0.456, 0.406))
IMAGENET_STD = tuple(255 * s for s in (0.229, 0.224, 0.225))
CAFFE = Preprocessing(224, 0.875, "bilinear", mean=(123.68, 116.779, 103.939), bgr=True)
UNIT = Preprocessing(224, 0.875, "bilinear", mean=(127.5,) * 3, std=(127.5,) * 3)  # Keras' "tf" mode: -1..1
TORCH = Preprocessing(224, 0.875, "bilinear", mean=IMAGENET_MEAN, std=IMAGENET_STD)
# The OctConv authors': ImageNet's numbers, rounded by them, in Gluon and in Symbol.
GLUON = Preprocessing(224, 0.875, "bilinear", mean=(123.68, 116.779, 103.939), std=(58.393, 57.12, 57.375))
SYMBOL = Preprocessing(224, 0.875, "bilinear", mean=(124.0, 117.0, 104.0), std=(1 / 0.0167,) * 3)
CIFAR = Preprocessing(32, 1.0, mean=IMAGENET_MEAN, std=IMAGENET_STD)
