"""A data set from NumPy archives: `train*.npz` and `test*.npz` in a folder, as small images are often kept."""

import functools
import os
import pathlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from keras_effconv.data.dataset import Dataset, Split
from keras_effconv.data.images.decode import crop_and_resize
from keras_effconv.data.images.levels import has_16_bits, tell_unknown
from keras_effconv.data.images.reading import UnreadableImageError, compiled_decoder, decode_image
from keras_effconv.data.images.storage import MEMORY_LIMIT, filled
from keras_effconv.data.sources.checks import key_of_files
from keras_effconv.data.sources.class_names import check_names
from keras_effconv.data.sources.messages import report
from keras_effconv.data.sources.split import check_choices, limited
from keras_effconv.data.sources.split_names import SPLITS, TEST, TRAIN, VALIDATION, split_of_value
from keras_effconv.preprocessing import Resize, as_resize
from keras_effconv.utils.npz import DAMAGE, open_npz

MAX_CLASSES = 1_000_000


def archives_in(data_dir):
    """List the archives of a folder by split, which their names begin or end with: `train*.npz`, `test*.npz`, ...

    Args:
        data_dir: str or path of the folder.

    Returns:
        `{split: sorted paths}`, perhaps empty.
    """
    groups = {split: [] for split in SPLITS}
    for path in sorted(pathlib.Path(data_dir).expanduser().glob("*.npz")):
        if split := split_of_value(path.stem):
            groups[split].append(path)
    return {split: paths for split, paths in groups.items() if paths}


def from_archives(
    data_dir: str | os.PathLike,
    resize: Resize | int,
    seed: int = 0,
    limit: int | None = None,
    strict: bool = False,
    cache_dir: str | os.PathLike | None = None,
    memory_limit: int = MEMORY_LIMIT,
) -> Dataset:
    """Load a folder of `.npz` archives.

    An archive holds `labels`, integers (n,), and either pixels, `images`, uint8 (n, height, width, 3), RGB; or images
    encoded as files one after another: `jpeg` (or `encoded`), the bytes, uint8, and `offsets`, int64 (n + 1,), where
    each begins. `class_names`, text or bytes of UTF-8, names the labels; without it they are "0", "1", ... No object is
    unpickled. Each image that cannot be decoded is skipped with a warning. Pixels that already have the size are taken
    as they are if nothing is cropped, and then nothing in this function needs TensorFlow.

    The names of archives begin or end with their split. Without `validation*.npz`, `test*.npz` validates, as in
    publications; with it, `test*.npz` is for the end.

    Args:
        data_dir: str or path of a folder with `train*.npz`, and `test*.npz` or `validation*.npz` or both.
        resize: `Resize` (or `Preprocessing`), or int, pixels, for the whole image: unlike that of other loaders, since
            the images of archives are small and square.
        seed: int, of the choice that `limit` makes. Default 0.
        limit: int, the most images per class and split, for a quick run. Default: all.
        strict: bool, whether an image that cannot be decoded is an error. Default `False`.
        cache_dir: str or path, where the pixels go if they exceed `memory_limit`. Default: a temporary
            directory, removed at exit.
        memory_limit: int, bytes of pixels held in memory; more are mapped from a file. Default 4 GiB.

    Returns:
        `Dataset` with `flip=True`; image names are "FILE:NUMBER".

    Raises:
        FileNotFoundError: no archive for training, or none for validation.
        ValueError: an archive is damaged, or is not one of these; an argument is out of range; with `strict`, an image
            cannot be decoded.
        OSError: the disk of `cache_dir` is too small.

    Example:

        dataset = from_archives("cifar10", 32)
    """
    resize = as_resize(resize, crop=None)
    check_choices(0.5, limit)
    groups, name = archives_in(data_dir), pathlib.Path(data_dir).expanduser().resolve().name
    if TRAIN not in groups or len(groups) < 2:
        names = ", ".join(path.name for paths in groups.values() for path in paths) or "no .npz"
        raise FileNotFoundError(
            f"`data_dir` must have train*.npz and test*.npz. Received: data_dir={str(data_dir)!r} with {names}"
        )
    archives = {split: [_open(path) for path in paths] for split, paths in groups.items()}
    class_names = archives[TRAIN][0].class_names
    if odd := [a.path.name for parts in archives.values() for a in parts if a.class_names != class_names]:
        raise ValueError(f"All archives must have the same class_names. Received: others in {', '.join(odd)}")
    check_names(class_names)
    counts = ", ".join(f"{split} ({sum(len(a.labels) for a in parts)} images)" for split, parts in archives.items())
    print(
        f"{name}: found a split: {counts}" + ("" if VALIDATION in archives else "; test validates, as in publications")
    )
    if VALIDATION not in archives:
        archives[VALIDATION] = archives.pop(TEST)
    rows = {split: _rows(parts, limit, seed) for split, parts in archives.items()}
    images, note = _decoded(archives, rows, resize, memory_limit, cache_dir)
    report(note["causes"], strict, "images")
    kept, splits, begin = set(note["kept"]), {}, 0
    for split, numbers in rows.items():
        names, labels = zip(*((name, label) for name, label, _ in numbers if name in kept))
        splits[split] = Split(images[begin : begin + len(names)], np.array(labels, np.int32), names)
        begin += len(names)
    return Dataset(name, class_names=class_names, unreadable=tuple(note["causes"]), **splits)


class Archive(NamedTuple):
    """An open archive.

    Args:
        path: path of the file.
        labels: int32 (n,).
        class_names: tuple of str.
        entry: function from a number to an image: the bytes of a file, or pixels, uint8 (height, width, 3).
    """

    path: pathlib.Path
    labels: np.ndarray
    class_names: tuple[str, ...]
    entry: Callable


def _open(path):
    try:
        with open_npz(path) as archive:
            labels = archive["labels"]
            names = _texts(archive["class_names"]) if "class_names" in archive else None
            key = "jpeg" if "jpeg" in archive else "encoded"
            arrays = (archive["images"],) if "images" in archive else (archive[key], archive["offsets"])
    except DAMAGE as error:
        cause = " ".join(str(error).split())[:200]
        raise ValueError(
            f"{path}: an archive must have jpeg, offsets and labels, or images and labels. Received: another ({cause})"
        ) from None
    if labels.ndim != 1 or labels.dtype.kind not in "biu":
        raise ValueError(f"{path}: `labels` must be integers (n,). Received: labels of {labels.dtype} {labels.shape}")
    least, most = (int(labels.min()), int(labels.max())) if len(labels) else (0, 0)
    count = MAX_CLASSES if names is None else len(names)
    if len(labels) and not 0 <= least <= most < count:  # ahead of the cast, which would take 2**32 for 0
        raise ValueError(f"{path}: `labels` must be 0 to {count - 1}. Received: {least} to {most}")
    names = tuple(map(str, range(most + 1))) if names is None else names
    entry = (_pixels if len(arrays) == 1 else _files)(path, labels, *arrays)
    return Archive(path, labels.astype(np.int32), names, entry)


def _texts(names):
    """Return the values of an array as text: tuple of str."""
    return tuple(name.decode("utf-8") if isinstance(name, bytes) else str(name) for name in np.atleast_1d(names))


def _pixels(path, labels, images):
    """A function from a number to uint8 (height, width, 3)."""
    sized = images.shape[3:] == (3,) and 0 not in images.shape[1:3]
    if images.dtype != np.uint8 or not sized or labels.shape != images.shape[:1]:
        raise ValueError(
            f"{path}: `images` must be uint8 ({len(labels)}, height, width, 3). "
            f"Received: images of {images.dtype} {images.shape}"
        )
    return images.__getitem__


def _files(path, labels, data, offsets):
    """A function from a number to the bytes of a file."""
    fits = data.ndim == 1 and offsets.shape == (len(labels) + 1,) and offsets.dtype.kind in "iu"
    if not fits or np.any(np.diff(offsets.astype(np.int64)) < 0) or not 0 <= offsets[0] <= offsets[-1] <= len(data):
        raise ValueError(f"{path}: `offsets` must cut jpeg into {len(labels)} images. Received: others")
    return lambda i: data[offsets[i] : offsets[i + 1]].tobytes()


def _resizer(resize):
    """A function from an entry of an archive to uint8 (size, size, 3); TensorFlow is imported if one needs it."""

    def resized(entry):
        if isinstance(entry, bytes):
            return decode_image(entry, compiled_decoder(resize))
        if resize.crop in (None, 1) and entry.shape[:2] == (resize.size,) * 2:
            return entry
        return crop_and_resize(entry, resize).numpy()

    return resized


def _rows(archives, limit, seed):
    """[(name, label, function without arguments that returns the entry)] of several archives."""
    rows = [(archive, i) for archive in archives for i in range(len(archive.labels))]
    labels = np.concatenate([archive.labels for archive in archives])
    chosen = [rows[i] for i in limited(labels, limit, seed)]
    return [(f"{a.path.name}:{i}", a.labels[i], functools.partial(a.entry, i)) for a, i in chosen]


def _decoded(archives, rows, resize, memory_limit, cache_dir):
    """(images of all splits, one after the other; {"kept": names of what they show, "causes": those of the others})."""
    resized, every = _resizer(resize), [row for part in rows.values() for row in part]

    def fill(images):
        kept, causes, deep = [], {}, 0
        for name, _, entry in every:
            content = entry()
            deep += isinstance(content, bytes) and has_16_bits(content)
            try:
                images[len(kept)] = resized(content)
                kept.append(name)
            except UnreadableImageError as error:
                causes[name] = str(error)
        if deep and resize.white is None:
            tell_unknown(deep, len(every), "`Resize(white=...)` is not set")
        return {"kept": kept, "causes": causes}

    def key():
        paths = [archive.path for parts in archives.values() for archive in parts]
        return key_of_files(paths, (resize, [name for name, *_ in every]))

    images, note = filled(max(1, len(every)), resize.size, fill, key, memory_limit, cache_dir)
    for split, parts in archives.items():
        if not {name for name, *_ in rows[split]} & set(note["kept"]):
            files = ", ".join(archive.path.name for archive in parts)
            raise ValueError(f"An archive must have an image that can be read. Received: none in {files}")
    return images, note
