"""The one entry to all loaders, what importing costs, and the examples of the documentation."""

import doctest
import importlib
import pathlib
import pkgutil
import subprocess
import sys

import numpy as np
import pytest
from sample_images import fill, warnings_of, write_metadata

import keras_effconv.data
from keras_effconv.data import Resize, from_directory, from_tfds, load

MODULES = [
    module.name
    for module in pkgutil.walk_packages(keras_effconv.data.__path__, "keras_effconv.data.")
    if not module.ispkg and ".builders." not in module.name
]


@pytest.fixture
def tfds():
    return pytest.importorskip("tensorflow_datasets")


@pytest.mark.long
def test_many_data_sets_without_a_retracing_warning(tmp_path, caplog):
    for kind in ("a", "b"):
        fill(tmp_path / kind, 3)
    for size in range(4, 12):
        from_directory(tmp_path, size)
    assert not warnings_of(caplog)


def test_load(tfds, tmp_path):
    assert load(resize=8, limit=1).name == "digits"
    assert (
        load(resize=Resize(8, crop=0.5), limit=1).train.images.tolist() == load(resize=8, limit=1).train.images.tolist()
    )
    for kind in ("a", "b"):
        fill(tmp_path / "folder" / kind, 4)
    assert load("digits", data_dir=tmp_path / "folder", resize=8, validation_split=0.5).validation.labels.size == 4
    write_metadata(tfds, tmp_path, "cifar10", ["train"])
    with tfds.testing.mock_data(num_examples=20, data_dir=str(tmp_path)):
        dataset = load("cifar10", resize=Resize(8, crop=1.0, interpolation="bilinear"), limit=1)
    assert np.bincount(dataset.train.labels).max() == 1 and dataset.name == "cifar10"


@pytest.mark.long
def test_import_is_light():
    code = (
        "import sys, keras, tensorflow; before = set(sys.modules); import keras_effconv.data; "  # Keras tries sklearn.
        "heavy = {'tensorflow_datasets', 'sklearn', 'tqdm'} & (set(sys.modules) - before); "
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    root = pathlib.Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", ["tqdm", "sklearn.datasets", "tensorflow_datasets"])
def test_missing_extra(module, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    for kind in ("a", "b"):
        fill(tmp_path / kind, 2)
    with pytest.raises(ImportError, match=rf'expected {module} to be installed .*pip install "keras-effconv\[train\]"'):
        {"tqdm": from_directory, "sklearn.datasets": load, "tensorflow_datasets": from_tfds}[module](
            **{"tqdm": {"data_dir": tmp_path}, "tensorflow_datasets": {"name": "cifar10"}}.get(module, {}), resize=8
        )


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0
