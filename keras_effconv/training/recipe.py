"""A training run as data."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from keras_effconv.kinds import Conv
from keras_effconv.utils.arguments import one_of

OPTIMIZERS = ("adamw", "sgd", "nesterov", "rmsprop")
SCHEDULES = ("cosine", "exponential", "steps", "constant")
AUGMENTATIONS = (
    "none",
    "light",
    "standard",
    "pad-crop",
    "inception",
    "randaugment",
    "autoaugment",
    "autoaugment-v0",
    "autoaugment-cifar",
)
WARM_STARTS = ("convert", "pour")
KEPT = ("last", "best")
DTYPES = ("float32", "mixed_float16", "mixed_bfloat16", "float16", "bfloat16")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How to train a network: from pretrained weights (the default: first the head, then the network), or from scratch.

    The records of `keras_effconv.training.RECIPES` are such recipes; `dataclasses.replace` changes one. The fields are
    the flags of `keras-effconv finetune` and `keras-effconv train`.

    Args:
        model: str, a name of `keras_effconv.applications.MODELS`.
        conv: str or kind; `"@path.json"` is a file of `kinds.save`. Default `"Conv()"`.
        weights: `"imagenet"` or another tag of `keras_effconv.zoo.list()`, a path, `"hf://user/name"`, or `None`.
        options: dict, further arguments of the constructor, such as those that a weight set wants.
        image_size: int, pixels; 0 for the model's own.
        crop: float, the central square that is seen, as a share of the shorter side; `None`, the default, for the whole
            image, squeezed to a square.
        background: tuple of three ints, 0 to 255, RGB: what transparent pixels are laid over. Default: white.
        seed: int, of all that is drawn.
        warm_start: what pretrained weights become in another kind of convolution than theirs: `"convert"` puts channels
            in order, fits the kernels to what the plain network computes, and then takes `mimic` steps; `"pour"` takes
            the kernels by the rules of the zoo and measures batch statistics again, which is quicker and worse.
        mimic: int, gradient steps of a conversion, towards the plain network's maps; 0, the default, for none.
        head_c: float, of the logistic regression that the classifier alone is fitted by, over features computed once:
            the inverse of the strength of its regularization; 0 leaves the head as it is.
        epochs: int, epochs of the network; 0 for the head alone.
        minutes: float, of the whole run: it makes as many epochs as fit, at most `epochs`. A run that resumes has them
            again. 0, the default: no limit.
        batch_size: int, images per step, over all devices. If main memory is too small for a step on a CPU, several
            smaller steps make an update, and the run says so.
        accumulate: int, steps whose gradients make one update. Default 1.
        optimizer: `"adamw"`, `"sgd"`, `"nesterov"` (both with momentum) or `"rmsprop"` (as TensorFlow 1 has it).
        momentum: float, of SGD and RMSprop.
        lr: float, the highest learning rate. `None`, the default, is 1e-3; less, down to 3e-5, where the head alone is
            wrong on fewer than 5 % of the training images, in folds that it has not seen; and 1e-4 where loading made
            one layer of several (HetConv in an EfficientNet).
        find_lr: bool; whether `lr` is found by up to 100 steps at rising rates, which are then undone: a tenth of the
            rate at which the loss is lowest (arXiv:1506.01186).
        warmup_epochs: float, epochs of a linear rise from 1 % of `lr`.
        schedule: what follows: `"cosine"` (to 0), `"exponential"`, `"steps"` or `"constant"`.
        decay_rate: float, factor of an exponential or step decay.
        decay_epochs: tuple of floats: of an exponential decay, epochs between two factors; of steps, the epochs.
        weight_decay: float, of kernels only, not of biases and normalization: decoupled with AdamW; else half its
            product with the sum of squares is part of the loss, as in the papers.
        layer_decay: float, factor of the learning rate from each block to the one before it. Default 1.
        unfreeze_blocks: int, blocks trained, from the end; -1 for all.
        unfreeze_epochs: float, epochs until the next block, from the end, is trained as well; 0, the default: all of
            them at once.
        freeze_norm: bool; whether normalization keeps the statistics and scales of the pretrained network.
        freeze_depthwise: bool; whether depthwise kernels stay as they are pretrained. With a step of the optimizer that
            has one size for all weights, a few images change them most, and their gradients take most of the time.
        augmentation: `"none"`, `"light"`, `"standard"` (shifts, zoom, rotation, light), `"pad-crop"` (CIFAR's 4 pixels
            and mirror images), `"inception"` (a random part of 8 to 100 % of the area), `"randaugment"`,
            `"autoaugment"`, `"autoaugment-v0"` (EfficientNet's), `"autoaugment-cifar"`.
        magnitude: float, of RandAugment, 0 to 1.
        erasing: float, probability of erasing a rectangle.
        mixup: float, alpha of mixup's Beta distribution; 0 for none.
        cutmix: float, alpha of CutMix; 0 for none. With mixup, each batch takes one of the two.
        label_smoothing: float.
        class_weights: bool; whether each class weighs the same in the loss, however many images it has.
        balanced_sampling: bool; whether an epoch shows all classes equally often: of a large class, other images in
            each epoch; those of a small class, several times.
        focal: float, gamma of the focal loss (arXiv:1708.02002), in which images count less that the network is sure
            of; 0 for plain cross-entropy.
        dropout: float, before the classifier.
        drop_connect_rate: float, stochastic depth, if the family has it.
        ema: float, decay per step of the moving average of weights and batch statistics that is evaluated and kept;
            0 for none.
        sizes: tuple of ints, image sizes of equal shares of the epochs (progressive resizing); empty: `image_size`.
        dtype: `"float32"`, `"mixed_float16"` or `"mixed_bfloat16"`; with `"float16"` or `"bfloat16"`, the network is
            trained in the mixed type, and the finished model also holds its weights in the short one.
        keep: which weights the model gets: `"last"`, those after the last epoch, so that the validation images select
            nothing; or `"best"`, those of the epoch that is best on the validation images, whose accuracy on them is
            therefore a little optimistic. The head alone counts as an epoch then.
        blend: float, share of the trained weights in the model; the rest is the pretrained network with the head that
            was fitted to it (arXiv:2109.01903). 1 leaves the trained ones, as does `keep="best"`, or no such network.
            `None`, the default, is 0.75; less, down to 0.25, where `lr` is less.
        patience: int, epochs without a better validation accuracy until training ends, and the best epoch is kept;
            0: never.
        teacher: path of a `.keras` classifier to learn from (arXiv:1503.02531); `None` for labels alone. It sees the
            images of training, at its own size.
        temperature: float, of the teacher's and the student's probabilities.
        teacher_weight: float, share of the loss that is the teacher's.
        source: str, where the numbers come from.

    Raises:
        ValueError: for a value that is not as above; the message names the field.

    Example:

    >>> Recipe(model="ResNet20", weights=None, head_c=0, optimizer="nesterov", lr=0.1).schedule
    'cosine'
    """

    model: str = "EfficientNetLite0"
    conv: str | Conv = "Conv()"
    weights: str | None = "imagenet"
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    image_size: int = 0
    crop: float | None = None
    background: tuple[int, int, int] = (255, 255, 255)
    seed: int = 0

    warm_start: str = "convert"
    mimic: int = 0
    head_c: float = 0.03
    epochs: int = 10
    minutes: float = 0.0
    batch_size: int = 32
    accumulate: int = 1

    optimizer: str = "adamw"
    momentum: float = 0.9
    lr: float | None = None
    find_lr: bool = False
    warmup_epochs: float = 1.0
    schedule: str = "cosine"
    decay_rate: float = 0.1
    decay_epochs: tuple[float, ...] = ()
    weight_decay: float = 0.02
    layer_decay: float = 1.0

    unfreeze_blocks: int = 7
    unfreeze_epochs: float = 0.0
    freeze_norm: bool = True
    freeze_depthwise: bool = True

    augmentation: str = "standard"
    magnitude: float = 0.5
    erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    label_smoothing: float = 0.1
    class_weights: bool = False
    balanced_sampling: bool = False
    focal: float = 0.0
    dropout: float = 0.2
    drop_connect_rate: float = 0.1
    ema: float = 0.98
    sizes: tuple[int, ...] = ()
    dtype: str = "float32"
    keep: str = "last"
    blend: float | None = None
    patience: int = 0

    teacher: str | None = None
    temperature: float = 2.0
    teacher_weight: float = 0.7

    source: str = ""

    def __post_init__(self):
        one_of("optimizer", self.optimizer, OPTIMIZERS)
        one_of("schedule", self.schedule, SCHEDULES)
        one_of("augmentation", self.augmentation, AUGMENTATIONS)
        one_of("warm_start", self.warm_start, WARM_STARTS)
        one_of("dtype", self.dtype, DTYPES)
        one_of("keep", self.keep, KEPT)
        for name, least, most in LIMITS:
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise ValueError(f"`{name}` must be {least} to {most}. Received: {name}={value!r}")
        if self.class_weights and self.balanced_sampling:
            raise ValueError("One of `class_weights` and `balanced_sampling` may be set. Received: both")
        if self.find_lr and self.lr is not None:
            raise ValueError(f"One of `lr` and `find_lr` may be set. Received: lr={self.lr!r} and find_lr=True")

    @property
    def selects(self) -> bool:
        """Return whether the validation images select the epoch whose weights the model gets."""
        return self.keep == "best" or self.patience > 0

    @property
    def evens_classes(self) -> bool:
        """Return whether classes count the same, however many images they have."""
        return self.class_weights or self.balanced_sampling


ANY = float("inf")
LIMITS = (
    ("image_size", 0, ANY),
    ("crop", 1e-6, 1),
    ("mimic", 0, ANY),
    ("head_c", 0, ANY),
    ("epochs", 0, ANY),
    ("minutes", 0, ANY),
    ("batch_size", 1, ANY),
    ("accumulate", 1, ANY),
    ("momentum", 0, 1),
    ("lr", 0, ANY),
    ("warmup_epochs", 0, ANY),
    ("decay_rate", 0, 1),
    ("weight_decay", 0, ANY),
    ("layer_decay", 1e-6, 1),
    ("unfreeze_blocks", -1, ANY),
    ("unfreeze_epochs", 0, ANY),
    ("magnitude", 0, 1),
    ("erasing", 0, 1),
    ("mixup", 0, ANY),
    ("cutmix", 0, ANY),
    ("label_smoothing", 0, 1),
    ("focal", 0, ANY),
    ("dropout", 0, 0.999),
    ("drop_connect_rate", 0, 0.999),
    ("ema", 0, 0.999999),
    ("blend", 0, 1),
    ("patience", 0, ANY),
    ("temperature", 1e-6, ANY),
    ("teacher_weight", 0, 1),
)
