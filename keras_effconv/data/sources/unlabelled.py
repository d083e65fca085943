"""Images without labels, decoded for a model."""

from collections.abc import Sequence

import numpy as np

from keras_effconv.data.images.levels import warn_without_white
from keras_effconv.data.images.reading import UnreadableImageError, compiled_decoder, read_image
from keras_effconv.data.sources.messages import report


def read_images(paths: Sequence[str], view, most: int, what: str) -> np.ndarray:
    """Return the images of `read_files`."""
    return read_files(paths, view, most, what)[0]


def read_files(paths: Sequence[str], view, most: int, what: str) -> tuple[np.ndarray, list[str]]:
    """Return images of files, evenly drawn from a sorted list, as a model wants them: (n, size, size, 3).

    Args:
        paths: sequence of str.
        view: `Preprocessing`.
        most: int, files that are drawn.
        what: str, the argument that the paths come from, for the error.

    Returns:
        The images, and the paths of those that could be read.

    Raises:
        ValueError: none of the files can be read.
    """
    paths = [paths[i] for i in np.unique(np.linspace(0, len(paths) - 1, min(most, len(paths))).astype(int))]
    warn_without_white(paths, view)
    decoder, images, unreadable = compiled_decoder(view), {}, {}
    for path in paths:
        try:
            images[path] = np.asarray(read_image(path, decoder))
        except UnreadableImageError as error:
            unreadable[path] = str(error)
    report(unreadable, strict=False, what="images")
    if not images:
        raise ValueError(f"`{what}` must be a folder of images that can be read. Received: {len(unreadable)} others")
    return np.stack(list(images.values())), list(images)
