"""The published weight sets: `sets.tsv` has one record a line, where it is, whose names it has, what it wants and gets.

In the table, `source` is an address, and the name in the cache where it is not the last part of it; or
"package:EXTRA:MODULE/FILE". `images` names the arithmetic of `IMAGES`; no crop means size / (size + 32), Lite's.
"""

import json
from importlib import resources

from keras_effconv.preprocessing import CAFFE, GLUON, SYMBOL, TORCH, UNIT, Preprocessing
from keras_effconv.utils.suggestions import did_you_mean
from keras_effconv.zoo.records.record import Download, Package, Record

__all__ = ["RECORDS", "Download", "Package", "Record", "find", "tags", "wanted"]

IMAGES = {
    "imagenet": TORCH,
    "unit": UNIT,
    "caffe": CAFFE,
    "lite": Preprocessing(224, mean=(127.0,) * 3, std=(128.0,) * 3),
    "gluon": GLUON,
    "symbol": SYMBOL,
}


def _record(model, tag, top, source, hash, producer, size, crop, interpolation, images, top1, *rest):
    size, (params, macs, licence, options) = int(size), rest
    preprocessing = IMAGES[images].at(size).sampled(float(crop) if crop else size / (size + 32), interpolation)
    return Record(
        model,
        tag,
        top == "1",
        _source(source),
        hash or None,
        producer,
        preprocessing,
        float(top1) if top1 else None,
        int(params),
        int(macs),
        licence,
        json.loads(options) if options else {},
    )


def _source(text):
    if text.startswith("package:"):
        _, extra, path = text.split(":")
        return Package(*path.split("/", 1), extra)
    return Download(*text.split(" "))


def _read():
    lines = resources.files(__name__).joinpath("sets.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return tuple(_record(*line.split("\t")) for line in lines)


RECORDS = _read()


def tags(model):
    """Return the tags of a network's sets, by its name: a tuple.

    >>> tags("ResNet110")
    ('cifar10',)
    """
    return tuple(dict.fromkeys(record.tag for record in RECORDS if record.model == model))


def wanted(design, sets):
    """Return the options that a network lacks: those that all sets want, and what one of them wants besides."""
    ways = [design.differences(record.options) for record in sets]
    common = [text for text in ways[0] if all(text in way for way in ways)]
    rest = dict.fromkeys(", ".join(text for text in way if text not in common) for way in ways)
    return ", ".join([*common, *([] if "" in rest else [" or ".join(rest)])])


def find(design, tag, include_top=True, size=None):
    """Return the record of a weight set for a network.

    Among the sets of that tag that fit the network's options, those that name the most of them are meant; of these one
    with the top as wanted is taken, then the one for the nearest image size.

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
        models = dict.fromkeys(r.model for r in RECORDS if r.tag == tag)
        known = (
            ", ".join(map(repr, tags(design.name))) or f"none ({tag!r} is there for {', '.join(models) or 'no model'})"
        )
        raise ValueError(
            f"`weights` must be `None`, the path of a file that exists, or a tag; {design.name} has {known}. "
            f"Received: weights={tag!r}{did_you_mean(tag, tags(design.name))}"
        )
    fitting = [r for r in named if not design.differences(r.options)]
    if not fitting:
        raise ValueError(f"`weights={tag!r}` of {design.name} are for {wanted(design, named)}")

    def rank(record):
        return -len(record.options), record.include_top != include_top, abs(record.preprocessing.size - (size or 0))

    return min(fitting, key=rank)
