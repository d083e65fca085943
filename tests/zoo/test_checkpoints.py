"""Training checkpoints of torch: what stands beside the tensors, and that nothing of it is executed."""

import argparse
import collections
import datetime
import enum
import functools
import pathlib
import pickle
import sys

import checkpoints
import numpy as np
import pytest
from checkpoints import Tensor, saved, tensors
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_effconv.zoo import readers
from keras_effconv.zoo.readers import FormatError


class Colour(enum.Enum):
    RED = 1


# What stands beside the tensors of training scripts.
BESIDE = {
    "args": argparse.Namespace(lr=0.1, data=pathlib.PurePosixPath("/data"), betas=(0.9, 0.999)),
    "path": pathlib.PurePosixPath("runs/1"),
    "set": {1, "two"},
    "frozenset": frozenset("ab"),
    "counter": collections.Counter("abca"),
    "defaultdict": collections.defaultdict(list, {"a": [1]}),
    "deque": collections.deque([1, 2], maxlen=5),
    "scalar": np.float64(0.5),
    "array": np.arange(5.0),
    "dtype": np.dtype("f4"),
    "tuple keys": {(1, 2): 3, ("a", ("b",)): 4},
    "partial": functools.partial(int, base=2),
    "enum": Colour.RED,
    "date": datetime.datetime(2026, 1, 2),
    "complex": 1 + 2j,
    "range": range(3),
    "large": 1 << 3000,
    "bytes": bytearray(b"abc"),
    "class": collections.OrderedDict,
}


@pytest.mark.parametrize("form", ["zip", "legacy"])
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_what_training_scripts_save_beside_the_tensors(form, protocol, tmp_path):
    """Namespace, paths, sets, Counter, defaultdict, NumPy scalars and arrays, tuple keys, partial, enum, datetime."""
    state = {"w": np.arange(6, dtype="f4").reshape(2, 3)}
    optimizer = {"state": {0: {"step": 3, "exp_avg": Tensor(np.ones(6, "f4"))}}, "param_groups": [{"params": [0]}]}
    content = {**BESIDE, "optimizer": optimizer, "state_dict": tensors(state), "epoch": 3}
    path = saved(tmp_path / "a.pth", content, form, protocol)
    found = readers.read(path)[1]
    assert list(found) == ["w"]
    np.testing.assert_array_equal(found["w"], state["w"])


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_objects_of_classes_that_are_not_here_are_placeholders(form, tmp_path):
    """OmegaConf, torch.device, torch.Size, torch.dtype, a module's own class: nothing of them is imported."""

    class DictConfig(dict):
        def __init__(self, *_):
            super().__init__(lr=0.1, nested={"a": 1})

    class Meter:
        def __init__(self):
            self.values = {(1, 2): [3]}

    class device:
        def __init__(self, name="cuda"):
            self.name = name

        def __reduce__(self):
            return device, ("cuda",)

    with checkpoints.named_like_torch(
        omegaconf__dictconfig={"DictConfig": DictConfig}, not_here__meters={"Meter": Meter, "device": device}
    ):
        content = {"cfg": DictConfig(), "meter": Meter(), "device": device(), "model": tensors({"w": np.ones(3, "f4")})}
        path = checkpoints.write(tmp_path / "a.pth", content, form)
    np.testing.assert_array_equal(readers.read(path)[1]["w"], np.ones(3))


@pytest.mark.parametrize("kind", ["float32", "float64", "float16", "int8", "int64"])
def test_tensors_of_every_type_come_beside_others(kind, tmp_path):
    path = saved(tmp_path / "a.pth", {"args": argparse.Namespace(), "net": tensors({"w": np.arange(3, dtype=kind)})})
    found = readers.read(path)[1]["w"]
    assert found.dtype == kind and found.tolist() == [0, 1, 2]


class Module:
    """A module as torch pickles it whole."""

    def __init__(self, parameters=(), **modules):
        self._parameters, self._buffers, self._modules = dict(parameters), {}, modules


def test_a_pickled_module_is_its_state(tmp_path):
    with checkpoints.named_like_torch(models__net={"Module": type("Module", (Module,), {})}) as modules:
        kind = modules["models.net"].Module
        inner = kind({"weight": Tensor(np.ones(3, "f4"))})
        path = checkpoints.write(tmp_path / "a.pth", {"model": kind(block=kind(conv=inner)), "epoch": 1})
    assert list(readers.read(path)[1]) == ["block.conv.weight"]


class Harm:
    def __init__(self, marker, how):
        self.marker, self.how = marker, how

    def __reduce__(self):
        import os

        command = f"touch {self.marker}"
        return {
            "call": (os.system, (command,)),
            "state": (collections.OrderedDict, (), None, None, iter([("a", Harm(self.marker, "call"))])),
            "partial": (functools.partial(os.system, command), ()),
        }[self.how]


@pytest.mark.parametrize("how", ["call", "state", "partial"])
def test_nothing_of_a_checkpoint_is_executed(how, tmp_path):
    path = saved(tmp_path / "a.pth", {"args": Harm(tmp_path / "ran", how), "model": tensors({"w": np.ones(2, "f4")})})
    assert list(readers.read(path)[1]) == ["w"]
    assert not (tmp_path / "ran").exists()


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=4) | st.tuples(st.integers(), st.text(max_size=2)), inner, max_size=3)
        | st.frozensets(st.integers() | st.text(max_size=2), max_size=3)
        | st.sets(st.integers(), max_size=3)
        | st.builds(lambda value: argparse.Namespace(a=value), inner)
    ),
    max_leaves=10,
)


@settings(max_examples=20)
@given(beside=PLAIN, protocol=st.integers(0, 5), form=st.sampled_from(["zip", "legacy"]))
def test_any_plain_objects_beside_the_tensors(beside, protocol, form, tmp_path_factory):
    content = {"before": beside, "model": tensors({"w": np.ones(2, "f4")}), "after": [beside]}
    if form == "legacy" or protocol == 0:  # persistent ids of protocol 0 are texts
        protocol = max(protocol, 2)
    path = saved(tmp_path_factory.getbasetemp() / "any.pth", content, form, protocol)
    assert list(readers.read(path)[1]) == ["w"]


def test_dicts_that_hold_each_other_are_walked_once(tmp_path):
    """A dict that holds another twice, forty times over, is many more dicts than the file has bytes."""
    node = around = {}
    for _ in range(40):
        node = {"a": node, "b": node}
    around["trainer"] = node
    path = saved(tmp_path / "a.pth", {"args": node, "model": tensors({"w": np.ones(2, "f4")})})
    assert list(readers.read(path)[1]) == ["w"]


def test_modules_that_hold_each_other_are_bounded(tmp_path):
    with checkpoints.named_like_torch(models__net={"Module": type("Module", (Module,), {})}) as modules:
        kind = modules["models.net"].Module
        node = kind({"weight": Tensor(np.ones(1, "f4"))})
        for _ in range(40):
            node = kind(a=node, b=node)
        path = checkpoints.write(tmp_path / "a.pth", {"model": node})
    with pytest.raises(FormatError, match="with at most 100,000 dicts"):
        readers.read(path)


def test_a_pickle_of_arrays_is_no_torch_file(tmp_path):
    (tmp_path / "a.pth").write_bytes(pickle.dumps({"w": np.ones(3)}))
    with pytest.raises(FormatError, match="`path` must be a file of weights"):
        readers.read(tmp_path / "a.pth")


class Point(collections.namedtuple("Point", "epoch state")):
    pass


class Rebuilt:
    """A tensor that torch makes by another function."""

    def __init__(self, function):
        self.function = function

    def __reduce__(self):
        return getattr(sys.modules["torch._utils"], self.function), ()


ODD = {
    "_rebuild_qtensor": "a quantised tensor",
    "_rebuild_tensor_v3": "those of quantised networks",
    "_rebuild_sparse_tensor": "a sparse tensor",
    "_rebuild_meta_tensor_no_storage": "a tensor without values",
}


@pytest.mark.parametrize("function", ODD)
def test_tensors_that_are_no_array_of_numbers_are_called_what_they_are(function, tmp_path):
    with checkpoints.named_like_torch() as modules:
        modules["torch._utils"].__dict__.update(checkpoints.functions("torch._utils", *ODD))
        content = {"state_dict": {"fc.weight": Rebuilt(function), "fc.bias": Tensor(np.ones(3, "f4"))}}
        path = checkpoints.write(tmp_path / "a.pth", content)
    with pytest.raises(FormatError, match=rf"\(fc\.weight: .*{ODD[function]}\)$"):
        readers.read(path)
    assert list(readers.read(path, lambda _: ["state_dict.fc.bias"])[1]) == ["state_dict.fc.bias"]


WITHOUT = {
    "NumPy arrays": ({"state_dict": {"fc.weight": np.ones(3)}}, "NumPy arrays, not tensors: save them as safetensors"),
    "an optimizer": ({"epoch": 1, "optimizer": {"a": 1}}, "the state of training alone: optimizer"),
    "a class": (Point(1, 2), r"a reference to [\w.]*test_checkpoints\.Point; nothing was executed"),
    "nothing": ({}, "an empty one"),
}


@pytest.mark.parametrize("what", WITHOUT)
def test_a_checkpoint_without_tensors_is_told_what_it_has(what, tmp_path):
    content, message = WITHOUT[what]
    with pytest.raises(FormatError, match=f"with a dict of tensors.*{message}"):
        readers.read(saved(tmp_path / "a.pth", content))
