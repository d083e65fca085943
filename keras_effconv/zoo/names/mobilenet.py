"""How MobileNets are named: Keras, timm and torchvision."""

from keras_effconv.preprocessing import TORCH as TORCH_IMAGES
from keras_effconv.preprocessing import UNIT
from keras_effconv.zoo.names.producer import TORCH, Producer

REPEATS_V1 = (1, 2, 2, 6, 2)
REPEATS_V2 = (1, 2, 3, 4, 3, 3, 1)


def flat(repeats):
    """Return the number of a block, from 0, by stage and position.

    >>> flat((1, 2))
    {('0', '0'): 0, ('1', '0'): 1, ('1', '1'): 2}
    """
    places = [(str(s), str(j)) for s, count in enumerate(repeats) for j in range(count)]
    return {place: i for i, place in enumerate(places)}


def keras(architecture):
    """Return the rows of our names, with the old ones of depthwise kernels and of version 2's classifier, `Logits`."""
    del architecture
    return ((r"/depthwise_kernel$", "/kernel"), (r"^Logits/", "predictions/"))


def timm_v1(architecture):
    """Return the rows of timm: a block is `conv_dw`, `bn1`, `conv_pw`, `bn2`."""
    del architecture
    number = flat(REPEATS_V1)

    def layer(match):
        stage, position, kind = match.groups()
        ours = {"conv_dw": "conv_dw_{}", "bn1": "conv_dw_{}_bn", "conv_pw": "conv_pw_{}", "bn2": "conv_pw_{}_bn"}[kind]
        return ours.format(number[stage, position] + 1) + "."

    return (
        (r"^blocks\.(\d+)\.(\d+)\.(conv_dw|bn1|conv_pw|bn2)\.", layer),
        (r"^conv_stem\.", "conv1."),
        (r"^bn1\.", "conv1_bn."),
        (r"^classifier\.", "conv_preds."),
        *TORCH,
    )


def prefix_v2(number):
    return f"block_{number}_" if number else "expanded_conv_"


def timm_v2(architecture):
    """Return the rows of timm: as EfficientNet, without squeeze-and-excite."""
    del architecture
    number = flat(REPEATS_V2)
    return (
        (r"^blocks\.(\d+)\.(\d+)\.", lambda m: prefix_v2(number[m.groups()])),
        (r"^expanded_conv_conv_pw\.", "expanded_conv_project."),
        (r"^expanded_conv_bn1\.", "expanded_conv_depthwise_BN."),
        (r"^expanded_conv_bn2\.", "expanded_conv_project_BN."),
        (r"^(\w+_)conv_dw\.", r"\1depthwise."),
        (r"^(block_\d+_)conv_pw\.", r"\1expand."),
        (r"^(block_\d+_)conv_pwl\.", r"\1project."),
        (r"^(block_\d+_)bn1\.", r"\1expand_BN."),
        (r"^(block_\d+_)bn2\.", r"\1depthwise_BN."),
        (r"^(block_\d+_)bn3\.", r"\1project_BN."),
        (r"^conv_stem\.", "Conv1."),
        (r"^bn1\.", "bn_Conv1."),
        (r"^conv_head\.", "Conv_1."),
        (r"^bn2\.", "Conv_1_bn."),
        (r"^classifier\.", "predictions."),
        *TORCH,
    )


def torchvision_v2(architecture):
    """Return the rows of torchvision: layers by position; the first block has no expansion."""
    del architecture
    return (
        (r"^features\.0\.0\.", "Conv1."),
        (r"^features\.0\.1\.", "bn_Conv1."),
        (r"^features\.18\.0\.", "Conv_1."),
        (r"^features\.18\.1\.", "Conv_1_bn."),
        (r"^features\.(\d+)\.conv\.", lambda m: prefix_v2(int(m[1]) - 1)),
        (r"^expanded_conv_0\.0\.", "expanded_conv_depthwise."),
        (r"^expanded_conv_0\.1\.", "expanded_conv_depthwise_BN."),
        (r"^expanded_conv_1\.", "expanded_conv_project."),
        (r"^expanded_conv_2\.", "expanded_conv_project_BN."),
        (r"^(block_\d+_)0\.0\.", r"\1expand."),
        (r"^(block_\d+_)0\.1\.", r"\1expand_BN."),
        (r"^(block_\d+_)1\.0\.", r"\1depthwise."),
        (r"^(block_\d+_)1\.1\.", r"\1depthwise_BN."),
        (r"^(block_\d+_)2\.", r"\1project."),
        (r"^(block_\d+_)3\.", r"\1project_BN."),
        (r"^classifier\.1\.", "predictions."),
        *TORCH,
    )


def as_convolution(name, value, model):
    """Turn the classifier's kernel, of a dense layer in the file, into that of a 1 x 1 convolution."""
    del model
    return value[None, None] if name == "conv_preds/kernel" and value.ndim == 2 else value


SYMMETRIC = {"padding": "symmetric"}
V1 = (
    Producer("keras", r"^conv_pw_1/kernel$", keras, layout="HWIO"),
    Producer("timm", r"^conv_stem\.weight$", timm_v1, UNIT, 1e-5, SYMMETRIC, convert=as_convolution),
)
V2 = (
    Producer("keras", r"^Conv_1/kernel$", keras, layout="HWIO"),
    Producer("timm", r"^conv_stem\.weight$", timm_v2, TORCH_IMAGES, 1e-5, SYMMETRIC),
    Producer("torchvision", r"^features\.0\.0\.weight$", torchvision_v2, TORCH_IMAGES, 1e-5, SYMMETRIC),
)
