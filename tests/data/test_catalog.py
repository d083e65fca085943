"""The data sets by name, against what TFDS knows of them."""

import pytest
import tensorflow_datasets as tfds
from author_archives import write_birds
from commands import statuses
from PIL import Image
from sample_images import write_metadata

from keras_effconv.data import from_tfds, load, prepare
from keras_effconv.data.sources import catalog
from keras_effconv.data.sources.tfds import builder_of, keys_of


@pytest.mark.parametrize("entry", catalog.ENTRIES, ids=lambda entry: entry.name)
def test_entry_is_what_tfds_says(entry, tmp_path):
    """Sizes of splits are known to TFDS after preparation only: `keras-effconv data prepare` compares them."""
    for name in (entry.name, *entry.aliases):
        builder = builder_of(name, str(tmp_path))
        assert builder.name == entry.tfds
    label = builder.info.features[keys_of(builder)[1]]
    assert label.num_classes == entry.classes
    assert bool(builder.MANUAL_DOWNLOAD_INSTRUCTIONS) == bool(entry.manual)
    assert all(name.rstrip("/").removesuffix(".tgz") in builder.MANUAL_DOWNLOAD_INSTRUCTIONS for name in entry.manual)
    assert entry.train_size > entry.classes and entry.published in ((), tuple(sorted(entry.published)))
    assert (entry.module or "").endswith(entry.tfds if entry.module else "")


def test_table():
    text = str(catalog.list_sets())
    assert text.splitlines()[0].split() == ["name", "title", "classes", "train", "test", "by", "hand", "terms"]
    assert "flowers102     Flowers-102         102      2,040      6,149" in text
    assert len({entry.name for entry in catalog.ENTRIES}) == 10 == len(text.splitlines()) - 1
    assert catalog.find("cifar10:3.0.2").name == "cifar10" and catalog.find("mnist") is None


@pytest.mark.long
@pytest.mark.parametrize(
    "entry", [r for r in catalog.ENTRIES if r.name in ("food101", "aircraft")], ids=lambda r: r.name
)
def test_loads_the_splits_of_the_entry(entry, tmp_path):
    builder_of(entry.name)
    write_metadata(tfds, tmp_path, entry.tfds, ["train", "test", "validation"])
    with tfds.testing.mock_data(num_examples=3, data_dir=str(tmp_path)):
        dataset = load(entry.name, resize=4)
    assert len(dataset.class_names) == entry.classes and dataset.flip == entry.flip
    assert dataset.train.names[0] == f"{entry.tfds}/{entry.train}/0"
    assert dataset.validation.names[0] == f"{entry.tfds}/{entry.validation}/0"


def test_unknown_name_is_told_of_ours(tmp_path):
    with pytest.raises(ValueError, match="Received: name='aircrafts'; did you mean aircraft"):
        from_tfds("aircrafts", resize=8, data_dir=str(tmp_path))


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(RuntimeError, match=r"'birdsnap' must be prepared .*\(wanted in the manual.*: species.txt, te"):
        prepare("birdsnap", data_dir=str(tmp_path))


@pytest.mark.long
def test_command(tmp_path, monkeypatch):
    """Actions end well, and mistakes are one line."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    root = tmp_path / "images"
    for i in range(8):
        (root / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 9)).save(root / "ab"[i % 2] / f"{i}.png")
    (tmp_path / "birds").mkdir()
    write_birds(tmp_path / "birds")
    small = ("--recipe=digits-smoke", "--image_size=32", "--batch_size=3")
    calls = {
        ("list",): (0, ""),
        ("throughput", f"--data_dir={root}", "--seconds=0.1", "--image_size=8", "--recipe=none"): (0, ""),
        ("throughput", f"--data_dir={root}", "--seconds=0.1", "--recipe=mine"): (2, "`recipe` must be none or one of"),
        ("throughput", f"--data_dir={root}", "--seconds=0.1"): (2, "expected images for two batches of 32"),
        ("throughput", f"--data_dir={root}", "--seconds=0.1", *small): (0, ""),
        (): (2, "`ACTION` must be one of check, list, prepare, throughput. Received: nothing"),
        ("prepare",): (2, "prepare: missing a required argument: 'name'"),
        ("prepare", "birdsnap"): (2, "species.txt, test_images.txt, images/"),
        ("prepare", "birdsnap", f"--manual_dir={tmp_path / 'birds'}"): (1, ""),  # fewer than published
        ("prepare", "cifar"): (2, "did you mean cifar10"),
        ("throughput",): (2, "`dataset` must be the name of a TensorFlow data set"),
    }
    for (status, message), (found, last) in zip(calls.values(), statuses("data", calls), strict=True):
        assert found == status, last
        assert not message or (last[0].startswith("keras-effconv data: ") and message in last[0])
