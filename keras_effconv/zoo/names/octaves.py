"""How networks of octave convolutions are named: the authors' two code bases, and d-li14's."""

from keras_effconv.preprocessing import GLUON as GLUON_IMAGES
from keras_effconv.preprocessing import SYMBOL as SYMBOL_IMAGES
from keras_effconv.preprocessing import TORCH as TORCH_IMAGES
from keras_effconv.zoo.names.mobilenet import as_convolution, prefix_v2
from keras_effconv.zoo.names.producer import TORCH, Producer
from keras_effconv.zoo.names.resnet import prefix

GLUON = (  # Dots in structured names, dashes in those with prefixes.
    (r"[.-](?:conv_)?([hl]2[hl])[._]weight$", r"/kernel@\1"),
    (r"[.-](?:bn_|conv2[_-])?([hl])[._](weight|bias|gamma|beta|running_mean|running_var)$", r"/\2@\1"),
    (r"[._](weight|bias|gamma|beta|running_mean|running_var)$", r"/\1"),
    (r"/weight", "/kernel"),
    (r"/running_mean", "/moving_mean"),
    (r"/running_var", "/moving_variance"),
)


def stem(position, convolution, normalisation):
    """Return rows of a convolution ahead of the blocks: `conv1` is a list of convolutions, normalisations and ReLUs."""
    net = r"(?:[A-Z]+\d*_)?(?:stem_)?"
    return (
        (rf"^(?:conv1\.{3 * position}\.|{net}conv{position + 1}_)(?=weight$)", f"{convolution}."),
        (rf"^(?:conv1\.{3 * position + 1}\.|{net}bn{position + 1}_)", f"{normalisation}."),
    )


def resnet(architecture):
    """Return the rows of Gluon's ResNet: blocks `L1_B0`, whose fourth convolution is the shortcut."""
    stems = [prefix for prefix in architecture.stem if prefix.startswith("conv1")]
    return (
        (r"^\w*?L(\d)_B(\d+)[._]", prefix),
        (r"^(conv\d_block\d+_)(conv|bn)(\d)(?=[.-])", lambda m: f"{m[1]}{int(m[3]) % 4}_{m[2]}"),
        (r"^(conv\d_block\d+_)bn([14])a(?=[.-])", lambda m: f"{m[1]}{'0_' if m[2] == '4' else ''}pre_bn"),
        (r"^(conv\d_block\d+_)(?:se_block|se)[.-]conv1[._]", r"\1se_reduce."),
        (r"^(conv\d_block\d+_)(?:se_block|se)[.-](?=conv2)", r"\1se_expand."),
        *(row for i, label in enumerate(stems) for row in stem(i, f"{label}_conv", f"{label}_bn")),
        (r"^(?:conv2\.|\w+_stem2_)(conv|bn)(\d)[._]", lambda m: f"pool1_{int(m[2]) % 4}_{m[1]}."),
        (r"^(?:\w+_)?classif(?:i?)er[._]", "predictions."),
        *GLUON,
    )


def symbol(architecture):
    """Return the rows of the authors' first code base: pre-activated blocks `L2_B01`, norm before convolution."""
    del architecture
    before = {"1": "preact_bn", "2": "1_bn", "3": "2_bn", "4": "0_preact_bn"}

    def block(match):
        return f"conv{match[1]}_block{int(match[2])}_"

    return (
        (r"^L(\d)_B(\d+)_", block),
        (r"^(conv\d_block\d+_)conv(\d)_bn", lambda m: m[1] + before[m[2]]),
        (r"^(conv\d_block\d+_)conv(\d)_conv", lambda m: f"{m[1]}{int(m[2]) % 4}_conv"),
        (r"^(conv\d_block\d+_)se_fc1", r"\1se_reduce"),
        (r"^(conv\d_block\d+_)se_fc2", r"\1se_expand"),
        (r"^tail_bn", "post_bn"),
        (r"^classifier_", "predictions_"),
        (r"-([hl]2[hl])_weight$", r"/kernel@\1"),
        (r"-[hl]2([hl])_bias$", r"/bias@\1"),
        (r"-([hl])_(gamma|beta|moving_mean|moving_var)$", r"/\2@\1"),
        (r"_(weight|bias|gamma|beta|moving_mean|moving_var)$", r"/\1"),
        (r"/weight", "/kernel"),
        (r"/moving_var(?=$|@)", "/moving_variance"),
    )


BLOCKS_V1 = ("L1_B1", "L2_B0", "L2_B1", "L3_B0", "L3_B1", *(f"L4_B{i}" for i in range(6)), "L5_B0", "L5_B1")
BLOCKS_V2 = (*BLOCKS_V1[:5], "L3_B2", *(f"L4_B{i}" for i in range(7)), *(f"L5_B{i}" for i in range(4)))
PLACES_V1, PLACES_V2 = ({block: i for i, block in enumerate(blocks)} for blocks in (BLOCKS_V1, BLOCKS_V2))


def mobilenet(architecture):
    """Return the rows of Gluon's MobileNet: a block is a depthwise and a pointwise convolution."""
    del architecture

    def layer(match):
        name = ("conv_dw_{}", "conv_pw_{}")[int(match[3]) - 1].format(PLACES_V1[match[1]] + 1)
        return name + ("_bn" if match[2] == "bn" else "")

    return (
        (r"^(?:\w+?_)?(L\d_B\d)[._](conv|bn)([12])(?=[.-])", layer),
        *stem(0, "conv1", "conv1_bn"),
        (r"^(?:\w+_)?classif(?:i?)er[._]", "conv_preds."),
        *GLUON,
    )


def mobilenet_v2(architecture):
    """Return the rows of Gluon's MobileNetV2: a block is an expansion, a depthwise convolution and a projection."""
    del architecture
    kinds = {"1": "expand", "2": "depthwise", "3": "project"}

    def layer(match):
        name = prefix_v2(PLACES_V2[match[1]]) + kinds[match[3]]
        return name + ("_BN" if match[2] == "bn" else "")

    return (
        (r"^(?:\w+?_)?(L\d_B\d)[._](conv|bn)([123])(?=[.-])", layer),
        *stem(0, "Conv1", "bn_Conv1"),
        (r"^(?:tail\.0\.|\w+_tail-conv_)", "Conv_1."),
        (r"^(?:tail\.1\.|\w+_tail-bn_)", "Conv_1_bn."),
        (r"^(?:\w+_)?classif(?:i?)er[._]", "predictions."),
        *GLUON,
    )


VARIABLES = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


def modules(suffix):
    """Return rows of d-li14's modules: an octave convolution, called after the module and a suffix, and its bands."""
    return (
        (r"\.conv\.conv_([hl]2[hl])\.weight$", rf"{suffix}/kernel@\1"),
        (r"\.bn_([hl])\.(\w+)$", lambda m: f"_bn/{VARIABLES.get(m[2], m[2])}@{m[1]}"),
    )


def octconv_pytorch(architecture):
    """Return the rows of d-li14's ResNets: torch's names, and modules."""
    del architecture
    return (
        (r"^layer(\d)\.(\d+)\.", prefix),
        (r"^(conv\d_block\d+_)downsample\.0\.", r"\g<1>0."),
        (r"^(conv\d_block\d+_)conv(\d)\.", r"\1\2."),
        *modules("_conv"),
        (r"^conv1\.", "conv1_conv."),
        (r"^bn1\.", "conv1_bn."),
        (r"^fc\.", "predictions."),
        *TORCH,
    )


def octconv_pytorch_mobilenet(architecture):
    """Return the rows of d-li14's MobileNet: blocks by position, of two modules each."""
    del architecture
    return (
        (r"^features\.0\.0\.", "conv1."),
        (r"^features\.0\.1\.", "conv1_bn."),
        (r"^features\.(\d+)\.0\.", r"conv_dw_\1."),
        (r"^features\.(\d+)\.1\.", r"conv_pw_\1."),
        *modules(""),
        (r"^fc\.", "conv_preds."),
        *TORCH,
    )


GLUON_MARK = r"(.*_)?L1_B[01][._]conv1[.-](conv_)?h2h"


def as_dense(name, value, model):
    """Turn the classifier's kernel, of a 1 x 1 convolution in the file, into that of a dense layer."""
    del model
    return value[0, 0] if name == "predictions/kernel" and value.ndim == 4 else value


# All of these authors pool before every convolution of a block that strides, also where there is one band.
POOLED = {"padding": "symmetric", "downsampling": "pool"}
MORE = {**POOLED, "more_norms": True, "strides_last": False}
MIDDLE = {**POOLED, "stride_position": "middle"}
RELU = {**POOLED, "activation": "relu"}
DEEP_MARK = r"^conv1\.6\.weight$|(.*_)?stem_conv3_weight$"


def _gluon(mark, options):
    return Producer("gluon", mark, resnet, GLUON_IMAGES, 1e-5, options, bias=False, convert=as_dense)


# The letters behind the authors' v1: b strides in the middle, e and f, which have deep stems, in the last convolution.
RESNET = (
    _gluon(DEEP_MARK, {**POOLED, "stride_position": "last"}),
    _gluon(GLUON_MARK, {**MIDDLE, "stem": "7x7"}),
    Producer(
        "octconv.pytorch",
        r"^layer1\.0\.conv1\.conv\.conv_h2h\.weight$",
        octconv_pytorch,
        TORCH_IMAGES,
        1e-5,
        MIDDLE,
        bias=False,
    ),
)
RESNET_V2 = (Producer("symbol", r"^L2_B01_conv1_conv", symbol, SYMBOL_IMAGES, 1e-4, MORE, bias=False),)
MOBILENET = (
    Producer("gluon", GLUON_MARK, mobilenet, GLUON_IMAGES, 1e-5, RELU, convert=as_convolution),
    Producer(
        "octconv.pytorch",
        r"^features\.1\.0\.conv\.conv_h2h\.weight$",
        octconv_pytorch_mobilenet,
        TORCH_IMAGES,
        1e-5,
        RELU,
        convert=as_convolution,
    ),
)
MOBILENET_V2 = (Producer("gluon", GLUON_MARK, mobilenet_v2, GLUON_IMAGES, 1e-5, POOLED, convert=as_dense),)
