"""The files that the words of a command line name: files, folders, patterns, and lists on stdin."""

import glob
import os


def paths(words, stdin):
    r"""Return the files that words name, in the order of the words; those of a folder or pattern are sorted.

    Args:
        words: list of str. A folder stands for the images below it that `data.load` would read, a pattern such as
            `"*.jpg"` or `"**/*.jpg"` for the files that match it, `"-"` for the lines of stdin. Any other word is a
            file, which need not exist.
        stdin: iterable of str, lines.

    Returns:
        list of str.

    Raises:
        ValueError: for a folder without images, a pattern that nothing matches, or an empty list on stdin.

    Example:

    >>> paths(["cat.jpg", "-"], ["dog.jpg\n", "\n", "rose.jpg\n"])
    ['cat.jpg', 'dog.jpg', 'rose.jpg']
    """
    found = []
    for word in words:
        files = _listed(stdin) if word == "-" else _named(os.path.expanduser(word))
        if not files:
            raise ValueError(f"`IMAGE` must be a file, or name at least one image. Received: {word!r}")
        found += files
    return found


def _listed(stdin):
    return [line.rstrip("\r\n") for line in stdin if line.strip()]


def _named(word):
    if os.path.isdir(word):
        return _below(word)
    if glob.has_magic(word) and not os.path.lexists(word):
        matches = sorted(glob.glob(word, recursive=True))
        return [file for match in matches for file in (_below(match) if os.path.isdir(match) else [match])]
    return [word]


def _below(folder):
    from keras_effconv.data.sources.listing import LeftOut, list_images

    def by_folder(path):
        head, name = os.path.split(path)
        return head.split(os.sep), name

    return sorted(list_images(folder, LeftOut()), key=by_folder)
