"""Recipes by name, each from a paper's section or our own; `source` says which numbers are which."""

import dataclasses

from keras_effconv.training.recipe import Recipe

WHOLE = {"head_c": 0.0, "unfreeze_blocks": -1, "freeze_norm": False, "freeze_depthwise": False, "ema": 0.0}
SCRATCH = {**WHOLE, "weights": None, "drop_connect_rate": 0.0}
PLAIN = {**SCRATCH, "dropout": 0.0, "label_smoothing": 0.0}
OCTCONV = Recipe(
    model="ResNet50",
    conv="OctConv(alpha=0.25)",
    epochs=110,
    batch_size=1024,
    optimizer="sgd",
    lr=0.4,
    warmup_epochs=5,
    weight_decay=1e-4,
    augmentation="inception",
    **PLAIN,
    source="arXiv:1904.05049, section 4; its README: cosine, 5 warm-up epochs, 0.4. Crops assumed: those of ResNet",
)
CIFAR_RESNET = Recipe(
    model="ResNet20",
    epochs=164,
    batch_size=128,
    optimizer="sgd",
    lr=0.1,
    warmup_epochs=0,
    schedule="steps",
    decay_epochs=(81.84, 122.76),
    weight_decay=1e-4,
    augmentation="pad-crop",
    **PLAIN,
    source="arXiv:1512.03385, section 4.2: a tenth at 32,000 and 48,000 of 64,000 steps, 391 an epoch",
)
RECIPES = {
    "finetune": Recipe(source="ours, for some hundred images and minutes on a CPU: docs/finetuning.md"),
    "efficientnet-imagenet": Recipe(
        model="EfficientNetB0",
        epochs=350,
        batch_size=4096,
        optimizer="rmsprop",
        lr=0.256,
        warmup_epochs=5,
        schedule="exponential",
        decay_rate=0.97,
        decay_epochs=(2.4,),
        weight_decay=1e-5,
        augmentation="autoaugment-v0",
        **{**SCRATCH, "drop_connect_rate": 0.2, "ema": 0.9999},
        source="arXiv:1905.11946, section 5.2 (momentum and decay 0.9, rate 0.256, x0.97 every 2.4 epochs, 1e-5, "
        "dropout and stochastic depth 0.2 for B0); the authors' repository (batch 4096, 350 epochs, 5 of warm-up, "
        "smoothing 0.1, average 0.9999, epsilon 1e-3, the policy `v0`)",
    ),
    "efficientnet-transfer": Recipe(
        model="EfficientNetB0",
        epochs=100,
        batch_size=256,
        optimizer="nesterov",
        lr=0.01,
        warmup_epochs=0,
        weight_decay=1e-5,
        augmentation="inception",
        label_smoothing=0.0,
        drop_connect_rate=0.2,
        **WHOLE,
        source="arXiv:1905.11946, section 5.3, gives no numbers, and the code was not released. It follows "
        "arXiv:1805.08974, appendix: Nesterov 0.9, batch 256, 20,000 steps, cosine, crops and mirror images. `epochs` "
        "is that for 51,000 images: set it to 20,000 * 256 / images. Assumed: the rate and the decay (searched for "
        "each data set there), dropout, stochastic depth",
    ),
    "octconv-imagenet": OCTCONV,
    "octconv-mobilenet": dataclasses.replace(
        OCTCONV,
        model="MobileNetV2",
        conv="OctConv(alpha=0.375)",
        label_smoothing=0.1,
        source="as octconv-imagenet; label smoothing for MobileNetV2, its README (0.1 assumed)",
    ),
    "octconv-resnet152": dataclasses.replace(
        OCTCONV,
        model="ResNet152",
        conv="OctConv(alpha=0.125)",
        label_smoothing=0.1,
        mixup=0.2,
        source="as octconv-imagenet; label smoothing and mixup, its README (0.1 and 0.2 assumed)",
    ),
    "hetconv-cifar10": dataclasses.replace(
        CIFAR_RESNET,
        model="VGG16CIFAR",
        conv="HetConv(parts=4)",
        epochs=200,
        decay_epochs=(50, 100, 150),
        weight_decay=5e-4,
        source="arXiv:1903.04120, section 4, for the network; its training not checked, so chosen: the numbers of the "
        "public reimplementation zhang943/Approximate-HetConv, which reports 93.88 % at 4 parts",
    ),
    "hetconv-imagenet": dataclasses.replace(
        CIFAR_RESNET,
        model="ResNet50",
        conv="HetConv(parts=4)",
        epochs=90,
        batch_size=256,
        decay_epochs=(30, 60),
        augmentation="inception",
        source="arXiv:1903.04120, section 4, for the network; its training not checked, so chosen: the numbers usual "
        "for ResNet-50",
    ),
    "cifar-resnet": CIFAR_RESNET,
    "cifar-minutes": dataclasses.replace(
        CIFAR_RESNET,
        epochs=15,
        optimizer="nesterov",
        lr=0.15,
        warmup_epochs=1,
        schedule="cosine",
        decay_epochs=(),
        weight_decay=5e-4,
        label_smoothing=0.1,
        source="ours, for minutes on a CPU",
    ),
    "digits-smoke": dataclasses.replace(
        CIFAR_RESNET,
        epochs=3,
        optimizer="nesterov",
        warmup_epochs=0.5,
        schedule="cosine",
        decay_epochs=(),
        batch_size=64,
        source="ours, to see in seconds that all of it runs",
    ),
}


def differences(recipe):
    """Return the fields of a recipe that are not the defaults: dict of name -> value, without `source`.

    Example:

    >>> differences(Recipe(model="ResNet20", lr=0.1, source="ours"))
    {'model': 'ResNet20', 'lr': 0.1}
    """
    default = Recipe()
    names = [field.name for field in dataclasses.fields(Recipe) if field.name != "source"]
    return {name: getattr(recipe, name) for name in names if getattr(recipe, name) != getattr(default, name)}
