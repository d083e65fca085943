"""Paths in messages and comparisons, on any system and any drive."""

import os
import shlex
import subprocess


def quoted(words, windows=os.name == "nt"):
    """Return a command line that a shell reads as these words.

    Args:
        words: sequence of str or path.
        windows: bool, whether `cmd` is that shell. Default: on Windows.

    Returns:
        str.

    Example:

    >>> quoted(["predict", "--model=my runs/model.keras"], windows=False)
    "predict '--model=my runs/model.keras'"
    """
    words = list(map(str, words))
    return subprocess.list2cmdline(words) if windows else shlex.join(words)


def one_line(words):
    """Return a command line as a card shows it: in one line, and without the folder of the program.

    Example:

    >>> one_line(["/usr/bin/keras-effconv", "train", "--model=VGG11"])
    'keras-effconv train --model=VGG11'
    """
    return quoted([os.path.basename(words[0]), *words[1:]]).replace("\n", " ")


def contains(folder, path, flavour=os.path):
    """Return whether a path is a folder, or lies below it, by their spelling.

    `os.path.commonpath` and `os.path.relpath` raise an error for two drives of Windows.

    Args:
        folder: str, absolute.
        path: str, absolute.
        flavour: module, `ntpath` or `posixpath`. Default: that of this system.

    Example:

    >>> import ntpath
    >>> contains(r"C:\\Data", r"c:\\data\\cats", ntpath), contains("C:\\\\data", "D:\\\\data", ntpath)
    (True, False)
    """
    try:
        above = flavour.normcase(flavour.normpath(folder))
        return flavour.commonpath([above, flavour.normcase(flavour.normpath(path))]) == above
    except ValueError:  # two drives, or one relative path
        return False
