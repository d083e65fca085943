"""A step of training that would not fit into memory, in parts."""

import dataclasses
import math
from typing import NamedTuple

import keras
import numpy as np

from keras_effconv.graph import walk, with_structure
from keras_effconv.training.folding import folded
from keras_effconv.training.network import blocks, unfreeze
from keras_effconv.training.phases import phases
from keras_effconv.utils.memory import free_memory

# Measured on a CPU; scripts/benchmarks/step_memory.py compares what they give with what steps take.
KEPT, PASSING = 0.6, 3.0  # of the maps that a gradient needs; times the largest map, of which some live at a time
COPIES = 6  # of the weights: gradients, two slots of the optimizer, the moving average, and copies for a while
SHARE = 0.8  # of the memory that is free, for a step


class StepMemory(NamedTuple):
    """What a step of training takes.

    Attributes:
        image: float, bytes for each image of a batch.
        fixed: float, bytes however large the batch is.
    """

    image: float
    fixed: float

    def of(self, batch_size: int) -> float:
        """Return the bytes of a step of so many images."""
        return self.fixed + self.image * batch_size


def step_memory(network: keras.Model) -> StepMemory:
    """Estimate what a step of training takes, from the maps of the network; rather too much than too little.

    Maps ahead of the first trained layer are forgotten once they are read. What follows it is kept for the gradient.

    Args:
        network: functional model; its layers' `trainable` says what is trained.

    Example:

    >>> image = keras.Input((64, 64, 3))
    >>> network = keras.Model(image, keras.layers.Conv2D(8, 3, padding="same")(image))
    >>> round(step_memory(network).image / (4 * 64 * 64 * 8), 1)  # of the map that it writes
    3.6
    """
    kept, largest, behind, specs = 0.0, 0, set(), []  # an id is a tensor's own only as long as the tensor lives

    def visit(name, operation, args, kwargs):
        nonlocal kept, largest
        outputs = operation.compute_output_spec(*args, **kwargs)
        read = {id(x) for x in keras.tree.flatten((args, kwargs))}
        carries = bool(read & behind) or _is_trained(operation)
        for tensor in keras.tree.flatten(outputs):
            size = _bytes(tensor)
            kept, largest = kept + carries * size, max(largest, size)
            specs.append(tensor)
            if carries:
                behind.add(id(tensor))
        return outputs

    walk(network, with_structure(network, list(network.inputs)), visit)
    weights = 4 * sum(math.prod(weight.shape) for weight in network.weights)
    return StepMemory(KEPT * kept + PASSING * largest, COPIES * weights)


def _is_trained(operation):
    """Return whether an operation has variables that learn; a folded convolution has those of its layer."""
    layer = getattr(operation, "conv", operation)
    return bool(getattr(layer, "trainable_variables", ()))


def _bytes(tensor):
    """Return the bytes of a map of one image."""
    return math.prod(tensor.shape[1:]) * np.dtype(keras.backend.standardize_dtype(tensor.dtype)).itemsize


def parts_needed(recipe, model: keras.Model, free: int | None = None) -> int:
    """Return in how many steps a batch must be computed to fit into memory: 1, 2, 4, ..., at most one an image.

    Args:
        recipe: `Recipe`.
        model: the classifier.
        free: int, bytes. Default: of the main memory.
    """
    free = free_memory() if free is None else free
    phases_memory = (_of_phase(recipe, model, count) for count in _trained_blocks(recipe, model))
    memory = max(phases_memory, key=lambda each: each.image)
    parts = 1
    while memory.of(recipe.batch_size // parts) > SHARE * free and 2 * parts <= recipe.batch_size:
        parts *= 2
    if parts > 1:
        print(
            f"a step of {recipe.batch_size} images takes up to {memory.of(recipe.batch_size) / 2**30:.1f} GiB, and "
            f"{free / 2**30:.1f} are free: {parts} steps of {recipe.batch_size // parts} make an update"
        )
    return parts


def _trained_blocks(recipe, model):
    """Return the numbers of blocks that are trained at a time."""
    every = phases(recipe, model.input_shape[1], len(blocks(model)))
    return {phase.blocks for phase in every} or {0}


def _of_phase(recipe, model, count):
    unfreeze(model, count, recipe.freeze_norm, recipe.freeze_depthwise)
    return step_memory(folded(model))


def divided(recipe, parts: int):
    """Return a recipe that computes each batch in parts, whose gradients make one update.

    The mean over steps of equal size is the mean over the batch. Normalization that learns sees the images of a part.

    Args:
        recipe: `Recipe`.
        parts: int.

    Example:

    >>> from keras_effconv.training import Recipe
    >>> recipe = divided(Recipe(batch_size=32, ema=0.98), 4)
    >>> recipe.batch_size, recipe.accumulate, round(recipe.ema, 3)
    (8, 4, 0.995)
    """
    if parts == 1:
        return recipe
    size, updates = recipe.batch_size // parts, recipe.accumulate * parts
    return dataclasses.replace(recipe, batch_size=size, accumulate=updates, ema=recipe.ema ** (1 / parts))
