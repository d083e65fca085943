"""What a check has found: each finding is a line, and the files that it is about."""

import collections
import dataclasses
from typing import NamedTuple

from keras_effconv.data.checking.picture import Picture
from keras_effconv.data.sources.checks import as_text, class_problems, duplicates_in
from keras_effconv.data.sources.class_names import alike
from keras_effconv.data.sources.csv_file import SAME_PATH
from keras_effconv.data.sources.file_list import class_of
from keras_effconv.data.sources.messages import CAUSES, by_cause, counted, printable
from keras_effconv.data.sources.split_names import TRAIN

IMBALANCE = 10  # times the smallest class that the largest one may have
SMALL = 32  # pixels; a shorter side below this is very small
ELONGATED = 3  # times the shorter side that the longer one may have: of more, a central square shows less than a third


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Args:
        name: str, what kind of thing: "unreadable", "leak", ...
        harmful: bool, whether it harms training or makes its numbers wrong.
        text: str, one line.
        examples: tuple of str, all files, pairs of files, or classes that it is about.
    """

    name: str
    harmful: bool
    text: str
    examples: tuple[str, ...] = ()


def unreadable(causes):
    """Yield a finding for each cause of `{path: cause}`."""
    for cause, paths in _few(causes):
        text = f"{counted(len(paths), 'file')} cannot be read ({cause.rstrip('.')})"
        yield Finding("unreadable", True, text, tuple(map(printable, paths)))


def skipped(causes, noun):
    """Yield a finding for each cause of `{row or folder: cause}` that was not listed; `noun` says which of both."""
    for cause, names in _few(causes):
        text = f"{counted(len(names), noun)} skipped ({cause.rstrip('.')})"
        yield Finding("skipped", cause != SAME_PATH, text, tuple(map(printable, names)))


def _few(causes):
    """Yield (cause, paths) of the first causes, and of all others together."""
    groups = list(by_cause(causes).items())
    yield from groups[:CAUSES]
    if others := [path for _, paths in groups[CAUSES:] for path in paths]:
        yield "other causes", others


class _Words(NamedTuple):
    """How duplicates are spoken of: a prefix of the findings' names, and what follows a number of them."""

    prefix: str
    leak: str
    conflict: tuple[str, str]
    duplicate: tuple[str, str]


SAME = _Words(
    prefix="",
    leak="of {other}, with the same pixels, in {one}",
    conflict=("image", "with the same pixels in two classes"),
    duplicate=("duplicate", "in one split, with the same pixels"),
)
NEAR = _Words(
    prefix="near ",
    leak="of {other} with a near duplicate in {one}",
    conflict=("pair", "of near duplicates in two classes"),
    duplicate=("pair", "of near duplicates in one split"),
)


def same(file_list, groups):
    """Yield findings of images whose pixels are the same: groups of paths."""
    yield from _repeated(file_list, groups, SAME)


def near(file_list, pairs, complete):
    """Yield findings of images that look the same: pairs of paths, all of them or not."""
    yield from _repeated(file_list, pairs, NEAR)
    if not complete:
        yield Finding("incomplete", False, f"the search for near duplicates stopped at {len(pairs):,} pairs")


def _repeated(file_list, groups, words):
    """Yield findings of groups of paths: between splits, between classes, and the others."""
    found = duplicates_in(file_list, groups)
    for (one, other), pairs in found.leaks.items():
        name = f"{words.prefix}leak"
        text = f"{name}: {_images(pairs)} {words.leak.format(one=one, other=other)}"
        yield Finding(name, True, text, tuple(as_text(pairs)))
    if found.torn:
        noun, what = words.conflict
        text = f"conflicting labels: {counted(len(found.torn), noun)} {what}"
        yield Finding(f"{words.prefix}conflict", True, text, tuple(as_text(found.torn)))
    if again := _of_one_class(file_list, found.again):
        noun, what = words.duplicate
        text = f"{counted(len(again), noun)} {what}"
        yield Finding(f"{words.prefix}duplicate", False, text, tuple(as_text(again)))


def _of_one_class(file_list, pairs):
    """Return the pairs of paths whose images have the same label; others are a finding of their own."""
    label = {path: name for files in file_list.parts.values() for name, path in files}
    return [(one, other) for one, other in pairs if label[one] == label[other]]


def _images(pairs):
    return counted(len({one for one, _ in pairs}), "image")


def classes(file_list):
    """Yield findings of the classes of a `FileList`, whose files can all be read."""
    names = [*file_list.classes, *file_list.unknown]
    if groups := [" and ".join(map(repr, group)) for group in alike(names, separators=True)]:
        yield Finding("alike", True, f"{counted(len(groups), 'group')} of class names that look alike", tuple(groups))
    counts = collections.Counter(class_of(file_list.parts[TRAIN]))
    if empty := sorted(set(file_list.classes) - set(counts)):
        text = f"no readable training image in {counted(len(empty), 'class')}"
        yield Finding("empty", True, text, tuple(map(printable, empty)))
    if counts and imbalance(counts) > IMBALANCE:
        most, least = (pick(counts, key=lambda name: (counts[name], name)) for pick in (max, min))
        text = f"imbalance: {counts[most]:,} training images of {most!r}, {counts[least]:,} of {least!r}"
        yield Finding("imbalance", False, text)
    for problem in class_problems(file_list):
        yield Finding("classes", False, printable(problem))


def imbalance(counts):
    """Return the ratio of the largest class to the smallest one: of numbers of images by class, one at least.

    Example:

    >>> imbalance({"cat": 30, "dog": 20})
    1.5
    """
    return max(counts.values()) / min(counts.values())


def sizes(pictures: dict[str, Picture]):
    """Yield findings of images that show little, of `{path: Picture}`."""
    tests = {
        "small": (f"with a side below {SMALL} pixels", lambda picture: min(picture.height, picture.width) < SMALL),
        "elongated": (
            f"with one side more than {ELONGATED} times the other",
            lambda picture: picture.ratio > ELONGATED,
        ),
        "blank": ("of one colour, or nearly", lambda picture: picture.blank),
    }
    for name, (text, test) in tests.items():
        if paths := [printable(path) for path, picture in pictures.items() if test(picture)]:
            yield Finding(name, False, f"{counted(len(paths), 'image')} {text}", tuple(paths))
