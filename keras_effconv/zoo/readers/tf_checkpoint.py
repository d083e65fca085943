"""Reads TensorFlow checkpoints: `<prefix>.index` and `<prefix>.data-00000-of-00001`."""

import glob
import math
import os
import re

from keras_effconv.utils.files import check_file, open_file
from keras_effconv.zoo.readers import tf_index
from keras_effconv.zoo.readers.errors import ContentError, describe, reading, unreadable

SHADOW = "/ExponentialMovingAverage"
IGNORED = re.compile(
    r"(.*/)?(RMSProp|Momentum|Adam\w*|Adagrad|Adadelta|Ftrl|LARS\w*)(_\d+)?"
    r"|(.*/)?(global_step|save_counter|beta\d_power|_CHECKPOINTABLE_OBJECT_GRAPH)(/\.ATTRIBUTES/VARIABLE_VALUE)?"
    r"|optimizer/(?!_trainable_variables/).*|.*/\.OPTIMIZER_SLOT/.*"
)


def read(path):
    """Read the variables of a TensorFlow checkpoint.

    Args:
        path: str or path, the prefix of the checkpoint, the path of one of its files, or of a directory in which a file
            `checkpoint` names the latest one.

    Returns:
        dict of name -> NumPy array. Where a variable has an average (`X/ExponentialMovingAverage`), `X` is the
        average, and statistics of normalizations have averages, too. Optimizer state and counters are left out.

    Raises:
        FormatError: (a ValueError) when there is no such checkpoint, or it is damaged.

    Example:

    >>> variables = read("efficientnet-b0/model.ckpt")  # doctest: +SKIP
    >>> variables["efficientnet-b0/stem/conv2d/kernel"].shape  # doctest: +SKIP
    (3, 3, 3, 32)
    """
    path = os.fspath(path)
    prefix = _prefix(path)
    with reading(path, "a TensorFlow checkpoint"):
        _check_footer(f"{prefix}.index")
        tf_index.check(f"{prefix}.index")
        import tensorflow as tf  # seconds, and only this format needs it

        checkpoint = tf.train.load_checkpoint(prefix)
        types = checkpoint.get_variable_to_dtype_map()
        stored_by_name = stored_names(name for name, dtype in types.items() if _is_number(dtype))
        if not stored_by_name:
            raise ContentError("variables", "a checkpoint without any")
        _check_sizes(prefix, {name: types[name].size for name in types if types[name].size}, checkpoint)
        return {name: _values(checkpoint, stored, types[stored]) for name, stored in stored_by_name.items()}


def stored_names(names):
    """Return which stored variable is which: an average goes before what it is the average of.

    Args:
        names: iterable of the names in the checkpoint.

    Returns:
        dict of name -> name in the checkpoint.

    Example:

    >>> stored_names(["a/kernel", "a/kernel/ExponentialMovingAverage", "a/kernel/RMSProp", "global_step"])
    {'a/kernel': 'a/kernel/ExponentialMovingAverage'}
    """
    kept = sorted(name for name in names if not IGNORED.fullmatch(name.removesuffix(SHADOW)))
    plain = {name: name for name in kept if not name.endswith(SHADOW)}
    return plain | {name.removesuffix(SHADOW): name for name in kept if name.endswith(SHADOW)}


def _prefix(path):
    """Return the prefix that a path means; the file `checkpoint` has it as on the machine that wrote it."""
    if os.path.isdir(path):
        listed = os.path.join(path, "checkpoint")
        text = ""
        if os.path.isfile(listed):
            with open_file(listed) as file:
                text = file.read(1 << 16).decode("utf-8", "replace")
        latest = re.search(r'^model_checkpoint_path: *"([^"\n]+)"', text, re.MULTILINE)
        if not latest:
            raise unreadable(path, "a TensorFlow checkpoint", describe(path))
        prefix = os.path.join(path, re.split(r"[/\\]", latest[1])[-1])
    else:
        prefix = index_of(path).removesuffix(".index")
    if os.path.isfile(f"{prefix}.index"):
        return prefix
    if prefix == path and not os.path.exists(path):
        raise FileNotFoundError(f"`path` must be a TensorFlow checkpoint. Received: {path} (no file {prefix}.index)")
    raise unreadable(path, "a TensorFlow checkpoint", f"no file {prefix}.index")


def index_of(path):
    """Return the index file of the checkpoint that a path belongs to.

    >>> index_of("model.ckpt-7"), index_of("model.ckpt-7.data-00000-of-00001")
    ('model.ckpt-7.index', 'model.ckpt-7.index')
    """
    return re.sub(r"\.(index|data-\d{5}-of-\d{5})$", "", path) + ".index"


def is_table(path):
    """Return whether a file ends as the index of a checkpoint does (LevelDB's magic number)."""
    with open_file(path) as file:
        file.seek(max(0, os.path.getsize(path) - 8))
        return file.read() == bytes.fromhex("57fb808b247547db")


def _check_footer(index):
    if not is_table(index):
        raise ContentError("a whole index", describe(index))


def _is_number(dtype):
    return dtype.is_floating or dtype.is_integer or dtype.is_bool


def _check_sizes(prefix, sizes, checkpoint):
    """Check that what the index states is in the data files, before memory is taken."""
    shapes = checkpoint.get_variable_to_shape_map()
    stated = sum(math.prod(shapes[name]) * size for name, size in sizes.items())
    files = glob.glob(f"{glob.escape(prefix)}.data-*")
    for file in files:
        check_file(file)  # TensorFlow would wait for a pipe
    there = sum(map(os.path.getsize, files))
    if stated > there:
        raise ContentError(f"{stated:,} bytes of values", f"{there:,}")


def _values(checkpoint, name, dtype):
    values = checkpoint.get_tensor(name)
    return values.astype("float32") if dtype.name == "bfloat16" else values
