"""Dtype policies of a model's layers: the same model in float32 or in half precision."""

import contextlib

import keras
import numpy as np

HALF = ("float16", "bfloat16")


@contextlib.contextmanager
def default_policy(policy):
    """Give the layers that are built inside a dtype policy.

    Args:
        policy: str, such as `"mixed_bfloat16"`.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def in_policy(config, policy):
    """Return a layer's configuration with another dtype policy in the place of one of half precision or float32.

    Layers in the configuration, as `TimeDistributed` has one, get it too. Integer types stay, and so does float64.

    Args:
        config: dict, as of `layer.get_config()`.
        policy: str, such as `"float32"`.

    Example:

    >>> in_policy({"dtype": "mixed_float16", "layer": {"config": {"dtype": "bfloat16"}}, "units": 2}, "float32")
    {'dtype': 'float32', 'layer': {'config': {'dtype': 'float32'}}, 'units': 2}
    """
    if isinstance(config, list | tuple):
        return type(config)(in_policy(value, policy) for value in config)
    if not isinstance(config, dict):
        return config
    return {key: _dtype(value, policy) if key == "dtype" else in_policy(value, policy) for key, value in config.items()}


def _dtype(value, policy):
    """Return what stands under `dtype`, a name or a serialized policy, with another policy."""
    if isinstance(value, str):
        return policy if _floats(value) else value
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "QuantizedDTypePolicy":  # the bits stay; what is not quantised follows
        return {**value, "config": {**value["config"], "source_name": policy}}
    return policy if _floats(value.get("config", {}).get("name", "float32")) else value


def _floats(name):
    return name.removeprefix("mixed_") in (*HALF, "float32")


def input_dtype(dtype):
    """Return the type of an input, float32 in the place of half precision, which every policy reads."""
    return "float32" if dtype in HALF else dtype


def half_policy_of(layers):
    """Return the policy in half precision that most layers with one have; `None` if there is none.

    Args:
        layers: iterable of `keras.layers.Layer`, or of other operations, which have no policy.

    Example:

    >>> half_policy_of([keras.layers.Dense(2, dtype="mixed_bfloat16"), keras.layers.Dense(2)])
    'mixed_bfloat16'
    """
    layers = [layer for layer in layers if isinstance(layer, keras.layers.Layer)]
    names = [layer.dtype_policy.name for layer in layers if {layer.compute_dtype, layer.variable_dtype} & {*HALF}]
    return max(sorted(set(names)), key=names.count) if names else None


def assign(variable, value):
    """Set a variable, in its own type, to values of another one.

    Args:
        variable: `keras.Variable`.
        value: array, tensor or variable of the same shape.

    Raises:
        ValueError: a finite value is infinite in the type of the variable.
    """
    value = keras.ops.convert_to_numpy(value)
    if value.dtype.name == "bfloat16":  # other backends and NumPy know it by other types
        value = value.astype("float32")
    check_range(variable, value)
    variable.assign(value)


def check_range(variable, value):
    """Check that a variable can hold values: those that are finite must be finite in its type.

    Raises:
        ValueError: one is not.
    """
    value = np.asarray(value)
    if variable.dtype not in HALF or value.dtype.kind != "f":
        return
    largest = float(np.abs(value[np.isfinite(value)]).max(initial=0))
    if largest > LARGEST[variable.dtype]:
        raise ValueError(
            f"`dtype` must be a type that holds the weights: `{variable.path}` has {largest:.4g}, and "
            f"{variable.dtype} ends at {LARGEST[variable.dtype]:.4g}. Received: dtype={variable.dtype!r}"
        )


LARGEST = {"float16": 65504.0, "bfloat16": 3.3895e38}
