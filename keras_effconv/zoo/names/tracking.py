"""TensorFlow's checkpoints of Keras models, `tf.train.Checkpoint(model=model)`, which number the layers."""

import re

from keras_effconv.zoo.readers.errors import FormatError

# Keras 3 counts all operations of a model, Keras 2 the layers with weights.
NUMBERED = re.compile(
    r"(?P<ahead>.*?)(_operations/|layer_with_weights-)(?P<number>\d+)/_?(?P<name>\w+)/\.ATTRIBUTES/VARIABLE_VALUE"
)


def tracked(variables, model):
    """Return a checkpoint's variables by the names of the model's layers, which it has in the same order.

    Args:
        variables: dict of name -> array.
        model: `keras.Model` that they are for.

    Returns:
        dict of "layer/variable" -> array, without counters and the optimizer; other files as they are.

    Raises:
        FormatError: (a ValueError) if it has another number of layers with weights than the model.
    """
    matches = {name: NUMBERED.fullmatch(name) for name in variables}
    if not any(matches.values()):
        return variables
    numbers = sorted({(match["ahead"], int(match["number"])) for match in matches.values() if match})
    layers = [layer for layer in model.layers if layer.weights]
    if len(numbers) != len(layers):
        raise FormatError(
            f"`path` must be a checkpoint of a model with {len(layers)} layers that have weights, since it numbers "
            f"them. Received: {len(numbers)}"
        )
    names = {number: layer.name for number, layer in zip(numbers, layers)}
    return {
        f"{names[match['ahead'], int(match['number'])]}/{match['name']}": variables[name]
        for name, match in matches.items()
        if match
    }
