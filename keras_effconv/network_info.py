"""Which network a model is, and what its weights want of an image: facts that stay with every model."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_effconv.design import Design
from keras_effconv.graph import ahead_of, check_functional, last_operation, layers_of
from keras_effconv.preprocessing import ImagePreprocessing, Preprocessing

FACTS = "facts"  # the entry of weights files, next to the variables of layers


@keras.saving.register_keras_serializable(package="keras_effconv")
class NetworkInfo(keras.layers.Layer):
    """Return the image as it is; the configuration says which network follows.

    A network of this package has one behind its input. So what a model is stays with it when it is saved, loaded,
    cloned, put into another model, or cut.

    Args:
        design: `Design`, or a dict of its fields.
        preprocessing: `Preprocessing` that the weights want, or a dict of its fields.
        ends: dict from stride to the last feature map of it: a dict from band to (name of its layer, index of the
            output); a plain tensor is `"high"`.

    Example:

    >>> import keras_effconv
    >>> info_of(keras_effconv.ResNet20(weights=None)).design.name
    'ResNet20'
    """

    def __init__(self, design, preprocessing, ends=None, **layer_arguments):
        super().__init__(autocast=False, **{"name": "network", **layer_arguments})
        self.design = design if isinstance(design, Design) else Design(**design)
        self.preprocessing = (
            preprocessing if isinstance(preprocessing, Preprocessing) else Preprocessing(**_tuples(preprocessing))
        )
        self.ends = {int(stride): _tuples(bands) for stride, bands in (ends or {}).items()}

    @property
    def architecture(self):
        """Return the `Architecture` of the design."""
        return self.design.architecture

    @property
    def conv(self):
        """Return the kind of convolution, as its repr."""
        return self.design.options["conv"]

    def call(self, image):
        return image

    def compute_output_spec(self, image):
        return keras.KerasTensor(image.shape, image.dtype)

    def facts(self):
        """Return what a weights file says of the network: its design and what its weights want of an image."""
        return {
            "design": {
                "name": self.design.name,
                "options": dict(self.design.options),
                "defaults": dict(self.design.defaults),
            },
            "preprocessing": dataclasses.asdict(self.preprocessing),
        }

    def save_own_variables(self, store):
        """Save the facts, as the bytes of a JSON text: shapes do not tell them."""
        store[FACTS] = np.frombuffer(json.dumps(self.facts()).encode(), "uint8")

    def load_own_variables(self, store):
        """Take the preprocessing that the weights want; files of Keras' own networks say none.

        Raises:
            ValueError: if the weights are of another network, or of one with other settings.
        """
        if FACTS not in store.keys():  # noqa: SIM118 (Keras' stores are no iterables)
            return
        design, preprocessing = facts_from(json.loads(np.asarray(store[FACTS]).tobytes()))
        self.design.check(design)
        self.preprocessing = preprocessing.at(self.preprocessing.size)

    def get_config(self):
        own = {
            **self.facts(),
            "ends": {
                str(stride): {band: list(end) for band, end in bands.items()} for stride, bands in self.ends.items()
            },
        }
        return {**super().get_config(), **own}


def facts_from(facts: Mapping[str, Any]) -> tuple[Design, Preprocessing]:
    """Return the `Design` and the `Preprocessing` of `NetworkInfo.facts()` as read from JSON.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: for something else.
    """
    said = facts["design"]
    options = {**_tuples(said["options"]), "conv": str(said["options"]["conv"])}
    design = Design(str(said["name"]), options, _tuples(said["defaults"]))
    return design, Preprocessing(**_tuples(facts["preprocessing"]))


def _tuples(config):
    """Return lists, as a file has them, as tuples again."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in config.items()}


def info_of(model: keras.Model, required: bool = True) -> NetworkInfo | None:
    """Return the `NetworkInfo` in a model, wherever it lies.

    Args:
        model: `keras.Model` of this package, or one that has it inside.
        required: bool; whether a model without one is an error. Default `True`; else the result is `None`.

    Raises:
        ValueError: if there is none and it is required, or more than one.
    """
    infos = [layer for layer in layers_of(model) if isinstance(layer, NetworkInfo)]
    if len(infos) > 1:
        names = ", ".join(info.design.name for info in infos)
        raise ValueError(f"`model` must have one network of keras_effconv. Received: {model.name!r} with {names}")
    if not infos and required:
        raise ValueError(f"`model` must be, or hold, a network of keras_effconv. Received: model={model.name!r}")
    return infos[0] if infos else None


def preprocessing_for(model: keras.Model) -> ImagePreprocessing:
    """Return the layer from images (n, h, w, 3), RGB, 0..255, to what a model expects.

    That of a network of one channel takes grey images (n, h, w, 1), too, and gives one channel.

    Args:
        model: `keras.Model` of this package, or one that has it inside; also saved and loaded. A model that begins with
            its own `ImagePreprocessing`, as fine-tuning makes it, gets the crop and resize only, so nothing is done
            twice.

    Returns:
        An `ImagePreprocessing` layer.

    Raises:
        ValueError: for a model without a network of this package, or with layers ahead of it that may prepare the image
            already.

    Example:

    >>> import keras_effconv
    >>> model = keras_effconv.EfficientNetLite0(weights=None)
    >>> tuple(preprocessing_for(model)(keras.ops.ones((2, 300, 400, 3))).shape)
    (2, 224, 224, 3)
    """
    for layer in layers_of(model):
        if isinstance(layer, ImagePreprocessing):
            return _for_input(model, dataclasses.replace(layer.preprocessing, inside=True))
    info = info_of(model, required=False)
    if info is None:
        raise ValueError(
            "`model` must be, or hold, a network of keras_effconv, or begin with `keras_effconv.ImagePreprocessing`. "
            f"Received: model={model.name!r}"
        )
    check_functional(model)
    ahead = [layer.name for layer in ahead_of(model, info) if not _is_transparent(layer)]
    if ahead:
        raise ValueError(
            "`model` must have no layers between its input and its network that may prepare the image already "
            f"(begin with `keras_effconv.ImagePreprocessing` instead). Received: model={model.name!r} with "
            f"{', '.join(ahead)}"
        )
    side = model.inputs[0].shape[-3]  # of frames, too
    return _for_input(model, info.preprocessing if side is None else info.preprocessing.at(side))


def _for_input(model, preprocessing):
    """Return the layer, for as many channels as the model reads."""
    grey = model.inputs[0].shape[-1] == 1
    return (preprocessing.grey() if grey else preprocessing).layer()


def _is_transparent(layer):
    """Return whether an image is the same behind a layer: random changes, which act in training only."""
    return isinstance(layer, keras.layers.Identity) or type(layer).__name__.startswith("Random")


def says_several(model) -> bool:
    """Return whether a classifier may say several classes of an image: its last layer has a sigmoid.

    Raises:
        ValueError: for a model that is Python code only, or is not built.

    >>> says_several(keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, activation="sigmoid")]))
    True
    """
    check_functional(model)
    operation = last_operation(model)
    sigmoid = getattr(operation, "activation", None) is keras.activations.sigmoid
    return sigmoid or type(operation).__name__ == "Sigmoid"
