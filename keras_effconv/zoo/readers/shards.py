"""Reads weights that are spread over several files, with an index in JSON that says which file holds which tensor.

The formats: `model.safetensors.index.json` and `pytorch_model.bin.index.json` of Hugging Face, with shards such as
`model-00001-of-00003.safetensors`; and `model.weights.json` of Keras, with `model_00000.weights.h5` and so on. The
files lie in one folder, and a name that leads out of it is refused.
"""

import json
import os
import re
from pathlib import Path

from keras_effconv.utils.files import open_file, read_text
from keras_effconv.zoo.readers import keras_v3, safetensors, torch_legacy, torch_zip
from keras_effconv.zoo.readers.errors import ContentError, reading
from keras_effconv.zoo.readers.hdf5 import Arrays, opened, texts
from keras_effconv.zoo.readers.region import Region

INDEX, KERAS_INDEX = ".index.json", ".weights.json"
SHARD = re.compile(r"(.+)-\d{5}-of-(\d{5})(\.\w+)")
KERAS_SHARD = re.compile(r"(.+)_\d{5}\.weights\.h5")
LIMIT = 64 << 20  # bytes of an index; the largest published ones have a tenth


def index_name(name):
    """Return the name of the index that a file of this name would belong to; `None` if it would belong to none.

    >>> index_name("model-00002-of-00003.safetensors"), index_name("model_00000.weights.h5")
    ('model.safetensors.index.json', 'model.weights.json')
    """
    if name.endswith((INDEX, KERAS_INDEX)):
        return name
    shard, keras = SHARD.fullmatch(name), KERAS_SHARD.fullmatch(name)
    if shard:
        return f"{shard[1]}{shard[3]}{INDEX}"
    return f"{keras[1]}{KERAS_INDEX}" if keras else None


def index_of(path):
    """Return the index that a file belongs to, by the names of both.

    Args:
        path: str or path of an index, or of a shard.

    Returns:
        A `Path`, of a file that need not exist; `None` for another file.
    """
    path = Path(path)
    name = index_name(path.name)
    index = path.with_name(name) if name else None
    if index and KERAS_SHARD.fullmatch(path.name) and not index.is_file():
        return None  # whole files of Keras have such names, too
    return index


def is_keras(path):
    """Return whether a file is an index or a shard of Keras."""
    return os.fspath(path).endswith((KERAS_INDEX, ".weights.h5"))


def files_in(index):
    """Return the names of the shards that an index lists, and how many tensors it says are in each.

    Args:
        index: path of an index.

    Returns:
        dict of name -> int, in order.

    Raises:
        FormatError: (a ValueError) when it is no index, or a name in it is more than the name of a file.
    """
    with reading(index, "an index of sharded weights"):
        content = json.loads(read_text(index, limit=LIMIT))
        weights = content.get("weight_map") if isinstance(content, dict) else None
        if not isinstance(weights, dict) or not weights:
            raise ContentError("a `weight_map`", "one without it")
        counts = {}
        for files in weights.values():
            for file in files if isinstance(files, list) else [files]:
                _check_name(file)
                counts[file] = counts.get(file, 0) + 1
        return dict(sorted(counts.items()))


def _check_name(file):
    """Refuse what is more than a name: an index may come from anybody, and what it names is opened."""
    plain = isinstance(file, str) and file.isprintable() and not re.search(r"[/\\:]", file)
    if not plain or file in ("", ".", "..") or len(file) > 255:
        raise ContentError("plain names of files", repr(file)[:80])


def read(path):
    """Read the tensors of all shards.

    Args:
        path: str or path of the index, or of one of the shards next to it.

    Returns:
        dict of name -> NumPy array.

    Raises:
        FormatError: (a ValueError) when a shard is missing, or one of the files is damaged.
    """
    tensors = {}
    for file, count in _there(path):
        shard = _reader(file)(file)
        with reading(file, "a shard of the weights"):
            if len(shard) < count:
                raise ContentError(f"the {count} tensors of the index", f"{len(shard)}")
            twice = next((name for name in shard if name in tensors), None)
            if twice is not None:
                raise ContentError("each tensor in one shard", f"{twice!r:.80} in two")
        tensors.update(shard)
    return tensors


def read_keras(path):
    """Read the variables of all shards that Keras wrote; arguments and errors as of `read`.

    Returns:
        dict of "layer/variable" -> NumPy array.
    """
    layers = {}
    for file, _ in _there(path):
        with reading(file, "a shard of Keras' weights"), open_file(file) as raw, opened(region := Region(raw)) as root:
            arrays = Arrays(region)
            for names, group, kind, _ in keras_v3.layers(root):
                # A layer is in each shard that was written meanwhile, and has its name in the first one only.
                has_name = bool(texts(keras_v3.child(group, "vars"), "name"))
                known = layers.get(group.name)
                values = known[2] if known else {}
                values.update(keras_v3.values_of(group, arrays))
                layers[group.name] = (names if has_name or not known else known[0], kind, values)
    with reading(index_of(path), "an index of sharded weights"):
        return keras_v3.named((names, kind, {}, values) for names, kind, values in layers.values())


def _there(path):
    """Return the shards, path and count, after a check that all of them are there."""
    index = index_of(path)
    if not os.path.exists(path):
        raise FileNotFoundError(f"`path` must be an index of sharded weights. Received: {path} (no such file)")
    if index is None:
        with reading(path, "of sharded weights"):
            raise ContentError("an index next to it", "another file")
    counts = files_in(index) if index.is_file() else _counted(path)
    missing = [file for file in counts if not index.with_name(file).is_file()]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        with reading(path, "of sharded weights"):
            raise ContentError("all shards in its folder", f"no file {missing[0]}{more} of {len(counts)}")
    return [(index.with_name(file), count) for file, count in counts.items()]


def _counted(path):
    """Return the shards by the number in the name of one, where there is no index."""
    begin, total, suffix = SHARD.fullmatch(Path(path).name).groups()
    return {f"{begin}-{number:05}-of-{total}{suffix}": 0 for number in range(1, int(total) + 1)}


def _reader(path):
    with open_file(path) as file:
        start = file.read(2)
    if start == b"PK":
        return torch_zip.read
    return torch_legacy.read if start[:1] == b"\x80" else safetensors.read
