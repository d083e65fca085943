"""The random part of a photo: drawn as for Inception, cut out before it is decoded."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sample_images import READABLE, encoded

from keras_effconv import data
from keras_effconv.data.images.crop import random_crop, random_window


@pytest.mark.long
@pytest.mark.parametrize("shape", [(300, 500, 3), (97, 40, 3)])
def test_window_has_the_area_and_ratio_of_inception(shape):
    windows = tf.map_fn(lambda i: random_window(shape, (i, 7)), tf.range(400)).numpy()
    top, left, height, width = windows.T
    area, ratio = height * width / (shape[0] * shape[1]), width / height
    assert (top >= 0).all() and (left >= 0).all() and (top + height <= shape[0]).all()
    assert (left + width <= shape[1]).all()
    assert 0.079 < area.min() < 0.12 and area.max() > 0.4
    slack = 1 / height.min()
    assert 3 / 4 - slack < ratio.min() < 0.8 and 1.25 < ratio.max() < 4 / 3 + slack
    assert len(np.unique(windows, axis=0)) > 380


@pytest.mark.parametrize("shape, square", [((9, 900, 3), (0, 445, 9, 9)), ((1, 1, 3), (0, 0, 1, 1))])
def test_window_is_the_central_square_where_none_is_found(shape, square):
    assert tuple(random_window(shape, (0, 0)).numpy()) == square


@pytest.mark.parametrize("kind", READABLE)
def test_crop_is_the_window_of_the_image(kind):
    content, tolerance = READABLE[kind]
    whole = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    seed = tf.random.split((3, 1), 2)[0]
    top, left, height, width = random_window(whole.shape, seed).numpy()
    part = np.uint8(whole[top:][:height, left:][:, :width])
    expected = data.decode(encoded(Image.fromarray(part), "PNG"), data.Resize(8, crop=None)).numpy().astype(int)
    found = random_crop(content, 8, (3, 1), flip=False).numpy()
    assert np.abs(found - expected).max() <= tolerance + 1


def test_half_of_the_crops_are_mirrored():
    content, mirrored = READABLE["png"][0], 0
    for i in range(12):
        plain, found = (random_crop(content, 4, (i, 1), flip=flip).numpy() for flip in (False, True))
        mirrored += (found != plain).any()
        np.testing.assert_array_equal(found[:, ::-1] if (found != plain).any() else found, plain)
    assert 2 < mirrored < 10
