"""Averages over views of an image."""

import keras
import numpy as np
import pytest
from PIL import Image

from keras_effconv.cli.flags import Flags, define_views
from keras_effconv.inference import VIEWS, averaged


def noise(n=3, size=16):
    return np.random.default_rng(0).uniform(0, 255, (n, size, size, 3)).astype("float32")


def pixels(images):
    """What says all of an image: its numbers."""
    return np.asarray(images).reshape(len(images), -1)


def test_the_command_knows_all_views():
    flags = Flags()
    define_views(flags)
    assert tuple(flags["views"].parser.enum_values) == VIEWS


def test_the_plain_view_is_the_function_itself():
    assert averaged(pixels, "plain") is pixels


def test_a_mirror_image_is_averaged():
    images = noise()
    mean = averaged(pixels, "mirror")(images)
    np.testing.assert_allclose(mean, (pixels(images) + pixels(images[:, :, ::-1])) / 2, rtol=1e-6)


@pytest.mark.parametrize("size", [8, 16, 33])
def test_crops_are_those_of_pillow(size):
    seen = []
    averaged(lambda images: [seen.append(images.copy()), pixels(images)][1], "crops")(noise(2, size))
    assert len(seen) == 12 and {view.shape for view in seen} == {(2, size, size, 3)}
    side = round(0.875 * size)
    corners = [(0, 0), (0, size - side), (size - side, 0), (size - side,) * 2, ((size - side) // 2,) * 2]
    for view, mirror, (top, left) in zip(seen[2::2], seen[3::2], corners, strict=True):
        for channel in range(3):
            crop = noise(2, size)[0, top : top + side, left : left + side, channel]
            expected = np.asarray(Image.fromarray(crop).resize((size, size), Image.Resampling.BILINEAR))
            np.testing.assert_allclose(view[0, :, :, channel], expected, rtol=1e-4)
        np.testing.assert_array_equal(mirror, view[:, :, ::-1])


@pytest.mark.parametrize("views", VIEWS)
def test_a_network_that_sees_no_places_gives_the_same(views):
    """A model of even images gives the same of all views; the answers are probabilities."""
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.layers.Softmax()(keras.layers.GlobalAveragePooling2D()(image)))
    images = np.broadcast_to(noise(4, 8)[:, :1, :1] / 100, (4, 8, 8, 3))
    answers = averaged(model.predict_on_batch, views)(images)
    np.testing.assert_allclose(answers, model.predict_on_batch(images), rtol=1e-5)
    np.testing.assert_allclose(answers.sum(1), 1, rtol=1e-5)


def test_other_views_are_refused():
    with pytest.raises(ValueError, match=r"`views` must be one of .*Received: views='ten'"):
        averaged(pixels, "ten")
