"""What a network is: the names its family gives, its options, and the layer that carries both with every model."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras

from keras_effconv.graph import layers_of
from keras_effconv.preprocessing import Preprocessing
from keras_effconv.utils.suggestions import did_you_mean

GATE = "se_"  # in the names of the layers of squeeze-and-excite, after the block's prefix
ARCHITECTURES = {}  # name of a network -> callable (dict of options) -> `Architecture`


class Block(NamedTuple):
    """Layers that belong together: what is unfrozen at a time.

    Attributes:
        name: str.
        prefixes: tuple of str; a layer is in the block if its name is one of them, or begins with one and a `_`.
    """

    name: str
    prefixes: tuple[str, ...]

    def holds(self, layer_name):
        """Return whether a layer is in the block, by its name.

        >>> Block("conv2_block1", ("conv2_block1",)).holds("conv2_block10_out")
        False
        """
        return any(layer_name == prefix or layer_name.startswith(f"{prefix}_") for prefix in self.prefixes)


class Unit(NamedTuple):
    """The names of a convolution, of its batch normalization and of the activation behind it."""

    conv: str
    norm: str
    activation: str


class Pair(NamedTuple):
    """Two convolutions in a row, one of them depthwise, that a kind may replace by one with the names of the second."""

    first: Unit
    second: Unit


class Architecture(NamedTuple):
    """What the package needs to know of a network; its family says all of it, once.

    Attributes:
        name: str, of the constructor.
        size: int, pixels of the default image.
        preprocessing: `Preprocessing` that the network's usual weights want.
        body: callable (image, kind) -> the last feature map, a tensor, and a dict from stride to the last map of it.
        top: callable (feature map, classes, activation) -> predictions.
        head: tuple of str, the layers of `top` that have weights, in order; the last one writes a number per class.
        blocks: tuple of `Block`, the repeated ones, in order.
        stem: tuple of str, prefixes of the layers ahead of the blocks, one for each convolution.
        end: tuple of str, prefixes of the layers between the blocks and the top.
        depthwise: tuple of str, the names of the depthwise convolutions.
        pairs: tuple of `Pair`.
        normalization: str, the layer that holds the images' mean and variance as weights; `None` without one.
        settings: tuple of str, the options that change what weights mean but not their shapes.
        producers: tuple of `zoo.names.Producer`, whose weight files the network reads, besides its own.
        pool_names: pair of str, the layers of average and maximum pooling without the top.
        model_name: str, of the model; `{name}` is the name in small letters, `{rows}` the rows of the image.
    """

    name: str
    size: int
    preprocessing: Preprocessing
    body: Callable
    top: Callable
    head: tuple[str, ...]
    blocks: tuple[Block, ...]
    stem: tuple[str, ...] = ()
    end: tuple[str, ...] = ()
    depthwise: tuple[str, ...] = ()
    pairs: tuple[Pair, ...] = ()
    normalization: str | None = None
    settings: tuple[str, ...] = ()
    producers: tuple[Any, ...] = ()
    pool_names: tuple[str, str] = ("avg_pool", "max_pool")
    model_name: str = "{name}"

    def parts(self):
        """Return all layers but the head in blocks: the stem, the repeated ones, the end; a tuple of `Block`."""
        stem = (Block("stem", self.stem),) if self.stem else ()
        return (*stem, *self.blocks, *((Block("end", self.end),) if self.end else ()))


@dataclasses.dataclass(frozen=True)
class Design:
    """Which network a model is: what a weight set must have been trained for.

    Args:
        name: str, of the constructor.
        options: dict of the family's options, and `conv`, the repr of the kind.
        defaults: dict of the options' defaults.
    """

    name: str
    options: Mapping[str, Any]
    defaults: Mapping[str, Any]

    @property
    def architecture(self):
        """The `Architecture` of the design.

        Raises:
            ValueError: if no network of that name was published in this process.
        """
        if self.name not in ARCHITECTURES:
            raise ValueError(
                f"`model` must be of a published network: import the module that publishes it first. "
                f"Received: {self.name!r}{did_you_mean(self.name, ARCHITECTURES)}"
            )
        return _architecture(self.name, tuple(sorted((key, self.options[key]) for key in self.defaults)))

    def differences(self, wanted):
        """Return the options that are other than wanted, as texts; a setting that is not named is the default.

        Args:
            wanted: dict of options.
        """
        wanted = {**{key: self.defaults[key] for key in self.architecture.settings}, **wanted}
        other = [key for key, value in wanted.items() if self.options.get(key) != value]
        return [f"{key}={wanted[key]!r} (received {self.options.get(key)!r})" for key in other]


@functools.lru_cache(maxsize=64)
def _architecture(name, options):
    return ARCHITECTURES[name](dict(options))


@keras.saving.register_keras_serializable(package="keras_effconv")
class NetworkInfo(keras.layers.Layer):
    """Return the image as it is; the configuration says which network follows.

    A network of this package has one behind its input. So what a model is stays with it when it is saved, loaded,
    cloned, put into another model, or cut.

    Args:
        design: `Design`, or a dict of its fields.
        preprocessing: `Preprocessing` that the weights want, or a dict of its fields.
        ends: dict from stride to the last feature map of it: a dict from band to (name of its layer, index of the
            output), where a plain tensor is `"high"`.

    Example:

    >>> import keras_effconv
    >>> info_of(keras_effconv.ResNet20(weights=None)).design.name
    'ResNet20'
    """

    def __init__(self, design, preprocessing, ends=None, **layer_arguments):
        super().__init__(autocast=False, **{"name": "network", **layer_arguments})
        self.design = design if isinstance(design, Design) else Design(**design)
        self.preprocessing = (
            preprocessing if isinstance(preprocessing, Preprocessing) else Preprocessing(**_tuples(preprocessing))
        )
        self.ends = {int(stride): _tuples(bands) for stride, bands in (ends or {}).items()}

    @property
    def architecture(self):
        """The `Architecture` of the design."""
        return self.design.architecture

    @property
    def conv(self):
        """The kind of convolution, as its repr."""
        return self.design.options["conv"]

    def call(self, image):
        return image

    def compute_output_spec(self, image):
        return keras.KerasTensor(image.shape, image.dtype)

    def get_config(self):
        own = {
            "design": {
                "name": self.design.name,
                "options": dict(self.design.options),
                "defaults": dict(self.design.defaults),
            },
            "preprocessing": dataclasses.asdict(self.preprocessing),
            "ends": {str(stride): {band: list(end) for band, end in bands.items()} for stride, bands in self.ends.items()},
        }
        return {**super().get_config(), **own}


def _tuples(config):
    """Lists, as a file has them, as tuples again."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in config.items()}


def info_of(model, required=True):
    """Return the `NetworkInfo` in a model, wherever it lies.

    Args:
        model: `keras.Model` of this package, or one that has it inside.
        required: bool; whether a model without one is an error. Default `True`; else the result is `None`.

    Raises:
        ValueError: if there is none and it is required, or more than one.
    """
    infos = [layer for layer in layers_of(model) if isinstance(layer, NetworkInfo)]
    if len(infos) > 1:
        names = ", ".join(info.design.name for info in infos)
        raise ValueError(f"`model` must have one network of keras_effconv. Received: {model.name!r} with {names}")
    if not infos and required:
        raise ValueError(f"`model` must be, or hold, a network of keras_effconv. Received: model={model.name!r}")
    return infos[0] if infos else None
