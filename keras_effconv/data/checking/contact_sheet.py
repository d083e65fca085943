"""A picture of some images of each class, a row per class: wrong labels are seen at a glance."""

import numpy as np

from keras_effconv.data.checking.picture import full_decoder
from keras_effconv.data.images.reading import UnreadableImageError, read_image
from keras_effconv.data.sources.labelling import names_of
from keras_effconv.data.sources.messages import counted
from keras_effconv.data.sources.split_names import TRAIN
from keras_effconv.utils.extras import require
from keras_effconv.utils.figures import new_figure, save_figure
from keras_effconv.utils.fonts import NUMBERED, Names
from keras_effconv.utils.spread import evenly

SIDE, GAP = 104, 6  # pixels of an image and between two
COLUMNS = 10  # images of a class
ROWS = 40  # classes
INCH, LETTER = 110, 0.08  # pixels; inches of a letter


def samples_of(files, columns=COLUMNS, rows=ROWS):
    """Return `{class name: paths}`, evenly drawn.

    Args:
        files: (label, path) of each file.
        columns: int, most paths of a class. Default 10.
        rows: int, most classes. Default 40.

    Example:

    >>> samples_of([("cat", "1.jpg"), ("dog", "2.jpg"), ("cat", "3.jpg"), ("cat", "4.jpg")], columns=2)
    {'cat': ['1.jpg', '4.jpg'], 'dog': ['2.jpg']}
    """
    by_class = {}
    for label, path in files:
        for name in names_of(label):
            by_class.setdefault(name, []).append(path)
    return {name: _even(by_class[name], columns) for name in _even(sorted(by_class), rows)}


def _even(values, most):
    return [values[place] for place in evenly(len(values), most)]


def draw(samples, splits, path, title, white=None):
    """Draw the contact sheet; PNG.

    Args:
        samples: what `samples_of` returns.
        splits: `{split: SplitSummary}`.
        path: of the picture.
        title: str, the name of the data set.
        white: int, as in `Resize`.
    """
    counts = splits[TRAIN].classes
    names, decoder = Names(sorted(counts)), full_decoder(white)
    shown = dict(zip(sorted(counts), names.shown, strict=True))
    columns = max(map(len, samples.values()), default=1)
    sheet = np.concatenate([*(_row(paths, columns, decoder) for paths in samples.values()), _blank(columns)[:1]])
    labels = [f"{shown[name]}\n{counted(counts[name], 'image')}" for name in samples]
    of = f"{len(samples)} of {len(counts):,} classes" if len(samples) < len(counts) else "each class"
    title = f"{title}: some training images of {of}"
    with names.drawing():
        height, width = np.array(sheet.shape[:2]) / INCH
        margin = LETTER * max((len(line) for label in labels for line in label.split("\n")), default=1)
        figure, axes = new_figure(1, 1, (max(width + margin, LETTER * len(title)) + 0.2, height + 0.7))
        axes.imshow(sheet, interpolation="antialiased")
        ticks = (SIDE + GAP) * np.arange(len(labels)) + SIDE / 2
        axes.set_yticks(ticks, labels, fontsize=9)
        axes.set_xticks([])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        figure.suptitle(f"{title}\n{NUMBERED}" if names.numbered else title, fontsize=10)
        save_figure(figure, path)


def _blank(columns):
    return np.full((SIDE + GAP, columns * (SIDE + GAP), 3), 255, np.uint8)


def _row(paths, columns, decoder):
    """The images of a class next to each other, each as a whole; one that has changed meanwhile leaves a gap."""
    image, row = require("PIL.Image", "images"), _blank(columns)
    for column, path in enumerate(paths):
        try:
            small = image.fromarray(read_image(path, decoder))
        except UnreadableImageError:
            continue
        small.thumbnail((SIDE, SIDE), image.Resampling.LANCZOS, reducing_gap=3.0)
        top, left = (SIDE - small.height) // 2, column * (SIDE + GAP) + (SIDE - small.width) // 2
        row[top : top + small.height, left : left + small.width] = np.asarray(small)
    return row
