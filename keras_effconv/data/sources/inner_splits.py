"""Folders whose splits are inside the classes, or in the names of the classes."""

from collections import defaultdict

from keras_effconv.data.sources.class_names import normalized
from keras_effconv.data.sources.listing import classes_in, has_classes, has_own_images, holds_images, names_of, refuse
from keras_effconv.data.sources.split_names import SPLITS, TRAIN, cut_split, split_of, told_apart


def take_inner_splits(root, folders, layout):
    """Fill a layout from CLASS/SPLIT/... or CLASS_SPLIT/... in place of SPLIT/CLASS/....

    Args:
        root: path of a folder.
        folders: list of paths, the folders in it.
        layout: `Layout`.

    Returns:
        bool, whether the folders are of this kind.

    Raises:
        ValueError: some are, and others are not, or a class has several folders of one split.
    """
    inner, text = _by_name(folders), "the names of its folders are class and split"
    if not inner:
        inner, text = _inside(root, folders), "each class folder has its own splits"
    for split in SPLITS:
        if part := {name: splits[split] for name, splits in inner.items() if split in splits}:
            layout.parts[split], layout.sources[split] = part, str(root)
    if inner:
        layout.split = True
        layout.notes.append(f"{str(root)!r}: {text}")
    return bool(inner)


def only(split, folders, what="split"):
    """Return the folder of a split: the only one, since of several nobody knows which is meant."""
    if len(folders) > 1:
        refuse(f"have one folder per {what}. {split} may be any of {names_of(folders)}", str(folders[0].parent))
    return folders[0]


def _inside(root, folders):
    """`{class name: {split: folder}}` of CLASS/SPLIT/..., or nothing."""
    inner = {}
    for folder in folders:
        groups, children = defaultdict(list), classes_in(folder)
        for child in children:
            groups[split_of(child.name)].append(child)
        has_splits = TRAIN in groups and len(groups) > 1 and set(groups) <= set(SPLITS)
        if has_splits and not has_own_images(folder) and not any(map(has_classes, children)):
            inner[folder.name] = told_apart(groups)
    if not inner or len(folders) == 1:
        return {}
    if others := [folder for folder in folders if folder.name not in inner and holds_images(folder)]:
        refuse(
            "have splits of classes, or classes of splits",
            f"splits in {names_of(inner)}, and none in {names_of(others)}, of {str(root)!r}",
        )
    return {name: {split: only(split, each) for split, each in groups.items()} for name, groups in inner.items()}


def _by_name(folders):
    """`{class name: {split: folder}}` of folders such as `cats_train` and `dogs_test`, or nothing."""
    inner = defaultdict(lambda: defaultdict(list))  # by the name without its case, which may differ by split
    for folder in folders:
        if not holds_images(folder):
            continue
        split, name = cut_split(folder.name) or (None, "")
        if split not in SPLITS or has_classes(folder):
            return {}
        inner[normalized(name).casefold()][split].append(folder)
    every = {split for groups in inner.values() for split in groups}
    if len(inner) < 2 or len(every) < 2 or not all(TRAIN in groups for groups in inner.values()):
        return {}
    what = "class and split"
    parts = [{split: only(split, each, what) for split, each in told_apart(g).items()} for g in inner.values()]
    return {cut_split(splits[TRAIN].name)[1]: splits for splits in parts}
