"""A fine-tune as data."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class FineTune:
    """How to fine-tune: the head on frozen features first, then blocks from the end.

    Args:
        model: str, a name of `keras_effconv.applications.MODELS`.
        conv: str or kind. Default `"Conv()"`.
        weights: `"imagenet"` or another tag of `keras_effconv.zoo.list()`, a path, or `None`.
        options: dict, further arguments of the constructor, such as those that a weight set wants.
        image_size: int, pixels; 0 for the model's own.
        crop: float, the central square that is seen, as a share of the shorter side; `None`, the default, for the whole
            image, squeezed to a square.
        batch_size: int.
        head_epochs: int, epochs over the cached features.
        head_lr: float, learning rate of the head's phase.
        epochs: int, epochs with unfrozen blocks; 0 for none.
        lr: float, peak learning rate of that phase: warm-up over the first tenth, then a cosine to 0. `None`, the
            default, is 1e-3, and 1e-4 where loading made one layer of several (HetConv in an EfficientNet).
        unfreeze_blocks: int, blocks from the end; -1 for all.
        augmentation: `"none"`, `"light"` or `"standard"`.
        label_smoothing: float.
        weight_decay: float, decoupled (AdamW); not of biases and normalisation.
        dropout: float, before the classifier.
        drop_connect_rate: float, stochastic depth, where the family has it.
        seed: int.
    """

    model: str = "EfficientNetLite0"
    conv: str = "Conv()"
    weights: str | None = "imagenet"
    image_size: int = 0
    crop: float | None = None
    batch_size: int = 32
    head_epochs: int = 40
    head_lr: float = 3e-3
    epochs: int = 8
    lr: float | None = None
    unfreeze_blocks: int = 14
    augmentation: str = "standard"
    label_smoothing: float = 0.1
    weight_decay: float = 0.02
    dropout: float = 0.2
    drop_connect_rate: float = 0.1
    seed: int = 0
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
