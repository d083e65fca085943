"""How a folder is laid out: wrappers, splits and classes, as archives are unpacked."""

import dataclasses
import os
import pathlib

from keras_effconv.data.sources.listing import LeftOut, holds_images, images_in, list_images, sub_directories
from keras_effconv.data.sources.messages import counted
from keras_effconv.data.sources.split_names import SPLITS, TRAIN, UNLABELLED, group_by_split, split_of


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


def refuse(what, received):
    """Raise the error of a folder that cannot be understood."""
    raise ValueError(f"`data_dir` must {what}. Received: {received}")


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
        if groups := _splits_among(root, folders, layout):
            _take_splits(groups, layout)
        elif not _take_classes_of_splits(root, folders, layout):
            wrapped = _wrapped(root, folders)
            if wrapped is not None:
                root = wrapped
                continue
            _take_classes(root, folders, layout)
        if loose := images_in(root):
            layout.notes.append(f"left out {counted(loose, 'image')} of {str(root)!r} that lie in no class folder")
        return layout


def _wrapped(root, folders):
    """Return the folder inside `root` that holds all classes or splits, or `None`; others hold files, but no images."""
    full = [folder for folder in folders if holds_images(folder)]
    rest = [folder for folder in folders if folder not in full]
    if len(full) != 1 or images_in(root) or not any(map(holds_images, sub_directories(full[0]))):
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
    splits = {split: _one_of(split, members) for split, members in groups.items()}
    if not any(map(holds_images, sub_directories(splits[TRAIN]))):
        return _classes_called_train(root, splits, others, layout)
    if others and len(splits) == 1:
        refuse(
            "have splits, or classes, next to each other (rename or move the others)",
            f"{splits[TRAIN].name!r} with class folders next to {_names(others)} in {str(root)!r}",
        )
    if others:
        layout.notes.append(f"left out {_names(others)} of {str(root)!r}, next to the splits")
    return splits


def _classes_called_train(root, splits, others, layout):
    """No split, where a folder "train" without class folders is a class among others."""
    train = splits[TRAIN]
    if others and len(splits) == 1:
        layout.notes.append(f"{train.name!r} is a class, not a split: it has no class folders, like {_names(others)}")
        return {}
    if holds_images(train) or len(splits) > 1:
        refuse(
            "have a sub-directory per class, or be a CSV file of paths and labels",
            f"{str(train)!r} without any",
        )
    return {}


def _one_of(split, folders):
    """Return the folder of a split; of several the only one that has classes."""
    full = [folder for folder in folders if any(map(holds_images, sub_directories(folder)))]
    if len(full) > 1:
        refuse(f"have one folder per split. {split} may be any of {_names(full)}", str(full[0].parent))
    return (full or folders)[0]


def _take_splits(groups, layout):
    """Fill a layout with the classes of each split; one without class folders has no labels."""
    layout.split = True
    for split, outer in groups.items():
        folder = _unwrapped(outer)
        classes = {child.name: child for child in sub_directories(folder, layout.left_out)}
        if split in SPLITS and any(map(holds_images, classes.values())):
            _check_nesting(folder, classes.values())
            layout.parts[split], layout.sources[split] = classes, str(folder)
        elif count := len(list_images(outer, LeftOut())):
            layout.notes.append(
                f"left out {counted(count, 'image')} of {str(outer)!r} without labels, since it has no class folders"
            )


def _take_classes_of_splits(root, folders, layout):
    """Fill a layout from CLASS/SPLIT/... in place of SPLIT/CLASS/...; return whether it is one."""
    inner = {}
    for folder in folders:
        children = {child.name: child for child in sub_directories(folder) if holds_images(child)}
        groups = group_by_split(children)
        splits = {split_of(name) for name in children}
        if TRAIN in splits and len(splits) > 1 and splits <= set(SPLITS) and not images_in(folder):
            inner[folder.name] = {split: children[names[0]] for split, names in groups.items()}
    others = [folder for folder in folders if folder.name not in inner and holds_images(folder)]
    if not inner or len(folders) == 1:
        return False
    if others:
        refuse(
            "have splits of classes, or classes of splits",
            f"splits in {_names(inner)}, and none in {_names(others)}, of {str(root)!r}",
        )
    for split in SPLITS:
        if part := {name: splits[split] for name, splits in inner.items() if split in splits}:
            layout.parts[split], layout.sources[split] = part, str(root)
    layout.split = True
    layout.notes.append(f"each class folder of {str(root)!r} has its own splits")
    return True


def _take_classes(root, folders, layout):
    """Fill a layout with the classes of a folder without splits."""
    names = {folder.name for folder in folders}
    copies = [
        folder
        for folder in folders
        if len(names) > 2 and names - {folder.name} == {child.name for child in sub_directories(folder)}
    ]
    if copies:
        layout.notes.append(f"left out {_names(copies)} of {str(root)!r}, a copy of the folders next to it")
    folders = [folder for folder in folders if folder not in copies]
    _check_nesting(root, folders)
    layout.parts[TRAIN] = {folder.name: folder for folder in folders}
    layout.sources = {TRAIN: str(root)}


def _check_nesting(root, folders):
    """Raise a ValueError where every class folder holds the same several folders: the order may be the other one."""
    inner = [
        {child.name for child in sub_directories(folder) if holds_images(child)}
        for folder in folders
        if holds_images(folder)
    ]
    common = set.intersection(*inner) if len(inner) > 1 else set()
    if len(common) > 1 and 2 * len(common) >= len(set.union(*inner)) and not any(map(images_in, folders)):
        refuse(
            "have classes at one level (of two levels, move one away, or write a CSV file of paths and labels)",
            f"the folders {_names(common)} in each of {_names(folders)}, in {str(root)!r}",
        )


def _names(folders):
    """Return up to four sorted names, and how many more there are."""
    names = sorted(getattr(folder, "name", folder) for folder in folders)
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
