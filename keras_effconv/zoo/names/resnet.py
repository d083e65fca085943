"""How ResNets are named: Keras, torchvision and timm (the same), transformers, and a CIFAR-10 repository."""

from keras_effconv.preprocessing import CIFAR
from keras_effconv.preprocessing import TORCH as TORCH_IMAGES
from keras_effconv.zoo.names.producer import TORCH, Producer


def prefix(match):
    """Name a block by stage from 1 and position from 0: `layer1.0.` -> `conv2_block1_`."""
    return f"conv{int(match[1]) + 1}_block{int(match[2]) + 1}_"


def keras(architecture):
    """Return the rows of our names."""
    del architecture
    return ()


def torch(architecture):
    """Return the rows of torch: torchvision, timm and most others; `linear` in the CIFAR networks."""
    del architecture
    return (
        (r"^layer(\d)\.(\d+)\.", prefix),
        (r"^(conv\d_block\d+_)conv(\d)\.", r"\1\2_conv."),
        (r"^(conv\d_block\d+_)bn(\d)\.", r"\1\2_bn."),
        (r"^(conv\d_block\d+_)downsample\.0\.", r"\g<1>0_conv."),
        (r"^(conv\d_block\d+_)downsample\.1\.", r"\g<1>0_bn."),
        (r"^(conv\d_block\d+_)se\.(?:fc1|conv_reduce)\.", r"\1se_reduce."),
        (r"^(conv\d_block\d+_)se\.(?:fc2|conv_expand)\.", r"\1se_expand."),
        (r"^conv1\.", "conv1_conv."),
        (r"^bn1\.", "conv1_bn."),
        (r"^(?:fc|linear)\.", "predictions."),
        *TORCH,
    )


def transformers(architecture):
    """Return the rows of Hugging Face's `ResNetForImageClassification`."""
    del architecture
    return (
        (r"^resnet\.", ""),
        (r"^encoder\.stages\.(\d+)\.layers\.(\d+)\.", lambda m: f"conv{int(m[1]) + 2}_block{int(m[2]) + 1}_"),
        (r"^(conv\d_block\d+_)layer\.(\d)\.", lambda m: f"{m[1]}{int(m[2]) + 1}_"),
        (r"^(conv\d_block\d+_)shortcut\.", r"\g<1>0_"),
        (r"^embedder\.embedder\.", "conv1_"),
        (r"_convolution\.", "_conv."),
        (r"_normalization\.", "_bn."),
        (r"^classifier\.1\.", "predictions."),
        *TORCH,
    )


V1_5 = {"padding": "symmetric", "stride_position": "middle"}
V1 = (
    Producer("keras", r"^conv1_conv/kernel$", keras, layout="HWIO"),
    Producer("torch", r"^layer1\.0\.conv1\.weight$", torch, TORCH_IMAGES, 1e-5, V1_5, bias=False),
    Producer(
        "transformers",
        r"^(resnet\.)?embedder\.embedder\.convolution\.weight$",
        transformers,
        TORCH_IMAGES,
        1e-5,
        V1_5,
        bias=False,
    ),
)
V2 = (Producer("keras", r"^conv1_conv/kernel$", keras, layout="HWIO"),)
CIFAR10 = (
    Producer("keras", r"^conv1_conv/kernel$", keras, layout="HWIO"),
    Producer("torch", r"^layer1\.0\.conv1\.weight$", torch, CIFAR, 1e-5, {"padding": "symmetric"}),
)
