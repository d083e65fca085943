"""VGG-16 and VGG-19 (arXiv:1409.1556), and VGG-16 for 32 x 32 images as in the HetConv paper."""

import functools

from keras import layers

from keras_effconv.applications import Architecture, application, publish
from keras_effconv.blocks import act, max_pool, merge, norm, squeeze_excite
from keras_effconv.feature_maps import channels
from keras_effconv.kinds import Conv

FILTERS = (64, 128, 256, 512, 512)
CONVOLUTIONS = {
    "VGG16": (2, 2, 3, 3, 3),
    "VGG19": (2, 2, 4, 4, 4),
}


def conv_relu(kind, x, filters, name):
    """A convolution with ReLU, as the paper has it."""
    return kind.conv(x, filters, 3, activation="relu", name=name)


def conv_bn_relu(kind, x, filters, name):
    """A convolution, batch normalisation and ReLU: the networks for CIFAR."""
    return act(norm(kind.conv(x, filters, 3, name=name), f"{name}_bn"), "relu", f"{name}_relu")


def conv_bn_relu_se(kind, x, filters, name):
    """`conv_bn_relu`, then squeeze-and-excite with reduction 16, but after the first convolution of the network."""
    y = conv_bn_relu(kind, x, filters, name)
    if name == FIRST:
        return y
    return squeeze_excite(y, channels(y) // 16, f"{name}_se_", activation="relu")


FIRST = "block1_conv1"


def body(x, kind, convolutions, block):
    """Image -> the last feature map, 32 times smaller. The first convolution, of the image, is plain."""
    for i, (filters, count) in enumerate(zip(FILTERS, convolutions), 1):
        for j in range(1, count + 1):
            name = f"block{i}_conv{j}"
            x = block(Conv() if name == FIRST else kind.at(2 ** (i - 1)), x, filters, name)
        x = max_pool(x, f"block{i}_pool")
    return merge(x)


def top(x, classes, activation):
    """The last feature map -> predictions (n, classes), through two layers of 4096."""
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(4096, activation="relu", name="fc1")(x)
    x = layers.Dense(4096, activation="relu", name="fc2")(x)
    return layers.Dense(classes, activation=activation, name="predictions")(x)


def cifar_top(x, classes, activation, dropout):
    """The last feature map -> predictions (n, classes), through one layer of 512."""
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(dropout, name="flatten_dropout")(x)
    x = act(norm(layers.Dense(512, name="fc1")(x), "fc1_bn"), "relu", "fc1_relu")
    x = layers.Dropout(dropout, name="fc1_dropout")(x)
    return layers.Dense(classes, activation=activation, name="predictions")(x)


def _publish(variant):
    default_name = variant.lower()
    pool_names = ("global_average_pooling2d", "global_max_pooling2d")
    features = functools.partial(body, convolutions=CONVOLUTIONS[variant], block=conv_relu)

    def constructor(
        include_top=True,
        weights="imagenet",
        input_tensor=None,
        input_shape=None,
        pooling=None,
        classes=1000,
        classifier_activation="softmax",
        name=default_name,
        *,
        conv=None,
    ):
        architecture = Architecture(variant, 224, features, top, pool_names)
        arguments = (input_tensor, input_shape, pooling, classes, classifier_activation, name, conv)
        return application(architecture, include_top, weights, *arguments)

    summary = f"{variant}; images as `keras.applications.{variant.lower()}.preprocess_input` leaves them."
    return publish(constructor, variant, summary, 224)


VGG16, VGG19 = map(_publish, CONVOLUTIONS)


def VGG16CIFAR(
    include_top=True,
    weights=None,
    input_tensor=None,
    input_shape=None,
    pooling=None,
    classes=10,
    classifier_activation="softmax",
    name="vgg16cifar",
    *,
    conv=None,
    se=False,
    dropout_rate=0.5,
):
    block = conv_bn_relu_se if se else conv_bn_relu
    architecture = Architecture(
        "VGG16CIFAR",
        32,
        functools.partial(body, convolutions=CONVOLUTIONS["VGG16"], block=block),
        functools.partial(cifar_top, dropout=dropout_rate),
    )
    arguments = (input_tensor, input_shape, pooling, classes, classifier_activation, name, conv)
    return application(architecture, include_top, weights, *arguments)


publish(
    VGG16CIFAR,
    "VGG16CIFAR",
    "VGG-16 for 32 x 32 images as in Table 1 of the HetConv paper: 13 convolutions with batch normalisation.",
    32,
    classes=10,
    more="\n        se: bool; squeeze-and-excite after each convolution but the first. Default `False`."
    "\n        dropout_rate: float, before and after the layer of 512. Default 0.5.",
)
