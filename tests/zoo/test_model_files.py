"""Whole models, and weights, from files that nobody vouches for."""

import os

import keras
import numpy as np
import pytest
import weight_files
from bad_files import hdf5_files, models

from keras_effconv import zoo
from keras_effconv.utils.files import open_file, read_json
from keras_effconv.zoo import readers


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_whole_model_is_what_keras_loads(tmp_path, suffix):
    model = weight_files.keras_model()
    model.save(tmp_path / f"a{suffix}")
    loaded, plain = zoo.load_model(tmp_path / f"a{suffix}"), keras.models.load_model(tmp_path / f"a{suffix}")
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 16)).astype("float32")
    np.testing.assert_array_equal(loaded(images), plain(images))
    for each, other in zip(loaded.weights, plain.weights, strict=True):
        np.testing.assert_array_equal(each, other)


def test_a_layer_of_a_milliard_of_weights_takes_no_memory_later(tmp_path):
    """What is refused leaves no variable behind that the next model would make."""
    (tmp_path / "a.keras").write_bytes(models.with_layer("predictions", units=10**12))  # no machine has so much
    with pytest.raises(ValueError, match=r"^`teacher` must be a \.keras file of a whole model\. Received: teacher="):
        zoo.load_model(tmp_path / "a.keras", "teacher")
    with keras.StatelessScope():
        layer = keras.layers.Dense(2)
        layer.build((None, 3))
    assert layer.kernel.shape == (3, 2)


def test_hdf5_of_one_giant_chunk_is_refused_by_size(tmp_path):
    """Of 3 GB in memory, the file has a few kilobytes."""
    (tmp_path / "a.h5").write_bytes(hdf5_files.keras_3(hdf5_files.one_chunk))
    with pytest.raises(readers.FormatError, match=r"with small chunks.*\(1 of 3,000,000,000 bytes\)"):
        readers.read(tmp_path / "a.h5")


def test_chunks_of_gzip_that_are_what_they_say_are_read(tmp_path):
    values = np.arange(1 << 12, dtype="f4").reshape(64, 64)

    def fill(group):
        options = {"chunks": (16, 16), "compression": "gzip", "shuffle": True, "fletcher32": True}
        group.create_dataset("0", data=values, **options)

    (tmp_path / "a.h5").write_bytes(hdf5_files.keras_3(fill))
    np.testing.assert_array_equal(readers.read(tmp_path / "a.h5")[1]["predictions/kernel"], values)


@pytest.mark.parametrize("kind", ["an endless device", "a pipe", "a folder"])
def test_what_is_no_regular_file_is_not_opened(tmp_path, kind):
    path = tmp_path / "a"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    for read in (open_file, read_json, zoo.load_model, *([readers.read] if kind != "a folder" else [])):
        with pytest.raises(ValueError, match=r"^`(path|model)` must be a regular file\. Received: (path|model)="):
            read(path)


def test_a_model_that_is_no_classifier(tmp_path):
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(tmp_path / "a.keras")
    with pytest.raises(ValueError, match=r"^`model` must be a classifier.*\(None, 4\) -> \(None, 2\)$"):
        zoo.load_classifier(tmp_path / "a.keras")


def test_a_file_that_keras_reads_with_a_warning_still_warns(tmp_path, monkeypatch):
    import warnings

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.save(tmp_path / "a.keras")
    load = keras.models.load_model

    def warn(*args, **options):
        warnings.warn("an old file", stacklevel=1)
        return load(*args, **options)

    monkeypatch.setattr(keras.models, "load_model", warn)
    with pytest.warns(UserWarning, match="an old file"):
        zoo.load_model(tmp_path / "a.keras")
