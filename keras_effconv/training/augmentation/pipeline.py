"""Augmentation as part of the network that is trained, for images 0..255."""

import keras
from keras import layers

from keras_effconv.training.augmentation.affine import RandomAffine
from keras_effconv.training.augmentation.crops import InceptionCrop, PadCrop, Resample
from keras_effconv.training.augmentation.policies import AutoAugment, RandAugment


def augmentation(recipe, size, flip, seed, cropped=False):
    """Build a model from images (n, h, w, 3), 0..255, to images (n, size, size, 3); it acts in training only.

    Images of another size than `size` are brought to it, in evaluation too (progressive resizing): shrunk by averages.
    All is drawn anew for each image, from generators whose state is saved with the model.

    Args:
        recipe: `Recipe` (its `augmentation`, `magnitude` and `erasing` are used), or a name of its `augmentation`:
            `"none"`, `"light"` (shifts and zoom), `"standard"` (also rotation, brightness and contrast), `"pad-crop"`
            (shifts by an eighth, black outside), `"inception"` (random parts), `"randaugment"`, `"autoaugment"`,
            `"autoaugment-v0"` (EfficientNet's; all three after `"inception"`, as with EfficientNet and timm) or
            `"autoaugment-cifar"` (after `"pad-crop"`).
        size: int, pixels.
        flip: bool, whether a mirror image is of the same class.
        seed: int.
        cropped: bool; whether the images are random parts already, as a stream reads them. Default `False`.

    Raises:
        ValueError: for another name.
    """
    name, magnitude, erasing = (recipe, 0.5, 0.0) if isinstance(recipe, str) else _fields(recipe)
    if name not in AUGMENTATIONS:
        raise ValueError(f"`augmentation` must be one of {', '.join(AUGMENTATIONS)}. Received: augmentation={name!r}")
    window, rest = AUGMENTATIONS[name]
    window = Resample if cropped else window
    chain = [keras.Input((None, None, 3)), window(size, seed + 9, name="window")]
    if flip and name != "none":
        chain.append(layers.RandomFlip("horizontal", seed=seed, name="flip", dtype="float32"))
    chain += rest(seed, magnitude)
    if erasing:
        chain.append(_erasing(erasing, seed))
    for layer in chain[1:]:
        # Keras says so of what TensorFlow's XLA cannot compile, and would run the whole step uncompiled on JAX too.
        layer.supports_jit = layer.supports_jit or keras.backend.backend() != "tensorflow"
    return keras.Sequential(chain, name="augmentation")


def _fields(recipe):
    return recipe.augmentation, recipe.magnitude, recipe.erasing


def _none(seed, magnitude):
    return []


def _light(seed, magnitude):
    return [RandomAffine(shift=0.1, zoom=(-0.35, 0.1), seed=seed + 1, name="affine")]


def _standard(seed, magnitude):
    return [
        RandomAffine(shift=0.1, zoom=(-0.35, 0.1), rotation=0.04, seed=seed + 1, name="affine"),
        layers.RandomBrightness(0.15, value_range=(0, 255), seed=seed + 4, name="brightness", dtype="float32"),
        layers.RandomContrast(0.15, value_range=(0, 255), seed=seed + 5, name="contrast", dtype="float32"),
    ]


def _randaugment(seed, magnitude):
    return [RandAugment(magnitude, seed=seed + 6, name="randaugment")]


def _autoaugment(seed, magnitude):
    return [AutoAugment("imagenet", seed=seed + 7, name="autoaugment")]


def _autoaugment_v0(seed, magnitude):
    return [AutoAugment("v0", seed=seed + 7, name="autoaugment")]


def _autoaugment_cifar(seed, magnitude):
    return [AutoAugment("cifar10", seed=seed + 7, name="autoaugment")]


def _erasing(probability, seed):
    """Return rectangles of mean grey (arXiv:1708.04896): Keras' colours fail on JAX, and its noise is slow."""
    chance = (probability, probability)
    return layers.RandomErasing(chance, fill_value=MEAN, seed=seed + 8, name="erasing", dtype="float32")


MEAN = 114.5  # of ImageNet's three channels
AUGMENTATIONS = {
    "none": (Resample, _none),
    "light": (Resample, _light),
    "standard": (Resample, _standard),
    "pad-crop": (PadCrop, _none),
    "inception": (InceptionCrop, _none),
    "randaugment": (InceptionCrop, _randaugment),
    "autoaugment": (InceptionCrop, _autoaugment),
    "autoaugment-v0": (InceptionCrop, _autoaugment_v0),
    "autoaugment-cifar": (PadCrop, _autoaugment_cifar),
}
