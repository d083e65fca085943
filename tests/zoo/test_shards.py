"""Weights in several files, and folders: what Hugging Face and Keras write is read; what is missing is named."""

import json
import re
import shutil

import keras
import numpy as np
import pytest
import weight_files
from hub_files import BUILD, resnet, torch_state
from reference import numpy
from safetensors.numpy import save_file

import keras_effconv as ke
from keras_effconv.zoo import readers
from keras_effconv.zoo.readers import FormatError, folders, shards

WRITERS = {
    "safetensors": ("model", save_file),
    "bin": ("pytorch_model", lambda tensors, path: weight_files.write_torch(path, tensors)),
}


@pytest.fixture(scope="module")
def state():
    model = resnet()
    return torch_state(model), model


def write_shards(folder, tensors, kind="safetensors"):
    """Return the index of a folder of 3 shards."""
    name, write = WRITERS[kind]
    weight_files.write_shards(folder, tensors, name, kind, write=write)
    return folder / f"{name}.{kind}.index.json"


@pytest.mark.parametrize("kind", WRITERS)
def test_sharded_weights_load_by_folder_by_index_and_by_any_shard(state, tmp_path, kind):
    tensors, model = state
    index = write_shards(tmp_path / "a", tensors, kind)
    shard = next((tmp_path / "a").glob("*-00002-of-00003.*"))
    for path in (tmp_path / "a", index, shard):
        form, found = readers.read(path)
        assert form.name == "shards" and set(found) == set(tensors)
        assert all(np.array_equal(found[name], tensors[name]) for name in tensors)
    other = ke.ResNet18(weights=str(tmp_path / "a"), **BUILD)
    x = np.random.default_rng(0).normal(size=(1, 64, 64, 3)).astype("float32")
    np.testing.assert_allclose(numpy(other(x)), numpy(model(x)), rtol=1e-4, atol=1e-6)


def test_keras_shards_load_by_folder_by_index_and_by_any_shard(tmp_path):
    """A layer's variables may be in one shard and its name in another."""
    model = ke.ResNet20(weights=None, width=0.25)
    (tmp_path / "whole").mkdir()
    model.save_weights(tmp_path / "whole" / "model.weights.h5")
    expected = readers.read(tmp_path / "whole" / "model.weights.h5")[1]
    folder = tmp_path / "shards"
    folder.mkdir()
    model.save_weights(folder / "net.weights.json", max_shard_size=0.00001)
    assert len(list(folder.glob("*.h5"))) > 4
    for path in (folder, folder / "net.weights.json", folder / "net_00001.weights.h5"):
        form, found = readers.read(path)
        assert form.name == "keras_shards" and set(found) == set(expected)
        assert all(np.array_equal(found[name], expected[name]) for name in expected)
    other = ke.ResNet20(weights=str(folder), width=0.25)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))


def test_a_missing_shard_is_named(state, tmp_path):
    index = write_shards(tmp_path / "a", state[0])
    lost = index.with_name("model-00002-of-00003.safetensors")
    lost.unlink()
    for path in (index.parent, index, index.with_name("model-00001-of-00003.safetensors")):
        with pytest.raises(
            FormatError, match=r"all shards in its folder.*no file model-00002-of-00003.safetensors of 3"
        ):
            readers.read(path)
    index.unlink()
    with pytest.raises(FormatError, match=r"no file model-00002-of-00003.safetensors of 3"):
        readers.read(index.with_name("model-00001-of-00003.safetensors"))
    model = ke.ResNet20(weights=None, width=0.25)
    model.save_weights(tmp_path / "net.weights.json", max_shard_size=0.00004)
    (tmp_path / "net_00001.weights.h5").unlink()
    with pytest.raises(FormatError, match=r"no file net_00001.weights.h5 of"):
        readers.read(tmp_path / "net.weights.json")


def test_shards_without_an_index_are_counted_by_their_names(state, tmp_path):
    index = write_shards(tmp_path / "a", state[0])
    index.unlink()
    assert set(readers.read(index.with_name("model-00003-of-00003.safetensors"))[1]) == set(state[0])
    assert set(readers.read(index.parent)[1]) == set(state[0])


@pytest.mark.parametrize(
    "name", ["../secret.safetensors", "/etc/passwd", "a/b.safetensors", "..", "", "a\\b", 7, "x" * 300]
)
def test_a_name_in_an_index_that_leads_elsewhere_is_refused(state, tmp_path, name):
    index = write_shards(tmp_path / "a", state[0])
    content = json.loads(index.read_text())
    content["weight_map"]["fc.weight"] = name
    index.write_text(json.dumps(content))
    save_file({"fc.weight": np.ones(3, "f4")}, tmp_path / "secret.safetensors")
    with pytest.raises(FormatError, match="with plain names of files"):
        readers.read(index)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"weight_map": {}}', '{"weight_map": [1]}', "[" * 100_000])
def test_an_index_that_is_none_is_one_clear_line(tmp_path, content):
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(content)
    with pytest.raises(FormatError, match=r"^`path` must be an index of sharded weights.* Received: ") as caught:
        readers.read(path)
    assert "\n" not in str(caught.value)


def test_a_shard_that_lacks_what_the_index_says_or_repeats_it_is_refused(state, tmp_path):
    index = write_shards(tmp_path / "a", state[0])
    first, second = (index.with_name(f"model-0000{i}-of-00003.safetensors") for i in (1, 2))
    whole = readers.read(first)[1]
    save_file({"conv1.weight": np.ones(3, "f4")}, first)
    with pytest.raises(FormatError, match=r"tensors of the index. Received: .*00001-of-00003"):
        readers.read(index)
    save_file(whole, first)
    shutil.copy(first, second)
    with pytest.raises(FormatError, match=r"each tensor in one shard. Received: .*00002-of-00003"):
        readers.read(index)


def test_a_large_index_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "LIMIT", 10)
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"a": "b"}}')
    with pytest.raises(FormatError, match="at most 10 bytes"):
        readers.read(tmp_path)


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (
            ("model.keras", "pytorch_model.bin", "model.safetensors", "model.safetensors.index.json"),
            "model.safetensors",
        ),
        (("pytorch_model.bin", "model.safetensors.index.json", "model.h5"), "pytorch_model.bin"),
        (("model.safetensors.index.json", "model-00001-of-00002.safetensors"), "model.safetensors.index.json"),
        (("model.keras", "model.weights.h5", "config.json"), "model.keras"),
        (("metadata.json", "model.weights.h5", "task.weights.h5"), "model.weights.h5"),
        (("optimizer.pt", "scheduler.pt", "training_args.bin", "resnet20.th"), "resnet20.th"),
        (("vgg16.h5", "README.md"), "vgg16.h5"),
        (("net.weights.json", "net_00000.weights.h5", "net_00001.weights.h5"), "net.weights.json"),
    ],
)
def test_the_file_of_a_folder(names, chosen):
    assert folders.weights_among(names) == chosen


def test_a_folder_without_weights_or_with_several_says_so(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(FormatError, match=r"no file of weights among notes.txt"):
        ke.ResNet20(weights=str(tmp_path))
    for name in ("a.pth", "b.pth"):
        (tmp_path / name).write_text("")
    with pytest.raises(
        FormatError, match=re.escape("several files of weights, of which one must be named: a.pth, b.pth")
    ):
        ke.ResNet20(weights=str(tmp_path))


def test_the_folder_of_a_run_holds_a_model(tmp_path):
    model = ke.ResNet20(weights=None, width=0.25)
    model.save(tmp_path / "model.keras")
    (tmp_path / "best.npz").write_bytes(b"")
    other = ke.ResNet20(weights=None, width=0.25)
    ke.load_weights(other, tmp_path)
    assert np.array_equal(numpy(other.weights[0]), numpy(model.weights[0]))
    assert isinstance(other, keras.Model)
