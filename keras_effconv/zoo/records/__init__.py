"""The published weight sets, one record each: where they are, whose names they have, what they want and reach."""

from keras_effconv.zoo.records import keras, lite
from keras_effconv.zoo.records.record import Download, Package, Record

__all__ = ["RECORDS", "Download", "Package", "Record", "find"]

RECORDS = (*lite.RECORDS, *keras.RECORDS)


def find(design, tag, include_top=True, size=None):
    """The record of a weight set for a network.

    Among the sets of that tag that fit the network's options, one with the top as wanted is taken, then the one for
    the nearest image size.

    Args:
        design: `Design` of the network: its name and options.
        tag: str, like `"imagenet"`.
        include_top: bool.
        size: int, pixels; or `None`.

    Raises:
        ValueError: when there is none; the message says which there are.
    """
    named = [r for r in RECORDS if (r.model, r.tag) == (design.name, tag)]
    if not named:
        tags = sorted({r.tag for r in RECORDS if r.model == design.name})
        models = sorted({r.model for r in RECORDS if r.tag == tag})
        known = ", ".join(map(repr, tags)) if tags else f"none ({tag!r} is there for {', '.join(models) or 'no model'})"
        raise ValueError(
            f"`weights` must be `None`, the path of a file that exists, or a tag; {design.name} has {known}. "
            f"Received: weights={tag!r}"
        )
    fitting = [r for r in named if not design.differences(r.options)]
    if not fitting:
        ways = dict.fromkeys(design.differences(r.options) for r in named)
        raise ValueError(f"`weights={tag!r}` of {design.name} are for {' or '.join(ways)}")
    return min(fitting, key=lambda r: (r.include_top != include_top, abs(r.preprocessing.size - (size or 0))))
