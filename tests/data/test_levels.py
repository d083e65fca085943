"""Files of 16 bits whose values end at 1023 or 4095: the range is found once, and stays with the network."""

import itertools
import struct

import numpy as np
import pytest
from PIL import Image
from sample_images import encoded, gradient, png, warnings_of

import keras_effconv as ke
from keras_effconv import data
from keras_effconv.data.images.convert import UnreadableImageError
from keras_effconv.data.images.decode import rgb
from keras_effconv.data.images.levels import find_white, has_16_bits
from keras_effconv.data.images.reading import compiled_decoder, decode_image
from keras_effconv.network_info import preprocessing_for
from keras_effconv.preprocessing import Preprocessing, Resize
from keras_effconv.training import Recipe, network
from keras_effconv.training.input_pipeline import streamed


def grey(values):
    """A 16-bit PNG, one row of values."""
    values = np.asarray(values, ">u2")
    return png(values.size, 1, 16, 0, b"\0" + values.tobytes())


@pytest.fixture
def folder(tmp_path):
    """Two classes: three 16-bit files of training, with values to 3900, one of validation to 65535, and one of 8."""
    files = {"train/a/1.png": grey([0, 1950, 3900, 0]), "train/a/2.png": encoded(Image.new("L", (4, 1), 200), "PNG")}
    files |= {"train/b/1.png": grey([10] * 4), "train/b/2.png": b"\x89PNG damaged", "validation/a/1.png": grey([65535])}
    files |= {"train/b/3.tif": encoded(Image.fromarray(np.full((4, 4), 2000, "uint16")), "TIFF")}
    files |= {"validation/b/1.png": grey([2048] * 4)}
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


SAID = (
    "3 of 5 training images have 16 bits a channel, with values to 3900: 4095 becomes white, here and wherever the "
    "network sees such files"
)


def test_the_range_of_training_images_is_that_of_all(folder, caplog):
    dataset = data.load(data_dir=folder, resize=Resize(4, crop=None, interpolation="nearest"))
    assert dataset.white == 4095 and SAID in warnings_of(caplog)
    shades = {name.removeprefix(f"{folder}/"): image.max() for part in (dataset.train, dataset.validation)
              for name, image in zip(part.names, part.images)}  # fmt: skip
    expected = {
        "train/a/1.png": round(255 * 3900 / 4095),
        "train/a/2.png": 200,
        "train/b/1.png": 1,
        "train/b/3.tif": 125,
    }
    assert shades == {**expected, "validation/a/1.png": 255, "validation/b/1.png": round(255 * 2048 / 4095)}


def test_streams_see_what_is_in_memory(folder, caplog):
    listed = data.scan(data_dir=folder)
    assert listed.white == 4095 and SAID in warnings_of(caplog)
    part = streamed(listed, 4).validation
    images = np.concatenate([images for images, _ in data.Stream(part.source, 2, part.resize)])
    np.testing.assert_array_equal(images, data.load(data_dir=folder, resize=4).validation.images)


def test_a_resize_that_knows_its_white_keeps_it(folder, caplog):
    settled = Preprocessing(4).settled()
    assert settled.white == 65535 and settled.settled() == settled
    dataset = data.load(data_dir=folder, resize=settled)
    assert dataset.white == 65535 and not [line for line in warnings_of(caplog) if "16 bits" in line]


@pytest.mark.parametrize("values, white", [([0], 1), ([1, 255], 255), ([1023], 1023), ([1024], 2047), ([65535], 65535)])
def test_white_is_the_next_power_of_two_less_one(tmp_path, values, white):
    (tmp_path / "x.png").write_bytes(grey(values))
    assert find_white([str(tmp_path / "x.png")]) == white


def test_what_is_hidden_by_opacity_does_not_count(tmp_path):
    pixels = np.array([[900, 65535], [65535, 0]], ">u2")  # grey and opacity
    (tmp_path / "x.png").write_bytes(png(2, 1, 16, 4, b"\0" + pixels.tobytes()))
    assert find_white([str(tmp_path / "x.png")]) == 1023
    assert find_white([str(tmp_path / "none.png"), "photo.jpg"]) is None


def test_a_network_keeps_the_white_and_the_background_of_its_training(tmp_path):
    recipe = Recipe(model="ResNet20", weights=None, image_size=32, background=(0, 0, 9))
    model = network.classifier(network.backbone(recipe, white=4095), 2, 0.0, "network")
    model.save(tmp_path / "model.keras")
    import keras

    for each in (model, keras.models.load_model(tmp_path / "model.keras")):
        how = preprocessing_for(each).preprocessing
        assert (how.white, how.background, how.crop) == (4095, (0, 0, 9), None)


@pytest.mark.parametrize("inside", [False, True])
def test_a_network_of_grey_images_gets_one_channel(inside):
    """`preprocessing_for` of a one-channel network: three channels came out."""
    how = Preprocessing(32, crop=1.0, mean=(100.0, 110.0, 120.0), std=(50.0, 50.0, 20.0), inside=inside)
    layer = how.grey().layer()
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype("float32")
    luma = images @ np.float32([[0.299], [0.587], [0.114]])
    expected = luma if inside else (luma - 110) / 40
    np.testing.assert_allclose(layer(images), expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(layer(luma), expected, rtol=1e-4, atol=1e-3)
    model = ke.ResNet20(weights=None, input_shape=(32, 32, 1))
    assert preprocessing_for(model)(luma).shape == (2, 32, 32, 1) == preprocessing_for(model)(images).shape


def tiff(values, order, photometric):
    """An uncompressed TIFF of an array (height, width, channels) of 8 or 16 bits, in an order of bytes."""
    (height, width, channels), bits = values.shape, 8 * values.itemsize
    tags = [(256, 4, 1, width), (257, 4, 1, height), (259, 3, 1, 1), (262, 3, 1, photometric), (277, 3, 1, channels)]
    tags += [(278, 4, 1, height), (279, 4, 1, values.nbytes)] + [(338, 3, 1, 2)] * (channels == 4)
    behind = 8 + 2 + 12 * (len(tags) + 2) + 4
    tags += [(258, 3, channels, behind if channels > 2 else bits), (273, 4, 1, behind + 8)]
    entries = [
        struct.pack(order + ("HHIHxx" if kind == 3 and count == 1 else "HHII"), tag, kind, count, value)
        for tag, kind, count, value in sorted(tags)
    ]
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(tags)) + b"".join(entries)
    pixels = values.astype(values.dtype.newbyteorder(order)).tobytes()
    return head + bytes(4) + struct.pack(order + "4H", *[bits] * 4) + pixels


@pytest.mark.parametrize(
    ("channels", "order", "bits", "photometric"),
    [
        *itertools.product([1], "<>", [8, 16], [0, 1]),
        *itertools.product([3, 4], "<>", [8, 16], [2]),
    ],
)
def test_a_tiff_has_the_pixels_of_a_png_or_is_refused(channels, order, bits, photometric):
    """Grey of 16 bits was white if big-endian and inverted if 0 is white; in colour it had 8 bits, without a word."""
    values = np.random.default_rng(0).integers(0, 2**bits, (5, 7, channels)).astype(f"uint{bits}")
    file, decoder = tiff(values, order, photometric), compiled_decoder(Resize(8, white=3000), rgb)
    light = values if photometric else np.iinfo(values.dtype).max - values
    rows = b"".join(b"\0" + row.tobytes() for row in light.astype(light.dtype.newbyteorder(">")))
    expected = decode_image(png(7, 5, bits, {1: 0, 3: 2, 4: 6}[channels], rows), decoder)
    assert has_16_bits(file) == (bits == 16)
    if bits == 16 and channels > 1:
        message = f"^TIFF of 16 bits and {channels} channels cannot be read in full: convert it to PNG$"
        with pytest.raises(UnreadableImageError, match=message):
            decode_image(file, decoder)
    elif (order, bits, photometric) == (">", 16, 0):  # Pillow knows no such files
        with pytest.raises(UnreadableImageError, match=r"^TIFF: "):
            decode_image(file, decoder)
    else:
        np.testing.assert_array_equal(decode_image(file, decoder), expected)


def test_a_jpeg_2000_of_several_deep_channels_is_refused():
    file = bytearray(encoded(gradient(), "JPEG2000"))
    for mark, depths in ((b"ihdr", [14]), (b"\xff\x4f\xff\x51", [42, 45, 48])):
        for at in depths:
            file[file.index(mark) + at] = 15
    with pytest.raises(UnreadableImageError, match=r"^JPEG 2000 of 16 bits and 3 channels cannot be read in full"):
        decode_image(bytes(file), compiled_decoder(8))
