"""A data set from NumPy archives: `train*.npz` and `test*.npz` in a folder, as small images are often kept."""

import dataclasses
import functools
import pathlib
import zipfile

import numpy as np
from absl import logging

from keras_effconv.data.dataset import Dataset, Split
from keras_effconv.data.images.decode import check_resize, resize
from keras_effconv.data.images.reading import UnreadableImageError, compiled_decoder, decode_image
from keras_effconv.data.images.storage import MEMORY_LIMIT, allocate
from keras_effconv.data.sources.listing import TRAIN_NAMES, VALIDATION_NAMES
from keras_effconv.data.sources.split import check_choices, limited


def archives_in(data_dir):
    """The archives of a folder by split: `train*.npz`, and `validation*.npz` or another of `VALIDATION_NAMES`.

    Args:
        data_dir: Folder.

    Returns:
        (training paths, validation paths), each sorted; empty lists where there are none.
    """
    paths = sorted(pathlib.Path(data_dir).expanduser().glob("*.npz"))
    return tuple([p for p in paths if p.name.lower().startswith(names)] for names in (TRAIN_NAMES, VALIDATION_NAMES))


def from_archives(data_dir, size, crop=None, interpolation="bicubic", seed=0, limit=None):
    """Loads a folder of `.npz` archives.

    An archive holds `labels`, integers (n,), and either pixels, `images`, uint8 (n, height, width, 3), RGB; or images
    encoded as files one after another: `jpeg` (or `encoded`), the bytes, uint8, and `offsets`, int64 (n + 1,), where
    each begins. `class_names` names the labels; without it they are "0", "1", ... No object is unpickled. An image that
    cannot be decoded is left out, with a warning. Pixels of the size that is wanted are taken as they are, and then
    nothing here needs TensorFlow.

    Args:
        data_dir: Folder with `train*.npz` and `test*.npz` (or `validation*.npz`).
        size: Height and width of the images, in pixels.
        crop: Side of the central square that is kept, as a share of the shorter side; None: all, squeezed.
        interpolation: "bicubic", "bilinear" or another of `decode`'s.
        seed: Of the choice that `limit` makes.
        limit: Most images per class and split, for a quick run; None for all.

    Returns:
        `Dataset` with `flip=True`; image names are "FILE:NUMBER".

    Raises:
        FileNotFoundError: There is no archive for training, or none for validation.
        ValueError: An archive is damaged, or is not one of these; an argument is out of range.

    Example:
        dataset = from_archives("cifar10", size=32)
    """
    check_resize(size, crop, interpolation)
    check_choices(0.5, limit)
    groups = archives_in(data_dir)
    if not all(groups):
        raise FileNotFoundError(f"expected train*.npz and test*.npz in {str(data_dir)!r}, found {_named(groups)}")
    view = View(size, crop, interpolation)
    train, validation = ([_open(path) for path in paths] for paths in groups)
    names = train[0][2]
    if odd := [path.name for path, _, found, _ in (*train, *validation) if found != names]:
        raise ValueError(f"expected the same class_names in every archive, received others in {', '.join(odd)}")
    unreadable = {}
    splits = [_read(archives, view, seed, limit, unreadable) for archives in (train, validation)]
    for name, cause in unreadable.items():
        logging.warning("left out unreadable image %s: %s", name, cause)
    return Dataset(pathlib.Path(data_dir).name, *splits, names, unreadable=tuple(unreadable))


@dataclasses.dataclass(frozen=True)
class View:
    """How images are seen; the arguments of `decode`."""

    size: int
    crop: float | None
    interpolation: str

    @functools.cached_property
    def decoder(self):
        """From the bytes of a file to a tensor."""
        return compiled_decoder(self.size, self.crop, self.interpolation)

    def of(self, entry):
        """uint8 (size, size, 3) of an entry of an archive: the bytes of a file, or pixels (height, width, 3)."""
        if isinstance(entry, bytes):
            return decode_image(entry, self.decoder)
        if self.crop in (None, 1) and entry.shape[:2] == (self.size, self.size):
            return entry
        return resize(entry, self.size, self.crop, self.interpolation).numpy()


def _named(groups):
    return ", ".join(path.name for paths in groups for path in paths) or "no .npz"


def _open(path):
    """(path, labels, class names, a function from a number to the bytes or the pixels of an image)."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            labels = archive["labels"].astype(np.int32)
            names = archive["class_names"] if "class_names" in archive else range(labels.max(initial=0) + 1)
            key = "jpeg" if "jpeg" in archive else "encoded"
            held = (archive["images"],) if "images" in archive else (archive[key], archive["offsets"])
    except (KeyError, OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path}: expected an archive of jpeg, offsets and labels, or images and labels, received another ({error})"
        ) from None
    names = tuple(map(str, names))
    entry = (_pixels if len(held) == 1 else _files)(path, labels, *held)
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(names):
        raise ValueError(f"{path}: expected labels of 0 to {len(names) - 1}, received {labels.min()} to {labels.max()}")
    return path, labels, names, entry


def _pixels(path, labels, images):
    """A function from a number to uint8 (height, width, 3)."""
    if images.dtype != np.uint8 or images.shape[3:] != (3,) or labels.shape != images.shape[:1]:
        raise ValueError(
            f"{path}: expected images uint8 ({len(labels)}, height, width, 3), received {images.dtype} {images.shape}"
        )
    return images.__getitem__


def _files(path, labels, data, offsets):
    """A function from a number to the bytes of a file."""
    fits = data.ndim == labels.ndim == 1 and offsets.shape == (len(labels) + 1,) and np.all(np.diff(offsets) >= 0)
    if not fits or (len(labels) and (offsets[0] < 0 or offsets[-1] > len(data))):
        raise ValueError(f"{path}: expected offsets that cut jpeg into {len(labels)} images, received others")
    return lambda i: data[offsets[i] : offsets[i + 1]].tobytes()


def _read(archives, view, seed, limit, unreadable):
    """A `Split` of several archives; what cannot be decoded goes to `unreadable`."""
    places = [(path, i, entry) for path, labels, _, entry in archives for i in range(len(labels))]
    labels = np.concatenate([labels for _, labels, _, _ in archives])
    images = allocate(max(1, len(labels)), view.size, MEMORY_LIMIT)
    kept, shown = [], []
    for row in limited(labels, limit, seed):
        path, i, entry = places[row]
        try:
            images[len(kept)] = view.of(entry(i))
        except UnreadableImageError as error:
            unreadable[f"{path.name}:{i}"] = str(error)
            continue
        kept.append(row)
        shown.append(f"{path.name}:{i}")
    if not kept:
        raise ValueError(f"expected images in {', '.join(path.name for path, *_ in archives)}, found none to read")
    return Split(images[: len(kept)], labels[kept], tuple(shown))
