"""Formats told by their bytes, opacity, first frames, and headers that claim too much; against Pillow."""

import io
import struct
import tracemalloc

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sample_images import encoded, gradient, png

from keras_effconv.data.images.containers import box_size
from keras_effconv.data.images.convert import UnreadableImageError, readable
from keras_effconv.data.images.decode import rgb
from keras_effconv.data.images.decode_batch import CORRUPT, TOO_LARGE, decode_each
from keras_effconv.data.images.header import IMAGE_EXTENSIONS, declared_size, format_of
from keras_effconv.data.images.limits import declared_pixels
from keras_effconv.data.images.reading import compiled_decoder, decode_image, read_image
from keras_effconv.preprocessing import Resize

pixels = tf.function(lambda file: rgb(file, Resize(8)), input_signature=[tf.TensorSpec((), tf.string)], autograph=False)
each = tf.function(lambda files: decode_each(files, 8, 10_000), autograph=False).get_concrete_function(
    tf.TensorSpec([None], tf.string)
)


DECODER = compiled_decoder(8)


def clear(mode="RGBA"):
    """The gradient, more opaque to the right; black where nothing is seen."""
    opacity = np.broadcast_to(np.arange(48, dtype="uint8") * 5, (40, 48))
    image = gradient().convert(mode[:-1])
    image.putalpha(Image.fromarray(np.ascontiguousarray(opacity)))
    return image


def over_white(file):
    with Image.open(io.BytesIO(file)) as image:
        image = image.convert("RGBA")
    canvas = Image.new("RGBA", image.size, (255, 255, 255, 255))
    canvas.alpha_composite(image)
    return np.asarray(canvas.convert("RGB")).astype(int)


def bmp(image):
    """A BMP whose header says by masks that its fourth channel is opacity."""
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    info = struct.pack("<IiiHHIIiiII", 56, image.width, -image.height, 1, 32, 3, 0, 0, 0, 0, 0) + masks
    body = np.asarray(image)[..., [2, 1, 0, 3]].tobytes()
    return b"BM" + struct.pack("<IHHI", 14 + len(info) + len(body), 0, 0, 14 + len(info)) + info + body


def cornered():
    """An animated WebP whose first frame is smaller than the canvas, in a corner."""
    frame = encoded(clear(), "WEBP", lossless=True)
    picture = frame[frame.index(b"VP8L") :]
    box = b"".join(n.to_bytes(3, "little") for n in (3, 2, 47, 39, 9)) + b"\0"
    anmf = b"ANMF" + struct.pack("<I", len(box) + len(picture)) + box + picture
    head = b"VP8X" + struct.pack("<IB3x", 10, 0x12) + (79).to_bytes(3, "little") + (59).to_bytes(3, "little")
    content = b"WEBP" + head + b"ANIM" + struct.pack("<IIH", 6, 0, 0) + anmf
    return b"RIFF" + struct.pack("<I", len(content)) + content


P = gradient().quantize(64)
SMALL = encoded(P, "GIF", transparency=5)
OPACITY = {
    "RGBA PNG": encoded(clear(), "PNG"),
    "grey PNG": encoded(clear("LA"), "PNG"),
    "palette PNG": encoded(P, "PNG", transparency=bytes(range(0, 256, 4))),
    "PNG with one clear colour": encoded(gradient(), "PNG", transparency=(6, 5, 4)),
    "grey PNG with one clear shade": encoded(gradient().convert("L"), "PNG", transparency=50),
    "GIF": encoded(P, "GIF", transparency=5),
    "GIF of a smaller frame": SMALL[:6] + struct.pack("<HH", 60, 50) + SMALL[10:],
    "animated GIF": encoded(P, "GIF", transparency=5, save_all=True, append_images=[P.rotate(180)]),
    "lossless WebP": encoded(clear(), "WEBP", lossless=True),
    "lossy WebP": encoded(clear(), "WEBP"),
    "animated WebP": encoded(clear(), "WEBP", save_all=True, append_images=[clear().rotate(180)]),
    "animated WebP without opacity": encoded(gradient(), "WEBP", save_all=True, append_images=[gradient().rotate(180)]),
    "animated WebP of a smaller frame": cornered(),
    "APNG": encoded(clear(), "PNG", save_all=True, append_images=[clear().rotate(180)]),
    "BMP": bmp(clear()),
    "TIFF": encoded(clear(), "TIFF"),
    "JPEG 2000": encoded(clear(), "JPEG2000"),
    "AVIF": encoded(clear(), "AVIF"),
    "1-bit BMP": encoded(gradient().convert("1"), "BMP"),
    "CMYK TIFF": encoded(gradient().convert("CMYK"), "TIFF"),
}


@pytest.mark.parametrize("kind", OPACITY)
def test_what_is_transparent_is_laid_over_white(kind):
    """Once it was black; libwebp may round another way."""
    found = pixels(readable(OPACITY[kind])).numpy().astype(int)
    expected = over_white(OPACITY[kind])
    assert found.shape == expected.shape and np.abs(found - expected).max() <= ("WebP" in kind)


@pytest.mark.parametrize("colour", [4, 6])
def test_opacity_of_16_bits(colour):
    values = np.random.default_rng(0).integers(0, 4096, (5, 7, colour - 2)).astype(">u2")
    values[..., -1] = np.random.default_rng(1).integers(0, 65536, (5, 7))
    file = png(7, 5, 16, colour, b"".join(b"\0" + row.tobytes() for row in values))
    opacity = values[..., -1:] / 65535
    expected = np.minimum(values[..., :-1] / 4095, 1) * 255 * opacity + 255 * (1 - opacity)
    found = rgb(tf.constant(file), Resize(8, white=4095)).numpy()
    assert np.abs(found - np.broadcast_to(expected, (5, 7, 3))).max() <= 0.501


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [30, 75, 95])
def test_the_pixels_of_a_jpeg_are_those_of_pillow(quality, subsampling):
    """TensorFlow's default transform is off by up to five levels."""
    noise = np.random.default_rng(0).integers(0, 256, (33, 47, 3)).astype("uint8")
    file = encoded(Image.fromarray(noise), "JPEG", quality=quality, subsampling=subsampling)
    np.testing.assert_array_equal(pixels(file).numpy(), np.asarray(Image.open(io.BytesIO(file)).convert("RGB")))


def test_the_name_of_a_file_is_no_matter(tmp_path):
    """WebP bytes named .jpg were trained on, and refused by the server."""
    for kind in ("WEBP", "GIF", "TIFF", "PNG"):
        file = encoded(gradient(), kind)
        (tmp_path / "x.jpg").write_bytes(file)
        np.testing.assert_array_equal(read_image(tmp_path / "x.jpg", DECODER), decode_image(file, DECODER))
    assert {".jfif", ".jpe", ".jif", ".dib", ".webp", ".avif", ".heic", ".tif", ".jp2"} <= IMAGE_EXTENSIONS


def webp_bomb(kind):
    """34 bytes of WebP that claim 16383 x 16383 pixels, or 16384 by 16384."""
    claims = {
        b" ": bytes(3) + b"\x9d\x01\x2a" + struct.pack("<HH", 0x3FFF, 0x3FFF),
        b"L": b"\x2f" + struct.pack("<I", 2**28 - 1) + bytes(5),
        b"X": bytes(4) + b"\xfe\x3f\0" * 2,
    }
    return b"RIFF" + struct.pack("<I", 26) + b"WEBPVP8" + kind + struct.pack("<I", 10) + claims[kind]


def frame_bomb():
    """A small animation whose first frame claims 16384 by 16384 pixels."""
    file = OPACITY["animated WebP"]
    at = file.index(b"ANMF") + 14
    return file[:at] + b"\xff\x3f\0" * 2 + file[at + 6 :]


BOMBS = {
    **{f"WebP {kind.decode()}": webp_bomb(kind) for kind in (b" ", b"L", b"X")},
    "WebP frame": frame_bomb(),
    "AVIF": OPACITY["AVIF"].replace(struct.pack(">II", 48, 40), struct.pack(">II", 60_000, 60_000)),
    "JPEG 2000": OPACITY["JPEG 2000"].replace(struct.pack(">II", 40, 48), struct.pack(">II", 60_000, 60_000)),
    "TIFF": struct.pack("<4sIHHHIIHHII", b"II*\0", 8, 2, 256, 4, 1, 60_000, 257, 4, 1, 60_000),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_header_that_claims_too_much_is_refused_before_it_is_decoded(kind):
    """A WebP of 34 bytes was decoded, to 1.5 GB."""
    with pytest.raises(UnreadableImageError, match="pixels"):
        decode_image(BOMBS[kind], DECODER)
    if "WebP" in kind:
        images, errors = each(tf.constant([BOMBS[kind]]))
        assert errors.numpy().tolist() == [TOO_LARGE.format(10_000).encode()] and not images.numpy().any()


NAMED = [(b"\xff\x0a", "JPEG XL"), (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"), (b"8BPS", "Photoshop")]
NAMED += [(b"%PDF-1.7", "PDF"), (b"P6\n9 9", "netpbm")]


@pytest.mark.parametrize("start, name", NAMED)
def test_what_cannot_be_read_is_named(start, name):
    with pytest.raises(UnreadableImageError, match=f"{name} cannot be read: convert it to JPEG or PNG"):
        decode_image(start + bytes(90), DECODER)
    assert each(tf.constant([start + bytes(90)]))[1].numpy()[0].decode().startswith(f"{name} cannot be read")


def test_sizes_from_the_headers():
    for file in OPACITY.values():
        height, width, _ = over_white(file).shape
        assert declared_size(file) == (height, width), format_of(file).name


def test_a_compressed_bmp_is_refused_by_the_graph():
    """TensorFlow takes run lengths for pixels."""
    file = bytearray(encoded(gradient().convert("L"), "BMP"))
    file[30] = 1
    assert each(tf.constant([bytes(file)]))[1].numpy().tolist() == [CORRUPT.encode()]


def os2(windows):
    """A BMP with the header of OS/2: 12 octets, and three for each colour of the table."""
    start, width, height, bits = (
        struct.unpack_from(kind, windows, at)[0] for kind, at in zip(("<I", "<i", "<i", "<H"), (10, 18, 22, 28))
    )
    table = b"".join(windows[at : at + 3] for at in range(54, start, 4)).ljust(3 * 2**bits if bits < 24 else 0, b"\0")
    head = b"BM" + struct.pack("<IHHI", len(windows), 0, 0, 26 + len(table))
    return head + struct.pack("<IHHHH", 12, width, height, 1, bits) + table + windows[start:]


@pytest.mark.parametrize("size", [(40, 48), (1, 1)])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_a_bmp_of_os2_is_read_as_one_of_windows(mode, size):
    """Its size was read as 2818109 x 1572865 pixels."""
    windows = encoded(gradient(*size).convert(mode), "BMP")
    old = os2(windows)
    assert declared_size(old) == size and int(declared_pixels(tf.constant(old))) == size[0] * size[1]
    np.testing.assert_array_equal(decode_image(old, compiled_decoder(8)), decode_image(windows, compiled_decoder(8)))
    assert each(tf.constant([old]))[1].numpy().tolist() == [CORRUPT.encode()]


def gif_of(bits, local, clear):
    """A GIF of 2**bits colours, each in a pixel at least, with a clear one, which may be none of them."""
    drawn = Image.fromarray((np.arange(256) % 2**bits).astype("uint8").reshape(16, 16)).convert("P")
    drawn.putpalette(bytes(768))
    file = encoded(drawn, "GIF")
    codes = file[file.index(b",", 13 + 6 * 2 ** (file[10] % 8)) + 10 :]  # behind the table and the place of the frame
    table, flags = np.random.default_rng(bits).bytes(3 * 2**bits), bytes([0x80 + bits - 1])
    head = b"GIF89a" + struct.pack("<HH", 16, 16) + (b"\0\0\0" if local else flags + b"\0\0" + table)
    control = b"!\xf9\x04\x01\0\0" + bytes([clear]) + b"\0"
    return head + control + b"," + struct.pack("<HHHH", 0, 0, 16, 16) + (flags + table if local else b"\0") + codes


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("bits", range(1, 9))
def test_a_clear_colour_that_the_table_of_a_gif_does_not_have_is_none(bits, local):
    """What stands behind the table was overwritten: the file was refused, or had other pixels."""
    for clear in (*range(0, 256, 9), 2**bits - 1, 2**bits % 256):
        file = gif_of(bits, local, clear)
        np.testing.assert_array_equal(pixels(file).numpy(), over_white(file), err_msg=f"colour {clear} is clear")


def test_damaged_webp_and_gif_end_soon_and_spoil_one_row():
    rng, good = np.random.default_rng(0), OPACITY["GIF"]
    files = [good, b"GIF89a" + bytes([50, 0, 50, 0, 0x80, 0, 0]) + bytes(6) + b"\x21\xfe" + b"\1a" * 40_000]
    for kind in ("animated WebP", "animated GIF", "lossy WebP", "APNG", "BMP"):
        file = bytearray(OPACITY[kind])
        for at in rng.integers(12, len(file), 4):
            file[at] = rng.integers(256)
        files += [bytes(file), OPACITY[kind][: len(file) // 2]]
    images, errors = each(tf.constant(files))
    assert errors.numpy()[0] == b"" and images.numpy()[0].any() and errors.numpy()[1] == CORRUPT.encode()


def test_a_jpeg_that_is_cut_short_is_refused_in_training_too():
    """A random part ahead of the cut decoded without an error."""
    from keras_effconv.data.images.crop import random_crop

    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 300, 3), "uint8"))
    file = encoded(noise, "JPEG")[:-3000]
    with pytest.raises(UnreadableImageError):
        decode_image(file, DECODER)
    for seed in range(3):
        with pytest.raises(tf.errors.InvalidArgumentError):
            random_crop(file, 8, (seed, 0))


def test_boxes_without_end_take_no_memory_and_claim_too_much():
    box = b"ispe" + struct.pack(">III", 0, 4, 4)
    assert box_size(b"head" + 9_000 * box) == (4, 4)
    content = b"....ftypheic" + 200_000 * box
    tracemalloc.start()
    assert min(box_size(content)) > 1 << 30
    assert tracemalloc.get_traced_memory()[1] < 1 << 16
    tracemalloc.stop()
