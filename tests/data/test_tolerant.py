"""Image files that are decoded in a graph, where a bad one must spoil its own row only."""

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from keras_effconv.data.images import gif
from keras_effconv.data.images.decode import decode
from keras_effconv.data.images.decode_batch import CORRUPT, TOO_LARGE, UNKNOWN, decode_each
from keras_effconv.data.images.gif import first_frame
from keras_effconv.data.images.header import DECODED, PIXEL_LIMIT, declared_size
from keras_effconv.data.images.limits import assert_pixels, declared_pixels

SIZE, LIMIT = 8, 10_000
each = tf.function(lambda files: decode_each(files, SIZE, max_pixels=LIMIT)).get_concrete_function(
    tf.TensorSpec([None], tf.string)
)


def encoded(kind, width=30, height=20, seed=0, **options):
    """The bytes of a picture of noise."""
    noise = np.random.default_rng(seed).integers(0, 255, (height, width, 3), "uint8")
    file = io.BytesIO()
    Image.fromarray(noise).save(file, kind, **options)
    return file.getvalue()


def animation(*sizes):
    """A GIF with frames of these sizes, the first of which is its canvas."""
    frames = [Image.fromarray(np.full((height, width), 40 * i, "uint8")) for i, (width, height) in enumerate(sizes)]
    file = io.BytesIO()
    frames[0].save(file, "gif", save_all=True, append_images=frames[1:], comment=b"c" * 600)
    return file.getvalue()


def read(files):
    images, errors = each(tf.constant(files, tf.string))
    return images.numpy(), [error.decode() for error in errors.numpy()]


KINDS = ("jpeg", "png", "gif", "bmp")
GOOD = [encoded(kind, seed=i) for i, kind in enumerate(KINDS)]


def png_bomb(width, height):
    """A PNG that claims a size, and has next to no data."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    parts = [struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def bmp_bomb(width, height):
    return (
        b"BM" + struct.pack("<IHHI", 1000, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, *[0] * 6)
    )


def jpeg_bomb(width, height):
    start = GOOD[0].index(b"\xff\xc0")
    return GOOD[0][: start + 5] + struct.pack(">HH", height, width) + GOOD[0][start + 9 :]


def gif_bomb(width, height):
    """A canvas of a few pixels and a frame that is larger."""
    start = GOOD[2].index(b"\x2c\0\0\0\0")
    return GOOD[2][: start + 5] + struct.pack("<HH", width, height) + GOOD[2][start + 9 :]


BOMBS = [bomb(60_000, 60_000) for bomb in (png_bomb, bmp_bomb, jpeg_bomb, gif_bomb)]
BOMBS += [bmp_bomb(60_000, -60_000), png_bomb(2**31 - 1, 2**31 - 1)]


def test_files_are_what_decode_makes_of_them():
    images, errors = read(GOOD)
    assert errors == [""] * 4
    np.testing.assert_array_equal(images, [decode(file, SIZE) for file in GOOD])
    assert [int(declared_pixels(file)) for file in GOOD] == [600] * 4
    assert [declared_size(file) for file in GOOD] == [(20, 30)] * 4
    assert {row.name.lower() for row in DECODED} == {*KINDS, "webp"}


def test_no_files_are_no_rows():
    images, errors = read([])
    assert images.shape == (0, SIZE, SIZE, 3) and errors == []


@pytest.mark.long
@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: repr(bomb[:4]))
def test_a_file_that_claims_too_much_is_not_decoded(bomb):
    images, errors = read([GOOD[1], bomb, GOOD[0]])
    assert errors == ["", TOO_LARGE.format(LIMIT), ""]
    assert not images[1].any() and images[0].any() and images[2].any()


@pytest.mark.long
@pytest.mark.parametrize("bad", [b"", b"\0", b"text", b"RIFF\0\0\0\0WEBP", b"II", bytes(100)])
def test_what_is_no_image_is_told(bad):
    assert read([bad, GOOD[0]])[1] == [UNKNOWN, ""]


@given(st.integers(0, 3), st.integers(3, 600), st.binary(min_size=0, max_size=8))
@settings(max_examples=40)
def test_damage_is_never_more_than_a_row(which, position, noise):
    file = GOOD[which]
    position = position % len(file)
    images, errors = read([GOOD[1], file[:position] + noise, file[:position] + noise + file[position + len(noise) :]])
    np.testing.assert_array_equal(images[0], decode(GOOD[1], SIZE))
    for image, error in zip(images, errors):
        assert error in ("", CORRUPT, UNKNOWN, TOO_LARGE.format(LIMIT))
        assert error == "" or not image.any()


def test_of_an_animation_the_first_frame_is_unpacked():
    file = animation((30, 20), (30, 20), (30, 20))
    cut, pixels = first_frame(file)[:2]
    assert len(cut.numpy()) < len(file) and pixels == 600
    with Image.open(io.BytesIO(cut.numpy())) as image:
        assert image.n_frames == 1
    np.testing.assert_array_equal(read([file])[0][0], decode(file, SIZE))


# --- the header -------------------------------------------------------------------------------------------------------


def sized(kind, height, width):
    """A file that claims this size."""
    return {"png": png_bomb, "bmp": bmp_bomb, "jpeg": jpeg_bomb}[kind](width, height)


@given(st.sampled_from(("png", "bmp", "jpeg")), st.integers(1, 65_000), st.integers(1, 65_000), st.booleans())
def test_python_and_the_graph_read_the_same_size(kind, height, width, upside_down):
    file = sized(kind, -height if upside_down and kind == "bmp" else height, width)
    assert declared_size(file) == (height, width)
    assert int(declared_pixels(tf.constant(file))) == height * width


@given(st.sampled_from(GOOD), st.integers(0, 40), st.binary(max_size=8))
def test_of_damaged_headers_too(file, position, noise):
    file = file[:position] + noise
    try:
        height, width = declared_size(file)
    except tf.errors.InvalidArgumentError:
        with pytest.raises(tf.errors.InvalidArgumentError):
            declared_pixels(tf.constant(file))
    else:
        pixels = min(height, 1 << 31) * min(width, 1 << 31)
        assert int(declared_pixels(tf.constant(file))) in (pixels, -1 if pixels == 0 else pixels)


def test_sides_beyond_the_file_do_not_overflow():
    file = png_bomb(2**32 - 1, 2**32 - 1)
    assert declared_size(file) == (2**32 - 1, 2**32 - 1) and int(declared_pixels(tf.constant(file))) == 2**62
    assert declared_size(bmp_bomb(8, -(2**31))) == (2**31, 8)


@pytest.mark.parametrize("kind", ["png", "bmp", "jpeg"])
def test_the_limit_of_pixels_is_the_same_in_a_graph(kind):
    side = int(PIXEL_LIMIT**0.5)

    @tf.function(input_signature=[tf.TensorSpec((), tf.string)])
    def check(data):
        with tf.control_dependencies([assert_pixels(data)]):
            return tf.identity(data)

    check(tf.constant(sized(kind, side, side)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="more than 178,000,000 pixels"):
        check(tf.constant(sized(kind, side + 1, side + 1)))
    check(tf.constant(b"text"))


@pytest.mark.parametrize("size", [100, 254])
def test_a_gif_in_blocks_that_are_not_full_is_read_whole(size):
    """Some encoders write the data of a picture in smaller blocks: here as many as a walk has steps, and more."""
    rng = np.random.default_rng(0)
    side = 700 if size == 100 else 1100
    file = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (side, side), "uint8")).save(file, "gif")
    data = file.getvalue()
    start = 13 + 3 * 2 ** (data[10] % 8 + 1)
    while data[start] != 0x2C:  # extensions ahead of the picture
        start += 2
        while data[start]:
            start += data[start] + 1
        start += 1
    begin = start + 10 + (3 * 2 ** (data[start + 9] % 8 + 1) if data[start + 9] >= 128 else 0) + 1
    codes, place = bytearray(), begin
    while data[place]:
        codes += data[place + 1 : place + 1 + data[place]]
        place += data[place] + 1
    blocks = [codes[i : i + size] for i in range(0, len(codes), size)]
    other = data[:begin] + b"".join(bytes([len(block)]) + block for block in blocks) + data[place:]
    assert len(blocks) > gif.MOST
    np.testing.assert_array_equal(gif.decode_gif(other, (0, 0, 0)), gif.decode_gif(data, (0, 0, 0)))
