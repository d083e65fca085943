"""The run that an evaluated model comes from: which of the images it was trained on."""

import os
from pathlib import Path

from absl import logging


def record_of(model) -> dict:
    """Return what `run.json` says of the run that left a model or an export; empty if there is none.

    Args:
        model: str, path of `model.keras`, or of a SavedModel or another export in the folder of the run.
    """
    from keras_effconv.training.reporting.run_record import FILE
    from keras_effconv.utils.files import read_json

    for folder in list(Path(os.path.expanduser(model)).parents)[:2]:
        try:
            record = read_json(folder / FILE)
        except (OSError, ValueError):
            continue
        if isinstance(record, dict) and isinstance(record.get("seed"), int):
            return record
    return {}


def split_seed(flags, record) -> int:
    """Return the seed of the split of data without one: that of --seed, or of the run, or 0.

    Args:
        flags: `Flags` with `seed`.
        record: dict of `record_of`.
    """
    return flags.seed if flags["seed"].present else record.get("seed", 0)


def warn_of_other_images(record, dataset, split):
    """Warn if a split of the data that a model was trained on is not the one of its run.

    Without folders or a column that say which images validate, they are drawn: another seed, limit or share draws
    others, most of which the model was trained on.

    Args:
        record: dict of `record_of`.
        dataset: `Dataset`.
        split: str, the name of the split.
    """
    from keras_effconv.training.reporting.fingerprint import fingerprints

    theirs = record.get("images", {}).get(split, {}).get("names")
    if theirs is None or record.get("data") != dataset.name:
        return
    splits = {name: getattr(dataset, name) for name in ("train", "validation", "test")}
    ours = fingerprints({name: part for name, part in splits.items() if part is not None})
    if ours[split]["names"] != theirs:
        logging.warning(
            "the %s images are not those of the run that left this model, which may have been trained on some of them: "
            "it had another --seed, --limit, --validation_split or other files",
            split,
        )
