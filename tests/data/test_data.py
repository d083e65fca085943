"""keras_effconv.data, on image files made here, on mocked TFDS sets, and on one real folder."""

import contextlib
import doctest
import importlib
import io
import os
import pathlib
import pkgutil
import struct
import subprocess
import sys
import zlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import keras_effconv.data
from keras_effconv.data import Batches, Dataset, Split, decode, digits, from_directory, from_tfds, load
from keras_effconv.data.images.decode import resize
from keras_effconv.data.sources.split import limited, stratified

SHARED = pathlib.Path(__file__).parents[3] / "shared" / "data"
MODULES = [module.name for module in pkgutil.iter_modules(keras_effconv.data.__path__)]


def gradient(height=40, width=48):
    """A smooth colour image: what JPEG and CMYK keep well."""
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack([y * 6, x * 5, (y + x) * 2], -1).astype(np.uint8))


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(tag, content):
    return struct.pack(">I", len(content)) + tag + content + struct.pack(">I", zlib.crc32(tag + content))


def png(width, height, depth, colour, rows):
    """A PNG by hand: pillow writes no 16-bit colour, and no header that lies."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def fill(folder, count, colour=(200, 100, 50), size=(12, 10)):
    """Writes `count` plain images into a new folder."""
    folder.mkdir(parents=True)
    for i in range(count):
        Image.new("RGB", size, colour).save(folder / f"{i:02d}.png")


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


# --- decode -----------------------------------------------------------------------------------------------------------

READABLE = {
    "jpeg": (encoded(gradient(), "JPEG", quality=95), 6),
    "progressive jpeg": (encoded(gradient(), "JPEG", progressive=True, quality=95), 6),
    "grayscale jpeg": (encoded(gradient().convert("L"), "JPEG"), 2),
    "cmyk jpeg": (encoded(gradient().convert("CMYK"), "JPEG"), 2),
    "png": (encoded(gradient(), "PNG"), 0),
    "grey png": (encoded(gradient().convert("L"), "PNG"), 0),
    "1-bit png": (encoded(gradient().convert("1"), "PNG"), 0),
    "palette png": (encoded(gradient().convert("P"), "PNG"), 0),
    "alpha png": (encoded(gradient().convert("RGBA"), "PNG"), 0),
    "grey alpha png": (encoded(gradient().convert("LA"), "PNG"), 0),
    "gif": (encoded(gradient(), "GIF"), 0),
    "animated gif": (encoded(gradient(), "GIF", save_all=True, append_images=[gradient().rotate(180)]), 0),
    "bmp": (encoded(gradient(), "BMP"), 0),
    "32-bit bmp": (encoded(gradient().convert("RGBA"), "BMP"), 0),
    "grayscale bmp": (encoded(gradient().convert("L"), "BMP"), 0),
    "palette bmp": (encoded(gradient().convert("P"), "BMP"), 0),
}
UNREADABLE = {
    "text": b"no image at all",
    "empty": b"",
    "truncated jpeg": READABLE["jpeg"][0][:-200],
    "truncated png": READABLE["png"][0][:-20],
    "truncated gif": READABLE["gif"][0][:-300],
    "truncated bmp": READABLE["bmp"][0][:-20],
    "truncated palette bmp": READABLE["palette bmp"][0][:100],
    "palette bmp without its colours": b"BM" + bytes(8) + struct.pack("<IIiiHH", 54, 40, 2, 2, 1, 8) + bytes(32),
    "1-bit bmp": encoded(gradient().convert("1"), "BMP"),
    "tiff": encoded(gradient(), "TIFF"),
}


@pytest.mark.parametrize("kind", READABLE)
def test_decode_matches_pillow(kind):
    data, tolerance = READABLE[kind]
    image = decode(data, size=40, crop=1.0).numpy()
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))[:, 4:44].astype(int)
    assert image.shape == (40, 40, 3) and image.dtype == np.uint8
    assert np.abs(image - expected).max() <= tolerance


@pytest.mark.parametrize("kind", UNREADABLE)
def test_decode_refuses(kind):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode(UNREADABLE[kind], size=8)


@pytest.mark.parametrize("colour, channels", [(0, 1), (2, 3)])
def test_decode_16_bit_png_keeps_the_high_byte(colour, channels):
    pixels = np.random.default_rng(0).integers(0, 1 << 16, (6, 6, channels)).astype(">u2")
    data = png(6, 6, 16, colour, b"".join(b"\0" + row.tobytes() for row in pixels))
    np.testing.assert_array_equal(decode(data, 6, crop=1.0), np.broadcast_to(pixels >> 8, (6, 6, 3)))


def test_decode_drops_alpha_without_blending():
    data = encoded(Image.new("RGBA", (4, 4), (250, 10, 20, 0)), "PNG")
    assert decode(data, 2)[0, 0].numpy().tolist() == [250, 10, 20]


def test_decode_one_pixel():
    image = decode(encoded(Image.new("RGB", (1, 1), (9, 8, 7)), "PNG"), size=5)
    assert np.unique(image.numpy().reshape(-1, 3), axis=0).tolist() == [[9, 8, 7]]


def test_decode_in_graphs(tmp_path):
    files = [READABLE[kind][0] for kind in ("jpeg", "cmyk jpeg", "palette png", "animated gif", "palette bmp")]
    expected = np.stack([decode(data, 16) for data in files])

    def serve(batch):
        return tf.map_fn(lambda data: decode(data, 16), batch, fn_output_signature=tf.uint8)

    module = tf.Module()
    module.serve = tf.function(serve, input_signature=[tf.TensorSpec((None,), tf.string)])
    np.testing.assert_array_equal(module.serve(tf.constant(files)), expected)
    tf.saved_model.save(module, str(tmp_path))
    np.testing.assert_array_equal(tf.saved_model.load(str(tmp_path)).serve(tf.constant(files)), expected)
    with pytest.raises(tf.errors.InvalidArgumentError):
        module.serve(tf.constant([files[0], b"bad"]))


@settings(max_examples=30, deadline=None)
@given(height=st.integers(1, 80), width=st.integers(1, 80), crop=st.floats(0.01, 1), size=st.integers(1, 40))
def test_resize_any_shape(height, width, crop, size):
    plain = np.full((height, width, 3), 77, np.uint8)
    assert np.unique(resize(plain, size, crop)).tolist() == [77]
    assert resize(plain, size, crop).shape == (size, size, 3)


@settings(max_examples=30, deadline=None)
@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 9))
def test_resize_to_the_shorter_side_is_the_central_square(height, width, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    np.testing.assert_array_equal(resize(image, side, crop=1.0), image[top : top + side, left : left + side])


def test_resize_keeps_the_central_share_and_antialiases():
    image = np.zeros((100, 200, 3), np.uint8)
    image[25:75, 75:125] = 255
    assert resize(image, 50, crop=0.5).numpy().min() == 255
    assert resize(image, 50, crop=0.52).numpy().min() < 255
    checks = np.indices((64, 64)).sum(0) % 2 * 255
    checks = np.repeat(checks[..., None], 3, -1).astype(np.uint8)
    assert np.abs(resize(checks, 8, crop=1.0)[2:6, 2:6].numpy().astype(int) - 128).max() < 8


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_decode_of_damaged_files_raises_nothing_else(data):
    content = bytearray(READABLE[data.draw(st.sampled_from(["jpeg", "palette png", "gif", "bmp", "palette bmp"]))][0])
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:  # Past the sizes in the header: a damaged size may ask for a legal gigabyte.
        content[data.draw(st.integers(30, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(tf.errors.InvalidArgumentError):
        assert decode(bytes(content), 4).shape == (4, 4, 3)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"size": 0}, "expected size of at least 1 pixel, received size=0"),
        ({"size": 8, "crop": 0}, r"expected crop in \(0, 1\] or None, received crop=0"),
        ({"size": 8, "crop": 1.5}, "received crop=1.5"),
        ({"size": 8, "interpolation": "cubic"}, "expected interpolation of bilinear, .*, received 'cubic'"),
    ],
)
def test_decode_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        decode(READABLE["png"][0], **arguments)


# --- splits and batches -----------------------------------------------------------------------------------------------


def numbered(count, size=2):
    """A split whose image number i is full of i."""
    images = np.repeat(np.arange(count, dtype=np.uint8), size * size * 3).reshape(count, size, size, 3)
    return Split(images, np.arange(count, dtype=np.int32), tuple(map(str, range(count))))


def test_split_take():
    taken = numbered(5).take([3, 1])
    assert (len(taken), taken.labels.tolist(), taken.names) == (2, [3, 1], ("3", "1"))
    assert taken.images[:, 0, 0, 0].tolist() == [3, 1] and taken.images.dtype == np.uint8


@pytest.mark.parametrize(
    "images, labels, names, message",
    [
        (np.zeros((2, 4, 4, 3)), np.zeros(2, np.int32), ("a", "b"), "expected images uint8"),
        (np.zeros((2, 4, 5, 3), np.uint8), np.zeros(2, np.int32), ("a", "b"), "expected images uint8"),
        (np.zeros((2, 4, 4, 3), np.uint8), np.zeros(2, np.int64), ("a", "b"), "expected labels int32"),
        (np.zeros((2, 4, 4, 3), np.uint8), np.zeros(3, np.int32), ("a", "b"), "expected labels int32"),
        (np.zeros((2, 4, 4, 3), np.uint8), np.zeros(2, np.int32), ("a",), "expected 2 names"),
    ],
)
def test_split_checks(images, labels, names, message):
    with pytest.raises(ValueError, match=message):
        Split(images, labels, names)


def epoch(batches):
    return [int(label) for _, labels in batches for label in labels]


def test_batches_cover_every_image_once():
    batches = Batches(numbered(10), batch_size=4)
    images, labels = batches[2]
    assert len(batches) == 3 and epoch(batches) == list(range(10))
    assert images.dtype == np.float32 and images.shape == (2, 2, 2, 3) and labels.dtype == np.int32
    np.testing.assert_array_equal(images[:, 0, 0, 0], [8, 9])
    with pytest.raises(IndexError, match="expected a batch index of 0 to 2, received 3"):
        batches[3]


def test_batches_shuffle_by_seed_and_epoch():
    batches = Batches(numbered(50), 8, shuffle=True, seed=3)
    orders = []
    for _ in range(3):
        orders.append(epoch(batches))
        batches.on_epoch_end()
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len(set(map(tuple, orders))) == 3
    resumed = Batches(numbered(50), 8, shuffle=True, seed=3)
    resumed.set_epoch(2)
    assert epoch(resumed) == orders[2]
    assert epoch(Batches(numbered(50), 8, shuffle=True, seed=4)) != orders[0]


@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 30), batch_size=st.integers(1, 9), number=st.integers(0, 4), data=st.data())
def test_batches_go_on_in_the_middle_of_an_epoch(count, batch_size, number, data):
    batches = Batches(numbered(count), batch_size, shuffle=True, seed=2)
    batches.set_epoch(number)
    whole = [labels.tolist() for _, labels in batches]
    start = data.draw(st.integers(0, len(whole) - 1))
    resumed = Batches(numbered(count), batch_size, shuffle=True, seed=2)
    resumed.set_epoch(number, start)
    assert len(resumed) == len(whole) - start and resumed.total == len(whole)
    assert [labels.tolist() for _, labels in resumed] == whole[start:]
    resumed.on_epoch_end()
    assert (resumed.epoch, resumed.start, len(resumed)) == (number + 1, 0, len(whole))


def test_batches_start_is_checked():
    batches = Batches(numbered(10), batch_size=4)
    for start in (-1, 3):
        with pytest.raises(ValueError, match=f"expected start of 0 to 2, received {start}"):
            batches.set_epoch(0, start)


class Seen(keras.layers.Layer):
    """Passes images on, and notes the first pixel of each."""

    def __init__(self):
        super().__init__()
        self.numbers = []

    def call(self, x):
        if not isinstance(x, keras.KerasTensor) and hasattr(x, "numpy"):  # Not while Keras builds the model.
            self.numbers += keras.ops.convert_to_numpy(x)[:, 0].astype(int).tolist()
        return x


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="run_eagerly shows the pixels in TensorFlow only")
def test_fit_sees_the_order_of_each_epoch():
    batches, seen = Batches(numbered(12), 5, shuffle=True, seed=1), Seen()
    model = keras.Sequential([keras.Input((2, 2, 3)), keras.layers.Flatten(), seen, keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    options = {"shuffle": False, "verbose": 0, "callbacks": [batches.follow_epochs()]}
    model.fit(batches, epochs=3, **options)
    expected = []
    for number in range(3):
        batches.set_epoch(number)
        expected += epoch(batches)
    assert seen.numbers == expected
    seen.numbers.clear()
    model.fit(batches, initial_epoch=1, epochs=3, **options)
    assert seen.numbers == expected[12:]
    seen.numbers.clear()
    batches.set_epoch(1, start=2)  # Stopped after two batches of five in the second epoch.
    options["callbacks"] = [batches.follow_epochs()]
    model.fit(batches, initial_epoch=1, epochs=2, **options)
    model.fit(batches, initial_epoch=2, epochs=3, **options)
    assert seen.numbers == expected[12 + 10 :]


@pytest.mark.parametrize("count, batch_size, message", [(0, 4, "at least 1 image"), (3, 0, "batch_size of at least 1")])
def test_batches_checks(count, batch_size, message):
    with pytest.raises(ValueError, match=message):
        Batches(numbered(count), batch_size)


@settings(max_examples=50, deadline=None)
@given(labels=st.lists(st.integers(0, 4), max_size=60), share=st.floats(0.05, 0.95), seed=st.integers(0, 5))
def test_stratified(labels, share, seed):
    train, validation = stratified(labels, share, seed)
    assert sorted([*train, *validation]) == list(range(len(labels)))
    for label in set(labels):
        count = labels.count(label)
        kept = sum(labels[i] == label for i in validation)
        assert kept < count and (count == 1 or kept >= 1)
        assert count == 1 or abs(kept - share * count) <= 1
    again = stratified(labels, share, seed)
    assert [part.tolist() for part in again] == [train.tolist(), validation.tolist()]


def test_limited():
    labels = ["a"] * 9 + ["b"] * 2
    rows = limited(labels, 3, seed=5)
    assert [labels[i] for i in rows] == ["a"] * 3 + ["b"] * 2
    assert rows.tolist() == limited(labels, 3, seed=5).tolist() == sorted(rows.tolist())
    assert limited(labels, None).tolist() == list(range(11))


# --- folders ----------------------------------------------------------------------------------------------------------


def test_folder_with_everything_wrong(tmp_path, caplog):
    """One warning per thing left out, and every readable kind read."""
    cat, dog = tmp_path / "train" / "cat", tmp_path / "train" / "dog"
    fill(dog, 2)
    fill(tmp_path / "validation" / "dog", 1)
    fill(tmp_path / "validation" / "cat", 1)
    fill(tmp_path / "validation" / "bird", 1)
    fill(tmp_path / "validation" / "void", 1)  # Its training folder is named, once.
    (tmp_path / "train" / "void").mkdir()
    (tmp_path / "train" / ".git").mkdir()
    (cat / "deep" / "er").mkdir(parents=True)
    good = {f"{kind}{number}.{kind.split()[-1]}": data for number, (kind, (data, _)) in enumerate(READABLE.items())}
    good |= {"deep/er/schöne Katze 猫.PNG": READABLE["png"][0], "deep/png in truth.jpg": READABLE["png"][0]}
    good["tiny.png"] = encoded(Image.new("RGB", (1, 1)), "PNG")
    bad = {"text.jpg": b"hello", "empty.png": b"", "cut.jpg": READABLE["jpeg"][0][:300], "cut.gif": b"GIF89a"}
    bad["corrupt.png"] = READABLE["png"][0].replace(b"IDAT", b"IDXT")
    bad["bomb.png"] = png(20_000, 20_000, 8, 2, b"")
    bad["bomb.bmp"] = b"BM" + bytes(12) + struct.pack("<IiiHH", 40, 30_000, -30_000, 1, 24) + bytes(24)
    ignored = {"README": b"read me", "notes.txt": b"", ".hidden.jpg": b"not read"}
    for name, content in (good | bad | ignored).items():
        (cat / name).write_bytes(content)
    (cat / "broken link.jpg").symlink_to("nowhere.jpg")
    (cat / "circle").symlink_to(tmp_path / "train")
    os.mkfifo(cat / "pipe.jpg")

    with caplog.at_level("INFO", logger="absl"):
        dataset = from_directory(tmp_path, size=8)

    assert dataset.class_names == ("cat", "dog") and dataset.flip and dataset.name == tmp_path.name
    assert len(dataset.train) == len(good) + 2 and len(dataset.validation) == 2
    assert {name for name in dataset.train.names if "/cat/" in name} == {str(cat / name) for name in good}
    unreadable = {str(cat / name) for name in [*bad, "broken link.jpg", "pipe.jpg"]}
    assert set(dataset.unreadable) == unreadable and len(dataset.unreadable) == len(unreadable)
    warnings = warnings_of(caplog)
    for path in unreadable:
        assert sum(path in warning for warning in warnings) == 1
    classes = [warning for warning in warnings if warning.startswith("class ")]
    assert len(warnings) == len(unreadable) + len(classes) and len(classes) == 2
    assert any("'void'" in warning for warning in classes) and any("'bird'" in warning for warning in classes)
    assert not any("\n" in warning or "{{" in warning for warning in warnings)
    assert "empty.png: empty file" in " ".join(warnings) and "20000 x 20000 pixels" in " ".join(warnings)
    infos = [record.getMessage() for record in caplog.records if "ignored" in record.getMessage()]
    assert infos == [f"{tmp_path}: ignored 3 files or links that are not images"]

    with pytest.raises(ValueError, match=rf"strict=True\), received {len(unreadable)} unreadable: .*/cat/.*: "):
        from_directory(tmp_path, size=8, strict=True)


def test_folder_pixels_labels_and_names(tmp_path):
    fill(tmp_path / "train" / "red", 3, (255, 0, 0))
    fill(tmp_path / "train" / "blue", 2, (0, 0, 255))
    fill(tmp_path / "val" / "red", 1, (255, 0, 0))
    fill(tmp_path / "test" / "blue", 9, (0, 0, 255))  # "val" goes before "test".
    dataset = from_directory(str(tmp_path), size=4)
    assert dataset.class_names == ("blue", "red")
    assert dataset.train.labels.tolist() == [0, 0, 1, 1, 1] and dataset.validation.labels.tolist() == [1]
    assert [pathlib.Path(name).parent.name for name in dataset.train.names] == ["blue"] * 2 + ["red"] * 3
    assert dataset.train.images[:, 1, 1].tolist() == [[0, 0, 255]] * 2 + [[255, 0, 0]] * 3
    assert dataset.train.images.shape == (5, 4, 4, 3) and dataset.train.images.dtype == np.uint8


@pytest.mark.parametrize("layout", ["", "train", "Training"])
def test_folder_without_validation_is_split(tmp_path, layout):
    for name, count in {"a": 10, "b": 5, "one": 1}.items():
        fill(tmp_path / layout / name, count)
    dataset = from_directory(tmp_path, size=4, seed=1)
    train, validation = set(dataset.train.names), set(dataset.validation.names)
    assert len(train | validation) == 16 and not train & validation
    assert np.bincount(dataset.train.labels).tolist() == [8, 4, 1]
    assert np.bincount(dataset.validation.labels).tolist() == [2, 1]
    assert from_directory(tmp_path, size=4, seed=1).train.names == dataset.train.names
    assert from_directory(tmp_path, size=4, seed=2).train.names != dataset.train.names
    assert len(from_directory(tmp_path, size=4, validation_split=0.5).validation) == 7


@pytest.mark.parametrize("name", ["validation", "val", "valid", "test", "Val"])
def test_folder_names_of_validation(tmp_path, name):
    for part in ("train", name):
        for kind in ("a", "b"):
            fill(tmp_path / part / kind, 2)
    dataset = from_directory(tmp_path, size=4)
    assert (len(dataset.train), len(dataset.validation)) == (4, 4)
    assert all(f"/{name}/" in path for path in dataset.validation.names)


def test_folder_with_a_class_called_train(tmp_path):
    for kind in ("bus", "train"):
        fill(tmp_path / kind, 3)
    assert from_directory(tmp_path, size=4).class_names == ("bus", "train")


def test_folder_keeps_a_training_image_of_every_class(tmp_path, caplog):
    """The split is drawn before the files are read: whichever of two is corrupt, the other one trains."""
    fill(tmp_path / "b", 6, (0, 0, 255))
    for i in range(8):
        fill(tmp_path / f"a{i}", 2, (255, 0, 0))
        (tmp_path / f"a{i}" / f"0{i % 2}.png").write_bytes(b"corrupt")
    fill(tmp_path / "gone", 2)
    for path in (tmp_path / "gone").iterdir():
        path.write_bytes(b"corrupt")
    dataset = from_directory(tmp_path, size=4, seed=0)
    assert len(dataset.class_names) == 9 and np.bincount(dataset.train.labels).tolist() == [1] * 8 + [5]
    assert dataset.validation.labels.tolist() == [8] and dataset.validation.images[0, 0, 0].tolist() == [0, 0, 255]
    for image, name in zip(dataset.train.images, dataset.train.names, strict=True):
        assert image[0, 0].tolist() == ([0, 0, 255] if "/b/" in name else [255, 0, 0])
    assert len(warnings_of(caplog)) == 10 + 1 and sum("'gone'" in line for line in warnings_of(caplog)) == 1


def test_folder_limit(tmp_path):
    for part, counts in {"train": (6, 2), "valid": (4, 4)}.items():
        for kind, count in zip("ab", counts, strict=True):
            fill(tmp_path / part / kind, count)
    dataset = from_directory(tmp_path, size=4, limit=3, seed=1)
    assert np.bincount(dataset.train.labels).tolist() == [3, 2] and len(dataset.validation) == 6
    assert from_directory(tmp_path, size=4, limit=3, seed=1).train.names == dataset.train.names
    others = {from_directory(tmp_path, size=4, limit=3, seed=seed).train.names for seed in range(5)}
    assert len(others) > 1


@pytest.mark.parametrize("kept", [True, False])
def test_folder_on_disk_equals_in_memory(tmp_path, kept):
    data, cache = tmp_path / "data", tmp_path / "cache"
    for kind, colour in {"a": (1, 2, 3), "b": (4, 5, 6)}.items():
        fill(data / kind, 7, colour)
    (data / "a" / "00.png").write_bytes(b"corrupt")
    memory = from_directory(data, size=4)
    mapped = from_directory(data, size=4, memory_limit=14 * 4 * 4 * 3 - 1, cache_dir=cache if kept else None)
    assert isinstance(mapped.train.images, np.memmap) and not isinstance(memory.train.images, np.memmap)
    for part in ("train", "validation"):
        one, other = getattr(memory, part), getattr(mapped, part)
        np.testing.assert_array_equal(one.images, other.images)
        np.testing.assert_array_equal(one.labels, other.labels)
        assert one.names == other.names
    np.testing.assert_array_equal(Batches(mapped.train, 3)[1][0], Batches(memory.train, 3)[1][0])
    assert [path.suffix for path in cache.glob("*")] == ([".npy"] if kept else [])
    assert not isinstance(from_directory(data, size=4, memory_limit=14 * 4 * 4 * 3).train.images, np.memmap)


def test_folder_too_large_for_the_disk(tmp_path):
    for kind in ("a", "b"):
        fill(tmp_path / kind, 2)
    with pytest.raises(OSError, match=r"expected \d+ MiB free in cache_dir=.*, found \d+ MiB"):
        from_directory(tmp_path, size=1 << 23, memory_limit=1)


def test_folder_links(tmp_path):
    """A class folder may be a link; one that leads back to the data is no class."""
    fill(tmp_path / "elsewhere", 3)
    fill(tmp_path / "data" / "a", 3)
    (tmp_path / "data" / "b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "c").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "d").symlink_to("d")
    dataset = from_directory(tmp_path / "data", size=4)
    assert dataset.class_names == ("a", "b") and len(dataset.train) + len(dataset.validation) == 6


def test_folder_without_permission(tmp_path, caplog):
    for kind in ("a", "b"):
        fill(tmp_path / kind, 3)
    (tmp_path / "a" / "00.png").chmod(0)
    if os.access(tmp_path / "a" / "00.png", os.R_OK):
        pytest.skip("this user, perhaps root, may read everything")
    (tmp_path / "b" / "closed").mkdir(mode=0)
    dataset = from_directory(tmp_path, size=4)
    assert len(dataset.unreadable) == 2 and all("Permission denied" in line for line in warnings_of(caplog))


def test_folder_with_a_directory_that_cannot_be_listed(tmp_path, caplog, monkeypatch):
    for kind in ("a", "b"):
        fill(tmp_path / kind, 3)
    (tmp_path / "a" / "closed").mkdir()
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert from_directory(tmp_path, size=4).unreadable == (str(tmp_path / "a" / "closed"),)
    assert [line.endswith("closed: Permission denied") for line in warnings_of(caplog)] == [True]


def test_folder_name_that_is_not_utf8(tmp_path):
    for kind in ("a", "b"):
        fill(tmp_path / kind, 3)
    os.rename(tmp_path / "a" / "00.png", os.fsencode(tmp_path / "a") + b"/\xff.png")
    dataset = from_directory(tmp_path, size=4)
    names = "".join(dataset.train.names + dataset.validation.names)
    assert r"\udcff.png" in names and names.encode()


def test_folder_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"found nothing at '.*missing'"):
        from_directory(tmp_path / "missing", size=8)
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="found a file at"):
        from_directory(tmp_path / "file", size=8)
    with pytest.raises(ValueError, match=r"expected at least 2 class folders .*, received 0 of 0 class folders \[\]"):
        from_directory(tmp_path, size=8)
    fill(tmp_path / "only", 3)
    with pytest.raises(ValueError, match=r"received 1 of 1 class folders \['only'\]"):
        from_directory(tmp_path, size=8)
    fill(tmp_path / "train", 1)
    fill(tmp_path / "test", 1)
    with pytest.raises(ValueError, match=r"expected one sub-directory per class in '.*train', received none"):
        from_directory(tmp_path, size=8)
    for kind in ("a", "b"):
        fill(tmp_path / "train" / kind, 1)
    with pytest.raises(ValueError, match=r"expected a readable validation image in '.*test', received none"):
        from_directory(tmp_path, size=8)
    for arguments in ({"size": 0}, {"crop": 2}, {"validation_split": 1.0}, {"limit": 0}):
        with pytest.raises(ValueError, match="expected "):
            from_directory(tmp_path, **{"size": 8, **arguments})


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real images are not in this checkout")
def test_real_folder(caplog):
    dataset = from_directory(SHARED / "cats_vs_dogs", size=32, limit=20)
    assert dataset.class_names == ("cat", "dog") and not dataset.unreadable and not warnings_of(caplog)
    assert (len(dataset.train), len(dataset.validation)) == (40, 40)
    assert 80 < dataset.train.images.mean() < 160 and dataset.train.images.std() > 40


# --- digits and TFDS --------------------------------------------------------------------------------------------------


def test_digits():
    dataset = digits(size=16, seed=1)
    assert isinstance(dataset, Dataset) and dataset.flip is False and dataset.class_names == tuple("0123456789")
    assert len(dataset.train) + len(dataset.validation) == 1797
    assert not set(dataset.train.names) & set(dataset.validation.names)
    shares = np.bincount(dataset.validation.labels) / np.bincount(dataset.train.labels)
    assert np.abs(shares - 0.25).max() < 0.02
    images = dataset.train.images
    assert images.dtype == np.uint8 and images.min() == 0 and images.max() == 255
    assert (images[..., 0] == images[..., 2]).all()
    assert digits(size=16, seed=1).train.names == dataset.train.names
    limited_set = digits(size=8, limit=2)
    assert len(limited_set.train) == len(limited_set.validation) == 20


@pytest.fixture
def tfds():
    return pytest.importorskip("tensorflow_datasets")


def write_metadata(tfds, directory, name, splits):
    """What a prepared data set has beside its images: the mocked sets take their splits from it."""
    builder = tfds.builder(name, data_dir=directory)
    template = tfds.core.ShardedFileTemplate(
        data_dir=builder.data_dir, dataset_name=name, split="train", filetype_suffix="tfrecord"
    )
    infos = [
        tfds.core.SplitInfo(name=split, shard_lengths=[9], num_bytes=0, filename_template=template.replace(split=split))
        for split in splits
    ]
    builder.info.set_splits(tfds.core.SplitDict(infos))
    pathlib.Path(builder.data_dir).mkdir(parents=True)
    builder.info.write_to_directory(builder.data_dir)


@pytest.mark.parametrize(
    "name, splits, train, validation, counts",
    [
        ("cifar10", ["train", "test"], "train", "test", (40, 40)),
        ("oxford_flowers102", ["train", "test", "validation"], "train+validation", "test", (40, 40)),
        ("cifar10", ["train"], "train", "train", None),
    ],
)
def test_tfds_splits(tfds, tmp_path, name, splits, train, validation, counts):
    write_metadata(tfds, tmp_path, name, splits)
    with tfds.testing.mock_data(num_examples=40, data_dir=str(tmp_path)):
        dataset = from_tfds(name, size=8)
        again = from_tfds(name, size=8, memory_limit=1, cache_dir=tmp_path / "cache")
        names = tuple(tfds.builder(name).info.features["label"].names)
    assert dataset.class_names == names and dataset.flip and dataset.name == name
    assert all(line.startswith(f"{name}/{train}/") for line in dataset.train.names)
    assert all(line.startswith(f"{name}/{validation}/") for line in dataset.validation.names)
    assert len(dataset.train) + len(dataset.validation) == (sum(counts) if counts else 40)
    assert counts or not set(dataset.train.names) & set(dataset.validation.names)
    assert dataset.train.images.std() > 0 and dataset.train.images.shape[1:] == (8, 8, 3)
    assert isinstance(again.train.images, np.memmap)
    np.testing.assert_array_equal(again.train.images, dataset.train.images)
    np.testing.assert_array_equal(again.validation.labels, dataset.validation.labels)


def test_tfds_images_labels_limit(tfds, tmp_path):
    """Against TFDS' own decoding; grey letters become RGB, and do not flip."""
    write_metadata(tfds, tmp_path, "mnist", ["train", "test"])
    with tfds.testing.mock_data(num_examples=60, data_dir=str(tmp_path)):
        dataset = from_tfds("mnist", size=28, crop=1.0, limit=2)
        stored = tfds.builder("mnist").as_dataset(split="train", decoders={"image": tfds.decode.SkipDecoding()})
        stored = [(tf.io.decode_png(e["image"]).numpy(), int(e["label"])) for e in stored]
    assert dataset.flip is False and np.bincount(dataset.train.labels).max() == 2
    for image, label, name in zip(dataset.train.images, dataset.train.labels, dataset.train.names, strict=True):
        expected, expected_label = stored[int(name.rpartition("/")[2])]
        np.testing.assert_array_equal(image, np.repeat(expected, 3, -1))
        assert label == expected_label


def test_tfds_written_and_read(tfds, tmp_path):
    """A real set, of many shapes, whose test labels are hidden: part of its training images validates."""

    class TinyImages(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            label = tfds.features.ClassLabel(names=["even", "odd"])
            features = tfds.features.FeaturesDict(
                {"picture": tfds.features.Image(shape=(None, None, 3)), "kind": label}
            )
            return tfds.core.DatasetInfo(builder=self, features=features, supervised_keys=("picture", "kind"))

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples(20), "test": self._generate_examples(4, hidden=True)}

        def _generate_examples(self, count, hidden=False):
            for i in range(count):
                picture = np.full((3 + i, 40 - i, 3), 10 * i, np.uint8)
                yield i, {"picture": picture, "kind": -1 if hidden else i % 2}

    dataset = from_tfds("tiny_images", size=4, data_dir=str(tmp_path))
    assert dataset.class_names == ("even", "odd") and (len(dataset.train), len(dataset.validation)) == (16, 4)
    pixels = [split.images[:, 0, 0, 0] // 10 for split in (dataset.train, dataset.validation)]
    assert sorted(np.concatenate(pixels)) == list(range(20))
    for numbers, split in zip(pixels, (dataset.train, dataset.validation), strict=True):
        np.testing.assert_array_equal(numbers % 2, split.labels)


@pytest.mark.parametrize(
    "name, message",
    [
        ("cifar_10", "expected the name of a TensorFlow data set, received 'cifar_10'; did you mean cifar10 "),
        ("not a name", "received 'not a name': Parsing builder name"),
        ("cifar10:9.9.9", "received 'cifar10:9.9.9': .*cannot be loaded at version"),
        ("wider_face", "images with one class label, received 'wider_face' with features .*faces"),
    ],
)
def test_tfds_names(tfds, tmp_path, name, message):
    with pytest.raises(ValueError, match=message) as raised:
        from_tfds(name, size=8, data_dir=str(tmp_path))
    assert "\n" not in str(raised.value)


def test_tfds_without_training_split(tfds, tmp_path):
    write_metadata(tfds, tmp_path, "cifar10", ["test"])
    with (
        tfds.testing.mock_data(num_examples=4, data_dir=str(tmp_path)),
        pytest.raises(ValueError, match=r"data set 'cifar10' to have a split 'train', received \['test'\]"),
    ):
        from_tfds("cifar10", size=8)


def test_tfds_failed_download(tfds, tmp_path, monkeypatch):
    def fail(self):
        raise ConnectionError("no route to host\nand more lines")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    with pytest.raises(RuntimeError, match=r"'cifar10' to be prepared in '.*cifar10.*no route to host$"):
        from_tfds("cifar10", size=8, data_dir=str(tmp_path))


# --- the entry, imports, documentation --------------------------------------------------------------------------------


def test_many_data_sets_without_a_retracing_warning(tmp_path, caplog):
    for kind in ("a", "b"):
        fill(tmp_path / kind, 2)
    for size in range(4, 12):
        from_directory(tmp_path, size)
    assert not warnings_of(caplog)


def test_load(tfds, tmp_path):
    assert load(size=8, limit=1).name == "digits"
    for kind in ("a", "b"):
        fill(tmp_path / "folder" / kind, 4)
    assert load("digits", data_dir=tmp_path / "folder", size=8, validation_split=0.5).validation.labels.size == 4
    write_metadata(tfds, tmp_path, "cifar10", ["train"])
    with tfds.testing.mock_data(num_examples=20, data_dir=str(tmp_path)):
        dataset = load("cifar10", size=8, crop=1.0, interpolation="bilinear", limit=1)
    assert np.bincount(dataset.train.labels).max() == 1 and dataset.name == "cifar10"


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
            **{"tqdm": {"data_dir": tmp_path}, "tensorflow_datasets": {"name": "cifar10"}}.get(module, {}), size=8
        )


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(f"keras_effconv.data.{name}")
    assert doctest.testmod(module).failed == 0
