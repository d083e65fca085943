"""From what a CSV file calls an image to the file."""

import collections
import os
import pathlib
import re

from keras_effconv.data.sources.listing import IMAGE_EXTENSIONS, PILLOW_EXTENSIONS, is_image, is_junk

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


class ImagePaths:
    """Finds images by relative and absolute paths, by paths of Windows or of another machine, by names and by ids.

    Args:
        base: path of the folder that relative paths count from.
        fetch: function from a URL to the path of a local copy.

    Attributes:
        by_name: int, the number of images that were found by name, somewhere below `base`.
    """

    def __init__(self, base, fetch):
        self.base, self.fetch = pathlib.Path(base), fetch
        self.by_name, self._index = 0, None

    def looks_like_image(self, cell):
        """Whether a cell is likely to be the path of an image."""
        if pathlib.PurePosixPath(cell.replace("\\", "/")).suffix.lower() in IMAGE_EXTENSIONS | PILLOW_EXTENSIONS:
            return True
        return bool(cell) and "\0" not in cell and (self._exists(self.base / cell) or bool(self._below(cell)))

    def find(self, cell):
        """Return (path, cause): the path of an image, which may be missing, or `None` and why there is none."""
        if "\0" in cell:
            return None, "a zero byte in the path"
        if URL.match(cell):
            return self.fetch(cell), None
        direct = self.base / os.path.expanduser(cell)
        for path in (direct, self.base / cell.replace("\\", "/")):
            if self._exists(path):
                return os.path.normpath(path) if ".." not in path.parts else str(path), None
        found = self._below(cell)
        if len(found) > 1:
            return None, f"{len(found)} images of this name below the CSV file"
        if found:
            self.by_name += 1
            return str(self.base / found[0]), None
        return str(direct), None

    @staticmethod
    def _exists(path):
        try:
            return os.path.lexists(path) and not os.path.isdir(path)
        except (OSError, ValueError):
            return False

    def _below(self, cell):
        """Return the images below `base` whose path ends most like a cell, with its extension or without."""
        if self._index is None:
            self._index = _index(self.base)
        words = _words(cell)
        if not words:
            return []
        candidates = self._index.get(words[-1], []) or self._index.get(_stem(words[-1]), [])
        scores = {path: _common(words, _words(path)) for path in candidates}
        best = max(scores.values(), default=0)
        return [path for path, score in scores.items() if score == best] if best >= min(2, len(words)) else []


def _words(path):
    return [word for word in re.split(r"[\\/]+", path) if word not in ("", ".", "..", "~")]


def _stem(name):
    stem, extension = os.path.splitext(name)
    return stem if extension.lower() in IMAGE_EXTENSIONS | PILLOW_EXTENSIONS else name


def _common(one, other):
    """The number of last words that two paths have in common; extensions of images do not count."""
    count = 0
    for a, b in zip(reversed([*one[:-1], _stem(one[-1])]), reversed([*other[:-1], _stem(other[-1])])):
        if a != b:
            break
        count += 1
    return count


def _index(base):
    """{name, and name without extension: relative paths} of the images below a folder."""
    index = collections.defaultdict(list)
    for directory, folders, files in os.walk(base):
        folders[:] = sorted(name for name in folders if not is_junk(name))
        for name in sorted(files):
            if is_junk(name) or not is_image(os.path.join(directory, name)):
                continue
            path = os.path.relpath(os.path.join(directory, name), base)
            for key in {name, _stem(name)}:
                index[key].append(path)
    return index
