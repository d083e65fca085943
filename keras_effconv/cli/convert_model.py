"""The network that `convert` begins with, as one that takes pixels or says what it wants of them."""

import keras

from keras_effconv import preprocessing_for
from keras_effconv.cli import models
from keras_effconv.graph import check_functional
from keras_effconv.inference.rewriting import Graph
from keras_effconv.preprocessing import CAFFE, TORCH, UNIT, Preprocessing, Resize
from keras_effconv.utils.arguments import one_of

MODES = {
    "tf": UNIT,
    "torch": TORCH,
    "caffe": CAFFE,
    "0..1": Preprocessing(224, std=(255.0,) * 3),
    "raw": Preprocessing(224),
}


def load(flags):
    """Return the model that --model names, and the names of its classes.

    A model that does not say what it wants of an image begins with an `ImagePreprocessing` of --preprocessing: as one
    that fine-tuning wrote, it takes RGB images, 0..255, from then on.

    Args:
        flags: `Flags`.

    Returns:
        `keras.Model`, and a list of str, or `None` without names.

    Raises:
        ValueError: no such model, one that does not read square images, or --preprocessing is missing or one too many.
        OSError: a file or repository that cannot be read.
    """
    if flags.preprocessing is not None:
        one_of("preprocessing", flags.preprocessing, tuple(MODES))
    model, names = models.load(flags.model, weights=flags.weights, labels=flags.labels, classifier=False)
    check_functional(model)
    try:
        preprocessing_for(model)
    except ValueError as error:
        if flags.preprocessing is None:
            raise ValueError(
                f"`preprocessing` must say what the model wants of images, one of {', '.join(MODES)}: the file does "
                f"not. Received: model={flags.model!r}"
            ) from error
        view = Resize(_size(model, flags), flags.crop or None, "bilinear")
        return with_preprocessing(model, MODES[flags.preprocessing].viewing(view)), names
    if flags.preprocessing is not None:
        raise ValueError(
            "`preprocessing` must be left out for a model that says itself what it wants of images. "
            f"Received: preprocessing={flags.preprocessing!r}"
        )
    return model, names


def with_preprocessing(model, preprocessing):
    """Return a model from RGB images (n, size, size, 3), 0..255, to what a model makes of them prepared.

    Args:
        model: `keras.Model` of one image.
        preprocessing: `Preprocessing`.
    """
    steps = preprocessing.grey() if model.inputs[0].shape[-1] == 1 else preprocessing
    image = keras.Input((steps.size, steps.size, 3), name="image")
    outputs = model(steps.layer()(image))
    return Graph(keras.Model(image, outputs, name=model.name)).build()


def _size(model, flags):
    """Return the pixels of the square that a model reads."""
    shapes = [tuple(x.shape) for x in model.inputs]
    height, width, channels = shapes[0][1:] if len(shapes) == 1 and len(shapes[0]) == 4 else (0, 1, 0)
    if height != width or channels not in (1, 3):
        raise ValueError(f"`model` must read square images (n, size, size, 3). Received: inputs of shape {shapes}")
    if height is None and flags.image_size is None:
        raise ValueError("`image_size` must be given for a model that reads images of any size. Received: nothing")
    if None not in (height, flags.image_size) and height != flags.image_size:
        raise ValueError(f"`image_size` must be the model's own, {height}. Received: image_size={flags.image_size}")
    return height or flags.image_size
