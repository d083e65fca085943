"""The parts of a run in which the same blocks are trained at the same size of the image."""

import itertools
from typing import NamedTuple


class Phase(NamedTuple):
    """Epochs `first` to `last - 1`, counted from 0: the size of the images, and blocks trained, -1 for all."""

    first: int
    last: int
    size: int
    blocks: int


def phases(recipe, size, blocks):
    """Return the phases of a recipe, in order.

    Args:
        recipe: `Recipe`.
        size: int, pixels, of the images at the end.
        blocks: int, how many the network has.

    Returns:
        list of `Phase`; empty if the recipe has no epochs.

    Example:

    >>> from keras_effconv.training import Recipe
    >>> for phase in phases(Recipe(epochs=4, sizes=(128, 224), unfreeze_blocks=2, unfreeze_epochs=3), 224, blocks=7):
    ...     print(phase)
    Phase(first=0, last=2, size=128, blocks=1)
    Phase(first=2, last=3, size=224, blocks=1)
    Phase(first=3, last=4, size=224, blocks=2)
    """
    most = blocks if recipe.unfreeze_blocks < 0 else min(recipe.unfreeze_blocks, blocks)
    sizes = recipe.sizes or (size,)

    def at(epoch):
        opened = most if not recipe.unfreeze_epochs else min(most, 1 + int(epoch / recipe.unfreeze_epochs))
        whole = recipe.unfreeze_blocks < 0 and opened == most
        return sizes[epoch * len(sizes) // recipe.epochs], -1 if whole else opened

    groups = itertools.groupby(range(recipe.epochs), at)
    spans = [(list(epochs), *what) for what, epochs in groups]
    return [Phase(epochs[0], epochs[-1] + 1, *what) for epochs, *what in spans]
