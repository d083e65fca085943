"""A data set from NumPy archives: `train*.npz` and `test*.npz` in a folder, as small images are often kept."""

import functools
import os
import pathlib
import zipfile
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from keras_effconv.data.dataset import Dataset, Split
from keras_effconv.data.images.decode import crop_and_resize
from keras_effconv.data.images.reading import UnreadableImageError, compiled_decoder, decode_image
from keras_effconv.data.images.storage import MEMORY_LIMIT, allocate
from keras_effconv.data.sources.file_list import report
from keras_effconv.data.sources.listing import TRAIN_NAMES, VALIDATION_NAMES
from keras_effconv.data.sources.split import check_choices, limited
from keras_effconv.preprocessing import Resize, as_resize


def archives_in(data_dir):
    """List the archives of a folder by split: `train*.npz`, and `validation*.npz` or another of `VALIDATION_NAMES`.

    Args:
        data_dir: str or path of the folder.

    Returns:
        (training paths, validation paths), each sorted, perhaps empty.
    """
    paths = sorted(pathlib.Path(data_dir).expanduser().glob("*.npz"))
    return tuple([p for p in paths if p.name.lower().startswith(names)] for names in (TRAIN_NAMES, VALIDATION_NAMES))


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
    each begins. `class_names` names the labels; without it they are "0", "1", ... No object is unpickled. Each image
    that cannot be decoded is skipped with a warning. Pixels that already have the size are taken as they are if nothing
    is cropped, and then nothing in this function needs TensorFlow.

    Args:
        data_dir: str or path of a folder with `train*.npz` and `test*.npz` (or `validation*.npz`).
        resize: `Resize` (or `Preprocessing`), or int, pixels, for the whole image: unlike that of other loaders, since
            the images of archives are small and square.
        seed: int, of the choice that `limit` makes. Default 0.
        limit: int, the most images per class and split, for a quick run. Default: all.
        strict: bool, whether an image that cannot be decoded is an error. Default `False`.
        cache_dir: str or path, where the pixels go if those of a split exceed `memory_limit`. Default: a temporary
            directory, removed at exit.
        memory_limit: int, bytes of a split's pixels held in memory; more are mapped from a file. Default 4 GiB.

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
    groups = archives_in(data_dir)
    if not all(groups):
        names = ", ".join(path.name for paths in groups for path in paths) or "no .npz"
        raise FileNotFoundError(
            f"`data_dir` must have train*.npz and test*.npz. Received: data_dir={str(data_dir)!r} with {names}"
        )
    train, validation = ([_open(path) for path in paths] for paths in groups)
    class_names = train[0].class_names
    if odd := [archive.path.name for archive in (*train, *validation) if archive.class_names != class_names]:
        raise ValueError(f"All archives must have the same class_names. Received: others in {', '.join(odd)}")
    unreadable, room = {}, functools.partial(allocate, memory_limit=memory_limit, cache_dir=cache_dir)
    splits = [_read(archives, resize, seed, limit, room, unreadable) for archives in (train, validation)]
    report(unreadable, strict)
    return Dataset(pathlib.Path(data_dir).name, *splits, class_names, unreadable=tuple(unreadable))


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
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            labels = archive["labels"].astype(np.int32)
            names = archive["class_names"] if "class_names" in archive else range(labels.max(initial=0) + 1)
            key = "jpeg" if "jpeg" in archive else "encoded"
            arrays = (archive["images"],) if "images" in archive else (archive[key], archive["offsets"])
    except (KeyError, OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path}: an archive must have jpeg, offsets and labels, or images and labels. Received: another ({error})"
        ) from None
    names = tuple(map(str, names))
    entry = (_pixels if len(arrays) == 1 else _files)(path, labels, *arrays)
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(names):
        raise ValueError(f"{path}: `labels` must be 0 to {len(names) - 1}. Received: {labels.min()} to {labels.max()}")
    return Archive(path, labels, names, entry)


def _pixels(path, labels, images):
    """A function from a number to uint8 (height, width, 3)."""
    if images.dtype != np.uint8 or images.shape[3:] != (3,) or labels.shape != images.shape[:1]:
        raise ValueError(
            f"{path}: `images` must be uint8 ({len(labels)}, height, width, 3). "
            f"Received: images of {images.dtype} {images.shape}"
        )
    return images.__getitem__


def _files(path, labels, data, offsets):
    """A function from a number to the bytes of a file."""
    fits = data.ndim == labels.ndim == 1 and offsets.shape == (len(labels) + 1,) and np.all(np.diff(offsets) >= 0)
    if not fits or (len(labels) and (offsets[0] < 0 or offsets[-1] > len(data))):
        raise ValueError(f"{path}: `offsets` must cut jpeg into {len(labels)} images. Received: others")
    return lambda i: data[offsets[i] : offsets[i + 1]].tobytes()


def _resizer(resize):
    """A function from an entry of an archive to uint8 (size, size, 3); TensorFlow is imported if one needs it."""
    decoder = functools.cache(lambda: compiled_decoder(resize))

    def resized(entry):
        if isinstance(entry, bytes):
            return decode_image(entry, decoder())
        if resize.crop in (None, 1) and entry.shape[:2] == (resize.size,) * 2:
            return entry
        return crop_and_resize(entry, resize).numpy()

    return resized


def _read(archives, resize, seed, limit, room, unreadable):
    """A `Split` of several archives; what cannot be decoded goes to `unreadable`."""
    entries = [(archive, i) for archive in archives for i in range(len(archive.labels))]
    labels = np.concatenate([archive.labels for archive in archives])
    rows, resized = limited(labels, limit, seed), _resizer(resize)
    images = room(max(1, len(rows)), resize.size)
    kept, names = [], []
    for row in rows:
        archive, i = entries[row]
        name = f"{archive.path.name}:{i}"
        try:
            images[len(kept)] = resized(archive.entry(i))
        except UnreadableImageError as error:
            unreadable[name] = str(error)
            continue
        kept.append(row)
        names.append(name)
    if not kept:
        files = ", ".join(archive.path.name for archive in archives)
        raise ValueError(f"An archive must have an image that can be read. Received: none in {files}")
    return Split(images[: len(kept)], labels[kept], tuple(names))
