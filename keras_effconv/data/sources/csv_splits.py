"""What the values of a column of splits mean: names of splits, or whether a row is of one."""

import re

from absl import logging

from keras_effconv.data.sources.messages import some
from keras_effconv.data.sources.split_names import SPLITS, TEST, TRAIN, VALIDATION, split_of, split_of_value

YES, NO = ("1", "1.0", "true", "yes", "t", "y"), ("0", "0.0", "false", "no", "f", "n")
# Of a column such as `is_valid`, by its letters: (split of the rows that say yes, split of the others).
FLAGS = {
    **dict.fromkeys(("istrain", "istraining", "istrainingimage", "istrainset"), (TRAIN, TEST)),
    **dict.fromkeys(("isvalid", "isval", "isvalidation", "isdev"), (VALIDATION, TRAIN)),
    **dict.fromkeys(("istest", "istesting", "istestset"), (TEST, TRAIN)),
}


def flag_of(name):
    """Return (split of yes, split of no) of a column that says whether a row is of a split; `None` for another name."""
    return FLAGS.get(re.sub(r"[\W_\d]+", "", name.casefold()))


def are_splits(values):
    """Whether all values mean splits as a whole, and some mean "train".

    Example:

    >>> are_splits(["TRAIN", "validation"]), are_splits(["train", "bus"])
    (True, False)
    """
    splits = {split_of(value) for value in values}
    return TRAIN in splits and splits <= set(SPLITS)


def splits_of(name, values, source):
    """Return the split of each value, `None` if it means none; nothing, with a warning, if no value means one.

    Args:
        name: str, of the column.
        values: list of str.
        source: str, for messages.
    """
    if flag := flag_of(name):
        splits = [flag[0] if v.lower() in YES else flag[1] if v.lower() in NO else None for v in values]
    else:
        splits = [split_of_value(value) for value in values]
    if any(splits):
        return splits
    if values:
        shown = some(sorted(set(values)))
        logging.warning("%s: the column %r is not used, since its values mean no split: %s", source, name, shown)
    return None
