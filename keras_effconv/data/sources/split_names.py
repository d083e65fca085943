"""Which split a name means: of a folder, of an archive, or in the column of a CSV file."""

import functools
import re
import unicodedata
from collections import defaultdict

SPLITS = TRAIN, VALIDATION, TEST = ("train", "validation", "test")
UNLABELLED = "unlabelled"  # images without classes, to predict: no split that trains or measures
WORDS = {
    TRAIN: {"train", "training", "trn", "trainval", "learning"},
    VALIDATION: {"validation", "val", "valid", "validate", "validating", "dev", "development", "eval", "evaluation"},
    TEST: {"test", "testing", "tst", "holdout", "heldout"},
    UNLABELLED: {"pred", "predict", "prediction", "unlabelled", "unlabeled", "submission", "sample", "samples"},
}
SPLIT_OF_WORD = {word: split for split, words in WORDS.items() for word in words}
FILLERS = ("dataset", "data", "subset", "set", "split", "images", "image", "imgs", "img", "photos", "pictures")
FILLERS += ("files", "folder", "dir", "seg", "classes", "labelled", "labeled", "final")

GAPS = re.compile(r"[\W_]+|(?<=[a-z])(?=[A-Z])")  # between words
SET = re.compile(r"(data|sub)?set(?![^\W_])", re.IGNORECASE)  # behind a split it is a part of that
BEFORE, BEHIND = re.compile(r"[\s_.,;:(\[{-]+$"), re.compile(r"^[\s_.,;:)\]}-]+")  # a split, which may be in brackets


@functools.lru_cache(4096)
def words_of(name):
    """Return the lower-case words of a name without fillers, numbers and dates; `"trainSet-2017"` is `("train",)`."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFKC", str(name)))
    words = [_known(word) for word in re.split(r"[\W_]+", name.casefold()) if word]
    words = [word for word in words if word and word not in FILLERS]
    for i in range(len(words) - 1):  # "hold-out", "train_val"
        if words[i] + words[i + 1] in SPLIT_OF_WORD:
            words[i : i + 2] = [words[i] + words[i + 1]]
            break
    return tuple(words)


def _known(word):
    """Return a word without its numbers, and without a filler that is written together with a split."""
    letters = re.sub(r"\d+", "", word)
    for ending in FILLERS:
        if letters.endswith(ending) and letters.removesuffix(ending) in SPLIT_OF_WORD:
            return letters.removesuffix(ending)
    dated = letters != word and len(letters) < 3  # "2017", "20201231T123456Z", "v2"
    return "" if dated else letters


def split_of(name):
    """Return the split that a name means as a whole.

    Args:
        name: str, in any case, with any separators, numbers and words such as "set" or "images".

    Returns:
        One of `SPLITS`, or `UNLABELLED`; `None` for other names.

    Example:

    >>> [split_of(name) for name in ("Training_Set", "seg_test", "val2017", "hold-out", "cats", "train_station")]
    ['train', 'test', 'validation', 'test', None, None]
    """
    words = words_of(name)
    return SPLIT_OF_WORD.get(words[0]) if len(words) == 1 else None


def affixed_split_of(name):
    """Return (split, the other words) of a name that begins or ends with a split; `None` for other names.

    Example:

    >>> affixed_split_of("flowers_train"), affixed_split_of("test-00001-of-00005"), affixed_split_of("training")
    (('train', ('flowers',)), ('test', ('of',)), ('train', ()))
    """
    words = words_of(name)
    places = [i for i, word in enumerate(words) if word in SPLIT_OF_WORD]
    if len(places) != 1 or places[0] not in (0, len(words) - 1):
        return None
    return SPLIT_OF_WORD[words[places[0]]], words[: places[0]] + words[places[0] + 1 :]


def cut_split(name):
    """Return (split, the rest as it is written) of a name that begins or ends with a split; `None` for other names.

    Example:

    >>> cut_split("Blue_Jay-train"), cut_split("test set boeing737"), cut_split("training")
    (('train', 'Blue_Jay'), ('test', 'boeing737'), None)
    """
    split, words = affixed_split_of(name) or (None, ())
    gaps = list(GAPS.finditer(name)) if words else []
    for gap in reversed(gaps):
        if split_of(name[gap.end() :]) == split:
            return split, BEFORE.sub("", name[: gap.end()])
    for gap in gaps:
        if split_of(name[: gap.start()]) == split and not SET.match(name[gap.end() :]):
            return split, BEHIND.sub("", name[gap.start() :])
    return None


def told_apart(groups):
    """Return folders by split, `{split: folders}`, where "evaluation" next to "validation" is a test."""
    several = groups.get(VALIDATION, ())
    graded = [folder for folder in several if words_of(folder.name)[0].startswith("eval")]
    if TEST in groups or len(several) != 2 or len(graded) != 1:
        return groups
    return groups | {TEST: graded, VALIDATION: [folder for folder in several if folder not in graded]}


def split_of_value(value):
    """Return the split that a value of a CSV column, or the name of an archive, means; `None` for others."""
    found = affixed_split_of(value)
    return found[0] if found and found[0] in SPLITS else None


def group_by_split(names):
    """Tell which names are splits of one data set.

    They mean splits as a whole ("train", "Test_set"), or have the rest in common ("flowers_train", "flowers_test").

    Args:
        names: iterable of str, such as of the folders in a folder.

    Returns:
        `{split: names}` in the order of `SPLITS`, with `UNLABELLED` last; without names of no split.

    Example:

    >>> group_by_split(["a_test", "a_train", "b"]), group_by_split(["train_station", "bus"])
    ({'train': ['a_train'], 'test': ['a_test']}, {})
    """
    names = list(names)
    groups = _grouped((split_of(name), name) for name in names)
    if TRAIN in groups:
        return groups
    by_rest = defaultdict(list)
    for name in names:
        if found := affixed_split_of(name):
            by_rest[found[1]].append((found[0], name))
    for pairs in by_rest.values():
        if len({split for split, _ in pairs}) > 1 and TRAIN in dict(pairs):
            return _grouped(pairs)
    return groups


def _grouped(pairs):
    groups = {split: [] for split in WORDS}
    for split, name in pairs:
        groups.get(split, []).append(name)
    return {split: names for split, names in groups.items() if names}
