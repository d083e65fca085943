"""The published weight sets as a table."""

import re

from keras_effconv.utils.arguments import one_of
from keras_effconv.utils.text_table import aligned
from keras_effconv.zoo.records import RECORDS

KINDS = ("Conv", "OctConv")  # of which there are sets
COLUMNS = ("model", "tag", "top", "pixels", "top-1 %", "params", "MACs", "licence", "options")


class Sets(tuple):
    """Records that print as a table."""

    def table(self, most: int | None = None) -> str:
        """Return the table as text, of lines of at most so many characters; by default of as many as it takes."""
        return aligned([COLUMNS, *map(_row, self)], most=most)

    def __str__(self):
        return self.table()

    __repr__ = __str__


def _row(record):
    top1 = "" if record.top1 is None else f"{record.top1:.1f}"
    counts = f"{record.params / 1e6:.2f}M", f"{record.macs / 1e9:.3f}G"
    options = ", ".join(f"{key}={value!r}" for key, value in record.options.items())
    top = "yes" if record.include_top else "no"
    return (record.model, record.tag, top, str(record.preprocessing.size), top1, *counts, record.licence, options)


def list_sets(model: str = "", kind: str | None = None, tag: str = "") -> Sets:
    """List the published weight sets.

    Args:
        model: str, a regular expression that matches anywhere in the constructor's name, in upper or lower case.
        kind: str, `"Conv"`, or `"OctConv"` for sets that were trained with octave convolutions. Default: all.
        tag: str, a regular expression that matches anywhere in the tag.

    Returns:
        A tuple of `Record` that prints as a table: top says whether the file has the classifier, top-1 is the accuracy
        that its authors publish, MACs are counted at the set's own image size, and options are the arguments that the
        constructor needs.

    Raises:
        ValueError: for a pattern that is no regular expression, or another kind.

    Example:

    >>> print(list_sets("lite0", tag="^imagenet$"))
    model              tag       top  pixels  top-1 %  params  MACs    licence     options
    EfficientNetLite0  imagenet  yes  224     75.1     4.65M   0.385G  Apache-2.0
    """
    if kind is not None:
        one_of("kind", kind, KINDS)
    try:
        models, tags = re.compile(model, re.IGNORECASE), re.compile(tag, re.IGNORECASE)
    except re.error as error:
        raise ValueError(
            f"`model` and `tag` must be regular expressions ({error}). Received: model={model!r}, tag={tag!r}"
        ) from None
    return Sets(
        record
        for record in RECORDS
        if models.search(record.model)
        and tags.search(record.tag)
        and (kind is None or record.options.get("conv", "Conv()").startswith(f"{kind}("))
    )
