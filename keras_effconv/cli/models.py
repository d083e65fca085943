"""The model that a command is given: a file, or a network by name; and the names of its classes."""

import os
from pathlib import Path

from keras_effconv.cli import model_files


def load(model, conv="Conv()", weights="imagenet", labels=None):
    """Return the classifier that --model names, and the names of its classes.

    Args:
        model: str, path of a .keras file, or name of a network.
        conv: str or kind, for a network by name. Default `"Conv()"`.
        weights: str, for a network by name: a tag, the path of a file, or `"none"`. Default `"imagenet"`.
        labels: path of a file with the name of a class a line. Default: `labels.txt` next to the file of the model;
            for a network of 1000 classes those of ImageNet.

    Returns:
        The model, and a list of str, or `None` without names.

    Raises:
        ValueError: no such model, or another number of names than of classes.
    """
    model, labels = os.path.expanduser(model), labels and os.path.expanduser(labels)
    model_files.check(model)
    classifier = _from_file(Path(model)) if is_file(model) else _by_name(model, conv, weights)
    next_to_it = Path(model).with_name("labels.txt")
    if labels is None and is_file(model) and next_to_it.exists():
        labels = next_to_it
    return classifier, _names(classifier.output_shape[-1], labels, imagenet=not is_file(model))


def is_file(model):
    """Return whether --model is meant as a file, which need not exist."""
    return Path(model).suffix == ".keras" or os.sep in model or os.path.isfile(model)


def _from_file(path):
    from keras_effconv import zoo

    if not path.exists():
        raise ValueError(f"`model` must be a .keras file that exists, or a network's name. Received: model='{path}'")
    return zoo.load_classifier(path)


def _by_name(name, conv, weights):
    from keras_effconv import applications

    return applications.get(name)(weights=None if weights.lower() == "none" else weights, conv=conv)


def _names(classes, labels, imagenet):
    from keras_effconv import zoo
    from keras_effconv.utils.files import read_text

    if labels is None:
        return [name for _, name in zoo.imagenet_classes()] if imagenet and classes == 1000 else None
    names = read_text(labels, "labels").splitlines()
    if len(names) != classes:
        raise ValueError(f"`labels` must be {classes} names, one a line. Received: {len(names)} in {labels}")
    return names
