"""A data set from image files on disk, one folder per class."""

import os
import pathlib

from absl import logging

from keras_effconv.data.dataset import Dataset
from keras_effconv.data.images.storage import MEMORY_LIMIT
from keras_effconv.data.sources.class_names import normalized
from keras_effconv.data.sources.file_list import FileList, decode_files, divided
from keras_effconv.data.sources.layout import find_layout
from keras_effconv.data.sources.listing import list_images
from keras_effconv.data.sources.messages import printable, some
from keras_effconv.data.sources.split import check_choices
from keras_effconv.data.sources.split_names import TRAIN
from keras_effconv.preprocessing import Resize, as_resize


def from_directory(
    data_dir: str | os.PathLike,
    resize: Resize | int,
    validation_split: float = 0.2,
    seed: int = 0,
    strict: bool = False,
    limit: int | None = None,
    cache_dir: str | os.PathLike | None = None,
    memory_limit: int = MEMORY_LIMIT,
) -> Dataset:
    """Load a folder of images, each decoded once.

    Either `data_dir/CLASS/...`, or splits, `data_dir/train/CLASS/...` with `validation` and `test`, under any of the
    names that splits have, or `data_dir/CLASS/train/...`; folders that wrap these are entered. Without `validation`
    this function splits off a part of `train`, every class in the same proportion; `test` is for the end. It prints
    what was found. Images (`listing.IMAGE_EXTENSIONS`, in any case, and other files that begin as images do) may lie
    in folders below that of their class. Hidden files, junk of operating systems and outputs of runs are skipped.

    Each kind of file that is left out or cannot be read is one warning with its number. So are classes without a
    readable training image, classes that are unknown in training, images without labels, and what `checks` finds.

    Args:
        data_dir: str or path of the folder.
        resize: `Resize` (or `Preprocessing`), or int, pixels, for a `Resize` with the defaults.
        validation_split: float, the share of each class for validation, in (0, 1), if the folder has no split.
            Default 0.2.
        seed: int, of the split, and of the choice that `limit` makes. Default 0.
        strict: bool, whether a file that cannot be read, or the same image in two splits, is an error. Default `False`.
        limit: int, the most images per class and split, for a quick run. Default: all.
        cache_dir: str or path, where the pixels go if they exceed `memory_limit`; used again while the files are the
            same. Default: a temporary directory, removed at exit.
        memory_limit: int, bytes of pixels held in memory; more are mapped from a file. Default 4 GiB.

    Returns:
        `Dataset` with `flip=True`; image names are their paths. Class names are sorted as text, composed (NFC).

    Raises:
        FileNotFoundError: nothing is at `data_dir`.
        NotADirectoryError: `data_dir` is a file.
        ValueError: fewer than two classes, no validation image, a layout of two meanings, a class name with a line
            break, an argument out of range, or, with `strict`, unreadable files.
        OSError: the disk of `cache_dir` is too small.
        ImportError: tqdm is not installed.

    Example:

        dataset = from_directory("flowers", 224)
        batches = Batches(dataset.train, batch_size=32, shuffle=True)
        model.fit(batches, shuffle=False, callbacks=[batches.follow_epochs()])
    """
    resize = as_resize(resize)
    check_choices(validation_split, limit)
    file_list = list_directory(data_dir, validation_split, seed, limit)
    return decode_files(file_list, resize, strict, cache_dir, memory_limit)


def list_directory(data_dir, validation_split=0.2, seed=0, limit=None):
    """Return the `FileList` of a folder; arguments and errors are those of `from_directory`."""
    layout = find_layout(data_dir)
    left_out = layout.left_out
    parts = {
        part: [
            (normalized(name), path) for name, folder in classes.items() for path in list_images(str(folder), left_out)
        ]
        for part, classes in layout.parts.items()
    }
    name = pathlib.Path(data_dir).expanduser().resolve().name
    for note in layout.notes:
        logging.warning("%s: %s", name, printable(note))
    if left_out.extensions or left_out.links:
        logging.warning("%s: %s", printable(data_dir), left_out)
    if left_out.outputs:
        logging.warning("%s: left out what a run has written: %s", printable(data_dir), some(left_out.outputs))
    file_list = FileList(
        name=name,
        parts=parts,
        classes=sorted({normalized(name) for name in layout.parts[TRAIN]}),  # also those without images
        sources=layout.sources,
        unit="class folders",
        skipped=left_out.unlisted,
        left_out=left_out,
    )
    return divided(file_list, validation_split, seed, limit, layout.split)
