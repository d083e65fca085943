"""Files of 16 bits whose values end at 1023 or 4095: the range is found once, and stays with the network."""

import numpy as np
import pytest
from PIL import Image
from sample_images import encoded, png, warnings_of

import keras_effconv as ke
from keras_effconv import data
from keras_effconv.data.images.levels import find_white
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
