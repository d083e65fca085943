"""Augmentation with Keras' own layers, for images 0..255."""

import keras
from keras import layers


def augmentation(name, size, flip, seed):
    """A model from images (n, size, size, 3), 0..255, to images of the same kind; it acts in training only.

    Args:
        name: `"none"`, `"light"` (shifts and zoom) or `"standard"` (also rotation, brightness and contrast).
        size: int, pixels.
        flip: bool, whether a mirror image is of the same class.
        seed: int.

    Raises:
        ValueError: for another name.
    """
    if name not in RECIPES:
        raise ValueError(f"`augmentation` must be one of {', '.join(RECIPES)}. Received: augmentation={name!r}")
    mirror = [layers.RandomFlip("horizontal", seed=seed, name="flip")] if flip and name != "none" else []
    return keras.Sequential([keras.Input((size, size, 3)), *mirror, *RECIPES[name](seed)], name="augmentation")


def _light(seed):
    shift = layers.RandomTranslation(0.1, 0.1, fill_mode="reflect", seed=seed + 1, name="shift")
    return [shift, layers.RandomZoom((-0.35, 0.1), fill_mode="reflect", seed=seed + 2, name="zoom")]


def _standard(seed):
    return [
        *_light(seed),
        layers.RandomRotation(0.04, fill_mode="reflect", seed=seed + 3, name="rotation"),
        layers.RandomBrightness(0.15, value_range=(0, 255), seed=seed + 4, name="brightness"),
        layers.RandomContrast(0.15, value_range=(0, 255), seed=seed + 5, name="contrast"),
    ]


RECIPES = {"none": lambda seed: [layers.Identity(name="identity")], "light": _light, "standard": _standard}
