"""Repositories of timm: `architecture`, `model_args` and `pretrained_cfg` in `config.json`."""

import functools

from keras_effconv.preprocessing import INTERPOLATIONS, Preprocessing
from keras_effconv.zoo.hub.facts import Facts, integer, names, numbers, share, text
from keras_effconv.zoo.readers import FormatError
from keras_effconv.zoo.records import RECORDS

PAGE = "https://huggingface.co/timm/"
SYMMETRIC, MIDDLE = {"padding": "symmetric"}, {"stride_position": "middle"}
# Networks of which no weights are published as a set of the zoo, and torchvision's names.
OTHERS = {
    **{f"efficientnet_b{i}": (f"EfficientNetB{i}", SYMMETRIC, "timm") for i in (6, 7)},
    **{f"efficientnet_lite{i}": (f"EfficientNetLite{i}", SYMMETRIC, "timm") for i in (1, 2, 3, 4)},
    "mobilenet_v2": ("MobileNetV2", {**SYMMETRIC, "alpha": 1.0}, "torchvision"),
    "seresnet18": ("ResNet18", {"se": True}, "torch"),
    "seresnet34": ("ResNet34", {"se": True}, "torch"),
    "seresnet101": ("ResNet101", {**MIDDLE, "se": True}, "torch"),
    "seresnet152": ("ResNet152", {**MIDDLE, "se": True}, "torch"),
    "seresnext50_32x4d": ("ResNeXt50", {"se": True}, "torch"),
    "seresnext101_32x4d": ("ResNeXt101", {"se": True}, "torch"),
}
# Of `model_args`: what changes nothing, and what is looked at elsewhere.
HARMLESS = {"num_classes", "in_chans", "drop_rate", "drop_path_rate", "drop_block_rate", "img_size", "pretrained"}
FIXED = {"global_pool": "avg", "output_stride": 32, "features_only": False}
INTERPOLATED = {"lanczos": "lanczos3", **{name: name for name in INTERPOLATIONS}}


@functools.cache
def networks():
    """Return what timm's networks are here: dict of timm's name -> (constructor, options, producer).

    >>> networks()["resnet50"]
    ('ResNet50', {'stride_position': 'middle'}, 'torch')
    """
    ours = dict(OTHERS)
    for record in RECORDS:
        address = getattr(record.source, "address", "")
        if address.startswith(PAGE):
            ours[_repository(record).split(".")[0]] = record.model, dict(record.options), record.producer
    return ours


def _repository(record):
    return record.source.address.removeprefix(PAGE).split("/")[0]


def facts(config, repository=None):
    """Return the `Facts` of a repository of timm.

    Args:
        config: dict, the content of `config.json`.
        repository: str, `"user/name"`, where it is known: the zoo knows what some of timm's want of an image.

    Raises:
        FormatError: (a ValueError) if a part of it is not as it must be.
    """
    architecture, _, tag = config["architecture"].partition(".")
    network, options, producer = networks().get(architecture, (None, {}, None))
    pretrained = config.get("pretrained_cfg")
    pretrained = pretrained if isinstance(pretrained, dict) else config
    if network:
        _check_arguments(config.get("model_args"))
    return Facts(
        f"{architecture}.{tag}" if tag else architecture,
        network,
        options,
        producer,
        _views(pretrained, repository),
        integer(config.get("num_classes", pretrained.get("num_classes")), "num_classes"),
        names(config.get("label_names", pretrained.get("label_names"))),
    )


def _check_arguments(arguments):
    arguments = arguments or {}
    if not isinstance(arguments, dict):
        raise FormatError(f"`model_args` must be an object. Received: {arguments!r:.100}")
    others = [f"{k}={v!r}" for k, v in arguments.items() if k not in HARMLESS and v is not None and FIXED.get(k) != v]
    if others:
        text = f"`model_args` must be of a network that this package builds. Received: {', '.join(others)}"
        raise FormatError(f"{text:.300}")


def _views(config, repository):
    """Return the `Preprocessing` of training and that of the test, where they differ."""
    if config.get("mean") is None or config.get("std") is None:
        known = (r for r in RECORDS if f"timm/{_repository_of(r)}" == repository)
        return tuple(record.preprocessing for record in known)[:1]
    mean, std = (tuple(255 * each for each in numbers(config[name], name)) for name in ("mean", "std"))
    if min(mean) < 0 or max(*mean, *std) > 255:
        raise FormatError(
            "`mean` and `std` must be of pixels from 0 to 1. "
            f"Received: mean={config['mean']!r:.100}, std={config['std']!r:.100}"
        )
    if min(std) <= 0:
        raise FormatError(f"`std` must be positive. Received: std={config['std']!r:.100}")
    sizes = [(config.get(f"{name}input_size"), config.get(f"{name}crop_pct")) for name in ("", "test_")]
    sizes = [(_side(size), crop or sizes[0][1]) for size, crop in sizes if size is not None]
    mode = text(config.get("crop_mode") or "center", "crop_mode")
    interpolation = text(config.get("interpolation") or "bicubic", "interpolation")
    if interpolation not in INTERPOLATED:
        raise FormatError(f"`interpolation` must be one of {', '.join(INTERPOLATED)}. Received: {interpolation!r:.100}")
    return tuple(
        Preprocessing(size, _crop(crop, mode), INTERPOLATED[interpolation], mean=mean, std=std) for size, crop in sizes
    ) or (Preprocessing(224, _crop(config.get("crop_pct"), mode), INTERPOLATED[interpolation], mean=mean, std=std),)


def _repository_of(record):
    return _repository(record) if getattr(record.source, "address", "").startswith(PAGE) else None


def _side(size):
    _, height, width = numbers(size, "input_size")
    if height != width or height < 1:
        raise FormatError(f"`input_size` must be of square images. Received: input_size={size!r:.100}")
    return round(height)


def _crop(crop, mode):
    """Return the share of the shorter side that is used: timm resizes to size / crop, and cuts out the center."""
    crop = share(0.875 if crop is None else crop, "crop_pct")
    if mode == "squash" and crop == 1:
        return None
    if mode != "center":
        raise FormatError(f'`crop_mode` must be "center", or "squash" of all. Received: crop_mode={mode!r:.100}')
    return crop
