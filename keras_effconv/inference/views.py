"""Several views of an image, whose probabilities are averaged: test-time augmentation."""

from collections.abc import Callable, Iterator

import numpy as np

from keras_effconv.utils.arguments import one_of

VIEWS = ("plain", "mirror", "crops")
SHARE = 0.875  # of a side that a crop has, as ImageNet's evaluation takes


def averaged(run: Callable, views: str) -> Callable:
    """Return a function that averages the probabilities of several views of each image.

    Args:
        run: callable, images (n, size, size, 3) -> probabilities (n, classes), such as a model's `predict_on_batch`.
        views: `"plain"`: the image as it is, which gives `run`'s own numbers. `"mirror"`: also its mirror image.
            `"crops"`: also the four corners and the centre at 87.5 % of the side, enlarged, each with its mirror image:
            12 views. Each view takes the time of an image.

    Returns:
        Callable like `run`.

    Raises:
        ValueError: there are no such views.

    Example:

    >>> run = averaged(lambda images: images[:, 0, :2, 0], "mirror")
    >>> run(np.array([[[[0.2], [0.5], [0.8]]]], "float32")).round(2).tolist()
    [[0.5, 0.5]]
    """
    one_of("views", views, VIEWS)
    if views == "plain":
        return run

    def mean(images):
        answers = [np.asarray(run(view), "float32") for view in _views(np.asarray(images), views)]
        return np.mean(answers, axis=0)

    return mean


def _views(images, views) -> Iterator[np.ndarray]:
    for view in [images, *(_crops(images) if views == "crops" else ())]:
        yield view
        yield view[:, :, ::-1]


def _crops(images) -> Iterator[np.ndarray]:
    from keras import ops

    size = images.shape[1]
    side = max(round(SHARE * size), 1)
    middle, end = (size - side) // 2, size - side
    for top, left in ((0, 0), (0, end), (end, 0), (end, end), (middle, middle)):
        crop = images[:, top : top + side, left : left + side].astype("float32")
        yield ops.convert_to_numpy(ops.image.resize(crop, (size, size), "bilinear", data_format="channels_last"))
