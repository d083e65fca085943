"""The published weight sets: `sets.tsv` has one record a line, where it is, whose names it has, what it wants and gets.

In the table, `source` is an address, and the name in the cache where it is not the last part of it; or
"package:EXTRA:MODULE/FILE". `images` names the arithmetic of `IMAGES`; no crop means size / (size + 32), Lite's.
"""

import json
from importlib import resources

from keras_effconv.preprocessing import CAFFE, TORCH, UNIT, Preprocessing
from keras_effconv.zoo.records.record import Download, Package, Record

__all__ = ["RECORDS", "Download", "Package", "Record", "find"]

IMAGES = {
    "imagenet": TORCH,
    "unit": UNIT,
    "caffe": CAFFE,
    "lite": Preprocessing(224, mean=(127.0,) * 3, std=(128.0,) * 3),
    # The OctConv authors': rounded by them, on the scale 0..255.
    "gluon": Preprocessing(224, mean=(123.68, 116.779, 103.939), std=(58.393, 57.12, 57.375)),
    "symbol": Preprocessing(224, mean=(124.0, 117.0, 104.0), std=(1 / 0.0167,) * 3),
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
        tags = dict.fromkeys(repr(r.tag) for r in RECORDS if r.model == design.name)
        models = dict.fromkeys(r.model for r in RECORDS if r.tag == tag)
        known = ", ".join(tags) or f"none ({tag!r} is there for {', '.join(models) or 'no model'})"
        raise ValueError(
            f"`weights` must be `None`, the path of a file that exists, or a tag; {design.name} has {known}. "
            f"Received: weights={tag!r}"
        )
    fitting = [r for r in named if not design.differences(r.options)]
    if not fitting:
        ways = dict.fromkeys(design.differences(r.options) for r in named)
        raise ValueError(f"`weights={tag!r}` of {design.name} are for {' or '.join(ways)}")
    return min(fitting, key=lambda r: (r.include_top != include_top, abs(r.preprocessing.size - (size or 0))))
