"""What AutoAugment and RandAugment draw from: the ranges of the operations, and pairs of them.

`IMAGENET` and `CIFAR10` are tables 9 and 7 of arXiv:1805.09501, compared value by value with torchvision 0.29
(`AutoAugmentPolicy`), tf-models-official 2.20 (`policy_reduced_imagenet`, `policy_reduced_cifar10`) and, the first of
them, timm 1.0 (`original`); the paper itself was not at hand. What a magnitude means differs from code to code. `PAPER`
has the ranges of the paper's table 6, which the magnitudes 0 to 9 divide; as in timm, a larger one posterizes and
solarizes less and makes colours stronger, while torchvision does the opposite and moves colours to either side of 1.

`V0` is no table of the paper: it is the one policy of EfficientNet's own code, `policy_v0` of `autoaugment.py` in the
TPU repository, compared value by value with timm 1.0 (`v0`) and tf-models-official 2.20. Its ranges are that code's.
"""

from typing import NamedTuple

from keras_effconv.training.augmentation import image_ops


class Range(NamedTuple):
    """Values of an operation: `start` at strength 0, `start + reach` at 1; `signed`: or `start - reach`."""

    operation: object
    start: float
    reach: float
    signed: bool


class Table(NamedTuple):
    """A policy: ranges of operations by name, the magnitude at which they end, and two operations a line.

    An operation has a probability and a magnitude (0 where it takes none).
    """

    ranges: dict
    most: int
    pairs: str

    def entries(self):
        """Return (`Range`, probability, strength 0 to 1) of all operations, each line's two in succession."""
        words = [entry.split() for entry in self.pairs.replace(",", "\n").strip().splitlines()]
        return [(self.ranges[name], float(chance), int(magnitude) / self.most) for name, chance, magnitude in words]


_SHEAR, _SHIFT, _TURN, _FACTOR, _NONE = (
    (0, 0.3, True),
    (0, 150 / 331, True),
    (0, 30, True),
    (0.1, 1.8, False),
    (0, 0, False),
)
PAPER = {
    "ShearX": Range(image_ops.shear_x, *_SHEAR),
    "ShearY": Range(image_ops.shear_y, *_SHEAR),
    "TranslateX": Range(image_ops.translate_x, *_SHIFT),
    "TranslateY": Range(image_ops.translate_y, *_SHIFT),
    "Rotate": Range(image_ops.rotate, *_TURN),
    "AutoContrast": Range(image_ops.auto_contrast, *_NONE),
    "Invert": Range(image_ops.invert, *_NONE),
    "Equalize": Range(image_ops.equalize, *_NONE),
    "Solarize": Range(image_ops.solarize, 0, 256, False),
    "Posterize": Range(image_ops.posterize, 4, 4, False),
    "Contrast": Range(image_ops.contrast, *_FACTOR),
    "Color": Range(image_ops.color, *_FACTOR),
    "Brightness": Range(image_ops.brightness, *_FACTOR),
    "Sharpness": Range(image_ops.sharpness, *_FACTOR),
}
# In AutoAugment a larger magnitude is another value; in this table all grow with the strength, from doing nothing.
_EITHER = (1, 0.9, True)
STRENGTHS = (
    Range(image_ops.identity, *_NONE),
    *(PAPER[name] for name in ("AutoContrast", "Equalize", "Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY")),
    Range(image_ops.solarize, 256, -256, False),
    Range(image_ops.posterize, 8, -4, False),
    Range(image_ops.contrast, *_EITHER),
    Range(image_ops.color, *_EITHER),
    Range(image_ops.brightness, *_EITHER),
    Range(image_ops.sharpness, *_EITHER),
)
# The TPU repository's: bits from 0 (where 1 is left), shifts in pixels, whatever the size.
TPU = {
    **PAPER,
    "Posterize": Range(image_ops.posterize, 0, 4, False),
    "SolarizeAdd": Range(image_ops.solarize_add, 0, 110, False),
    "TranslateY": Range(image_ops.translate_y_pixels, 0, 250, True),
}
IMAGENET = Table(
    PAPER,
    9,
    """
Posterize 0.4 8, Rotate 0.6 9
Solarize 0.6 5, AutoContrast 0.6 0
Equalize 0.8 0, Equalize 0.6 0
Posterize 0.6 7, Posterize 0.6 6
Equalize 0.4 0, Solarize 0.2 4
Equalize 0.4 0, Rotate 0.8 8
Solarize 0.6 3, Equalize 0.6 0
Posterize 0.8 5, Equalize 1.0 0
Rotate 0.2 3, Solarize 0.6 8
Equalize 0.6 0, Posterize 0.4 6
Rotate 0.8 8, Color 0.4 0
Rotate 0.4 9, Equalize 0.6 0
Equalize 0.0 0, Equalize 0.8 0
Invert 0.6 0, Equalize 1.0 0
Color 0.6 4, Contrast 1.0 8
Rotate 0.8 8, Color 1.0 2
Color 0.8 8, Solarize 0.8 7
Sharpness 0.4 7, Invert 0.6 0
ShearX 0.6 5, Equalize 1.0 0
Color 0.4 0, Equalize 0.6 0
Equalize 0.4 0, Solarize 0.2 4
Solarize 0.6 5, AutoContrast 0.6 0
Invert 0.6 0, Equalize 1.0 0
Color 0.6 4, Contrast 1.0 8
Equalize 0.8 0, Equalize 0.6 0
""",
)
CIFAR10 = Table(
    PAPER,
    9,
    """
Invert 0.1 0, Contrast 0.2 6
Rotate 0.7 2, TranslateX 0.3 9
Sharpness 0.8 1, Sharpness 0.9 3
ShearY 0.5 8, TranslateY 0.7 9
AutoContrast 0.5 0, Equalize 0.9 0
ShearY 0.2 7, Posterize 0.3 7
Color 0.4 3, Brightness 0.6 7
Sharpness 0.3 9, Brightness 0.7 9
Equalize 0.6 0, Equalize 0.5 0
Contrast 0.6 7, Sharpness 0.6 5
Color 0.7 7, TranslateX 0.5 8
Equalize 0.3 0, AutoContrast 0.4 0
TranslateY 0.4 3, Sharpness 0.2 6
Brightness 0.9 6, Color 0.2 8
Solarize 0.5 2, Invert 0.0 0
Equalize 0.2 0, AutoContrast 0.6 0
Equalize 0.2 0, Equalize 0.6 0
Color 0.9 9, Equalize 0.6 0
AutoContrast 0.8 0, Solarize 0.2 8
Brightness 0.1 3, Color 0.7 0
Solarize 0.4 5, AutoContrast 0.9 0
TranslateY 0.9 9, TranslateY 0.7 9
AutoContrast 0.9 0, Solarize 0.8 3
Equalize 0.8 0, Invert 0.1 0
TranslateY 0.7 9, AutoContrast 0.9 0
""",
)
V0 = Table(
    TPU,
    10,
    """
Equalize 0.8 0, ShearY 0.8 4
Color 0.4 9, Equalize 0.6 0
Color 0.4 1, Rotate 0.6 8
Solarize 0.8 3, Equalize 0.4 0
Solarize 0.4 2, Solarize 0.6 2
Color 0.2 0, Equalize 0.8 0
Equalize 0.4 0, SolarizeAdd 0.8 3
ShearX 0.2 9, Rotate 0.6 8
Color 0.6 1, Equalize 1.0 0
Invert 0.4 0, Rotate 0.6 0
Equalize 1.0 0, ShearY 0.6 3
Color 0.4 7, Equalize 0.6 0
Posterize 0.4 6, AutoContrast 0.4 0
Solarize 0.6 8, Color 0.6 9
Solarize 0.2 4, Rotate 0.8 9
Rotate 1.0 7, TranslateY 0.8 9
ShearX 0.0 0, Solarize 0.8 4
ShearY 0.8 0, Color 0.6 4
Color 1.0 0, Rotate 0.6 2
Equalize 0.8 0, Equalize 0.0 0
Equalize 1.0 0, AutoContrast 0.6 0
ShearY 0.4 7, SolarizeAdd 0.6 7
Posterize 0.8 2, Solarize 0.6 10
Solarize 0.6 8, Equalize 0.6 0
Color 0.8 6, Rotate 0.4 5
""",
)
POLICIES = {"imagenet": IMAGENET, "cifar10": CIFAR10, "v0": V0}
