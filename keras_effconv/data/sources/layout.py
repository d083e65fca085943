"""How a folder is laid out: wrappers, splits and classes, as archives are unpacked."""

import dataclasses
import os
import pathlib

from keras_effconv.data.sources.inner_splits import only, take_inner_splits
from keras_effconv.data.sources.listing import (
    LeftOut,
    classes_in,
    has_classes,
    has_own_images,
    holds_images,
    images_in,
    list_images,
    names_of,
    refuse,
    sub_directories,
)
from keras_effconv.data.sources.messages import counted
from keras_effconv.data.sources.split_names import (
    SPLITS,
    TRAIN,
    UNLABELLED,
    group_by_split,
    split_of,
    told_apart,
)


@dataclasses.dataclass
class Layout:
    """Where the classes of each split are.

    Args:
        parts: `{split: {class name: folder}}`; of a folder without splits, all is "train".
        sources: `{split: path}`, for messages.
        left_out: `LeftOut`.
        notes: str each, a decision that a user should know of.
        split: bool, whether the folder says which images are for what.
    """

    parts: dict = dataclasses.field(default_factory=dict)
    sources: dict = dataclasses.field(default_factory=dict)
    left_out: LeftOut = dataclasses.field(default_factory=LeftOut)
    notes: list = dataclasses.field(default_factory=list)
    split: bool = False


def find_layout(data_dir):
    """Find the splits and the classes of a folder.

    Args:
        data_dir: str or path of the folder.

    Returns:
        `Layout`.

    Raises:
        FileNotFoundError: `data_dir` does not exist.
        NotADirectoryError: it is not a directory.
        ValueError: it has splits without classes, or is laid out in a way that has two meanings.
    """
    root = pathlib.Path(data_dir).expanduser()
    problem = f"`data_dir` must be a folder of images. Received: data_dir={str(root)!r}"
    if not root.exists():
        raise FileNotFoundError(f"{problem}, which does not exist")
    if not root.is_dir():
        raise NotADirectoryError(f"{problem}, which is a file")
    layout = Layout()
    while True:
        folders = sub_directories(root, layout.left_out)
        if groups := _splits_in_several(root, folders, layout):
            _take_splits(groups, layout)
        elif take_inner_splits(root, folders, layout):
            pass
        elif groups := _splits_among(root, folders, layout):
            _take_splits(groups, layout)
        else:
            wrapped = _wrapped(root, folders)
            if wrapped is not None:
                root = wrapped
                continue
            _take_classes(root, folders, layout)
        if loose := images_in(root):
            layout.notes.append(f"left out {counted(loose, 'image')} of {str(root)!r} that lie in no class folder")
        return layout


def _splits_in_several(root, folders, layout):
    """Return `{split: folder}` of splits that lie in wrapper folders next to each other; nothing if there are none.

    Raises:
        ValueError: a split is in two of them.
    """
    inner = {}
    for folder in folders:
        children = {child.name: child for child in sub_directories(folder) if has_classes(child)}
        groups = group_by_split(children)
        if groups and split_of(folder.name) is None:
            inner[folder] = {split: children[name] for split, names in groups.items() for name in names}
    here = group_by_split(folder.name for folder in folders)
    if len(folders) < 2 or TRAIN in here or not any(TRAIN in groups for groups in inner.values()):
        return {}
    splits = {}
    for groups in inner.values():
        if twice := sorted(set(splits) & set(groups)):
            refuse("have one folder per split", f"{twice[0]!r} in each of {names_of(inner)}, in {str(root)!r}")
        splits |= groups
    if others := [folder for folder in folders if folder not in inner and holds_images(folder)]:
        layout.notes.append(f"left out {names_of(others)} of {str(root)!r}, next to the splits")
    return splits


def _wrapped(root, folders):
    """Return the folder inside `root` that holds all classes or splits, or `None`; others hold files, but no images."""
    full = [folder for folder in folders if holds_images(folder)]
    rest = [folder for folder in folders if folder not in full]
    if len(full) != 1 or has_own_images(root) or not has_classes(full[0]):
        return None
    return full[0] if all(any(files for *_, files in os.walk(folder)) for folder in rest) else None


def _unwrapped(folder):
    """Return the folder that has the classes of a split: `folder`, or one inside it that it wraps."""
    while (inner := _wrapped(folder, sub_directories(folder))) is not None:
        folder = inner
    return folder


def _splits_among(root, folders, layout):
    """Return `{split: folder}`, or nothing if the folders are classes or wrappers.

    Raises:
        ValueError: they may be either, or there are two of a split.
    """
    by_name = {folder.name: folder for folder in folders}
    groups = {split: [by_name[name] for name in names] for split, names in group_by_split(by_name).items()}
    named = {folder for members in groups.values() for folder in members}
    others = [folder for folder in folders if folder not in named and holds_images(folder)]
    if TRAIN not in groups:
        if len(groups) > 1 and not others and not groups.get(UNLABELLED) and any(map(sub_directories, named)):
            refuse("have a split for training", f"{sorted(by_name)} in {str(root)!r}")
        return {}
    splits = {split: _one_of(split, members) for split, members in told_apart(groups).items()}
    if not has_classes(splits[TRAIN]):
        return _classes_called_train(root, splits, others, layout)
    if others and len(splits) == 1:
        refuse(
            "have splits, or classes, next to each other (rename or move the others)",
            f"{splits[TRAIN].name!r} with class folders next to {names_of(others)} in {str(root)!r}",
        )
    if others:
        layout.notes.append(f"left out {names_of(others)} of {str(root)!r}, next to the splits")
    return splits


def _classes_called_train(root, splits, others, layout):
    """No split, where a folder "train" without class folders is a class among others."""
    train = splits[TRAIN]
    if others and len(splits) == 1:
        layout.notes.append(f"{train.name!r} is a class, not a split: it has no class folders, like {names_of(others)}")
        return {}
    if holds_images(train) or len(splits) > 1:
        refuse(
            "have a sub-directory per class, or be a CSV file of paths and labels",
            f"{str(train)!r} without any{_tables(root)}",
        )
    return {}


def _one_of(split, folders):
    """Return the folder of a split; of several the only one that has classes."""
    return only(split, [folder for folder in folders if has_classes(folder)] or folders[:1])


def _take_splits(groups, layout):
    """Fill a layout with the classes of each split; one without class folders has no labels."""
    layout.split = True
    for split, outer in groups.items():
        folder = _unwrapped(outer)
        classes = {child.name: child for child in sub_directories(folder, layout.left_out)}
        if split in SPLITS and any(map(holds_images, classes.values())):
            _check_nesting(folder, classes.values())
            _note_nested(classes.values(), layout)
            layout.parts[split], layout.sources[split] = classes, str(folder)
        elif count := len(list_images(outer, LeftOut())):
            layout.notes.append(
                f"left out {counted(count, 'image')} of {str(outer)!r} without labels, since it has no class folders"
            )


def _take_classes(root, folders, layout):
    """Fill a layout with the classes of a folder without splits."""
    names = {folder.name for folder in folders}
    copies = [
        folder
        for folder in folders
        if len(names) > 2 and names - {folder.name} == {child.name for child in sub_directories(folder)}
    ]
    if copies:
        layout.notes.append(f"left out {names_of(copies)} of {str(root)!r}, a copy of the folders next to it")
    folders = [folder for folder in folders if folder not in copies]
    _check_nesting(root, folders)
    like_splits = [folder.name for folder in folders if split_of(folder.name) in SPLITS[1:]]
    if like_splits and TRAIN not in map(split_of, names):
        layout.notes.append(f"classes, not splits, since nothing is for training: {names_of(like_splits)}")
    _note_nested(folders, layout)
    layout.parts[TRAIN] = {folder.name: folder for folder in folders}
    layout.sources = {TRAIN: str(root)}


def _check_nesting(root, folders):
    """Raise a ValueError where every class folder holds the same several folders: the order may be the other one."""
    inner = [{child.name for child in classes_in(_unwrapped(folder))} for folder in folders if holds_images(folder)]
    common = set.intersection(*inner) if len(inner) > 1 else set()
    if len(common) > 1 and 2 * len(common) >= len(set.union(*inner)) and not any(map(has_own_images, folders)):
        refuse(
            "have classes at one level (of two levels, move one away, or write a CSV file of paths and labels)",
            f"the folders {names_of(common)} in each of {names_of(folders)}, in {str(root)!r}",
        )


def _note_nested(folders, layout):
    """Note classes that have only folders inside, all of them or next to flat ones: perhaps another level."""
    flat = [folder for folder in folders if has_own_images(folder)]
    nested = [folder for folder in folders if folder not in flat and len(classes_in(folder)) > 1]
    if nested and (flat or len(nested) == len([folder for folder in folders if holds_images(folder)])):
        layout.notes.append(f"one class each, though with folders inside: {names_of(nested)}")


def _tables(root):
    """Return the end of a line that names the CSV files of a folder, if it has some."""
    names = sorted(path.name for path in root.iterdir() if path.suffix.lower() in (".csv", ".tsv"))
    return f" (next to {names_of(names)})" if names else ""
