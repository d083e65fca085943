"""What would stop a run late, checked before anything is computed."""

import dataclasses

import numpy as np

from keras_effconv.training import network
from keras_effconv.training.phases import phases
from keras_effconv.training.task import task_of
from keras_effconv.training.teacher import load_teacher
from keras_effconv.training.trainer import at_size
from keras_effconv.utils.extras import require

COPIES = 12  # of the weights on the disk: two checkpoints with slots and average, the best, the model, the SavedModel


def check_run(recipe, dataset, devices):
    """Check a recipe, its data and its devices against each other.

    Returns:
        The `Dataset`, without a test split whose labels are hidden, and the `Teacher`, or `None`.

    Raises:
        ValueError: they do not fit.
        ImportError: a package is missing.
    """
    network.check(recipe)
    if devices.strategy is not None and recipe.accumulate > 1:  # Keras' own accumulation fails there
        raise ValueError(
            f"`accumulate` must be 1 on several devices of TensorFlow. Received: accumulate={recipe.accumulate}"
        )
    for name in ("minutes", "find_lr"):  # each device would measure something else
        if getattr(recipe, name) and devices.replicas > 1:
            raise ValueError(f"`{name}` must not be set on several devices. Received: {name}={getattr(recipe, name)}")
    for module in ("tqdm", "psutil", *(("sklearn.linear_model",) if recipe.head_c or dataset.multi_label else ())):
        require(module)
    size, task = network.preprocessing(recipe).size, task_of(dataset)
    task.check(recipe)
    check_names(dataset.class_names, task.least)
    for name in ("train", "validation", "test"):
        _check_split(name, getattr(dataset, name), dataset.class_names, size, task)
    if recipe.evens_classes and known_labels(dataset.train) is None:
        dataset.train.labels  # noqa: B018 - its error says what is missing
    if dataset.test is not None and _hidden(dataset.test):
        print("the labels of the test images are hidden: they are not evaluated")
        dataset = dataclasses.replace(dataset, test=None)
    sizes = recipe.sizes or (size,)
    teacher = recipe.teacher and load_teacher(recipe.teacher, sizes, dataset.class_names, task)
    return dataset, teacher or None


def check_names(class_names, least=2):
    """Raise a `ValueError` for names of classes that `labels.txt` cannot hold."""
    for name in class_names:
        if not isinstance(name, str) or len(name.splitlines()) > 1 or name != name.strip("\r\n"):
            raise ValueError(f"The name of a class must be one line of text. Received: {name!r}")
        if name.encode("utf-8", "replace").decode() != name:
            raise ValueError(f"The name of a class must be text that UTF-8 can hold. Received: {name!r}")
    if len(set(class_names)) != len(class_names) or len(class_names) < least:
        wanted = f"{least} class{'es' * (least > 1)}"
        raise ValueError(f"A data set must have {wanted} or more, each once. Received: {list(class_names)[:10]}")


def _check_split(name, split, class_names, size, task):
    if split is None:
        return
    if not len(split):
        raise ValueError(f"`dataset.{name}` must have an image. Received: none")
    pixels = split.images.shape[1] if hasattr(split, "images") else split.resize.size
    if pixels != size:
        raise ValueError(
            f"`dataset.{name}` must have images of {size} pixels, as the recipe says (`network.preprocessing`). "
            f"Received: {pixels} pixels"
        )
    labels = known_labels(split)
    if labels is not None:
        task.check_labels(name, labels, class_names)


def known_labels(split):
    """Return int32 (n,), or `None` if they are known only when the images are read."""
    return getattr(getattr(split, "source", split), "labels", None)


def _hidden(split):
    """Return whether a label is hidden; of a split that is not read yet, the first one."""
    labels = known_labels(split)
    if labels is not None:
        return labels.min() < 0
    _, label, _ = next(split.source.examples().take(1).as_numpy_iterator())
    return label < 0


def check_phases(recipe, model):
    """Raise a `ValueError` if the network cannot take the images of a phase.

    Returns:
        int, the bytes that the files of the run need at most.
    """
    for size in {phase.size for phase in phases(recipe, model.input_shape[1], len(network.blocks(model)))}:
        at_size(model, size)
    return COPIES * sum(4 * int(np.prod(variable.shape)) for variable in model.weights)
