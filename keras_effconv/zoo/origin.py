"""What a file that says nothing of itself wants of an image: which published set it is, or which it is like.

Sets of one network, with the same names and shapes, may want other arithmetic of an image, or other options of the
network. Nothing in the arrays tells. So a file is compared with the records: by its hash, by its name, by the
configuration next to it. If that does not tell either, the user must.
"""

import dataclasses
import os
import re

from keras_effconv.preprocessing import Preprocessing
from keras_effconv.utils.files import read_json
from keras_effconv.zoo.fetching.hashes import file_hash
from keras_effconv.zoo.records import RECORDS, Package, find, wanted

SUFFIXES = re.compile(r"\.(pth|pt|th|bin|safetensors|h5|tar|gz|ckpt|keras)\b")
HASH = re.compile(r"-[0-9a-f]{8}(?=$|\.)")  # behind the names of torch's files


def preprocessing_of(path, design, producers, usual):
    """Return what the weights of a file want of an image.

    Args:
        path: str, of the file.
        design: `Design` of the network.
        producers: list of `Producer`, who name variables as the file does.
        usual: `Preprocessing`, the size, crop and interpolation where no single set says them.

    Returns:
        `Preprocessing`; `usual` if no set is known of these producers.

    Raises:
        ValueError: if sets of these producers disagree, and nothing says which one the file is like.
    """
    names = {producer.name for producer in producers}
    records = _unlike_default([r for r in RECORDS if r.model == design.name and r.producer in names], design)
    agree = len({_meaning(r, design) for r in records}) < 2
    known = _by_name(path, records) if agree else _by_hash(path, records) or _by_name(path, records)
    if known:
        _check_options(path, known, design)
        return known[0].preprocessing
    if agree:
        return _with_arithmetic(usual, records[0].preprocessing) if records else usual
    beside = _beside(path)
    if beside is None:
        raise ValueError(_question(path, records, design))
    near = [r for r in records if _arithmetic(r.preprocessing) == _arithmetic(beside)]
    return near[0].preprocessing if near else beside


def stated(preprocessing, design):
    """Return a `Preprocessing` as it is; that of a set by its tag.

    Raises:
        ValueError: for neither, or a set for a network of other options.
    """
    if isinstance(preprocessing, Preprocessing):
        return preprocessing
    if not isinstance(preprocessing, str):
        raise ValueError(
            f"`preprocessing` must be a `Preprocessing` or the tag of a set. Received: preprocessing={preprocessing!r}"
        )
    return find(design, preprocessing).preprocessing


def _arithmetic(preprocessing):
    return tuple(preprocessing.mean), tuple(preprocessing.std), preprocessing.bgr


def _with_arithmetic(usual, other):
    return dataclasses.replace(usual, mean=other.mean, std=other.std, bgr=other.bgr)


def _settings(record, design):
    """Return the options that a set needs of those that shapes do not tell."""
    return {key: record.options.get(key, design.defaults[key]) for key in design.architecture.settings}


def _meaning(record, design):
    return _arithmetic(record.preprocessing), tuple(_settings(record, design).items())


def _unlike_default(records, design):
    """Return the records for the options that the user has set: those that are not the default."""
    chosen = {k: design.options[k] for k in design.architecture.settings if design.options[k] != design.defaults[k]}
    return [r for r in records if all(_settings(r, design)[key] == value for key, value in chosen.items())]


def _check_options(path, records, design):
    if not any(all(design.options[k] == v for k, v in _settings(r, design).items()) for r in records):
        raise ValueError(f"`weights={path!r}` of {design.name} are for {wanted(design, records[:1])}")


def _agree(records):
    return records if len({_arithmetic(r.preprocessing) for r in records}) == 1 else []


def _by_hash(path, records):
    if not os.path.isfile(path):
        return []
    return [r for r in records if r.hash and file_hash(path, r.hash).startswith(r.hash)]


def _by_name(path, records):
    """Return the records whose file, or its folder, is called so; none if these disagree."""
    parts = os.path.abspath(path).split(os.sep)[-4:]
    names = {_plain(name) for part in parts for name in (part, HASH.sub("", part))}
    return _agree([r for r in records if _file_names(r) & names])


def _file_names(record):
    if isinstance(record.source, Package):
        return {_plain(record.source.file.split("/")[-1])}
    names = [*record.source.address.split("/"), record.source.file or ""]
    return {_plain(name) for name in names if re.search(r"[a-z]+.*\d", name)}


def _plain(name):
    """Return a file's name without suffixes and punctuation, as timm, torch and their caches vary it.

    >>> _plain("tf_efficientnet_b0_ap.pth"), _plain("models--timm--tf_efficientnet_b0.ap_in1k")
    ('tf_efficientnet_b0_ap', 'tf_efficientnet_b0_ap')
    """
    name = SUFFIXES.sub("", name.split("--")[-1])
    return re.sub(r"[.\-]", "_", re.sub(r"(\.[a-z]\w*)_in1k$", r"\1", name))


def _beside(path):
    """Return what timm's `config.json` next to a file says; `None` without one."""
    config = os.path.join(os.path.dirname(os.path.abspath(path)), "config.json")
    try:
        if not os.path.isfile(config):
            return None
        content = read_json(config)
        told = content.get("pretrained_cfg", content)
        mean, std = (tuple(255.0 * float(x) for x in told[key]) for key in ("mean", "std"))
        of_one = min(mean) >= 0 and max(mean) <= 255 and min(std) > 0 and max(std) <= 255
        return Preprocessing(224, float(told.get("crop_pct", 0.875)), mean=mean, std=std) if of_one else None
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return None


def _question(path, records, design):
    """Return the error that names the choices: a tag for each way to read an image, and the options it needs."""
    choices = {}
    for record in records:
        choices.setdefault(_meaning(record, design), record)
    shown = []
    for record in choices.values():
        mean, std = (", ".join(f"{x / 255:.3g}" for x in getattr(record.preprocessing, key)) for key in ("mean", "std"))
        lacking = design.differences({**design.options, **_settings(record, design)})
        options = f", {', '.join(text.split(' (')[0] for text in lacking)}" if lacking else ""
        shown.append(f"{record.tag!r} (mean {mean}, std {std}{options})")
    first = next(iter(choices.values())).tag
    return (
        f"`preprocessing` must say like which set of {design.name} the file is, since they disagree and the file does "
        f"not tell: {' or '.join(shown)}; as in `load_weights(model, path, preprocessing={first!r})` or "
        f"`weights={os.path.basename(path)}@{first}`. Received: {path}"
    )
