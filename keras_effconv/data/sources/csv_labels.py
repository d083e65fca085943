"""Labels as CSV files have them: numbers that were floats, several labels in one cell, one-hot columns."""

import collections
import re

from absl import logging

from keras_effconv.data.sources.class_names import normalized
from keras_effconv.data.sources.csv_splits import YES
from keras_effconv.data.sources.messages import some

MULTI = "Each image must have one label, unless `multi_label` (--multi_label) is set"
WHOLE = re.compile(r"-?\d+(\.0*)?")
LIST_OF_ONE = re.compile(r"""[\[(]\s*(['"])([^'"]*)\1\s*,?\s*[\])]""")
JOINTS = re.compile(r"[\s|;,/+&]+")  # what may be between labels
MISSING = ("nan", "none", "null", "na", "n/a", "<na>")


def labels_of_one(rows, columns, source, separator=None):
    """Return the label of each row, and what to say of them: nothing.

    Args:
        rows: list of lists of cells.
        columns: `Columns`.
        source: str, for messages.
        separator: `None`, since nothing is between the labels of an image.
    """
    if columns.one_hot:
        return from_one_hot(rows, columns.one_hot, source), ""
    return clean_labels([cells[columns.label] for cells in rows], source), ""


def clean_labels(labels, source):
    """Return labels as class names: composed (NFC), and as `without_points` writes them.

    Args:
        labels: list of str.
        source: str, for messages.

    Raises:
        ValueError: a cell holds several labels.
    """
    labels = [normalized(label) for label in labels]
    if all(map(LIST_OF_ONE.fullmatch, filter(None, labels))):  # "['cat']"
        labels = [label and LIST_OF_ONE.fullmatch(label)[2] for label in labels]
    written = without_points(labels)
    labels = [written[label] for label in labels]
    check_single(set(labels), source)
    return labels


def without_points(names):
    """Return how class names are written, `{name: class name}`: of whole numbers such as "0.0" and "1" without a point.

    A column of numbers with empty cells was perhaps one of floats: "nan" and the like are empty in it, too.

    Example:

    >>> without_points(["0.0", "1.0", "", "nan"]), without_points(["cat", "nan"])
    ({'0.0': '0', '1.0': '1', '': '', 'nan': ''}, {'cat': 'cat', 'nan': 'nan'})
    """
    present = {name for name in names if name and name.lower() not in MISSING}
    if not present or not all(map(WHOLE.fullmatch, present)):
        return {name: name for name in names}
    return {name: name.partition(".")[0] if name in present else "" for name in names}


def check_single(names, source, wanted=MULTI):
    """Raise a ValueError if names are several labels in one; warn if they may be.

    A bar, a semicolon or a list in brackets joins labels if a part of one is in another name too, or is one; a comma, a
    slash, a plus, an ampersand or a space if each part is a name of its own elsewhere.

    Args:
        names: set of str.
        source: str, for messages.
        wanted: str, the beginning of the error. Default: that each image must have one label.
    """
    for pattern, strict in ((r"\s*[|;]\s*", False), (r"\s*[,/+&]\s*", True), (r"\s+", True)):
        parts = {name: [part for part in re.split(pattern, name.strip("[]()")) if part] for name in names}
        joined = {name: each for name, each in parts.items() if len(each) > 1}
        uses = collections.Counter(part for each in parts.values() for part in set(each))
        several = all if strict else any
        found = [
            name
            for name, each in joined.items()
            if several(part in names or (not strict and uses[part] > 1) for part in each)
        ]
        if found or any(re.fullmatch(r"\[.*['\"].*\]", name, re.DOTALL) for name in joined):
            shown = some(map(repr, sorted(found or joined)))
            one = min(found, default="")
            hint = f" (if {one!r} is one label, write {JOINTS.sub('_', one)!r})" if found else ""
            raise ValueError(f"{wanted}. Received: {source} with labels such as {shown}{hint}")
        if strict and len(joined) > 8 and 2 * len(uses) < len(joined):
            logging.warning(
                "%s: %d labels are made of %d words: each is taken as one class, such as %s",
                source,
                len(joined),
                len(uses),
                some(map(repr, sorted(joined)), 2),
            )


def from_one_hot(cells, one_hot, source):
    """Return the class name of each row of one-hot columns.

    Args:
        cells: list of lists of str.
        one_hot: `{column: class name}`.
        source: str, for messages.

    Raises:
        ValueError: a row has not exactly one 1.
    """
    labels = []
    for row in cells:
        ones = [name for i, name in one_hot.items() if i < len(row) and row[i].lower() in YES]
        labels.append(ones[0] if len(ones) == 1 else "")
    if wrong := labels.count(""):
        columns = some(list(one_hot.values()))
        raise ValueError(f"{MULTI}. Received: {source} with {wrong} rows that have not exactly one 1 in {columns}")
    return labels
