"""A model of half precision in float32."""

import keras

from keras_effconv.graph import layers_of
from keras_effconv.inference.rewriting import Graph
from keras_effconv.policies import half_policy_of


def in_float32(model: keras.Model) -> keras.Model:
    """Copy a model so that it holds and computes in float32 what it holds or computes in half precision.

    The layers get the dtype policy `"float32"` in the place of `"float16"`, `"bfloat16"` and the mixed ones; integer
    types and float64 stay. The values of the weights are the model's. Nested models become part of one graph.

    Args:
        model: `keras.Model`, functional or sequential, built.

    Returns:
        A `keras.Model`; the model itself if no layer is in half precision.

    Raises:
        ValueError: for a model that is Python code only, or a layer that its configuration does not describe.

    Example:

    >>> layer = keras.layers.Dense(2, dtype="mixed_bfloat16")
    >>> model = keras.Sequential([keras.Input((4,)), layer])
    >>> in_float32(model).layers[-1].dtype_policy.name
    'float32'
    """
    if half_policy_of(layers_of(model)) is None:
        return model
    return Graph(model).build("float32")
