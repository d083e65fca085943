"""The model that a command is given: a file, a repository, or a network by name; and the names of its classes."""

import os
from pathlib import Path

from keras_effconv.cli import model_files


def load(model, conv="Conv()", weights="imagenet", labels=None, classifier=True):
    """Return the classifier that --model names, and the names of its classes.

    Args:
        model: str, path of a .keras file; `hf://user/name`, or the path of a folder that is a copy of such a
            repository; or name of a network.
        conv: str or kind, for a network by name, or by its repository. Default `"Conv()"`.
        weights: str, for a network by name: a tag, the path of a file, or `"none"`. Default `"imagenet"`.
        labels: path of a file with the name of a class a line. Default: `labels.txt` next to the file of the model;
            those that a repository names; for a network of 1000 classes those of ImageNet.
        classifier: bool, whether another model is an error. Default `True`; if not, it has no names.

    Returns:
        The model, and a list of str, or `None` without names.

    Raises:
        ValueError: no such model, or another number of names than of classes.
        OSError: a repository that cannot be reached.
    """
    from keras_effconv.zoo import hub

    model, labels = os.path.expanduser(model), labels and os.path.expanduser(labels)
    if hub.is_repository(model):
        return _of_repository(hub.open_repository(model, "model"), conv, labels)
    model_files.check(model)
    network = _from_file(Path(model), classifier) if is_file(model) else _by_name(model, conv, weights)
    if not classifier and not is_classifier(network):
        return network, None
    next_to_it = Path(model).with_name("labels.txt")
    if labels is None and is_file(model) and next_to_it.exists():
        labels = next_to_it
    return network, _names(network.output_shape[-1], labels, imagenet=not is_file(model))


def _of_repository(opened, conv, labels):
    """Return the model of a repository: its .keras file, or the network that its configuration names, with weights."""
    facts = opened.facts
    if opened.file.endswith(".keras"):
        classifier = _from_file(Path(opened.path()))
        if labels is None and "labels.txt" in opened.repository.files:
            labels = opened.repository.path("labels.txt")
    elif facts is None or facts.network is None:
        reason = opened.reason or f"it is {facts.architecture}"
        text = "`model` must be a repository with a .keras file, or one that names a network of this package"
        raise ValueError(f"{text}. Received: model={opened.label!r} ({reason})")
    else:
        classifier = _by_facts(opened.label, facts, conv)
    names = facts.labels if facts is not None else ()
    if labels is None and len(names) == classifier.output_shape[-1]:
        return classifier, list(names)
    return classifier, _names(classifier.output_shape[-1], labels, imagenet=not opened.file.endswith(".keras"))


def _by_facts(weights, facts, conv):
    from keras_effconv import applications

    shape = (facts.view().size,) * 2 + (3,) if facts.views else None
    classes = {"classes": facts.classes} if facts.classes else {}
    return applications.get(facts.network)(weights=weights, conv=conv, input_shape=shape, **classes, **facts.options)


def says_several(model):
    """Return whether a classifier may say several classes of an image."""
    from keras_effconv import network_info

    return is_classifier(model) and network_info.says_several(model)


def numbered(model, names):
    """Return the names of the classes of a model; numbers if there are none."""
    return tuple(names or (f"class {i}" for i in range(model.output_shape[-1])))


def thresholds_of(path, model, names):
    """Return from which probability on each class is said of an image; `None` if a model says one class.

    They are those of `thresholds.json` next to the model; without such a file, 0.5 each.

    Args:
        path: str, what --model is.
        model: `keras.Model`.
        names: sequence of str, of its classes.

    Raises:
        ValueError: the file is damaged, or of other classes.
    """
    from keras_effconv.training.reporting import thresholds

    if not says_several(model):
        return None
    file = Path(os.path.expanduser(path)).with_name(thresholds.FILE)
    if is_file(path) and file.is_file():
        return thresholds.read(file, names)
    return (thresholds.DEFAULT,) * len(names)


def is_classifier(model):
    """Return whether a model gives (n, classes)."""
    return len(model.outputs) == 1 and len(model.outputs[0].shape) == 2 and model.outputs[0].shape[-1] is not None


def is_file(model):
    """Return whether --model is meant as a file, which need not exist."""
    return Path(model).suffix == ".keras" or os.sep in model or os.path.isfile(model)


def _from_file(path, classifier=True):
    from keras_effconv import zoo

    if not path.exists():
        raise ValueError(f"`model` must be a .keras file that exists, or a network's name. Received: model='{path}'")
    return zoo.load_classifier(path) if classifier else zoo.load_model(path)


def _by_name(name, conv, weights):
    from keras_effconv import applications

    return applications.get(name)(weights=None if weights.lower() == "none" else weights, conv=conv)


def _names(classes, labels, imagenet):
    from keras_effconv import zoo

    if labels is None:
        return [name for _, name in zoo.imagenet_classes()] if imagenet and classes == 1000 else None
    return read_names(classes, labels)


def read_names(classes, path):
    """Return the names of a file, one a line: list of str.

    Raises:
        ValueError: it has another number of names than there are classes.
    """
    from keras_effconv.utils.files import read_text

    names = read_text(path, "labels").splitlines()
    if len(names) != classes:
        raise ValueError(f"`labels` must be {classes} names, one a line. Received: {len(names)} in {path}")
    return names
