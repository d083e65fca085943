"""Phones store pixels as the sensor lies, and say in a tag how the camera was held: all eight ways, everywhere."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps
from sample_images import chunk, encoded, gradient

from keras_effconv import data
from keras_effconv.data import Resize, decode
from keras_effconv.data.images.convert import readable
from keras_effconv.data.images.crop import random_crop
from keras_effconv.data.images.decode import rgb
from keras_effconv.data.images.exif import orientation, stored_window, turned

FILES = {"JPEG": {}, "PNG": {}, "WEBP": {"lossless": True}}
# From the definition (Exif 2.3, table 6): where row 0 and column 0 of the stored pixels are, as they are seen.
SEEN = {
    1: lambda x: x,  # top, left
    2: lambda x: x[:, ::-1],  # top, right
    3: lambda x: x[::-1, ::-1],  # bottom, right
    4: lambda x: x[::-1],  # bottom, left
    5: lambda x: x.transpose(1, 0, 2),  # left, top
    6: lambda x: x.transpose(1, 0, 2)[:, ::-1],  # right, top
    7: lambda x: x.transpose(1, 0, 2)[::-1, ::-1],  # right, bottom
    8: lambda x: x.transpose(1, 0, 2)[::-1],  # left, bottom
}
pixels = tf.function(lambda file: rgb(file, Resize(8)), input_signature=[tf.TensorSpec((), tf.string)], autograph=False)


part = tf.function(
    lambda file, seed: random_crop(file, 8, seed),
    input_signature=[tf.TensorSpec((), tf.string), tf.TensorSpec((2,), tf.int64)],
    autograph=False,
)


def exif(tag, order="<"):
    exif = Image.Exif()
    exif.endian = order
    exif[0x010F], exif[0x0112], exif[0x0131] = "a camera", tag, "a program"
    return exif


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("tag", SEEN)
def test_pixels_are_turned_by_the_tag(kind, tag, order):
    plain = encoded(gradient(), kind, **FILES[kind])
    tagged = encoded(gradient(), kind, exif=exif(tag, order), **FILES[kind])
    np.testing.assert_array_equal(pixels(tagged), SEEN[tag](pixels(plain).numpy()))


@pytest.mark.parametrize("kind, tolerance", [("TIFF", 0), ("AVIF", 12), ("HEIF", 12)])
@pytest.mark.parametrize("tag", [1, 5, 6])
def test_formats_of_pillow_are_turned_once(kind, tolerance, tag):
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    expected = SEEN[tag](np.asarray(gradient()))
    # With bytes, the plug-in of HEIC writes a box that turns; the tag next to it counts for nothing.
    found = pixels(readable(encoded(gradient(), kind, exif=exif(tag).tobytes()))).numpy()
    assert found.shape == expected.shape and np.abs(found.astype(int) - expected).max() <= tolerance


@pytest.mark.parametrize("tag", SEEN)
def test_the_random_part_is_one_of_what_is_seen(tag):
    tagged, plain = encoded(gradient(), "JPEG", exif=exif(tag)), encoded(gradient(), "JPEG")
    upright = encoded(Image.fromarray(SEEN[tag](pixels(plain).numpy())), "PNG")
    found, expected = (part(file, (7, 1)).numpy().astype(int) for file in (tagged, upright))
    assert np.abs(found - expected).max() <= 3  # at its edges a part of a JPEG has other colours; a pixel is 5 levels


@pytest.mark.parametrize("tag", SEEN)
def test_a_window_and_its_place_among_the_stored_pixels(tag):
    stored = np.arange(60).reshape(6, 10, 1)
    top, left, height, width = 1, 2, 3, 4
    row, column, h, w = stored_window(
        tf.constant([top, left, height, width]), tf.shape(stored), tf.constant(tag, tf.int64)
    )
    part = turned(tf.constant(stored[row : row + h, column : column + w]), tf.constant(tag, tf.int64))
    np.testing.assert_array_equal(part, SEEN[tag](stored)[top : top + height, left : left + width])


def segment(marker, content):
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content


TIFF = exif(6).tobytes()[6:]  # without "Exif\0\0"
JPEG, PNG = encoded(gradient(), "JPEG"), encoded(gradient(), "PNG")
FAR = {
    "behind other segments": (
        JPEG[:2] + segment(0xE2, bytes(60_000)) + b"\xff\xff\xff" + segment(0xE1, b"Exif\0\0" + TIFF)[1:] + JPEG[2:],
        6,
    ),
    "in a comment": (JPEG[:2] + segment(0xFE, segment(0xE1, b"Exif\0\0" + TIFF)) + JPEG[2:], 1),
    "behind the pixels": (JPEG + segment(0xE1, b"Exif\0\0" + TIFF), 1),
    "behind the pixels of a PNG": (PNG[:-12] + chunk(b"eXIf", TIFF) + PNG[-12:], 6),
    "with the prefix of JPEG": (PNG[:-12] + chunk(b"eXIf", b"Exif\0\0" + TIFF) + PNG[-12:], 6),
    "in the text of a PNG": (PNG[:-12] + chunk(b"tEXt", b"eXIf\0\0" + TIFF) + PNG[-12:], 1),
    "cut short": (JPEG[:2] + segment(0xE1, b"Exif\0\0" + TIFF[:12]) + JPEG[2:], 1),
    "a directory beyond the file": (JPEG[:2] + segment(0xE1, b"Exif\0\0II*\0" + b"\xff" * 4) + JPEG[2:], 1),
    "in circles": (JPEG[:2] + segment(0xE1, b"Exif\0\0II*\0\0\0\0\0") + JPEG[2:], 1),
    "of no known value": (
        JPEG[:2] + segment(0xE1, b"Exif\0\0" + TIFF.replace(b"\6\0\0\0", b"\x63\0\0\0")) + JPEG[2:],
        1,
    ),
    "no length": (b"\xff\xd8" + b"\xff\xe0\0\0" * 50_000 + b"Exif\0\0", 1),
    "a PNG of empty chunks": (PNG[:33] + chunk(b"eXIg", b"") * 30_000 + b"eXIf", 1),
}


@pytest.mark.parametrize("place", FAR)
def test_the_tag_is_found_where_it_may_be_and_ends(place):
    file, tag = FAR[place]
    assert int(orientation(file)) == tag


def test_load_stream_and_evaluation_see_the_turned_photo(tmp_path):
    for part in ("train", "validation"):
        for name in ("a", "b"):
            (tmp_path / part / name).mkdir(parents=True)
            (tmp_path / part / name / "1.JPG").write_bytes(encoded(gradient(), "JPEG", exif=exif(6)))
        (tmp_path / part / "a" / "2.tiff").write_bytes(
            encoded(Image.fromarray(pixels(JPEG).numpy()), "TIFF", exif=exif(6))
        )
    upright = np.ascontiguousarray(SEEN[6](pixels(JPEG).numpy()))
    expected = decode(encoded(Image.fromarray(upright), "PNG"), 16).numpy()
    dataset, listed = data.load(data_dir=tmp_path, resize=16), data.scan(data_dir=tmp_path)
    streamed = np.concatenate([images for images, _ in data.Stream(listed.validation, 2, 16)])
    for images in (dataset.train.images, dataset.validation.images, streamed):
        np.testing.assert_array_equal(images, [expected] * 3)
    training = data.Stream(listed.train, 3, 16, training=True)
    assert training[0][0].shape == (3, 16, 16, 3) and not training.unreadable


def test_pillow_agrees():
    file = encoded(gradient(), "PNG", exif=exif(7))
    with Image.open(io.BytesIO(file)) as image:
        np.testing.assert_array_equal(pixels(file), np.asarray(ImageOps.exif_transpose(image)))
