"""Folders whose splits are inside the classes, or in the names of the classes."""

from keras_effconv.data.sources.listing import classes_in, has_classes, has_own_images, holds_images, names_of, refuse
from keras_effconv.data.sources.split_names import SPLITS, TRAIN, affixed_split_of, split_of


def take_inner_splits(root, folders, layout):
    """Fill a layout from CLASS/SPLIT/... or CLASS_SPLIT/... in place of SPLIT/CLASS/....

    Args:
        root: path of a folder.
        folders: list of paths, the folders in it.
        layout: `Layout`.

    Returns:
        bool, whether the folders are of this kind.

    Raises:
        ValueError: some are, and others are not.
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


def _inside(root, folders):
    """`{class name: {split: folder}}` of CLASS/SPLIT/..., or nothing."""
    inner = {}
    for folder in folders:
        children = {split_of(child.name): child for child in classes_in(folder)}
        has_splits = TRAIN in children and len(children) > 1 and set(children) <= set(SPLITS)
        if has_splits and not has_own_images(folder) and not any(map(has_classes, children.values())):
            inner[folder.name] = children
    if not inner or len(folders) == 1:
        return {}
    if others := [folder for folder in folders if folder.name not in inner and holds_images(folder)]:
        refuse(
            "have splits of classes, or classes of splits",
            f"splits in {names_of(inner)}, and none in {names_of(others)}, of {str(root)!r}",
        )
    return inner


def _by_name(folders):
    """`{class name: {split: folder}}` of folders such as `cats_train` and `dogs_test`, or nothing."""
    inner = {}
    for folder in folders:
        if not holds_images(folder):
            continue
        split, words = affixed_split_of(folder.name) or (None, ())
        if split not in SPLITS or not words or has_classes(folder):
            return {}
        splits = inner.setdefault(" ".join(words), {})
        if split in splits:
            return {}
        splits[split] = folder
    every = {split for splits in inner.values() for split in splits}
    return inner if len(inner) > 1 and len(every) > 1 and all(TRAIN in splits for splits in inner.values()) else {}
