"""The data sets by name, against what TFDS knows of them."""

import pytest
import tensorflow_datasets as tfds
from author_archives import write_birds
from commands import statuses
from PIL import Image
from test_data import write_metadata

from keras_effconv.data import from_tfds, load, prepare
from keras_effconv.data.sources import catalog
from keras_effconv.data.sources.tfds import builder_of, keys_of


@pytest.mark.parametrize("record", catalog.RECORDS, ids=lambda record: record.name)
def test_record_is_what_tfds_says(record, tmp_path):
    """Sizes of splits are known to TFDS after preparation only: `keras-effconv data prepare` compares them."""
    for name in (record.name, *record.aliases):
        builder = builder_of(name, str(tmp_path))
        assert builder.name == record.tfds
    label = builder.info.features[keys_of(builder)[1]]
    assert label.num_classes == record.classes
    assert bool(builder.MANUAL_DOWNLOAD_INSTRUCTIONS) == bool(record.manual)
    assert all(name.rstrip("/").removesuffix(".tgz") in builder.MANUAL_DOWNLOAD_INSTRUCTIONS for name in record.manual)
    assert record.train_size > record.classes and record.published in ((), tuple(sorted(record.published)))
    assert (record.module or "").endswith(record.tfds if record.module else "")


def test_table():
    text = str(catalog.list_sets())
    assert text.splitlines()[0].split() == ["name", "title", "classes", "train", "test", "by", "hand", "terms"]
    assert "flowers102     Flowers-102         102      2,040      6,149" in text
    assert len({record.name for record in catalog.RECORDS}) == 10 == len(text.splitlines()) - 1
    assert catalog.find("cifar10:3.0.2").name == "cifar10" and catalog.find("mnist") is None


@pytest.mark.parametrize(
    "record", [r for r in catalog.RECORDS if r.name in ("food101", "aircraft")], ids=lambda r: r.name
)
def test_loads_the_splits_of_the_record(record, tmp_path):
    builder_of(record.name)
    write_metadata(tfds, tmp_path, record.tfds, ["train", "test", "validation"])
    with tfds.testing.mock_data(num_examples=3, data_dir=str(tmp_path)):
        dataset = load(record.name, size=4)
    assert len(dataset.class_names) == record.classes and dataset.flip == record.flip
    assert dataset.train.names[0] == f"{record.tfds}/{record.train}/0"
    assert dataset.validation.names[0] == f"{record.tfds}/{record.validation}/0"


def test_unknown_name_is_told_of_ours(tmp_path):
    with pytest.raises(ValueError, match="received 'aircrafts'; did you mean aircraft"):
        from_tfds("aircrafts", size=8, data_dir=str(tmp_path))


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(RuntimeError, match=r"'birdsnap' to be prepared .*\(wanted in the manual.*: species.txt, te"):
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
        (): (2, "`ACTION` must be one of list, prepare, throughput. Received: nothing"),
        ("prepare",): (2, "prepare: missing a required argument: 'name'"),
        ("prepare", "birdsnap"): (2, "species.txt, test_images.txt, images/"),
        ("prepare", "birdsnap", f"--manual_dir={tmp_path / 'birds'}"): (1, ""),  # fewer than published
        ("prepare", "cifar"): (2, "did you mean cifar10"),
        ("throughput",): (2, "expected data_dir, or the name of a TensorFlow data set"),
    }
    for (status, message), (found, last) in zip(calls.values(), statuses("data", calls), strict=True):
        assert found == status, last
        assert not message or (last[0].startswith("keras-effconv data: ") and message in last[0])
