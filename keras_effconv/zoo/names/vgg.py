"""How VGGs are named: Keras, torchvision and timm."""

import re

from keras_effconv.preprocessing import TORCH as TORCH_IMAGES
from keras_effconv.zoo.names.producer import TORCH, Producer


def keras(architecture):
    """Return the rows of our names; Keras 1 wrote `block1_conv1_W_1`."""
    del architecture
    return ((r"_W(_\d+)?$", "/kernel"), (r"_b(_\d+)?$", "/bias"))


def positions(architecture, normalised):
    """Return rows from torch's position in `features` to our layer: convolution, (normalisation,) ReLU, pool."""
    rows, place = [], 0
    for block in architecture.blocks:
        *convolutions, _ = block.prefixes
        for name in convolutions:
            rows.append((rf"^features\.{place}\.", f"{name}."))
            if normalised:
                rows.append((rf"^features\.{place + 1}\.", f"{name}_bn."))
            place += 3 if normalised else 2
        place += 1
    return tuple(rows)


HEAD = (
    (r"^(?:classifier\.0|pre_logits\.fc1)\.", "fc1."),
    (r"^(?:classifier\.3|pre_logits\.fc2)\.", "fc2."),
    (r"^(?:classifier\.6|head\.fc)\.", "predictions."),
)


def torch(architecture):
    """Return the rows of torch without normalisation."""
    return (*positions(architecture, False), *HEAD, *TORCH)


def torch_bn(architecture):
    """Return the rows of torch with normalisation."""
    return (*positions(architecture, True), *HEAD, *TORCH)


def flattened(name, value, model):
    """Turn kernels behind torch's flattening, channels first, and timm's convolutions into those of dense layers."""
    if re.fullmatch(r"(fc1|fc2)/kernel", name) and value.ndim == 4:
        return value.reshape(-1, value.shape[-1])
    if name == "fc1/kernel":
        channels = model.get_layer("flatten").input.shape[-1] if _has(model, "flatten") else 512
        side = round((len(value) / channels) ** 0.5)
        if side * side * channels == len(value):
            return value.reshape(channels, side, side, -1).transpose(1, 2, 0, 3).reshape(len(value), -1)
    return value


def _has(model, name):
    return any(layer.name == name for layer in model.layers)


BN = {"batch_norm": True}
PRODUCERS = (
    Producer("keras", r"^block1_conv1(/kernel$|_W)", keras, layout="HWIO"),
    Producer("torch bn", r"^features\.1\.running_mean$", torch_bn, TORCH_IMAGES, 1e-5, BN, convert=flattened),
    Producer("torch", r"^features\.0\.weight$", torch, TORCH_IMAGES, options={"batch_norm": False}, convert=flattened),
)
