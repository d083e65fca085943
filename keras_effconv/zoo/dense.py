"""From the variables of a file to those of the plain network, in the names and layouts of Keras."""

import dataclasses
import re

import keras
import numpy as np

from keras_effconv.zoo.names import check_bands, join, ours_of

# The OctConv authors write the scale of 1 and the offset of 0 of normalisation that has neither.
IGNORED = re.compile(
    r".*num_batches_tracked(@[hl])?|.*/seed_generator_state|normalization/count|.*_pre_bn/(gamma|beta)@[hl]"
)


def to_dense(variables, layout, producer, model, info):
    """Return a file's variables in our names and layouts, and what was adapted for the network to compute the same.

    Args:
        variables: dict of name -> array, as a reader gives it; emptied on the way, so that memory is freed.
        layout: str, of the kernels in the file: `"HWIO"` or `"OIHW"`.
        producer: a `Producer`.
        model: `keras.Model` that the variables are for.
        info: `NetworkInfo` of the model.

    Returns:
        A pair: dict of "layer/variable" -> array, and a list of (layers, rule).
    """
    dense, notes = {}, []
    for name, ours in ours_of(tuple(variables), producer, model, info.architecture).items():
        value = variables.pop(name)
        if not IGNORED.fullmatch(ours):
            depthwise = ours.partition("/")[0] in info.architecture.depthwise
            dense[ours] = np.asarray(value) if layout == "HWIO" else transposed(np.asarray(value), depthwise)
    check_bands(dense, model, info.conv)
    dense = join(dense)
    if producer.convert:
        dense = {name: producer.convert(name, value, model) for name, value in dense.items()}
    if not producer.bias:
        _fill_biases(dense, model, notes)
    return dense, notes


def check_once(ours, source, skips):
    """Raise a `ValueError` if a file has two variables that are one of ours: nothing says which of them is meant.

    Args:
        ours: dict of the file's name -> ours.
        source: str, for the message.
        skips: callable, our name -> whether the caller wants it left as it is.
    """
    names = {}
    for theirs, our in ours.items():
        names.setdefault(our, []).append(theirs)
    for our, theirs in names.items():
        if len(theirs) > 1 and not IGNORED.fullmatch(our) and not skips(our):
            raise ValueError(
                f"{source} must have {our} under one name (nothing was loaded). Received: {' and '.join(theirs):.300}"
            )


def transposed(value, depthwise=False):
    """Transpose a torch kernel to Keras' layout: OIHW -> HWIO, depthwise (C, 1, k, k) -> (k, k, C, 1), dense (N, C).

    >>> transposed(np.zeros((8, 3, 5, 5))).shape, transposed(np.zeros(4)).shape
    ((5, 5, 3, 8), (4,))
    >>> transposed(np.zeros((8, 1, 5, 5)), depthwise=True).shape
    (5, 5, 8, 1)
    """
    if value.ndim == 4:
        return value.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
    return value.T if value.ndim == 2 else value


def _fill_biases(dense, model, notes):
    """Add zeros for the biases of our convolutions, where the producer's have none."""
    filled = [
        layer.name
        for layer in model.layers
        if getattr(layer, "use_bias", False) and f"{layer.name}/kernel" in dense and f"{layer.name}/bias" not in dense
    ]
    dense.update({f"{name}/bias": np.zeros(dense[f"{name}/kernel"].shape[-1], "float32") for name in filled})
    notes += [(name, "bias 0: the file's convolutions have none") for name in filled]


def epsilons(model):
    """Return a callable from the name of a batch normalization to its epsilon; without such a layer, the usual one."""
    own = {x.name: x.epsilon for x in model.layers if isinstance(x, keras.layers.BatchNormalization)}
    usual = next(iter(own.values()), 0.0)
    return lambda name: next((own[n] for n in (name, f"{name}_high", f"{name}_low") if n in own), usual)


def change_epsilon(dense, model, epsilon, notes):
    """Move the difference of epsilons into the variance, exactly: normalisation divides by sqrt(variance + epsilon)."""
    epsilon_of = epsilons(model)
    for name in dense:
        layer, _, variable = name.rpartition("/")
        ours = epsilon_of(layer)
        if variable == "moving_variance" and ours not in (epsilon, 0.0):
            dense[name] = (dense[name].astype("float64") + (epsilon - ours)).astype("float32")
            notes.append((layer, f"epsilon {epsilon:g}, here {ours:g}: the difference is in the moving variance"))


def set_normalization(dense, layer, preprocessing):
    """Set the constants of an EfficientNet's own normalisation, on the scale 0..1.

    A file that has none gets the set's. Keras' published EfficientNets hold the deviation under the name `variance`
    and divide by another root of it in a layer that is no part of the file (tensorflow issue 49930): squared here.

    Args:
        dense: dict of "layer/variable" -> array; changed.
        layer: str, the name of the layer.
        preprocessing: a `Preprocessing`.
    """
    std = np.array(preprocessing.std, "float32") / 255
    variance = dense.get(f"{layer}/variance")
    dense.setdefault(f"{layer}/mean", np.array(preprocessing.mean, "float32") / 255)
    if variance is None or (variance.shape == std.shape and np.allclose(variance, std, rtol=1e-3)):
        dense[f"{layer}/variance"] = np.square(std)


def as_normalized(preprocessing, mean, variance):
    """Return a preprocessing with the constants of a network's own normalization, on the scale 0..1.

    Args:
        preprocessing: `Preprocessing`.
        mean: array (3,).
        variance: array (3,).
    """
    if np.shape(mean) != (3,) or np.shape(variance) != (3,):
        return preprocessing
    new = 255 * np.asarray(mean, "float64"), 255 * np.sqrt(np.maximum(np.asarray(variance, "float64"), 0))
    if np.allclose(new, (preprocessing.mean, preprocessing.std), rtol=1e-4, atol=1e-3):
        return preprocessing
    return dataclasses.replace(preprocessing, mean=tuple(new[0].tolist()), std=tuple(new[1].tolist()))
