"""What headers say of an image apart from its pixels, and what the check keeps of a file, however damaged."""

import dataclasses
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sample_images import READABLE, encoded, gradient, png

from keras_effconv.data.checking.picture import Picture, full_decoder, picture_of
from keras_effconv.data.images.convert import readable
from keras_effconv.data.images.reading import UnreadableImageError
from keras_effconv.data.images.traits import CMYK, DEEP, GREY, OPACITY, TURNED, is_cut_off, traits_of


@pytest.fixture(autouse=True)
def seed():
    """Nothing of Keras is drawn. A new seed would make TensorFlow prepare the decoder again, which takes seconds."""


GREY_16 = png(4, 2, 16, 0, (b"\0" + bytes(8)) * 2)
RGB_16 = png(4, 2, 16, 2, (b"\0" + bytes(24)) * 2)


def turned(kind, **options):
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(gradient(), kind, exif=exif, **options)


FILES = {
    "jpeg": (READABLE["jpeg"][0], ()),
    "grayscale jpeg": (READABLE["grayscale jpeg"][0], (GREY,)),
    "cmyk jpeg": (READABLE["cmyk jpeg"][0], (CMYK,)),
    "png": (READABLE["png"][0], ()),
    "grey png": (READABLE["grey png"][0], (GREY,)),
    "palette png": (READABLE["palette png"][0], ()),
    "alpha png": (READABLE["alpha png"][0], (OPACITY,)),
    "grey alpha png": (READABLE["grey alpha png"][0], (GREY, OPACITY)),
    "png with a clear colour": (encoded(gradient(), "PNG", transparency=(6, 5, 4)), (OPACITY,)),
    "16-bit png": (RGB_16, (DEEP,)),
    "grey 16-bit png": (GREY_16, (GREY, DEEP)),
    "gif": (READABLE["gif"][0], ()),
    "bmp": (READABLE["bmp"][0], ()),
    "webp": (encoded(gradient(), "WEBP"), ()),
    "lossless webp": (encoded(gradient(), "WEBP", lossless=True), ()),
    "lossy webp with opacity": (encoded(gradient().convert("RGBA").resize((9, 9)), "WEBP"), ()),
    "cmyk tiff": (encoded(gradient().convert("CMYK"), "TIFF"), (CMYK,)),
    "grey tiff": (encoded(gradient().convert("L"), "TIFF"), (GREY,)),
    "16-bit tiff": (encoded(Image.fromarray(np.zeros((4, 4), "uint16")), "TIFF"), (GREY, DEEP)),
    "turned jpeg": (turned("JPEG"), (TURNED,)),
    "turned png": (turned("PNG"), (TURNED,)),
    "turned webp": (turned("WEBP"), (TURNED,)),
    "turned tiff": (turned("TIFF"), (TURNED,)),
}


@pytest.mark.parametrize("name", FILES)
def test_traits(name):
    data, expected = FILES[name]
    assert traits_of(data, readable(data)) == expected


@pytest.mark.parametrize("lossless", [True, False])
def test_opacity_of_webp(lossless):
    image = gradient().convert("RGBA")
    image.putalpha(Image.fromarray(np.full((40, 48), 100, "uint8")))
    data = encoded(image, "WEBP", lossless=lossless)
    assert traits_of(data, data) == (OPACITY,)


@pytest.mark.parametrize("name", ["jpeg", "grayscale jpeg", "png", "16-bit png"])
def test_a_file_that_is_cut_off_is_told(name):
    data = FILES[name][0]
    assert not is_cut_off(data) and not is_cut_off(data + b"\0" * 9)
    assert is_cut_off(data[:-13]) and not is_cut_off(FILES["bmp"][0][:-80]) and not is_cut_off(b"")


def written(folder, data):
    path = folder / "image"
    path.write_bytes(data)
    return path


def test_a_picture_is_of_the_image_as_it_is_seen(tmp_path):
    """Turned by its tag: the sides, the thumbnail and the digest are those of the upright image."""
    decoder = full_decoder(None)
    seen = picture_of(written(tmp_path, turned("PNG")), decoder)
    upright = picture_of(written(tmp_path, encoded(gradient().transpose(Image.Transpose.ROTATE_270), "BMP")), decoder)
    assert (seen.height, seen.width, seen.traits) == (48, 40, (TURNED,)) and (seen.format, upright.format) == (
        "PNG",
        "BMP",
    )
    assert seen.digest == upright.digest and (seen.thumbnail == upright.thumbnail).all() and seen.ratio == 1.2


def test_digests_know_the_shape(tmp_path):
    decoder = full_decoder(None)
    one, other = (
        picture_of(written(tmp_path, encoded(Image.new("RGB", size, (1, 2, 3)), "PNG")), decoder)
        for size in ((8, 2), (2, 8))
    )
    assert one.digest != other.digest and one.blank and other.blank


def test_little_is_kept_of_an_image(tmp_path):
    """A hundred thousand of them must fit into memory: nothing holds the pixels."""
    picture = picture_of(written(tmp_path, encoded(gradient(400, 480), "PNG")), full_decoder(None))
    held = picture.thumbnail
    while isinstance(held, np.ndarray) and held.base is not None:
        held = held.base
    assert memoryview(held).nbytes == 16 * 17 and len(dataclasses.astuple(picture)) == 6


MUTABLE = [data for data, _ in FILES.values()]


@given(st.sampled_from(MUTABLE), st.integers(0, 400), st.binary(min_size=1, max_size=8), st.booleans())
def test_a_damaged_file_is_a_picture_or_one_clear_error(tmp_path_factory, data, at, octets, cut):
    at = min(at, len(data))
    damaged = data[:at] + octets + (b"" if cut else data[at + len(octets) :])
    try:
        picture = picture_of(written(tmp_path_factory.getbasetemp(), damaged), full_decoder(None))
    except UnreadableImageError as error:
        assert str(error) and "\n" not in str(error)
    else:
        assert isinstance(picture, Picture) and picture.thumbnail.shape == (16, 17)


def test_a_file_that_claims_too_much_is_refused(tmp_path):
    with pytest.raises(UnreadableImageError, match="60000 x 60000 pixels, more than 178,000,000"):
        picture_of(written(tmp_path, png(60_000, 60_000, 8, 2, bytes(100))), full_decoder(None))


def test_pillow_agrees_on_the_thumbnail(tmp_path):
    """`thumbnail_of` is the mean of areas, in the grey of ITU-R 601."""
    image = gradient(32, 34)
    picture = picture_of(written(tmp_path, encoded(image, "PNG")), full_decoder(None))
    grey = np.asarray(Image.open(io.BytesIO(encoded(image, "PNG"))).convert("RGB"), float) @ (0.299, 0.587, 0.114)
    means = grey.reshape(16, 2, 17, 2).mean((1, 3))
    assert np.abs(picture.thumbnail - means).max() <= 1.01
