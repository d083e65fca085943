"""A network for tests of training, and what Keras reads back."""

import keras

import keras_effconv as ke
from keras_effconv.network_info import info_of


def small_network():
    """A stem, two blocks and a head, named as those of a ResNet for small images."""
    image = keras.Input((4, 4, 3))
    x = info_of(ke.ResNet20(weights=None))(image)
    for name in ("conv1_conv", "conv2_block1_conv", "conv2_block2_conv"):
        x = keras.layers.Conv2D(2, 1, name=name)(x)
    x = keras.layers.BatchNormalization(name="conv2_block2_bn")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(2, activation="softmax", name="predictions")(x))


def again(thing):
    """What a saved and loaded object is."""
    return keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(thing))
