"""The arguments of `keras.applications`, once for all families, and the registry of models."""

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from keras_effconv import kinds, zoo
from keras_effconv.applications.blocks import free_name
from keras_effconv.applications.checks import check_choices, image_shape, image_tensor
from keras_effconv.architecture import ARCHITECTURES, Architecture
from keras_effconv.design import Design
from keras_effconv.feature_maps import bands
from keras_effconv.graph import come_through, writer_of
from keras_effconv.network_info import NetworkInfo
from keras_effconv.utils.arguments import positive
from keras_effconv.utils.docstrings import arguments_of
from keras_effconv.utils.suggestions import did_you_mean

MODELS = {}

USUAL = {
    "include_top": True,
    "weights": "imagenet",
    "input_tensor": None,
    "input_shape": None,
    "pooling": None,
    "classes": 1000,
    "classifier_activation": "softmax",
    "name": None,
    "conv": None,
}

ARGUMENTS = """
Args:
    include_top: bool; whether the network ends in its classifier. Default `True`.
    weights: `None` (random), `"imagenet"` or another tag of `keras_effconv.zoo.list()`, the path of a weights file or
        of a folder with one, or `"hf://user/name"`, a repository of the Hugging Face hub. If the file has another
        number of classes or of input channels, it is adapted; `model.load_report` says how. `"path@tag"` is a file
        that wants of an image what the set of that tag wants; `~` is the home directory.
        Default {weights}.
    input_tensor: Keras tensor to use as the image. Default `None`.
    input_shape: tuple `(height, width, channels)`, any channels, sizes from 32 up. Default: {size} x {size} x 3 with
        the top, `(None, None, 3)` without.
    pooling: without the top: `None` for the last feature map (n, h, w, c), `"avg"` or `"max"` for (n, c). Default
        `None`.
    classes: int. Default {classes}.
    classifier_activation: str or callable, the activation of the classifier; `None` for logits. Default `"softmax"`.
    name: str, of the model. Default `{name!r}`.
    conv: the kind of convolution: `Conv()`, `HetConv(parts=4)`, `OctConv(alpha=0.25)`, `ByLayer(layers={{...}})`, its
        repr, or `"@path.json"`, a file of `kinds.save`. Default `None`, the plain one.
{options}

Returns:
    A `keras.Model`: images (n, height, width, channels) -> predictions (n, classes) with the top.

Raises:
    ValueError: for an argument that is not as above; the message names it.
"""


def publish(
    name: str,
    architecture: Callable[[Any, Any], Architecture],
    options: type,
    summary: str,
    variant: Any,
    order: Sequence[str] = tuple(USUAL)[:-1],
    defaults: Mapping[str, Any] | None = None,
) -> Callable[..., keras.Model]:
    """Make the constructor of a network and enter it in the registry.

    Its signature is that of `keras.applications`, then, by keyword only, `conv` and the family's options. A family of
    your own is published in the same way; it then loads weights, counts and trains as those of the package do.

    Args:
        name: str.
        architecture: callable (variant, options) -> `Architecture`.
        options: frozen dataclass of the family's options; the "Args:" of its docstring describe them.
        summary: str, the first line of the documentation.
        variant: a row of the family's table.
        order: tuple of str, the arguments that may be given by position. Default: as in most of `keras.applications`.
        defaults: dict of the arguments' defaults that are not the usual ones. Default `None`.

    Returns:
        A callable -> `keras.Model`; its attribute `preprocessing` says what the network wants of an image.
    """
    own = {field.name: field.default for field in dataclasses.fields(options)}
    every = {**USUAL, "name": name.lower(), **own, **(defaults or {})}
    own_defaults = {key: every[key] for key in own}
    signature = _signature(every, order)

    def constructor(*positional, **keywords):
        try:
            bound = signature.bind(*positional, **keywords)
        except TypeError as error:
            raise TypeError(f"{name}() {error}") from None
        bound.apply_defaults()
        values = {key: _plain(bound.arguments[key]) for key in own}
        options(**values)  # a wrong option is an error ahead of all others
        kind = kinds.get(bound.arguments["conv"])
        design = Design(name, {**values, "conv": repr(kind)}, own_defaults)
        usual = {key: bound.arguments[key] for key in USUAL if key != "conv"}
        return application(design, kind, **usual)

    ARCHITECTURES[name] = lambda values: architecture(variant, options(**values))
    plain = ARCHITECTURES[name](own_defaults)
    constructor.preprocessing, constructor.options = plain.preprocessing, options
    constructor.__doc__ = _documentation(summary, options, every, plain.size)
    constructor.__signature__ = signature
    constructor.__name__ = constructor.__qualname__ = name
    constructor.__module__ = architecture.__module__
    MODELS[name] = constructor
    return constructor


def _plain(value):
    """Return a number of NumPy as Python's, which JSON takes."""
    return value.item() if isinstance(value, np.generic) else value


def _signature(defaults, order):
    """Return a signature with the arguments in `order` by position and the others by keyword only."""
    usual, keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    rest = [key for key in defaults if key not in order]
    parameters = [inspect.Parameter(key, usual, default=defaults[key]) for key in order]
    return inspect.Signature(parameters + [inspect.Parameter(key, keyword, default=defaults[key]) for key in rest])


def _documentation(summary, options, defaults, size):
    """Write the summary, the usual arguments, and the family's options with their defaults."""
    lines = [
        textwrap.fill(f"{name}: {words} Default `{defaults[name]!r}`.", 116, subsequent_indent="    ")
        for name, words in arguments_of(options).items()
    ]
    values = {**defaults, "weights": f"`{defaults['weights']!r}`", "size": size}
    return f"{summary}\n" + ARGUMENTS.format(**values, options=textwrap.indent("\n".join(lines), "    "))


def get(name: str) -> Callable[..., keras.Model]:
    """Return the constructor of a model by its name, whatever the case.

    Raises:
        ValueError: for a name that is not in `MODELS`.

    Example:

    >>> get("resnet50").__name__
    'ResNet50'
    """
    names = {known.lower(): known for known in MODELS}
    if str(name).lower() not in names:
        hint = did_you_mean(name, MODELS)
        raise ValueError(f"`model` must be one of {', '.join(MODELS)}. Received: model={name!r}{hint}")
    return MODELS[names[name.lower()]]


def list_models(pattern: str = "") -> list[str]:
    """Return the names of all models, or of those that contain a pattern (a regular expression, whatever the case).

    Example:

    >>> list_models("b[01]$")
    ['EfficientNetB0', 'EfficientNetB1']
    """
    return [name for name in MODELS if re.search(pattern, name, re.IGNORECASE)]


def application(
    design, kind, include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
):
    """Build a network with the arguments of `keras.applications`. The graph depends on all of them but `weights`."""
    positive("classes", classes)
    architecture = design.architecture
    published = weights is not None and classes == architecture.classes
    check_choices(published, pooling, include_top, classes, classifier_activation)
    shape = image_shape(input_shape, architecture.size, include_top)
    image = image_tensor(input_tensor, shape)
    size = image.shape[1] or architecture.size
    source = None if weights is None else zoo.resolve(weights, design, include_top, size)
    info = NetworkInfo(design, architecture.preprocessing.at(size), name=free_name(image, "network"))
    x, ends = architecture.body(info(image), kind)
    info.ends = {stride: {band: writer_of(y) for band, y in bands(end).items()} for stride, end in ends.items()}
    if include_top:
        x = architecture.top(x, classes, classifier_activation)
    elif pooling:
        x = _pooled(x, pooling, architecture.pool_names)
    sources = [x for x, operation in come_through(image).items() if isinstance(operation, layers.InputLayer)]
    inputs = sources[0] if len(sources) == 1 else sources
    model = keras.Model(
        inputs, x, name=name or architecture.model_name.format(name=architecture.name.lower(), rows=shape[0])
    )
    fused = (unit.conv for pair in architecture.pairs for unit in pair)  # a kind may make one layer of two
    kind.check_names([*(layer.name for layer in model.layers), *fused])
    model.load_report = None
    if source is not None:
        zoo.load(model, source, include_top=include_top)
    return model


def _pooled(x, pooling, names):
    average, maximum = names
    pools = {"avg": (layers.GlobalAveragePooling2D, average), "max": (layers.GlobalMaxPooling2D, maximum)}
    layer, name = pools[pooling]
    return layer(name=free_name(x, name))(x)
