"""A family of a user: two convolutions and a classifier."""

import contextlib
import dataclasses
import functools
from typing import NamedTuple

from keras import layers

import keras_effconv as ke
from keras_effconv.applications import MODELS, publish
from keras_effconv.architecture import ARCHITECTURES, Architecture, Block
from keras_effconv.preprocessing import UNIT


class Variant(NamedTuple):
    name: str
    filters: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of Tiny.

    Args:
        gain: int, multiplies the filters.
    """

    gain: int = 1


def body(x, kind, variant, options):
    maps, stride = {}, 1
    for i, filters in enumerate(variant.filters, 1):
        stride *= 2
        x = kind.at(stride).conv(x, options.gain * filters, 3, 2, name=f"step{i}_conv", use_bias=False)
        x = ke.applications.blocks.norm(x, f"step{i}_bn")
        x = maps[stride] = ke.applications.blocks.act(x, "relu", f"step{i}_relu")
    return ke.applications.blocks.merge(x), maps


def top(x, classes, activation):
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return layers.Dense(classes, activation=activation, name="scores")(x)


def architecture(variant, options):
    return Architecture(
        variant.name,
        32,
        UNIT.at(32),
        functools.partial(body, variant=variant, options=options),
        top,
        head=("scores",),
        blocks=tuple(Block(f"step{i}", (f"step{i}",)) for i in range(1, len(variant.filters) + 1)),
    )


@contextlib.contextmanager
def published(filters=(8, 16)):
    """Give the constructor, whose name is known meanwhile."""
    constructor = publish(
        "Tiny", architecture, Options, "Tiny.", Variant("Tiny", filters), defaults={"weights": None, "classes": 10}
    )
    yield constructor
    del MODELS["Tiny"], ARCHITECTURES["Tiny"]
