"""What a family says of a network: its parts, their names, and whose weight files it reads. All of it is said once."""

from collections.abc import Callable
from typing import Any, NamedTuple

from keras_effconv.preprocessing import Preprocessing
from keras_effconv.utils.layer_names import in_block

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
        return any(in_block(layer_name, prefix) for prefix in self.prefixes)


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
        classes: int, of the network's usual weights.
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
    classes: int = 1000
    model_name: str = "{name}"

    def owns(self, layer_name):
        """Return whether a layer is one of the network's, by its name."""
        named = (*self.head, self.normalization)
        return layer_name in named or any(block.holds(layer_name) for block in self.parts())

    def parts(self):
        """Return all layers but the head in blocks: the stem, the repeated ones, the end; a tuple of `Block`."""
        stem = (Block("stem", self.stem),) if self.stem else ()
        return (*stem, *self.blocks, *((Block("end", self.end),) if self.end else ()))
