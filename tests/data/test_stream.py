"""keras_effconv.data.Stream: a function of seed and epoch, resumable, and the same pixels as in memory."""

import os

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from paths import SHARED, needs
from PIL import Image
from sample_images import Seen, encoded, gradient, png, warnings_of

from keras_effconv import data
from keras_effconv.data import Batches, Stream, scan
from keras_effconv.data.sources import encoded as on_disk
from keras_effconv.training.input_pipeline import ProcessShare, for_fit


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two classes of 9 and 8 images, each of one shade, of three formats, and one folder of them to validate on."""
    root = tmp_path_factory.mktemp("stream")
    for part, shift in (("train", 0), ("validation", 100)):
        for name in ("a", "b"):
            (root / part / name).mkdir(parents=True)
        for i in range(17):
            image = Image.new("RGB", (20 + i, 40 - i), (5 * i + shift,) * 3)
            image.save(root / part / "ab"[i % 2] / f"{i:02d}.{('png', 'jpg', 'bmp')[i % 3]}")
    return root


def epoch(stream):
    """[(shade of each image, labels)] of each batch."""
    return [(np.round(images.mean((1, 2, 3))).astype(int).tolist(), labels.tolist()) for images, labels in stream]


def pixels(stream):
    return [images for images, _ in stream]


# --- order ------------------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_training_is_a_function_of_seed_and_epoch(folder):
    files = scan(data_dir=folder).train
    options = {"batch_size": 4, "resize": 8, "training": True, "seed": 3}
    streams = [Stream(files, **options, workers=workers) for workers in (1, 5)]
    orders = []
    for number in range(2):
        tf.random.set_seed(number)  # of no account
        first, *others = [pixels(stream) for stream in streams]
        for other in others:
            for images, again in zip(first, other, strict=True):
                np.testing.assert_array_equal(images, again)
        orders.append(epoch(streams[0]))
        for stream in streams:
            stream.on_epoch_end()
    shades = [sorted(shade for batch, _ in order for shade in batch) for order in orders]
    assert shades[0] == shades[1] == [5 * i for i in range(17)] and orders[0] != orders[1]
    assert all(label == shade // 5 % 2 for order in orders for batch in order for shade, label in zip(*batch))
    images, labels = streams[0][0]
    assert (images.dtype, images.shape, labels.dtype) == (np.float32, (4, 8, 8, 3), np.int32)
    assert epoch(Stream(files, **{**options, "seed": 4})) != orders[0]


@pytest.mark.long
def test_the_same_order_as_in_memory(folder):
    dataset = data.load(data_dir=folder, resize=8)
    batches, stream = Batches(dataset.train, 4, True, seed=5), Stream(scan(data_dir=folder).train, 4, 8, True, seed=5)
    for number in (0, 3):
        batches.set_epoch(number)
        stream.set_epoch(number)
        assert epoch(batches) == epoch(stream)


def test_the_same_balanced_order_as_in_memory(folder):
    options = {"seed": 5, "balanced": True}
    batches = Batches(data.load(data_dir=folder, resize=8).train, 4, True, **options)
    stream = Stream(scan(data_dir=folder).train, 4, 8, True, **options)
    for number in (0, 3):
        batches.set_epoch(number)
        stream.set_epoch(number, start=1)
        assert epoch(batches)[1:] == epoch(stream)


@pytest.mark.long
def test_goes_on_in_the_middle_of_an_epoch(folder):
    files = scan(data_dir=folder).train
    stream = Stream(files, 4, 8, training=True, seed=3)
    stream.set_epoch(2)
    whole = pixels(stream)
    resumed = Stream(files, 4, 8, training=True, seed=3)
    resumed.set_epoch(2, start=3)
    assert len(resumed) == 2 and len(stream) == len(whole) == 5
    for images, again in zip(whole[3:], pixels(resumed), strict=True):
        np.testing.assert_array_equal(images, again)
    np.testing.assert_array_equal(resumed[0][0], whole[3])  # out of order: read anew
    np.testing.assert_array_equal(resumed[1][0], whole[4])
    with pytest.raises(IndexError, match=r"`index` of a batch must be 0 to 1. Received: index=2"):
        resumed[2]
    resumed.on_epoch_end()
    assert (resumed.epoch, len(resumed)) == (3, 5)


def test_evaluation_sees_what_is_in_memory(folder):
    view = data.Resize(8, crop=0.7, interpolation="bilinear")
    dataset, stream = data.load(data_dir=folder, resize=view), Stream(scan(data_dir=folder).validation, 4, view)
    for (images, labels), (expected, right) in zip(stream, Batches(dataset.validation, 4), strict=True):
        np.testing.assert_array_equal(images, expected)
        np.testing.assert_array_equal(labels, right)


@pytest.mark.long
@needs("data", "flowers")
def test_real_images_as_in_memory():
    root = SHARED / "data" / "flowers"
    dataset, listed = data.load(data_dir=root, resize=32, limit=4), scan(data_dir=root, limit=4)
    assert listed.class_names == dataset.class_names and listed.validation.paths == dataset.validation.names
    for (images, _), (expected, _) in zip(
        Stream(listed.validation, 9, 32), Batches(dataset.validation, 9), strict=True
    ):
        np.testing.assert_array_equal(images, expected)
    assert data.throughput(listed.train, resize=32, batch_size=8, seconds=0.5) > 1


@pytest.mark.long
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="run_eagerly shows the pixels in TensorFlow only")
def test_fit_sees_the_order_of_each_epoch(folder):
    stream, seen = Stream(scan(data_dir=folder).train, 5, 2, training=True, seed=1), Seen()
    model = keras.Sequential([keras.Input((2, 2, 3)), keras.layers.Flatten(), seen, keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(stream, epochs=2, shuffle=False, verbose=0, callbacks=[stream.follow_epochs()])
    expected = []
    for number in range(2):
        stream.set_epoch(number)
        expected += [shade for shades, _ in epoch(stream) for shade in shades]
    assert seen.numbers == expected


# --- what cannot be read ----------------------------------------------------------------------------------------------


@pytest.fixture
def damaged(tmp_path):
    """Six images, three of which cannot be read, and one path that is no file."""
    rows = ["path,label,split"]
    contents = {"0": encoded(gradient(), "PNG"), "1": b"no image", "2": encoded(gradient(), "JPEG")}
    contents |= {"3": png(20_000, 20_000, 8, 2, b""), "4": encoded(gradient(), "GIF"), "5": b""}
    (tmp_path / "again").mkdir()
    for name, content in contents.items():
        (tmp_path / f"{name}.jpg").write_bytes(content)
        (tmp_path / "again" / f"{name}.jpg").write_bytes(content and content + b" ")  # not a duplicate
        rows.append(f"{name}.jpg,{'ab'[int(name) % 2]},train")
        rows.append(f"again/{name}.jpg,{'ab'[int(name) % 2]},val")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "list.csv").write_text("\n".join([*rows, "pipe.jpg,a,train"]) + "\n")
    return tmp_path


@pytest.mark.long
@pytest.mark.parametrize("training", [True, False])
def test_unreadable_images_are_counted_and_named(damaged, caplog, training):
    listed = scan(data_dir=damaged / "list.csv")
    assert warnings_of(caplog) == [f"skipped {damaged}/pipe.jpg: not a regular file"]
    assert (listed.unreadable, len(listed.train)) == ((f"{damaged}/pipe.jpg",), 6)
    caplog.clear()
    stream = Stream(listed.train, 6, 8, training=training)
    for number in range(2):
        (_, labels), *rest = list(stream)
        assert labels.tolist() == [0, 0, 0] and not rest
        stream.set_epoch(number + 1)
    causes = {name.rpartition("/")[2]: cause for name, cause in stream.unreadable.items()}
    assert sorted(causes) == ["1.jpg", "3.jpg", "5.jpg"] and causes["5.jpg"] == "empty file"
    assert causes["3.jpg"].startswith("20000 x 20000 pixels, more than") and "Unknown image" in causes["1.jpg"]
    lines = warnings_of(caplog)
    count = "skipped 3 images that could not be read, in this epoch"
    assert [line for line in lines if line == count] == [count] * 2
    assert sorted(lines[1:4]) == sorted(f"skipped {name}: {cause}" for name, cause in stream.unreadable.items())
    assert len(lines) == 5


@pytest.mark.long
def test_an_epoch_that_is_left_early_reports_too(damaged, caplog):
    stream = Stream(scan(data_dir=damaged / "list.csv").validation, 2, 8)
    assert len(stream[0][1]) == 1
    caplog.clear()
    stream.set_epoch(0)
    assert len(warnings_of(caplog)) == 2


@pytest.mark.long
def test_strict_and_empty_batches(damaged):
    files = scan(data_dir=damaged / "list.csv").validation
    with pytest.raises(
        ValueError, match=r"`strict=True` all must be readable. Received: .*/1.jpg: Unknown image file format"
    ):
        list(Stream(files, 6, 8, strict=True))
    with pytest.raises(ValueError, match=r"Batch 1 must have a readable image. Received: none: .*/1.jpg: Unknown"):
        list(Stream(files, 1, 8))
    with pytest.raises(ValueError, match=r"Received: 1 unreadable: .*/pipe.jpg: not a regular file"):
        scan(data_dir=damaged / "list.csv", strict=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"resize": 0}, "`size` must be a positive integer. Received: size=0"),
        ({"batch_size": 0}, "`batch_size` must be a positive integer. Received: batch_size=0"),
        ({"workers": 0}, "`workers` must be a positive integer. Received: workers=0"),
    ],
)
def test_arguments(folder, arguments, message):
    with pytest.raises(ValueError, match=message):
        Stream(scan(data_dir=folder).train, **{"batch_size": 4, "resize": 8, **arguments})


def test_what_is_not_on_disk_is_said(tmp_path):
    with pytest.raises(
        ValueError, match=r"`dataset` must be the name of a TensorFlow data set. Received: dataset='digits'"
    ):
        scan("digits")
    np.savez(tmp_path / "train.npz", labels=[0])
    with pytest.raises(
        ValueError, match=r"`data_dir` must have image files.* Received: .* with archives, which data.load reads"
    ):
        scan(data_dir=tmp_path)


# --- TFDS -------------------------------------------------------------------------------------------------------------


class StreamedShades(tfds.core.GeneratorBasedBuilder):
    """30 images, each of one shade."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        label = tfds.features.ClassLabel(names=["even", "odd"])
        features = tfds.features.FeaturesDict({"image": tfds.features.Image(shape=(None, None, 3)), "label": label})
        return tfds.core.DatasetInfo(builder=self, features=features, supervised_keys=("image", "label"))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(30), "test": self._generate_examples(3, hidden=True)}

    def _generate_examples(self, count, hidden=False):
        for i in range(count):
            yield i, {"image": np.full((9, 7 + i, 3), 5 * i, np.uint8), "label": -1 if hidden else i % 2}


@pytest.fixture(scope="module")
def shades(tmp_path_factory):
    """The builder, prepared in three shards."""
    builder = StreamedShades(data_dir=str(tmp_path_factory.mktemp("tfds")))
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(num_shards=3))
    return builder


@pytest.mark.long
def test_tfds_split(shades, monkeypatch):
    monkeypatch.setattr(on_disk, "BLOCK", 8)
    source = on_disk.TfdsSplit(shades, "train")
    orders = []
    for number in range(2):
        tf.random.set_seed(number)  # of no account
        stream = Stream(source, 7, 4, training=True, seed=1, workers=1 + number)
        orders.append(epoch(stream))
        stream.set_epoch(1)
        orders.append(epoch(stream))
        stream.set_epoch(1, start=3)
        assert epoch(stream) == orders[-1][3:]
    assert orders[0] == orders[2] and orders[1] == orders[3] and orders[0] != orders[1]
    with pytest.raises(ValueError, match="`balanced` needs labels that are known before reading"):
        Stream(source, 7, 4, training=True, balanced=True)
    for order in orders[:2]:
        numbers = [shade // 5 for shades, _ in order for shade in shades]
        assert sorted(numbers) == list(range(30)) and [n % 2 for n in numbers] == [
            b for _, labels in order for b in labels
        ]
    evaluated = epoch(Stream(source, 7, 4))
    assert evaluated == epoch(Stream(source, 7, 4)) and evaluated not in orders


def test_hidden_labels_are_an_error(shades):
    with pytest.raises(ValueError, match=r"must have labels. Received: a hidden one, such as streamed_shades-test"):
        Stream(on_disk.TfdsSplit(shades, "test"), 2, 4)[0]


@pytest.mark.long
def test_scan_by_name(shades, monkeypatch):
    directory = shades.data_dir.removesuffix("/streamed_shades/1.0.0")
    dataset = on_disk.scan_tfds("streamed_shades", data_dir=directory)
    assert (dataset.class_names, len(dataset.train), len(dataset.validation)) == (
        ("even", "odd"),
        24,
        6,
    )  # labels of its test are hidden
    monkeypatch.setattr(on_disk, "splits_of", lambda builder: ("train", []))
    dataset = on_disk.scan_tfds("streamed_shades", 0.3, directory)
    parts = [[s for shades, _ in epoch(Stream(p, 9, 4)) for s in shades] for p in (dataset.train, dataset.validation)]
    assert [len(part) for part in parts] == [21, 9] and sorted(parts[0] + parts[1]) == [5 * i for i in range(30)]


# --- what fit reads ---------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("start", [0, 3])
@pytest.mark.parametrize("wrap", [lambda batches: batches, lambda batches: ProcessShare(batches, 0, 2)])
def test_fit_reads_the_same_batches_without_the_tuner_that_sleeps(folder, wrap, start):
    stream = wrap(Stream(scan(data_dir=folder).train, 4, 8, training=True, seed=3))
    stream.set_epoch(5, start)
    wanted = list(stream)
    stream.set_epoch(5, start)
    dataset = for_fit(stream)
    assert len(dataset) == len(stream) == len(wanted)
    assert dataset.options().autotune.enabled is False
    for ours, theirs in zip(wanted, dataset.as_numpy_iterator(), strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)
