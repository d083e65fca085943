"""Images of every format: cut short, of giant sizes, that unpack to gigabytes, with sizes and places that lie."""

import functools
import io
import struct
import zlib
from importlib.util import find_spec

from sample_images import chunk, encoded, gradient

from bad_files.case import bomb, content, cuts
from keras_effconv.utils.extras import require

HUGE = 60_000  # pixels a side: 3.6 milliards
PNG = b"\x89PNG\r\n\x1a\n"


@functools.cache
def sample(kind, **options):
    return encoded(gradient(), kind, **options)


@functools.cache
def heic():
    buffer = io.BytesIO()
    require("pillow_heif", "images").from_pillow(gradient()).save(buffer, quality=50)
    return buffer.getvalue()


def patched(data, place, new):
    return data[:place] + new + data[place + len(new) :]


def header(width, height, depth=8, colour=2):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def png(*chunks, size=(4, 4), colour=2):
    return PNG + header(*size, colour=colour) + b"".join(chunks) + chunk(b"IEND", b"")


def zlib_bomb(megabytes):
    return b"\x78\x9c" + bomb(megabytes) + struct.pack(">I", megabytes << 20 & 0xFFFFFFFF)


ROWS = chunk(b"IDAT", zlib.compress(bytes(13 * 4)))
PNGS = {
    "giant": lambda: png(ROWS, size=(HUGE, HUGE)),
    "400 million equal pixels": lambda: png(chunk(b"IDAT", zlib_bomb(1200)), size=(20_000, 20_000)),
    "2^31 wide": lambda: png(ROWS, size=(1 << 31, 1)),
    "no size": lambda: png(ROWS, size=(0, 0)),
    "pixels that unpack": lambda: png(chunk(b"IDAT", zlib_bomb(300))),
    "a profile that unpacks": lambda: png(chunk(b"iCCP", b"a\0\0" + zlib_bomb(300)), ROWS),
    "a text that unpacks": lambda: png(chunk(b"zTXt", b"a\0\0" + zlib_bomb(300)), ROWS),
    "a long text that unpacks": lambda: png(chunk(b"iTXt", b"a\0\1\0\0\0" + zlib_bomb(300)), ROWS),
    "no palette": lambda: png(ROWS, colour=3),
    "half a palette": lambda: png(chunk(b"PLTE", b"ab"), ROWS, colour=3),
    "an unknown colour": lambda: png(ROWS, colour=5),
    "a wrong checksum": lambda: patched(png(ROWS), 30, b"\0"),
    "a chunk of 2^31": lambda: patched(png(ROWS), 33, b"\xff\xff\xff\xff"),
    "no pixels": lambda: png(),
    "two headers": lambda: png(header(HUGE, HUGE), ROWS),
    "20,000 chunks": lambda: png(*([chunk(b"tEXt", b"a\0b")] * 20_000), ROWS),
    "EXIF without end": lambda: png(chunk(b"eXIf", exif(8)), ROWS),
}


def exif(following, entries=((0x0112, 3, 1, 6),), order=b"II*\0"):
    """A directory, and the place of the next one: that of itself is 8."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return order + struct.pack("<IH", 8, len(entries)) + body + struct.pack("<I", following)


EXIF = {
    "a directory that follows itself": exif(8),
    "a directory beyond the end": exif(1 << 31),
    "a tag of 2^32 values": exif(0, [(0x0112, 3, 0xFFFFFFFF, 6)]),
    "a tag beyond the end": exif(0, [(0x0112, 3, 9, 0xFFFFFFF0)]),
    "a directory within itself": exif(0, [(0x8769, 4, 1, 8), (0x8825, 4, 1, 8)]),
    "60,000 tags": exif(0)[:8] + struct.pack("<H", 60_000) + bytes(100),
    "another byte order": b"XX*\0" + exif(0)[4:],
    "an orientation of 99": exif(0, [(0x0112, 3, 1, 99)]),
}


def jpeg(*segments):
    """A JPEG with more segments ahead of the others."""
    data = sample("JPEG")
    more = b"".join(struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body for marker, body in segments)
    return data[:2] + more + data[2:]


def frame(width, height, planes=3):
    return struct.pack(">BHHB", 8, height, width, planes) + bytes((1, 0x11, 0, 2, 0x11, 1, 3, 0x11, 1)[: 3 * planes])


JPEGS = {
    "giant": lambda: resized_jpeg(65_500, 65_500),
    "no size": lambda: resized_jpeg(0, 0),
    "no tables": lambda: b"\xff\xd8" + struct.pack(">BBH", 0xFF, 0xC0, 17) + frame(8, 8) + b"\xff\xd9",
    "two frames": lambda: jpeg((0xC0, frame(8, 8))),
    "2,000 frames": lambda: jpeg(*[(0xC0, frame(65_500, 65_500))] * 2000),
    "a frame of 200 planes": lambda: jpeg((0xC0, struct.pack(">BHHB", 8, 8, 8, 200))),
    "a progressive giant": lambda: resized_jpeg(65_500, 65_500, progressive=True),
    "a segment without end": lambda: jpeg()[:2] + b"\xff\xe1\xff\xff" + jpeg()[2:],
    "a segment of no size": lambda: jpeg()[:2] + b"\xff\xe1\0\0" + jpeg()[2:],
    "nothing but fill": lambda: b"\xff\xd8" + b"\xff" * 500_000,
    "no scan": lambda: jpeg()[: jpeg().index(b"\xff\xda")] + b"\xff\xd9",
    **{f"EXIF: {name}": lambda d=data: jpeg((0xE1, b"Exif\0\0" + d)) for name, data in EXIF.items()},
}


def resized_jpeg(width, height, **options):
    data = sample("JPEG", **options)
    place = data.index(b"\xff\xc2" if options else b"\xff\xc0") + 5
    return patched(data, place, struct.pack(">HH", height, width))


def gif_frame(width, height, data=b"\x02\x02\x4c\x01\0", table=0):
    return b"," + struct.pack("<HHHHB", 0, 0, width, height, table) + data


def gif(*parts, size=(4, 4), table=b"\x80\0\0" + bytes(6)):
    return b"GIF89a" + struct.pack("<HH", *size) + table + b"".join(parts) + b";"


GIFS = {
    "giant": lambda: gif(gif_frame(HUGE, HUGE), size=(HUGE, HUGE)),
    "a giant frame": lambda: gif(gif_frame(HUGE, HUGE)),
    "no size": lambda: gif(gif_frame(0, 0), size=(0, 0)),
    "50,000 frames": lambda: gif(*[gif_frame(2, 2)] * 50_000, size=(2, 2)),
    "300 large frames": lambda: gif(*[gif_frame(4000, 4000)] * 300, size=(4000, 4000)),
    "no colours": lambda: gif(gif_frame(4, 4), table=b"\0\0\0"),
    "codes without end": lambda: gif(gif_frame(4, 4, b"\x0c" + b"\xff" + b"\xff" * 255 * 200)),
    "a code size of 200": lambda: gif(gif_frame(4, 4, b"\xc8\x02\x4c\x01\0")),
    "no frame": lambda: gif(),
    "30,000 empty comments": lambda: gif(*[b"!\xfe\0"] * 30_000),
    "30,000 comments of a letter": lambda: gif(*[b"!\xfe\1a\0"] * 30_000),
    "a frame of blocks of one octet": lambda: gif(gif_frame(4000, 4000, b"\x08" + b"\1\0" * 100_000)),
}


def bmp(width, height, bits=24, packing=0, colours=0, size=40, start=54, pixels=bytes(64)):
    info = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, packing, 0, 0, 0, colours, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(pixels), 0, 0, start) + info + pixels


BMPS = {
    "giant": lambda: bmp(HUGE, HUGE),
    "a giant upside down": lambda: bmp(HUGE, -HUGE),
    "the lowest height": lambda: bmp(1, -(1 << 31)),
    "no size": lambda: bmp(0, 0),
    "a width below 0": lambda: bmp(-4, 4),
    "2^32 colours": lambda: bmp(4, 4, 8, colours=0xFFFFFFFF),
    "pixels beyond the end": lambda: bmp(4, 4, start=1 << 31),
    "pixels ahead of the header": lambda: bmp(4, 4, 8, start=0),
    "runs of giant pixels": lambda: bmp(30_000, 30_000, 8, packing=1),
    "3 bits": lambda: bmp(4, 4, 3),
    "a header of 2^31": lambda: bmp(4, 4, 8, size=1 << 31),
}


def tiff(*entries, following=0):
    return exif(following, entries) + bytes(64)


OTHERS = {
    "WebP of 34 bytes, giant": lambda: webp(
        b"VP8L", b"\x2f" + (16_382 | 16_382 << 14).to_bytes(4, "little") + bytes(4)
    ),
    "WebP, extended, giant": lambda: webp(b"VP8X", bytes(4) + b"\xff\xff\xff" * 2),
    "WebP, lossy, giant": lambda: webp(b"VP8 ", b"\x10\0\0\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(10)),
    "WebP of no chunks": lambda: b"RIFF\4\0\0\0WEBP",
    "JPEG XL, giant": lambda: b"\xff\x0a" + b"\xf8\xff\xff\xff\xff" * 2 + bytes(40),
    "JPEG XL in boxes, giant": lambda: (
        b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl \0\0\0\0jxl \0\0\0\0jxlc\xff\x0a" + b"\xff" * 40
    ),
    "JPEG 2000, giant": lambda: patched(
        sample("JPEG2000"), sample("JPEG2000").index(b"ihdr") + 4, struct.pack(">II", HUGE, HUGE)
    ),
    "JPEG 2000, a giant code stream": lambda: patched(
        sample("JPEG2000"), sample("JPEG2000").index(b"\xff\x51") + 6, struct.pack(">II", HUGE, HUGE)
    ),
    "JPEG 2000, a box in a box": lambda: sample("JPEG2000")[:12] + b"\0\0\0\x08jp2h" * 20_000,
    "AVIF, giant": lambda: giant_box(sample("AVIF")),
    "HEIC, giant": lambda: giant_box(heic() if find_spec("pillow_heif") else sample("AVIF")),
    "AVIF of boxes without end": lambda: sample("AVIF")[:32] + b"\0\0\0\x08free" * 50_000,
    "ICO, a giant PNG": lambda: ico(png(ROWS, size=(HUGE, HUGE))),
    "ICO beyond the end": lambda: ico(png(ROWS), at=1 << 31),
    "ICO of 65,535 images": lambda: b"\0\0\1\0\xff\xff" + bytes(16) * 1000,
    "TIFF, giant": lambda: tiff(
        (256, 4, 1, HUGE),
        (257, 4, 1, HUGE),
        (258, 3, 1, 8),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (278, 4, 1, HUGE),
        (279, 4, 1, 60),
    ),
    "TIFF, a giant of deflate": lambda: tiff(
        (256, 4, 1, HUGE),
        (257, 4, 1, HUGE),
        (258, 3, 1, 8),
        (259, 3, 1, 8),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (278, 4, 1, HUGE),
        (279, 4, 1, 60),
    ),
    "TIFF, a directory that follows itself": lambda: tiff((256, 4, 1, 4), (257, 4, 1, 4), following=8),
    "TIFF, 2^32 strips": lambda: tiff(
        (256, 4, 1, 4), (257, 4, 1, 4), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 0xFFFFFFFF, 8), (279, 4, 0xFFFFFFFF, 8)
    ),
    "TIFF, strips beyond the end": lambda: tiff(
        (256, 4, 1, 4), (257, 4, 1, 4), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 1 << 31), (279, 4, 1, 16)
    ),
    "TIFF of no size": lambda: tiff((256, 4, 1, 0), (257, 4, 1, 0)),
    "SVG": lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="100000" height="100000"/>',
    "a page": lambda: b"<!DOCTYPE html><html></html>",
    "PPM, giant": lambda: b"P6 60000 60000 255\n" + bytes(64),
    "EPS": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n",
    "PSD, giant": lambda: b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 30_000, 30_000, 8, 3) + bytes(64),
    "one byte": lambda: b"\xff",
    "nothing": lambda: b"",
    "zeros": lambda: bytes(10_000),
}


def webp(kind, body):
    return b"RIFF" + struct.pack("<I", 12 + len(body)) + b"WEBP" + kind + struct.pack("<I", len(body)) + body


def giant_box(data):
    place = data.index(b"ispe") + 8
    return patched(data, place, struct.pack(">II", HUGE, HUGE))


def ico(data, at=22):
    return b"\0\0\1\0\1\0" + struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(data), at) + data


def cases():
    formats = {
        kind: lambda k=kind: sample(k)
        for kind in ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "JPEG2000", "ICO")
    }
    if find_spec("pillow_heif"):
        formats["HEIC"] = heic
    tables = {"PNG": PNGS, "JPEG": JPEGS, "GIF": GIFS, "BMP": BMPS, "image": OTHERS}
    return [
        *(
            content(f"{kind}: {n}", "image", d, harmless="giant" not in n)
            for kind, t in tables.items()
            for n, d in t.items()
        ),
        *(each for kind, data in formats.items() for each in cuts(kind, "image", data, harmless=True)),
    ]
