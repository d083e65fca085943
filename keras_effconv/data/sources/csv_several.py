"""Several labels for an image, as CSV files have them: joined in a cell, or in columns of 0 and 1."""

import ast
import contextlib
import json
import re

from keras_effconv.data.sources.class_names import normalized
from keras_effconv.data.sources.csv_labels import check_single, without_points
from keras_effconv.data.sources.csv_splits import NO, YES
from keras_effconv.data.sources.messages import some

SEPARATORS = ("|", ";")
LIST = re.compile(r"[\[({].*[\])}]|set\(\)", re.DOTALL)
QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
SPACED = re.compile(rf"({QUOTED})(\s+(?=['\"]))?", re.DOTALL)  # NumPy writes nothing but spaces between texts
ASKED = "`label_separator` (--csv_label_separator) must say what is between the labels of an image"
NO_FLAG = "a value other than 0 and 1 among the columns of labels"


def labels_of_several(rows, columns, source, separator=None):
    """Return the labels of each row, `None` if they cannot be read, and what to say of them.

    Args:
        rows: list of lists of cells.
        columns: `Columns`.
        source: str, for messages.
        separator: str, what is between the labels of a cell. Default: found.

    Raises:
        ValueError: as `separator_of`, `divided_labels` and `from_flags`.
    """
    if columns.one_hot:
        if separator is not None:
            raise ValueError(f"`label_separator` must be with a column of labels. Received: {separator!r} without one")
        unused = f" (columns not used: {some(columns.unused)})" if columns.unused else ""
        return from_flags(rows, columns.one_hot, source), f": {some(columns.one_hot.values(), 8)}{unused}"
    cells = [row[columns.label] for row in rows]
    separator = separator_of(cells, separator, source)
    said = ", several labels an image" + (f", with {separator!r} between them" if separator else "")
    return divided_labels(cells, separator), said


def separator_of(cells, asked, source):
    """Return what is between the labels of a cell; `None` if each cell is one label, or a list in brackets.

    Args:
        cells: list of str.
        asked: str, what a user says; `None` to look for one of `SEPARATORS`.
        source: str, for messages.

    Raises:
        ValueError: it cannot be told, or none of the cells has the one that is asked for.

    Example:

    >>> separator_of(["cat|dog", "", "cat"], None, "pets.csv")
    '|'
    """
    if asked is not None:
        if not asked or (any(cells) and not any(asked in cell for cell in cells)):
            raise ValueError(f"{ASKED}. Received: label_separator={asked!r}, which no label of {source} has")
        return asked
    if all(LIST.fullmatch(cell) for cell in cells if cell):
        return None
    present = [separator for separator in SEPARATORS if any(separator in cell for cell in cells)]
    if len(present) > 1:
        raise ValueError(f"{ASKED}. Received: {source} with both of {' and '.join(map(repr, present))}")
    if not present:
        check_single(set(cells), source, ASKED)
    return present[0] if present else None


def divided_labels(cells, separator):
    """Return the labels of each cell, sorted, each once: list of tuples of str; an empty cell has none.

    Names are composed (NFC), and written as `without_points` has them.

    Args:
        cells: list of str.
        separator: str, of `separator_of`.

    Raises:
        ValueError: a cell in brackets is no list of text.

    Example:

    >>> divided_labels(["dog | cat|", ""], "|"), divided_labels(["['dog', 'cat']", "[]"], None)
    ([('cat', 'dog'), ()], [('cat', 'dog'), ()])
    """
    if separator is None and any(cells) and all(LIST.fullmatch(cell) for cell in cells if cell):
        parts = [_listed(cell) for cell in cells]
    else:
        parts = [[cell] if separator is None else cell.split(separator) for cell in cells]
    parts = [[normalized(part.strip()) for part in each] for each in parts]
    written = without_points({part for each in parts for part in each})
    return [tuple(sorted({written[part] for part in each} - {""})) for each in parts]


def _listed(cell):
    """Return the texts of a list as Python, JSON or NumPy writes it: the reading executes nothing."""
    if cell in ("", "set()", "{}"):
        return []
    text, names = SPACED.sub(lambda found: found[1] + (", " if found[2] else ""), cell), None
    for read in (ast.literal_eval, json.loads):  # as JSON if it is JSON, whose escapes are not those of Python
        with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            names = read(text)
    names = [names] if isinstance(names, str) else names  # ("cat") is no tuple
    if not isinstance(names, (list, tuple, set)) or not all(isinstance(name, (str, int)) for name in names):
        raise ValueError(f"labels in brackets must be a list of names in quotes. Received: {cell:.60}")
    return [str(name) for name in names]


def from_flags(cells, columns, source):
    """Return the labels of each row of columns of 0 and 1; `None` for a row with another value.

    Args:
        cells: list of lists of str.
        columns: `{column: class name}`.
        source: str, for messages.

    Raises:
        ValueError: two columns have one name, or no row is good.
    """
    names = list(columns.values())
    if twice := sorted({name for name in names if names.count(name) > 1 or not name}):
        raise ValueError(f"columns of labels must have a name each. Received: {source} with {some(map(repr, twice))}")
    labels = []
    for row in cells:
        values = [row[i].lower() if i < len(row) else "" for i in columns]
        good = all(value in YES + NO for value in values)
        labels.append(tuple(sorted(n for n, value in zip(names, values) if value in YES)) if good else None)
    return labels
