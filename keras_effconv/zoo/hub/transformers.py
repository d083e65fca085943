"""Repositories of transformers: `architectures` in `config.json`, and the images in `preprocessor_config.json`."""

from keras_effconv.preprocessing import Preprocessing
from keras_effconv.zoo.hub.facts import Facts, integer, integers, names, numbers, share, text
from keras_effconv.zoo.readers import FormatError

IMAGES = "preprocessor_config.json"
NETWORKS = {
    ("basic", (2, 2, 2, 2)): "ResNet18",
    ("basic", (3, 4, 6, 3)): "ResNet34",
    ("bottleneck", (3, 4, 6, 3)): "ResNet50",
    ("bottleneck", (3, 4, 23, 3)): "ResNet101",
    ("bottleneck", (3, 8, 36, 3)): "ResNet152",
}
FILTERS = {"basic": (64, 128, 256, 512), "bottleneck": (256, 512, 1024, 2048)}
FIXED = {"embedding_size": 64, "hidden_act": "relu", "downsample_in_first_stage": False, "num_channels": 3}
RESAMPLING = {0: "nearest", 1: "lanczos3", 2: "bilinear", 3: "bicubic"}  # PIL's numbers


def facts(config, images):
    """Return the `Facts` of a repository of transformers.

    Args:
        config: dict, the content of `config.json`.
        images: dict, the content of `preprocessor_config.json`, or `None`.

    Raises:
        FormatError: (a ValueError) if a part of it is not as it must be.
    """
    labels = names(config.get("id2label"))
    architecture, network, options = str(config["architectures"][0]), None, {}
    if config.get("model_type") == "resnet":
        kind = text(config.get("layer_type", "bottleneck"), "layer_type")
        depths = integers(config.get("depths", (3, 4, 6, 3)), "depths")
        same = all(config.get(name, value) == value for name, value in FIXED.items())
        filters = integers(config.get("hidden_sizes", FILTERS["bottleneck"]), "hidden_sizes")
        network = NETWORKS.get((kind, depths)) if same and filters == FILTERS.get(kind) else None
        middle = kind == "bottleneck" and not config.get("downsample_in_bottleneck", False)
        options = {"stride_position": "middle"} if middle else {}
    views = () if images is None else (_view(images),)
    classes = len(labels) or integer(config.get("num_labels"), "num_labels")
    return Facts(architecture, network, options, "transformers", views, classes, labels)


def _view(images):
    """Return the `Preprocessing` that an image processor stands for."""
    if not isinstance(images, dict):
        raise FormatError(f"`{IMAGES}` must be an object. Received: {type(images).__name__}")
    scale = images.get("rescale_factor", 1 / 255) if images.get("do_rescale", True) else 1.0
    mean, std = (0.0,) * 3, (1.0,) * 3
    if images.get("do_normalize", True):
        mean, std = (numbers(images.get(name), name) for name in ("image_mean", "image_std"))
    if type(scale) not in (int, float) or not 0 < scale < 1e6 or min(std) <= 0:
        raise FormatError(f"`image_std` and `rescale_factor` must be positive. Received: {std}, {scale!r:.50}")
    size, crop = _sampling(images)
    resampling = images.get("resample", 2)
    if type(resampling) is not int or resampling not in RESAMPLING:
        raise FormatError(f"`resample` must be one of {tuple(RESAMPLING)}. Received: resample={resampling!r:.50}")
    mean, std = (tuple(each / scale for each in values) for values in (mean, std))
    return Preprocessing(size, crop, RESAMPLING[resampling], mean=mean, std=std)


def _sampling(images):
    """Return the pixels of the square and the share of the shorter side, by the kind of the processor."""
    size = _pixels(images.get("size"), "size")
    cut = _pixels(images["crop_size"], "crop_size") if images.get("crop_size") is not None else None
    kind = str(images.get("image_processor_type") or images.get("feature_extractor_type"))
    if kind.startswith("ConvNext"):
        crop = share(images.get("crop_pct") or 224 / 256, "crop_pct")
        return size, crop if size < 384 else None  # larger ones are squeezed
    if images.get("do_center_crop") and cut:
        return cut, min(1.0, cut / size)
    return size, None


def _pixels(size, name):
    pixels = size.get("shortest_edge", size.get("height")) if isinstance(size, dict) else size
    if type(pixels) is not int or not 0 < pixels < 1 << 16:
        raise FormatError(f"`{name}` must be pixels. Received: {name}={size!r:.100}")
    return pixels
