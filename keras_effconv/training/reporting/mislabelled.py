"""Training images whose label is probably wrong, by confident learning (Northcutt et al., 2021, arXiv:1911.00068)."""

from typing import NamedTuple

import numpy as np

from keras_effconv.training.head import fits, originals, regression, standardized
from keras_effconv.training.reporting.fingerprint import image_names
from keras_effconv.utils.extras import require
from keras_effconv.utils.files import read_json, write_json

FILE = "mislabelled.json"
FOLDS = 5
MOST = 0.9  # of the images; without small classes, the others may be an easier problem
LARGE = 1e8  # features of all images times classes, from which on five fits take longer than seconds


class Suspect(NamedTuple):
    """A training image whose label is probably wrong.

    Attributes:
        index: int, its place among the training images.
        file: str, its name.
        label: str, the class that the data says.
        suggestion: str, the class that the head says.
        self_confidence: float, the probability of the label, of a head that has not seen the image.
        threshold: float, the mean of that probability over the images of the label.
    """

    index: int
    file: str
    label: str
    suggestion: str
    self_confidence: float
    threshold: float


class Search(NamedTuple):
    """What a search for wrong labels came to.

    Attributes:
        images: int, training images that were looked at.
        skipped: str, why none was looked at; empty if they were.
        suspects: list of `Suspect`, the least confident first.
        right: int, images whose label is the class that a head says which has not seen them; `None`: not known.
        score: float, the headline of these heads, on images that they have not seen; `None`: not known, or of too few
            of the images.
    """

    images: int
    skipped: str
    suspects: list[Suspect]
    right: int | None = None
    score: float | None = None


def suspicious(probabilities: np.ndarray, labels: np.ndarray) -> list[tuple[int, int, float]]:
    """Return which labels are probably wrong.

    The threshold of a class is the mean probability of the class over the images that are labelled so. A label is
    suspected if its own probability is below its threshold, and another class reaches its own: an entry off the
    diagonal of the paper's confident joint. Of several such classes, the most probable one is suggested.

    Args:
        probabilities: array (n, classes), of models that have not seen the image.
        labels: integers (n,).

    Returns:
        list of triples: the image, the suggested class and the threshold of the label; the least probable label first.

    Example:

    >>> scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.1, 0.9]])
    >>> [(image, suggestion) for image, suggestion, _ in suspicious(scores, np.array([0, 0, 0, 1, 1]))]
    [(2, 1)]
    """
    every = np.arange(len(labels))
    own, counts = probabilities[every, labels].astype("float64"), np.bincount(labels, minlength=probabilities.shape[1])
    sums = np.bincount(labels, own, probabilities.shape[1])
    thresholds = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    others = np.where(probabilities >= thresholds, probabilities, -1.0)
    others[every, labels] = -1.0
    rows = np.flatnonzero((own < thresholds[labels]) & (others.max(1) >= 0))
    rows = rows[np.argsort(own[rows], kind="stable")]
    return [(int(row), int(others[row].argmax()), float(thresholds[labels[row]])) for row in rows]


def obstacle(features, labels, images, classes, mirror) -> str:
    """Return why heads are not fitted to folds of the features of so many images; empty if they can be."""
    if isinstance(features, np.memmap) or images * features.shape[1] * classes > LARGE:
        return "it would take long on so many images and classes"
    return "" if len(labels) == images * (1 + mirror) else "some training images could not be read"


def unmirrored(features, labels, images, mirror, batch_size):
    """Return the features and the labels of the images as they are, without those of mirror images."""
    rows = originals(images, batch_size) if mirror else slice(None)
    return features[rows], labels[rows]


def search(features, labels, dataset, recipe, mirror=False, batch_size=1) -> Search:
    """Look for wrong labels among the training images, by heads that are fitted to the features of the others.

    Mirror images are left out, and so are classes of fewer than five images: one of each class must be in every fold.

    Args:
        features: array (n, c), as of `head.features`.
        labels: integers (n,).
        dataset: `Dataset` of these training images.
        recipe: `Recipe`.
        mirror: bool, whether each batch of images is followed by its mirror images. Default `False`.
        batch_size: int, of these batches.

    Returns:
        `Search`.
    """
    images, classes = len(dataset.train), len(dataset.class_names)
    if reason := obstacle(features, labels, images, classes, mirror):
        return Search(0, reason, [])
    features, labels = unmirrored(features, labels, images, mirror, batch_size)
    enough = np.bincount(labels, minlength=classes) >= FOLDS
    rows = np.flatnonzero(enough[labels])
    if enough.sum() < 2:
        return Search(0, f"it takes two classes of {FOLDS} images or more", [])
    present, known = np.unique(labels[rows], return_inverse=True)
    probabilities = _cross_validated(features[rows], known, recipe)
    files, names = _files(dataset.train), dataset.class_names
    suspects = [
        Suspect(
            int(rows[i]),
            files[rows[i]],
            names[present[known[i]]],
            names[present[suggestion]],
            float(probabilities[i, known[i]]),
            threshold,
        )
        for i, suggestion, threshold in suspicious(probabilities, known)
    ]
    right = int((probabilities.argmax(1) == known).sum())
    return Search(len(rows), "", suspects, right, right / len(rows) if len(rows) >= MOST * images else None)


def _cross_validated(features, labels, recipe):
    """Return the probabilities (n, classes) of each image by the head of the other folds."""
    selection = require("sklearn.model_selection")
    folds = selection.StratifiedKFold(FOLDS, shuffle=True, random_state=recipe.seed)
    with fits(features.size * len(np.unique(labels))):
        return selection.cross_val_predict(
            regression(recipe), standardized(features)[0], labels, cv=folds, method="predict_proba"
        )


def _files(split):
    """Return what the images of a split are called, by number if nothing is known."""
    names = image_names(getattr(split, "source", split))
    return [str(name) for name in names] if names is not None else [f"image {i}" for i in range(len(split))]


def write(folder, found: Search, run: str):
    """Write a search to `FILE` in a folder: a run that resumes has the features no more.

    Args:
        folder: Path.
        found: `Search`.
        run: str, the identity of the run, see `run_record.identity`.
    """
    suspects = [suspect._asdict() for suspect in found.suspects]
    write_json(folder / FILE, {"run": run, **found._asdict(), "suspects": suspects})


def read(folder, run: str) -> Search | None:
    """Read what `write` wrote; `None` if there is no such file, or it is another run's."""
    try:
        found = read_json(folder / FILE)
        if found.pop("run") != run:
            return None
        return Search(**{**found, "suspects": [Suspect(**suspect) for suspect in found["suspects"]]})
    except (OSError, ValueError, KeyError, TypeError):
        return None
