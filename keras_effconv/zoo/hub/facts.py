"""What a repository says of its weights: which network they are of, with which options, and what it wants of images."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

from keras_effconv.preprocessing import Preprocessing
from keras_effconv.zoo.readers import FormatError

CONFIG = "config.json"
KEY = "keras_effconv"  # what this package writes lies under it


class Facts(NamedTuple):
    """What a repository says of its weights.

    Attributes:
        architecture: str, the network as the repository calls it.
        network: str, the name of the constructor; `None` for a network that this package does not build.
        options: dict of the constructor's options that the weights need.
        producer: str, of `zoo.names`, whose names the file probably has; `None` if that is to be found out.
        views: tuple of `Preprocessing`, one for each image size that the weights are meant for; the last one is that
            of their published accuracy. Empty if the repository does not say.
        classes: int, outputs of the classifier; `None` if the repository does not say.
        labels: tuple of str, the names of the classes; empty if the repository does not say.
        conv: str, the repr of the kind.
    """

    architecture: str
    network: str | None
    options: Mapping[str, Any] = {}
    producer: str | None = None
    views: tuple[Preprocessing, ...] = ()
    classes: int | None = None
    labels: tuple[str, ...] = ()
    conv: str = "Conv()"

    def view(self, size=None):
        """Return the `Preprocessing` for images of a size; without one, that of the published accuracy."""
        if size is None:
            return self.views[-1]
        return min(reversed(self.views), key=lambda view: abs(view.size - size))


def own(config):
    """Return the `Facts` of what `keras-effconv zoo push` wrote; `config` is the content of `config.json`."""
    said = config[KEY]
    fields = {field.name for field in dataclasses.fields(Preprocessing)}
    try:
        preprocessing = {name: _tuple(value) for name, value in said["preprocessing"].items() if name in fields}
        return Facts(
            said["model"],
            said["model"],
            {name: _tuple(value) for name, value in said["options"].items()},
            None,
            (Preprocessing(**preprocessing),),
            integer(config.get("num_classes"), "num_classes"),
            names(config.get("label_names")),
            said["conv"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"`{KEY}` must be what `keras-effconv zoo push` writes. Received: {error!r:.200}") from None


def written(info, preprocessing, labels):
    """Return what `own` reads: a dict, fit for JSON.

    Args:
        info: `NetworkInfo` of the model.
        preprocessing: `Preprocessing` that the network wants.
        labels: sequence of str.
    """
    options = {name: value for name, value in info.design.options.items() if name != "conv"}
    return {
        "library_name": "keras",
        "architecture": info.design.name,
        "num_classes": len(labels),
        "label_names": list(labels),
        KEY: {
            "model": info.design.name,
            "conv": info.conv,
            "options": options,
            "preprocessing": dataclasses.asdict(preprocessing),
        },
    }


def of_keras(config):
    """Return the `Facts` of a model's configuration, as a `.keras` file has it; `None` where it has none of ours."""
    layers = list(_layers(config))
    infos = [layer["config"] for layer in layers if layer["class_name"] == "NetworkInfo"]
    if len(infos) != 1:
        return None
    images = [layer["config"] for layer in layers if layer["class_name"] == "ImagePreprocessing"]
    fields = {field.name for field in dataclasses.fields(Preprocessing)}
    try:
        design = infos[0]["design"]
        options = {name: _tuple(value) for name, value in design["options"].items()}
        preprocessing = images[0] if images else infos[0]["preprocessing"]
        preprocessing = {name: _tuple(value) for name, value in preprocessing.items() if name in fields}
        conv = options.pop("conv")
        return Facts(design["name"], design["name"], options, None, (Preprocessing(**preprocessing),), conv=conv)
    except (KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"`NetworkInfo` must have a design and a preprocessing. Received: {error!r:.200}") from None


def _layers(config):
    """Yield every serialized object with a configuration inside a JSON value, without recursion."""
    left = [config]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            if isinstance(value.get("class_name"), str) and isinstance(value.get("config"), dict):
                yield value
            left += value.values()
        elif isinstance(value, list):
            left += value


def _tuple(value):
    return tuple(value) if isinstance(value, list) else value


def integer(value, name):
    """Return a whole number or `None`; anything else is a `FormatError`."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise FormatError(f"`{name}` in {CONFIG} must be a whole number. Received: {value!r:.100}")


def integers(value, name):
    """Return a tuple of whole numbers; anything else is a `FormatError`."""
    if not isinstance(value, (list, tuple)) or not all(type(each) is int and each >= 0 for each in value):
        raise FormatError(f"`{name}` must be whole numbers. Received: {name}={value!r:.100}")
    return tuple(value)


def text(value, name):
    """Return a text; anything else is a `FormatError`."""
    if not isinstance(value, str):
        raise FormatError(f"`{name}` must be a text. Received: {name}={value!r:.100}")
    return value


def share(value, name):
    """Return a number above 0 that is 1 at most; anything else is a `FormatError`."""
    if type(value) not in (int, float) or not 0 < value <= 1:
        raise FormatError(f"`{name}` must be a number in (0, 1]. Received: {name}={value!r:.100}")
    return float(value)


def numbers(value, name, count=3):
    """Return a tuple of so many finite numbers; anything else is a `FormatError`."""
    good = isinstance(value, (list, tuple)) and len(value) == count
    if not good or not all(type(each) in (int, float) and abs(each) < 1e6 for each in value):
        raise FormatError(f"`{name}` must be {count} numbers. Received: {name}={value!r:.100}")
    return tuple(map(float, value))


def names(value):
    """Return the names of classes: a list, a dict by number as text, or nothing."""
    if isinstance(value, dict) and set(value) == {str(i) for i in range(len(value))}:
        value = [value[str(i)] for i in range(len(value))]
    return tuple(map(str, value)) if isinstance(value, (list, tuple)) else ()
