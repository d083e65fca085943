"""Names of classes: one spelling of each, and fit to be written into files and reports."""

import re
import unicodedata
from collections import defaultdict

from absl import logging

from keras_effconv.data.sources.messages import some

# Between words in a name. Between digits, and ahead of the first one, they are a part of a number: "2.5", "1-0", "-1".
SEPARATORS = re.compile(r"(?<=[^\d\s_.-])[\s_.-]+|(?<![\s_.-])[\s_.-]++(?!\d)")


def normalized(name):
    """Return a name in Unicode's composed form (NFC): macOS unpacks file names decomposed.

    Example:

    >>> len("Ka\\u0308se"), len(normalized("Ka\\u0308se"))
    (5, 4)
    """
    return unicodedata.normalize("NFC", name)


def check_names(names):
    """Raise a ValueError for names that cannot be a line of `labels.txt`: control characters, bytes that are no UTF-8.

    Example:

    >>> check_names(["cat", "dog\\n"])
    Traceback (most recent call last):
    ValueError: Class names must be printable text of one line. Received: 'dog\\n'
    """
    odd = [name for name in names if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in name)]
    if odd:
        shown = ", ".join(map(ascii, odd[:3])) + (f" and {len(odd) - 3} more" if len(odd) > 3 else "")
        raise ValueError(f"Class names must be printable text of one line. Received: {shown}")


def spelled_as(known, names):
    """Map names to known names that differ by case or by spaces around them, if there is one such.

    Example:

    >>> spelled_as(["Cat", "dog"], ["cat", "dog", "bird"])
    {'cat': 'Cat'}
    """
    by_key = defaultdict(list)
    for name in known:
        by_key[_key(name)].append(name)
    matches = {name: by_key.get(_key(name), []) for name in names if name not in set(known)}
    return {name: found[0] for name, found in matches.items() if len(found) == 1}


def hint_at_names(names, source):
    """Warn of names that differ by case only, and of numbers, whose order is that of text."""
    if groups := alike(names):
        shown = [" and ".join(map(repr, same)) for same in groups]
        logging.warning("%s: class names that differ by case only: %s", source, some(shown))
    numbers = [name for name in names if re.fullmatch(r"\d+", name)]
    if len(numbers) == len(names) and [*names] != sorted(names, key=int):
        shown = some(names, 5)
        logging.warning("%s: class names are numbers, and their order is that of text: %s", source, shown)


def alike(names, separators=False):
    """Group names that differ by case or by spaces around them.

    Args:
        names: iterable of str.
        separators: bool, whether spaces, hyphens, underscores and dots do not count either, but between digits. Default
            `False`.

    Returns:
        List of lists of two or more names, in their order.

    Example:

    >>> alike(["Blue Jay", "blue_jay", "wren", "blue jay"], separators=True)
    [['Blue Jay', 'blue_jay', 'blue jay']]
    >>> alike(["2.5", "25", "1-0", "10", "-1", "1"], separators=True)
    []
    """
    by_key = defaultdict(list)
    for name in dict.fromkeys(names):
        key = _key(name)
        by_key[(SEPARATORS.sub("", key) or key) if separators else key].append(name)
    return [same for same in by_key.values() if len(same) > 1]


def _key(name):
    return normalized(name).strip().casefold()
