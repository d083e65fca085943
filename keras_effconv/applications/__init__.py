"""The networks, under the import paths of `keras.applications`, and their registry."""

from keras_effconv.applications import (
    blocks,
    efficientnet,
    mobilenet,
    mobilenet_v2,
    resnet,
    resnet_cifar,
    resnet_v2,
    vgg,
)
from keras_effconv.applications.application import MODELS, get, list_models, publish

__all__ = [
    "MODELS",
    "blocks",
    "efficientnet",
    "get",
    "list_models",
    "mobilenet",
    "mobilenet_v2",
    "publish",
    "resnet",
    "resnet_cifar",
    "resnet_v2",
    "vgg",
]
