"""Torch checkpoints without torch: Python's own pickle over classes that have torch's names while it writes."""

import contextlib
import io
import pickle
import re
import struct
import sys
import types
import zipfile
from collections import OrderedDict

import keras
import numpy as np
from reference import numpy

import keras_effconv as ke
from keras_effconv.zoo.readers import torch_legacy

TYPES = {
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "float16": "HalfStorage",
    "int8": "CharStorage",
    "int64": "LongStorage",
}
SMALL = {"weights": None, "width": 0.25, "depth": 0.3, "input_shape": (32, 32, 3), "classes": 7}


class Tensor:
    """A tensor to be written."""

    def __init__(self, values):
        self.values = np.ascontiguousarray(values)

    def __reduce__(self):
        strides = tuple(s // self.values.itemsize for s in self.values.strides)
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        return rebuild, (Storage(self.values), 0, self.values.shape, strides, False, OrderedDict())


class Storage:
    def __init__(self, values):
        self.values = values


def _module(name, **members):
    module = types.ModuleType(name)
    for key, member in members.items():
        member.__module__, member.__qualname__, member.__name__ = name, key, key
        setattr(module, key, member)
    return module


def functions(module, *names):
    """Functions that a checkpoint calls by these names of a module."""
    return vars(_module(module, **{name: types.FunctionType((lambda *_: None).__code__, {}) for name in names}))


@contextlib.contextmanager
def named_like_torch(**others):
    """Modules that exist while a checkpoint is written: torch's, and dicts of classes by the name of a module."""
    modules = {
        "torch": _module("torch", **{name: type(name, (), {}) for name in TYPES.values()}),
        "torch._utils": _module("torch._utils", _rebuild_tensor_v2=lambda *_: None),
        **{name.split("__")[0]: _module(name.split("__")[0]) for name in others},
        **{name.replace("__", "."): _module(name.replace("__", "."), **members) for name, members in others.items()},
    }
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield modules
    finally:
        for name, module in before.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module


def write(path, content, form="zip", protocol=2):
    """Write a checkpoint: any Python objects around `Tensor`s; inside `named_like_torch`."""
    buffer, storages = io.BytesIO(), []
    pickler = pickle.Pickler(buffer, protocol)

    def persistent_id(value):
        if not isinstance(value, Storage):
            return None
        storages.append(value.values)
        kind = getattr(sys.modules["torch"], TYPES[value.values.dtype.name])
        key = str(len(storages) - 1)
        return ("storage", kind, key, "cpu", value.values.size, *([None] if form == "legacy" else []))

    pickler.persistent_id = persistent_id
    pickler.dump(content)
    if form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/data.pkl", buffer.getvalue())
            archive.writestr("a/byteorder", "little")
            for key, values in enumerate(storages):
                archive.writestr(f"a/data/{key}", values.tobytes())
    else:
        head = b"".join(pickle.dumps(value, 2) for value in (torch_legacy.MAGIC, torch_legacy.PROTOCOL, {}))
        keys = pickle.dumps([str(key) for key in range(len(storages))], 2)
        raw = b"".join(struct.pack("<q", values.size) + values.tobytes() for values in storages)
        path.write_bytes(head + buffer.getvalue() + keys + raw)
    return path


def tensors(arrays, prefix=""):
    """A state dict as torch has it: an ordered dict of tensors."""
    return OrderedDict((prefix + name, Tensor(value)) for name, value in arrays.items())


def saved(path, content, form="zip", protocol=2):
    with named_like_torch():
        return write(path, content, form, protocol)


# --- a small ResNet of torch ------------------------------------------------------------------------------------------

VARIABLES = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def torch_name(layer):
    """Torch's name of a layer of ours."""
    block = re.fullmatch(r"conv(\d)_block(\d+)_(\d)_(conv|bn)", layer)
    if not block:
        return {"conv1_conv": "conv1", "conv1_bn": "bn1", "predictions": "fc"}[layer]
    stage, number, position, kind = block.groups()
    names = f"downsample.{int(kind == 'bn')}" if position == "0" else f"{kind}{position}"
    return f"layer{int(stage) - 1}.{int(number) - 1}.{names}"


def torch_arrays(model):
    """The weights of a ResNet of ours, as torch names and lays them out."""
    found = {}
    for layer in model.layers:
        norm = isinstance(layer, keras.layers.BatchNormalization)
        for variable in layer.weights:
            value = numpy(variable)
            value = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T
            name = VARIABLES[variable.name] if norm else {"kernel": "weight"}.get(variable.name, variable.name)
            found[f"{torch_name(layer.name)}.{name}"] = np.ascontiguousarray(value)
        if norm:
            found[f"{torch_name(layer.name)}.num_batches_tracked"] = np.array(3)
    return found


def small_resnet(**options):
    """A ResNet18 of a few blocks."""
    return ke.ResNet18(**{**SMALL, **options})


def assert_same_weights(model, other):
    """Same kernels, statistics but for what another epsilon asks for."""
    for one, two in zip(model.weights, other.weights, strict=True):
        np.testing.assert_allclose(numpy(one), numpy(two), atol=2e-8, rtol=1e-6, err_msg=one.path)


def variables(model):
    """{"layer/variable": array} of a network."""
    return {f"{layer.name}/{v.name}": numpy(v) for layer in model.layers for v in layer.weights}
