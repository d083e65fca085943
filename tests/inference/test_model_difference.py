"""The measures of how far two models are from each other."""

import keras
import numpy as np
import pytest

from keras_effconv.inference import compare


def scaled(factor, size=None):
    """A model that multiplies."""
    image = keras.Input((size, size, 1))
    return keras.Model(image, keras.layers.Rescaling(factor)(image))


@pytest.mark.parametrize("size", [None, 8])
def test_a_difference_is_relative_to_the_largest_output(size):
    assert compare.difference(scaled(2.0, size), scaled(2.0, size)) == 0
    for pixels in (False, True):
        assert compare.difference(scaled(2.0, size), scaled(2.5, size), pixels) == pytest.approx(0.25)
    assert compare.difference(scaled(0.0, size), scaled(0.0, size)) == 0


def test_what_is_not_finite_is_never_equal():
    for wrong in (np.nan, np.inf):
        assert compare.largest_relative([1.0, wrong], [1.0, wrong]) == np.inf
        assert not compare.largest([1.0, 1.0], [1.0, wrong]) <= 1
        for expected in ([0.5, 0.5], [1.0, 1.0]):
            assert not compare.moved_probability([expected], [[1.0, wrong]]) <= 1
    assert compare.difference(scaled(1.0), scaled(np.nan)) == np.inf


def test_a_difference_from_recorded_outputs(tmp_path):
    images, path = np.ones((2, 8, 8, 1)), tmp_path / "reference.npz"
    np.savez(path, images=images, outputs=4 * images)
    assert compare.difference_from(scaled(4.0), path) == 0
    assert compare.difference_from(scaled(5.0), path) == 0.25
    np.savez(path, images=images, outputs=images[0])
    with pytest.raises(ValueError, match=r"`path` must hold outputs of shape \(2, 8, 8, 1\). Received: .*\(8, 8, 1\)"):
        compare.difference_from(scaled(4.0), path)
    np.savez(path, images=images)
    (tmp_path / "text.npz").write_text("text")
    for wrong in (path, tmp_path / "text.npz"):
        with pytest.raises(ValueError, match=r"`path` must be an \.npz file of images and outputs"):
            compare.difference_from(scaled(4.0), wrong)
