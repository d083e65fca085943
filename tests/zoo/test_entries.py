"""Weights as people bring them: entries of training checkpoints, and prefixes of names."""

import time

import h5py
import keras
import numpy as np
import pytest
import weight_files
from checkpoints import assert_same_weights, saved, small_resnet, tensors, torch_arrays, variables
from grid import NETWORKS
from reference import numpy
from safetensors.numpy import save_file

import keras_effconv as ke

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


BESIDE = ("criterion.weight", "loss.logit_scale", "mixup.0.alpha", "head2.weight", "projector.fc3.bias", "ema.decay")


@pytest.mark.parametrize("where", ["raw", "average", "both"])
@pytest.mark.parametrize("beside", BESIDE)
def test_a_foreign_tensor_with_a_set_takes_no_choice_away(beside, where, arrays, tmp_path, model):
    extra = {beside: np.ones(3, "f4")}
    sets = {"model": {**arrays, **(extra if where != "average" else {})}, "ema": {n: 0 * v for n, v in arrays.items()}}
    if where != "raw":
        sets["ema"].update(extra)
    path = saved(tmp_path / "a.pth", {entry: tensors(own) for entry, own in sets.items()})
    with pytest.raises(ValueError, match=r"`entry` say which: 'model', 'ema'"):
        ke.load_weights(model, path)
    assert (
        ke.load_weights(model, path, entry="model", skip=[".*(criterion|loss|mixup|head2|projector|decay).*"]).entry
        == "model"
    )


@pytest.mark.parametrize("name", ["ResNet20", "EfficientNetB0", "MobileNet", "MobileNetV2", "VGG13"])
def test_a_deeper_network_with_a_set_is_no_choice(name, tmp_path):
    """Names beyond the network's blocks are of another network: a teacher's."""
    small = next(row for row in NETWORKS if row.name == name)
    more = small._replace(name="VGG16") if name == "VGG13" else small._replace(options={**small.options, "depth": 1.2})
    own = small.build()
    sets = {"net": own, "teacher": more.build()}
    content = {f"{prefix}/{key}": numpy(v) for prefix, each in sets.items() for key, v in variables(each).items()}
    save_file(content, tmp_path / "a.safetensors")
    assert ke.load_weights(own, tmp_path / "a.safetensors").prefix == "net/"


@pytest.mark.parametrize("entry", ["ema_model", "ema_model.module", "state_dict.ema_model"])
def test_an_entry_may_be_the_beginning_of_the_names(entry, network, arrays, tmp_path, model):
    """Lightning keeps all in `state_dict`: what the names begin with says enough."""
    raw = {f"model.{name}": 0 * value for name, value in arrays.items()}
    average = {f"ema_model.module.{name}": value for name, value in arrays.items()}
    path = saved(tmp_path / "a.ckpt", {"state_dict": tensors({**raw, **average})})
    report = ke.load_weights(model, path, entry=entry)
    assert_same_weights(model, network)
    assert (report.entry, report.prefix) == ("state_dict", "ema_model.module.")


@pytest.mark.parametrize("entry", ["0", "models.1", "checkpoint.model", "checkpoint.a.state_dict"])
def test_entries_inside_of_entries_and_of_lists(entry, network, arrays, tmp_path, model):
    content = tensors(arrays)
    for name in reversed(entry.split(".")):
        content = ["a text"] * int(name) + [content, 3] if name.isdecimal() else {name: content, "epoch": 3}
    assert ke.load_weights(model, saved(tmp_path / "a.pth", content)).entry == entry
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


def test_the_network_of_a_model_takes_a_prefix_too(network, arrays, tmp_path):
    body = small_resnet(include_top=False, pooling="avg")
    model = keras.Sequential([body, keras.layers.Dense(2)])
    ke.load_weights(model, saved(tmp_path / "a.pth", tensors(arrays, "module.")))
    np.testing.assert_array_equal(body.get_layer("conv1_conv").kernel, network.get_layer("conv1_conv").kernel)


LONG = {  # how to write arrays by name
    "a.pth": lambda path, content: saved(path, tensors(content)),
    "legacy.pth": lambda path, content: saved(path, tensors(content), form="legacy"),
    "module.pth": lambda path, content: saved(path, {"net": {"inner": tensors(content)}}),
    "a.safetensors": lambda path, content: save_file(content, path),
    "a.params": lambda path, content: path.write_bytes(weight_files.mxnet_params(content)),
    "a.h5": lambda path, content: write_legacy(path, content),
}


def write_legacy(path, content):
    """An HDF5 file of Keras' old layout, of one layer."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"], group = ["conv"], file.create_group("conv")
        names = [name.replace("/", ".")[:60_000] for name in content]
        for i, name in enumerate(names):
            group.attrs[f"weight_names{i}"] = [name]
            group[name] = np.ones(1, "f4")


@pytest.mark.parametrize(
    "name", ["a" * 2**20, "a." * 2**19, "module." * 2**17], ids=["plain", "separators", "wrappers"]
)
@pytest.mark.parametrize("file", LONG)
def test_a_name_of_a_megabyte_is_refused_at_once(file, name, model, tmp_path):
    LONG[file](tmp_path / file, {name: np.ones(1, "f4")})
    begun = time.process_time()
    with pytest.raises(ValueError) as caught:
        ke.load_weights(model, tmp_path / file)
    assert time.process_time() - begun < 3
    assert len(str(caught.value)) < 1000 and file in str(caught.value) and "\n" not in str(caught.value)


MANY = [("a.safetensors", part) for part in ("a", "a/b_1.", "module.", "layer1.0.")]
MANY += [(file, "a.") for file in LONG if file != "a.h5"]


@pytest.mark.parametrize(("file", "part"), MANY)
def test_many_long_names_take_no_time(file, part, model, tmp_path):
    content = {(part * 1000)[:1000] + f".{i}": np.ones(1, "f4") for i in range(500)}
    LONG[file](tmp_path / file, content)
    begun = time.process_time()
    with pytest.raises(ValueError) as caught:
        ke.load_weights(model, tmp_path / file)
    assert time.process_time() - begun < 3
    assert len(str(caught.value)) < 3000 and "\n" not in str(caught.value)
