"""What can be wrong with a data set, before anybody trains on it: one warning each, with the count."""

import collections
import concurrent.futures
import dataclasses
import functools
import hashlib
import itertools
import os

from absl import logging

from keras_effconv.data.sources.labelling import names_of
from keras_effconv.data.sources.messages import counted, printable, some
from keras_effconv.data.sources.split_names import SPLITS, TEST, TRAIN, VALIDATION
from keras_effconv.utils.files import open_file
from keras_effconv.utils.progress import progress

LIMIT = 200_000  # files that are compared; more would take minutes to open
SHOW_FROM = 10_000  # files from which a progress bar shows
CHUNK = 64  # files that a thread takes at a time
PROBE = 4096  # octets at the end of a file, compared before the whole


def check_files(file_list, strict=False):
    """Warn of classes and files of a `FileList` that make its numbers worth less.

    Args:
        file_list: `FileList`, with files to validate on.
        strict: bool, whether the same image in two splits of the user is an error. Default `False`.

    Raises:
        ValueError: with `strict`, the same image is in two splits.
    """
    for problem in class_problems(file_list):
        logging.warning("%s: %s", printable(file_list.name), problem)
    paths = [path for files in file_list.parts.values() for _, path in files]
    if len(paths) > LIMIT:
        print(f"{printable(file_list.name)}: not searched for duplicates, of more than {LIMIT:,} images")
        return
    _check_duplicates(file_list, same_content(paths), strict)


def class_problems(file_list):
    """Yield a line for what makes classes of a `FileList` hard to learn or to measure."""
    counts = {
        part: collections.Counter(n for label, _ in files for n in names_of(label))
        for part, files in file_list.parts.items()
    }
    train, validation = counts[TRAIN], counts[VALIDATION]
    if single := sorted(name for name, count in train.items() if count == 1):
        yield f"a single training image in {counted(len(single), 'class')}: {some(single)}"
    if validation and (unseen := sorted(set(train) - set(validation))):
        yield f"no validation image in {counted(len(unseen), 'class')}: {some(unseen)}"
    for part in (VALIDATION, TEST):
        if len(counts.get(part, ())) == 1 and len(train) > 1:
            yield f"{part} has images of one class only: {some(counts[part])}"


@dataclasses.dataclass
class Duplicates:
    """Where images are that are the same: pairs of paths.

    Args:
        leaks: `{(split, split): pairs}`, an image of the second split first.
        again: pairs in one split.
        torn: pairs in two classes.
    """

    leaks: dict = dataclasses.field(default_factory=lambda: collections.defaultdict(list))
    again: list = dataclasses.field(default_factory=list)
    torn: list = dataclasses.field(default_factory=list)


def duplicates_in(file_list, groups):
    """Return the `Duplicates` of a `FileList`, from groups of paths whose images are the same."""
    place = {path: (part, name) for part, files in file_list.parts.items() for name, path in files}
    found = Duplicates()
    for group in groups:
        by_part = collections.defaultdict(list)
        for path in group:
            by_part[place[path][0]].append(path)
        for one, other in itertools.combinations(sorted(by_part, key=SPLITS.index), 2):
            found.leaks[one, other] += [(path, by_part[one][0]) for path in by_part[other]]
        found.again += [(path, same[0]) for same in by_part.values() for path in same[1:]]
        others = (path for path in group if place[path][1] != place[group[0]][1])
        found.torn += [(group[0], path) for path in itertools.islice(others, 1)]
    return found


def as_text(pairs):
    """Return pairs of paths as text."""
    return [f"{printable(one)} = {printable(other)}" for one, other in pairs]


def _check_duplicates(file_list, groups, strict):
    """Warn of the same image in two splits, twice in a split, and in two classes."""
    source, own = printable(file_list.name), VALIDATION not in file_list.sources
    found = duplicates_in(file_list, groups)
    for (one, other), pairs in found.leaks.items():
        text = f"in {one} and in {other}, the same {counted(len(pairs), 'image')}: {some(as_text(pairs), 2)}"
        if strict and not (own and {one, other} == {TRAIN, VALIDATION}):
            raise ValueError(f"With `strict=True` splits must have no image in common. Received: {text}")
        logging.warning("%s: %s", source, text)
    for where, pairs in (("twice in a split", found.again), ("in two classes", found.torn)):
        if pairs:
            images = counted(len(pairs), "image")
            logging.warning("%s: %s, %s: %s", source, where, images, some(as_text(pairs), 2))


def same_content(paths):
    """Group files by their bytes: by size, then by their end, and only then by a hash of the whole.

    Args:
        paths: sequence of paths; what cannot be read is in no group.

    Returns:
        List of lists of paths, two or more of one content, in the order of `paths`.
    """
    groups = [list(dict.fromkeys(paths))]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for mark in (_size, _end, _digest):
            flat = [path for group in groups for path in group]
            chunks = [flat[i : i + CHUNK] for i in range(0, len(flat), CHUNK)]
            marks = pool.map(functools.partial(_marked, mark), chunks)
            marks = progress(marks, "looking for duplicates", len(chunks), shown=len(paths) >= SHOW_FROM)
            mark_of = dict(zip(flat, itertools.chain.from_iterable(marks)))
            groups = [same for group in groups for same in _grouped(group, mark_of)]
    return groups


def _marked(mark, paths):
    return [mark(path) for path in paths]


def _grouped(paths, mark_of):
    groups = collections.defaultdict(list)
    for path in paths:
        if mark_of[path] is not None:
            groups[mark_of[path]].append(path)
    return [same for same in groups.values() if len(same) > 1]


def _size(path):
    """The size of a file; two names of one file (a link) are one content, too."""
    try:
        return os.stat(path).st_size or None
    except OSError:
        return None


def _end(path):
    try:
        with open_file(path) as file:
            file.seek(max(0, os.path.getsize(path) - PROBE))
            return file.read()
    except (OSError, ValueError):
        return None


def _digest(path):
    try:
        with open_file(path) as file:
            return hashlib.file_digest(file, "blake2b").digest()
    except (OSError, ValueError):
        return None


def key_of_files(paths, resize):
    """Return what the pixels of files depend on, as text: their paths, sizes and times, and how they are resized."""
    states = []
    for path in paths:
        try:
            state = os.stat(path)
            states.append((os.path.abspath(path), state.st_size, state.st_mtime_ns))
        except OSError:
            states.append((os.path.abspath(path), None, None))
    return repr((resize, states))
