"""The arguments of `keras.applications`, once for all families, and the registry of models."""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
from keras import layers

from keras_effconv import kinds, zoo
from keras_effconv.preprocessing import Preprocessing
from keras_effconv.utils.arguments import positive
from keras_effconv.utils.suggestions import did_you_mean

MIN_SIZE = 32
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
        weights: `None` (random), `"imagenet"` or another tag of `keras_effconv.zoo.list()`, or the path of a weights
            file. Default {weights}. A number of classes or of input channels other than the file's is adapted;
            `model.load_report` says how.
        input_tensor: Keras tensor to use as the image. Default `None`.
        input_shape: tuple `(height, width, channels)`, any channels, sizes from 32 up. Default: {size} x {size} x 3
            with the top, `(None, None, 3)` without.
        pooling: without the top: `None` for the last feature map (n, h, w, c), `"avg"` or `"max"` for (n, c).
        classes: int. Default {classes}.
        classifier_activation: of the classifier; `None` for logits. Default `"softmax"`.
        name: str, of the model. Default `{name!r}`.
        conv: what "convolution" means: `Conv()`, `HetConv(parts=4)`, `OctConv(alpha=0.25)`, or such a string.
            Default `None`, the plain one.
{options}

    Returns:
        A `keras.Model`.

    Raises:
        ValueError: for an argument that is not as above; the message names it.
"""


class Architecture(NamedTuple):
    """What `application` needs to know of a network."""

    name: str
    size: int
    preprocessing: Preprocessing
    body: Callable  # (image, kind) -> the last feature map, a tensor, and a dict of maps by stride
    top: Callable  # (feature map, classes, activation) -> predictions
    pool_names: tuple[str, str] = ("avg_pool", "max_pool")
    model_name: str = "{name}"  # {name} in small letters, {rows} of the image
    settings: tuple[str, ...] = ()  # options that change what weights mean but not their shapes


class Design(NamedTuple):
    """Which network a model is: what a weight set must have been trained for."""

    name: str
    options: Mapping[str, Any]
    defaults: Mapping[str, Any]
    settings: tuple[str, ...]

    def differences(self, wanted):
        """The options that are other than wanted, as texts; a setting that `wanted` does not name is the default.

        >>> Design("Net", {"padding": "same"}, {"padding": "symmetric"}, ("padding",)).differences({})
        ["padding='symmetric' (received 'same')"]
        """
        wanted = {**{key: self.defaults[key] for key in self.settings}, **wanted}
        other = [key for key, value in wanted.items() if self.options.get(key) != value]
        return [f"{key}={wanted[key]!r} (received {self.options.get(key)!r})" for key in other]


def publish(name, design, summary, variant, order=tuple(USUAL)[:-1], defaults=None):
    """Make the constructor of a network and enter it in the registry.

    Its signature is that of `keras.applications`, then, by keyword only, `conv` and what the design takes.

    Args:
        name: str.
        design: callable (variant, **options) -> `Architecture`. The "Args:" of its docstring describe the options.
        summary: str, the first line of the documentation.
        variant: a row of the family's table.
        order: names of the arguments that may be given by position. Default: as in most of `keras.applications`.
        defaults: dict, of arguments, where they are not the usual ones.

    Returns:
        A callable -> `keras.Model`; its `preprocessing` says what the network wants of an image.
    """
    options = {p.name: p.default for p in list(inspect.signature(design).parameters.values())[1:]}
    every = {**USUAL, "name": name.lower(), **options, **(defaults or {})}
    rest = [key for key in every if key not in order]
    usual = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(key, usual, default=every[key]) for key in order]
    parameters += [inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=every[key]) for key in rest]
    signature = inspect.Signature(parameters)

    def constructor(*positional, **keywords):
        try:
            bound = signature.bind(*positional, **keywords)
        except TypeError as error:
            raise TypeError(f"{name}() {error}") from None
        bound.apply_defaults()
        chosen = {key: bound.arguments[key] for key in options}
        architecture = design(variant, **chosen)
        told = Design(
            name,
            {**chosen, "conv": repr(kinds.get(bound.arguments["conv"]))},
            {key: every[key] for key in options},
            architecture.settings,
        )
        return application(architecture, told, **{key: bound.arguments[key] for key in USUAL})

    plain = design(variant)
    constructor.preprocessing = plain.preprocessing
    constructor.__doc__ = _documentation(summary, design, every, plain.size)
    constructor.__signature__ = signature
    constructor.__name__ = constructor.__qualname__ = name
    constructor.__module__ = design.__module__
    MODELS[name] = constructor
    return constructor


def _documentation(summary, design, defaults, size):
    """The summary, the usual arguments, and the design's own options as its docstring describes them."""
    lines = inspect.getdoc(design).split("\n")
    own = [f"    {line}".rstrip() for line in lines[lines.index("    variant: a row of the table.") + 1 :]]
    weights = "`None`" if defaults["weights"] is None else f'`"{defaults["weights"]}"`'
    told = {**defaults, "weights": weights, "size": size, "options": "\n".join(own).format(**defaults)}
    return f"{summary}\n" + ARGUMENTS.format(**told).replace("\n\n\n", "\n\n")


def get(name):
    """The constructor of a model by its name, whatever the case.

    Raises:
        ValueError: for a name that is not in `MODELS`.
    """
    names = {known.lower(): known for known in MODELS}
    if str(name).lower() not in names:
        hint = did_you_mean(name, MODELS)
        raise ValueError(f"`model` must be one of {', '.join(MODELS)}. Received: model={name!r}{hint}")
    return MODELS[names[name.lower()]]


def list_models(pattern=""):
    """The names of all models, or of those that contain a pattern (a regular expression, whatever the case).

    >>> list_models("b[01]$")
    ['EfficientNetB0', 'EfficientNetB1']
    """
    return [name for name in MODELS if re.search(pattern, name, re.IGNORECASE)]


def application(
    architecture,
    design,
    include_top,
    weights,
    input_tensor,
    input_shape,
    pooling,
    classes,
    classifier_activation,
    name,
    conv,
):
    """Build a network: `keras.applications`' arguments, and the kind of convolution.

    The graph depends on all arguments but `weights`.
    """
    kind = kinds.get(conv)
    positive("classes", classes)
    _check_choices(weights, pooling, include_top, classifier_activation)
    if weights is not None and not zoo.readers.exists(weights):
        zoo.find(design, weights, include_top)  # before the network is built
    shape = _image_shape(input_shape, architecture.size, include_top)
    image = _image(input_tensor, shape)
    x, ends = architecture.body(image, kind)
    if include_top:
        x = architecture.top(x, classes, classifier_activation)
    elif pooling:
        average, maximum = architecture.pool_names
        pools = {"avg": (layers.GlobalAveragePooling2D, average), "max": (layers.GlobalMaxPooling2D, maximum)}
        layer, pool_name = pools[pooling]
        x = layer(name=pool_name)(x)
    sources = keras.utils.get_source_inputs(image)
    inputs = sources[0] if len(sources) == 1 else sources
    model = keras.Model(
        inputs, x, name=name or architecture.model_name.format(name=architecture.name.lower(), rows=shape[0])
    )
    model.design, model.kind, model.load_report = design, kind, None
    model.stride_ends = ends
    model.preprocessing = architecture.preprocessing.at(image.shape[1] or architecture.size)
    if weights is not None:
        zoo.load(model, weights, include_top=include_top)
    return model


def _check_choices(weights, pooling, include_top, classifier_activation):
    if keras.config.image_data_format() != "channels_last":
        raise ValueError("keras_effconv works with `channels_last` maps only: keras.config.set_image_data_format()")
    if pooling not in (None, "avg", "max"):
        raise ValueError(f'`pooling` must be `None`, "avg" or "max". Received: pooling={pooling!r}')
    plain = {keras.activations.get(None), keras.activations.get("softmax")}
    if weights is not None and include_top and keras.activations.get(classifier_activation) not in plain:
        raise ValueError(
            "`classifier_activation` must be `None` or 'softmax' with pretrained weights and `include_top=True`. "
            f"Received: classifier_activation={classifier_activation!r}"
        )


def _image_shape(input_shape, size, include_top):
    if not input_shape:
        return (size, size, 3) if include_top else (None, None, 3)
    if len(input_shape) != 3 or input_shape[-1] is None:
        raise ValueError(
            f"`input_shape` must be (height, width, channels) with known channels. Received: input_shape={input_shape}"
        )
    if any(side is not None and side < MIN_SIZE for side in input_shape[:2]):
        raise ValueError(f"Input size must be at least {MIN_SIZE}x{MIN_SIZE}. Received: input_shape={input_shape}")
    if include_top and None in input_shape:
        raise ValueError(f"If `include_top` is True, `input_shape` must be static. Received: input_shape={input_shape}")
    return tuple(input_shape)


def _image(input_tensor, shape):
    if input_tensor is None:
        return layers.Input(shape=shape, name="input_layer")
    if keras.backend.is_keras_tensor(input_tensor):
        return input_tensor
    return layers.Input(tensor=input_tensor, shape=shape)
