"""The classifier that a network learns from, checked before anything is computed."""

from pathlib import Path

import numpy as np
from keras import ops

from keras_effconv import zoo
from keras_effconv.inference.pixels import of_pixels
from keras_effconv.network_info import preprocessing_for, says_several
from keras_effconv.training.class_names import in_short, match, others
from keras_effconv.training.task import SingleLabel
from keras_effconv.training.trainer import at_size
from keras_effconv.utils.files import read_text

LABELS = "labels.txt"


class Teacher:
    """A model whose variables are nobody's: not trained, not averaged, not in checkpoints.

    Args:
        model: classifier, images -> probabilities (n, classes). Images of another size than its own are resized.
        order: list of ints, the teacher's place of each class. Default: its own order.
    """

    def __init__(self, model, order=None):
        model.trainable = False
        self.model, self.order = model, order

    def __call__(self, images):
        probabilities = ops.stop_gradient(self.model(self._resized(images), training=False))
        return probabilities if self.order is None else ops.take(probabilities, self.order, axis=-1)

    def _resized(self, images):
        size = tuple(own or side for own, side in zip(sides_of(self.model), images.shape[1:3]))
        if size == tuple(images.shape[1:3]):
            return images
        larger = ops.image.resize(images, size, "bicubic", antialias=True, data_format="channels_last")
        return ops.clip(larger, 0.0, 255.0)


def sides_of(model):
    """Return the height and width of the images that a model takes: pair of ints, `None` for any."""
    return tuple(model.input_shape)[1:3]


def load_teacher(path, sizes, class_names=None, task=None):
    """Load a teacher, and check that it can teach.

    The classes are matched by name with a `labels.txt` next to the file; without one they must be as many, and are
    taken in their order. A larger network has larger images of its own: it sees those of the student at its size. A
    network of this package gets the numbers that it wants of them; any other model is taken to read 0..255.

    Args:
        path: of a `.keras` file.
        sizes: ints, pixels of the images of the student.
        class_names: sequence of str, of the student. Default: not known yet, and not compared.
        task: `SingleLabel` or `MultiLabel`, what the student learns. Default: `SingleLabel()`.

    Returns:
        `Teacher`.

    Raises:
        ValueError: the file is no classifier of such images and classes.
    """
    path = Path(path).expanduser()
    model = _of_pixels(zoo.load_classifier(path, "teacher"), max(sizes))
    for size in sizes:
        _check_probabilities(model, path, size, task or SingleLabel())
    own = sides_of(model)
    if any(side not in (None, size) for size in sizes for side in own):
        print(f"the teacher sees the images at its own size, {own[0]} x {own[1]} pixels")
    return Teacher(model, None if class_names is None else _order(model, path, tuple(class_names)))


def _of_pixels(model, size):
    """Return the model for images 0..255; one that takes any size and has its arithmetic outside, of one size."""
    try:
        inside = preprocessing_for(model).preprocessing.inside
    except ValueError:
        print("the teacher is taken to read RGB images 0..255, as it is no network of this package")
        return model
    return model if inside else of_pixels(at_size(model, size) if None in sides_of(model) else model)


def _check_probabilities(model, path, size, task):
    image = np.full((1, size, size, 3), 127.0, "float32")
    try:
        row = np.asarray(ops.convert_to_numpy(Teacher(model)(image)), "float32")[0]
    except Exception as error:  # each backend has its own
        cause = " ".join(str(error).split())[:200]
        text = f"`teacher` must take images of {size} pixels. Received: teacher='{path}': {cause}"
        raise ValueError(text) from None
    if not task.are_probabilities(row[None]) or says_several(model) != (task.activation == "sigmoid"):
        sums = "each between 0 and 1, by a sigmoid" if task.activation == "sigmoid" else "positive and add up to 1"
        raise ValueError(
            f"`teacher` must return probabilities, which are {sums}. Received: teacher='{path}', whose outputs for a "
            f"grey image are {row.min():.3g} to {row.max():.3g} with a sum of {row.sum():.3g}"
        )


def _order(model, path, class_names):
    """Return the teacher's place of each class of the student; `None` where the order is the same."""
    classes, file = model.output_shape[-1], path.with_name(LABELS)
    names = read_text(file, LABELS).splitlines() if file.is_file() else None
    if names is not None and len(names) != classes:
        text = f"`teacher` must have a name for each of its {classes} classes in {LABELS} next to it"
        raise ValueError(f"{text}. Received: '{file}' with {len(names)}")
    if classes != len(class_names):
        raise ValueError(
            f"`teacher` must have the {len(class_names)} classes of the data. Received: teacher='{path}' with {classes}"
            + (f", among them {in_short(others(class_names, names))}" if names else "")
        )
    if names is None:
        print(f"there is no {LABELS} next to the teacher: its classes are taken in the order of the data's")
        return None
    order = match(class_names, names, f"`teacher`, '{path}'")
    if order == list(range(classes)):
        return None
    print(f"the teacher's classes have another order: matched by name with {file}")
    return order
