"""Weights as people bring them: training checkpoints of torch, entries and prefixes."""

import argparse
import collections
import datetime
import enum
import functools
import pathlib
import pickle

import checkpoints
import keras
import numpy as np
import pytest
from checkpoints import Tensor, assert_same_weights, saved, small_resnet, tensors, torch_arrays
from hypothesis import given, settings
from hypothesis import strategies as st
from weights import random_weights

import keras_effconv as ke
from keras_effconv.zoo import readers
from keras_effconv.zoo.readers import FormatError


@pytest.fixture(scope="module")
def network():
    return random_weights(small_resnet())


@pytest.fixture(scope="module")
def built():
    return small_resnet()


@pytest.fixture
def model(built):
    """A network whose variables are all 0: built once."""
    built.set_weights([np.zeros(v.shape, v.dtype) for v in built.weights])
    return built


@pytest.fixture(scope="module")
def arrays(network):
    return torch_arrays(network)


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


# --- entries and prefixes ---------------------------------------------------------------------------------------------

ENTRIES = (
    *("state_dict", "model", "net", "model_state_dict", "state_dict_ema", "model_ema", "ema", "params", "params_ema"),
    *("weights", "teacher", "student", "network", "generator_of_somebody"),
)


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_entry_of_a_checkpoint_is_found(entry, network, arrays, tmp_path, model):
    beside = {"epoch": 3, "criterion": tensors({"weight": np.ones(7, "f4")}), "optimizer": tensors(arrays)}
    report = ke.load_weights(model, saved(tmp_path / "a.pth", {**beside, entry: tensors(arrays)}))
    assert_same_weights(model, network)
    assert (report.entry, report.prefix) == (entry, "")
    assert f"taken from entry {entry!r}" in str(report) and "beside it: criterion (1)" in str(report)


PREFIXES = (
    *("_orig_mod.", "module.", "model.", "backbone.", "net.", "encoder.", "network.", "module._orig_mod.model."),
    *("_fsdp_wrapped_module.", "_orig_mod.module.", "student.backbone.", "model.model."),
)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_prefix_is_stripped_from_torch_files(prefix, network, arrays, tmp_path, model):
    report = ke.load_weights(model, saved(tmp_path / "a.pth", {"state_dict": tensors(arrays, prefix)}))
    assert_same_weights(model, network)
    assert (report.entry, report.prefix) == ("state_dict", prefix)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_prefix_is_stripped_from_safetensors(prefix, network, arrays, tmp_path, model):
    from safetensors.numpy import save_file

    save_file({prefix + name: value for name, value in arrays.items()}, tmp_path / "a.safetensors")
    assert ke.load_weights(model, tmp_path / "a.safetensors").prefix == prefix
    assert_same_weights(model, network)


@pytest.mark.parametrize("prefix", ["model/", "backbone/", "net/encoder/"])
def test_a_prefix_is_stripped_from_names_of_keras(prefix, network, tmp_path, model):
    from safetensors.numpy import save_file

    named = {f"{prefix}{layer.name}/{v.name}": np.asarray(v) for layer in network.layers for v in layer.weights}
    save_file(named, tmp_path / "a.safetensors")
    assert ke.load_weights(model, tmp_path / "a.safetensors").prefix == prefix
    assert_same_weights(model, network)


def test_wrappers_inside_of_names_are_stripped(network, arrays, tmp_path, model):
    """torch.compile of a block, FSDP's wrapped blocks, recomputed activations."""
    inner = {
        name.replace("layer1.0.", "layer1._fsdp_wrapped_module.0._checkpoint_wrapped_module.")
        .replace("layer2.0.", "layer2.0._orig_mod.")
        .replace("layer3.", "layer3.module."): value
        for name, value in arrays.items()
    }
    ke.load_weights(model, saved(tmp_path / "a.pth", tensors(inner)))
    assert_same_weights(model, network)


def test_a_lightning_checkpoint_takes_the_prefix_that_fits(network, arrays, tmp_path, model):
    beside = {"criterion.weight": np.ones(7, "f4"), "loss.scale": np.ones(1, "f4")}
    other = {f"teacher.{n}": v for n, v in torch_arrays(small_resnet(depth=0.6)).items()}
    state = {**{f"model.{n}": v for n, v in arrays.items()}, **beside, **other}
    report = ke.load_weights(model, saved(tmp_path / "a.ckpt", {"state_dict": tensors(state), "callbacks": {}}))
    assert_same_weights(model, network)
    assert (report.entry, report.prefix) == ("state_dict", "model.")
    assert dict(report.beside) == {"criterion": 1, "loss": 1, "teacher": len(other)}


AMBIGUOUS = {
    "timm": ("state_dict", "state_dict_ema"),
    "BasicSR": ("params", "params_ema"),
    "plain": ("model", "ema"),
    "DINO": ("student", "teacher"),
    "Lightning": ("state_dict.model", "state_dict.ema_model"),
}


@pytest.mark.parametrize("kind", AMBIGUOUS)
def test_two_sets_of_weights_are_an_error_that_lists_the_entries(kind, network, arrays, tmp_path, model):
    """The average is a choice: neither is taken unasked."""
    raw, average = AMBIGUOUS[kind]
    both = {raw: {n: 0 * v for n, v in arrays.items()}, average: arrays}
    if "." in raw:
        flat = {f"{e.partition('.')[2]}.{n}": v for e, own in both.items() for n, v in own.items()}
        content = {"state_dict": tensors(flat)}
    else:
        content = {entry: tensors(own) for entry, own in both.items()}
    path = saved(tmp_path / "a.pth", {**content, "epoch": 1})
    with pytest.raises(ValueError, match=rf"`entry` say which: '{raw}', '{average}'") as caught:
        ke.load_weights(model, path)
    assert "\n" not in str(caught.value)
    assert ke.load_weights(model, path, entry=average).entry == average.split(".")[0]
    assert_same_weights(model, network)


def test_an_entry_that_is_not_there_lists_those_that_are(arrays, tmp_path, model):
    path = saved(tmp_path / "a.pth", {"model": tensors(arrays), "ema": tensors(arrays)})
    with pytest.raises(ValueError, match=r"`entry` must be one of '(model|ema)', '(model|ema)'\. Received: entry='x'"):
        ke.load_weights(model, path, entry="x")


def test_flat_parameters_are_refused_by_their_name(tmp_path, model):
    state = {
        "_fsdp_wrapped_module._flat_param": np.ones(9, "f4"),
        "_fsdp_wrapped_module.fc._flat_param": np.ones(9, "f4"),
    }
    with pytest.raises(ValueError, match="FSDP's flat parameters are shards: save a full state dict"):
        ke.load_weights(model, saved(tmp_path / "a.pth", tensors(state)))


def test_names_of_transformers(network, arrays, tmp_path, model):
    """ResNetForImageClassification of Hugging Face, as its Trainer saves it."""

    def theirs(name):
        if not name.startswith("layer"):
            ahead = {"conv1": "embedder.embedder.convolution", "bn1": "embedder.embedder.normalization"}
            top = name.split(".")[0]
            return name.replace(top, f"resnet.{ahead[top]}") if top in ahead else name.replace("fc", "classifier.1")
        stage, block, kind, *rest = name.removeprefix("layer").split(".")
        part = "shortcut" if kind == "downsample" else f"layer.{int(kind[-1]) - 1}"
        norm = kind.startswith("bn") or (kind == "downsample" and rest.pop(0) == "1")
        what = "normalization" if norm else "convolution"
        return ".".join([f"resnet.encoder.stages.{int(stage) - 1}.layers.{block}.{part}.{what}", rest[-1]])

    state = tensors({theirs(name): value for name, value in arrays.items()})
    report = ke.load_weights(model, saved(tmp_path / "pytorch_model.bin", state))
    assert_same_weights(model, network)
    assert "transformers" in report.source


def test_a_pickle_of_arrays_is_no_torch_file(tmp_path):
    (tmp_path / "a.pth").write_bytes(pickle.dumps({"w": np.ones(3)}))
    with pytest.raises(FormatError, match="`path` must be a file of weights"):
        readers.read(tmp_path / "a.pth")


def test_the_network_of_a_model_takes_a_prefix_too(network, arrays, tmp_path):
    body = small_resnet(include_top=False, pooling="avg")
    model = keras.Sequential([body, keras.layers.Dense(2)])
    ke.load_weights(model, saved(tmp_path / "a.pth", tensors(arrays, "module.")))
    np.testing.assert_array_equal(body.get_layer("conv1_conv").kernel, network.get_layer("conv1_conv").kernel)
