"""keras_effconv.data.decode: formats against pillow, damaged files, graphs, and the resize."""

import contextlib
import dataclasses
import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sample_images import READABLE, encoded, gradient, png

from keras_effconv.data import Resize, decode
from keras_effconv.data.images.decode import crop_and_resize
from keras_effconv.preprocessing import Preprocessing

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
    image = decode(data, Resize(40, crop=1.0)).numpy()
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))[:, 4:44].astype(int)
    assert image.shape == (40, 40, 3) and image.dtype == np.uint8
    assert np.abs(image - expected).max() <= tolerance


@pytest.mark.parametrize("kind", UNREADABLE)
def test_decode_refuses(kind):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode(UNREADABLE[kind], 8)


@pytest.mark.parametrize("colour, channels", [(0, 1), (2, 3)])
def test_decode_16_bit_png_scales_its_range(colour, channels):
    pixels = np.random.default_rng(0).integers(0, 1 << 16, (6, 6, channels)).astype(">u2")
    data = png(6, 6, 16, colour, b"".join(b"\0" + row.tobytes() for row in pixels))
    for white in (None, 4095, 65535):
        expected = np.round(np.minimum(pixels / (white or 65535), 1) * 255)
        found = decode(data, Resize(6, crop=1.0, white=white)).numpy()
        np.testing.assert_array_equal(found, np.broadcast_to(expected, (6, 6, 3)))


@pytest.mark.parametrize("background", [(255, 255, 255), (0, 10, 200)])
def test_decode_lays_transparent_pixels_over_a_colour(background):
    data = encoded(Image.new("RGBA", (4, 4), (250, 10, 20, 0)), "PNG")
    assert decode(data, Resize(2, background=background))[0, 0].numpy().tolist() == list(background)


def test_decode_one_pixel():
    image = decode(encoded(Image.new("RGB", (1, 1), (9, 8, 7)), "PNG"), 5)
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
    assert np.unique(crop_and_resize(plain, Resize(size, crop))).tolist() == [77]
    assert crop_and_resize(plain, Resize(size, crop)).shape == (size, size, 3)


@settings(max_examples=30, deadline=None)
@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 9))
def test_resize_to_the_shorter_side_is_the_central_square(height, width, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    np.testing.assert_array_equal(
        crop_and_resize(image, Resize(side, crop=1.0)), image[top : top + side, left : left + side]
    )


def test_resize_keeps_the_central_share_and_antialiases():
    image = np.zeros((100, 200, 3), np.uint8)
    image[25:75, 75:125] = 255
    assert crop_and_resize(image, Resize(50, crop=0.5)).numpy().min() == 255
    assert crop_and_resize(image, Resize(50, crop=0.52)).numpy().min() < 255
    checks = np.indices((64, 64)).sum(0) % 2 * 255
    checks = np.repeat(checks[..., None], 3, -1).astype(np.uint8)
    assert np.abs(crop_and_resize(checks, Resize(8, crop=1.0))[2:6, 2:6].numpy().astype(int) - 128).max() < 8


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
        ({"size": 0}, "`size` must be a positive integer. Received: size=0"),
        ({"size": 8.0}, "`size` must be a positive integer. Received: size=8.0"),
        ({"size": 8, "crop": 0}, r"`crop` must be a number in \(0, 1\] or None. Received: crop=0"),
        ({"size": 8, "crop": 1.5}, "Received: crop=1.5"),
        ({"size": 8, "crop": "half"}, "Received: crop='half'"),
        ({"size": 8, "crop": float("nan")}, "Received: crop=nan"),
        ({"size": 8, "white": 0}, "`white` must be an integer, 1 to 65535, or None. Received: white=0"),
        ({"size": 8, "background": (0, 256, 0)}, "`background` must be three integers, .* Received: .*256"),
        ({"size": 8, "background": 255}, "`background` must be three integers, .* Received: background=255"),
        ({"size": 8, "interpolation": "cubic"}, "`interpolation` must be one of 'bilinear', .* Received: .*='cubic'"),
    ],
)
def test_resize_arguments(arguments, message):
    for kind in (Resize, Preprocessing):
        with pytest.raises(ValueError, match=message):
            kind(**arguments)


@pytest.mark.parametrize("resize", [0, True, 8.0, "8", None, (8, 8)])
def test_resize_is_a_resize_or_a_size(resize):
    with pytest.raises(ValueError, match=r"`(re)?size` must be a .* Received: "):
        decode(READABLE["png"][0], resize)


def test_preprocessing_is_a_resize():
    view = Resize(16, crop=0.5, interpolation="bilinear")
    whole = Preprocessing(**dataclasses.asdict(view), mean=(1.0, 2.0, 3.0), bgr=True)
    data = READABLE["png"][0]
    np.testing.assert_array_equal(decode(data, whole), decode(data, view))
    np.testing.assert_array_equal(decode(data, 16), decode(data, Resize(16, 0.875, "bicubic")))
    assert not np.array_equal(decode(data, 16), decode(data, view))
    assert whole.at(8) == dataclasses.replace(whole, size=8)
