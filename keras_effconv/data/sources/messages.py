"""What loaders say of files: names that can be printed, a few of many, and one warning per cause."""

import contextlib
from collections import defaultdict

from absl import logging

CAUSES = 10  # that have a warning of their own


def printable(path):
    """Return a path as text that can be printed and saved, even if its bytes are not UTF-8."""
    return str(path).encode("utf-8", "backslashreplace").decode("utf-8")


def escaped(text):
    """Return a text as one line without control characters, which a file name may have and a terminal may obey.

    Example:

    >>> print(escaped("a\\x1b[2J\\nb.jpg"))
    a\\x1b[2J\\nb.jpg
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in printable(text))


def counted(count, noun):
    """Return a number and a noun, in the plural unless the number is 1.

    Example:

    >>> counted(1, "class"), counted(2000, "class"), counted(0, "image")
    ('1 class', '2,000 classes', '0 images')
    """
    return f"{count:,} {noun}{'' if count == 1 else 'es' if noun.endswith('s') else 's'}"


def some(names, count=3):
    """Return the first names, and how many more there are.

    Example:

    >>> some(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    names = [printable(name) for name in names]
    return ", ".join(names[:count]) + (f" and {len(names) - count} more" if len(names) > count else "")


def by_cause(unreadable):
    """Group what is skipped, `{path or row: cause}`: `{cause: paths or rows}`."""
    causes = defaultdict(list)
    for path, cause in unreadable.items():
        causes[cause].append(path)
    return dict(causes)


@contextlib.contextmanager
def collected():
    """Collect the warnings of a block, as a list of str, instead of showing them.

    Example:

    >>> with collected() as warnings:
    ...     logging.warning("%s: a single image", "photos")
    >>> warnings
    ['photos: a single image']
    """
    warnings = []

    def take(record):
        if record.levelno == logging.converter.STANDARD_WARNING:
            warnings.append(record.getMessage())
            return False
        return True

    logger = logging.get_absl_logger()
    logger.addFilter(take)
    try:
        yield warnings
    finally:
        logger.removeFilter(take)


def report(unreadable, strict, what="files or rows"):
    """Warn of what is skipped, `{path or row: cause}`, once for each cause; with `strict`, raise one error for all."""
    if strict and unreadable:
        first = "; ".join(f"{printable(path)}: {cause}" for path, cause in list(unreadable.items())[:3])
        raise ValueError(f"With `strict=True` all must be readable. Received: {len(unreadable)} unreadable: {first}")
    causes = by_cause(unreadable)
    for cause, paths in list(causes.items())[:CAUSES]:
        if len(paths) == 1:
            logging.warning("skipped %s: %s", printable(paths[0]), cause)
        else:
            logging.warning("skipped %d %s: %s: %s", len(paths), what, cause.rstrip("."), some(paths))
    if others := [path for paths in list(causes.values())[CAUSES:] for path in paths]:
        logging.warning("skipped %d more, for other causes: %s", len(others), some(others))
