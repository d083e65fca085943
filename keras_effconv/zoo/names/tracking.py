"""TensorFlow's checkpoints of Keras models, `tf.train.Checkpoint(model=model)`, which number the layers."""

import re

from keras_effconv.zoo.readers.errors import FormatError

# Keras 3 counts all operations of a model, Keras 2 the layers with weights.
NUMBERED = re.compile(
    r"(?P<ahead>.*?)(_operations/|layer_with_weights-)(?P<number>\d+)/_?(?P<name>\w+)/\.ATTRIBUTES/VARIABLE_VALUE"
)
# A variable is stored by the shortest way to it: with the optimizer next to the model, through the optimizer's list.
TRAINED = re.compile(r"(.*/)?_trainable_variables/(?P<number>\d+)/\.ATTRIBUTES/VARIABLE_VALUE")
STATISTICS = ("moving_mean", "moving_variance", "mean", "variance", "count")
ADAPTED = {"adapt_mean": "mean", "adapt_variance": "variance"}  # of Keras' normalization of images


def tracked(variables, model):
    """Return a checkpoint's variables by the names of the model's layers, which it has in the same order.

    Args:
        variables: dict of name -> array.
        model: `keras.Model` that they are for.

    Returns:
        dict of "layer/variable" -> array, without counters and the optimizer; other files as they are.

    Raises:
        FormatError: (a ValueError) if it has another number of layers with weights than the model, or of variables that
            were trained.
    """
    matches = {name: NUMBERED.fullmatch(name) for name in variables}
    if not any(matches.values()):
        return variables
    numbers = sorted({(match["ahead"], int(match["number"])) for match in matches.values() if match})
    layers, trained = [layer for layer in model.layers if layer.weights], {}
    if len(numbers) < len(layers) and any(map(TRAINED.fullmatch, variables)):
        trained = _trained(variables, layers)
        layers = [layer for layer in layers if any(v.name in STATISTICS for v in layer.weights)]
    if len(numbers) != len(layers):
        raise FormatError(
            f"`path` must be a checkpoint of a model with {len(layers)} layers that have "
            f"{'statistics' if trained else 'weights'}, since it numbers them. Received: {len(numbers)}"
        )
    names = {number: layer.name for number, layer in zip(numbers, layers)}
    numbered = {
        f"{names[match['ahead'], int(match['number'])]}/{ADAPTED.get(match['name'], match['name'])}": variables[name]
        for name, match in matches.items()
        if match
    }
    return {**trained, **numbered}


def _trained(variables, layers):
    """Return the variables that an optimizer has listed, by the names of the layers' own."""
    matches = {name: TRAINED.fullmatch(name) for name in variables}
    stored = {int(match["number"]): variables[name] for name, match in matches.items() if match}
    ours = [f"{layer.name}/{v.name}" for layer in layers for v in layer.weights if v.name not in STATISTICS]
    if sorted(stored) != list(range(len(ours))):
        raise FormatError(
            f"`path` must be a checkpoint with {len(ours)} trained variables, since the optimizer numbers them, or one "
            f"without the optimizer. Received: {len(stored)}"
        )
    return {name: stored[number] for number, name in enumerate(ours)}
