"""Image files and folders of them, made by pillow or by hand, and what tests of data look at."""

import io
import pathlib
import struct
import zlib

import keras
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo


def gradient(height=40, width=48):
    """A smooth colour image: what JPEG and CMYK keep well."""
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack([y * 6, x * 5, (y + x) * 2], -1).astype(np.uint8))


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(tag, content):
    return struct.pack(">I", len(content)) + tag + content + struct.pack(">I", zlib.crc32(tag + content))


def png(width, height, depth, colour, rows):
    """A PNG by hand: pillow writes no 16-bit colour, and no header that lies."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def fill(folder, count, colour=(200, 100, 50), size=(12, 10)):
    """Writes `count` plain images into a new folder, no two of the same bytes."""
    folder.mkdir(parents=True)
    for i in range(count):
        save(Image.new("RGB", size, colour), folder / f"{i:02d}.png")


def save(image, path):
    """Writes a PNG that holds its own path as text, so that it is no other one's duplicate."""
    info = PngInfo()
    info.add_text("path", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, "PNG", pnginfo=info)


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


READABLE = {
    "jpeg": (encoded(gradient(), "JPEG", quality=95), 6),
    "progressive jpeg": (encoded(gradient(), "JPEG", progressive=True, quality=95), 6),
    "grayscale jpeg": (encoded(gradient().convert("L"), "JPEG"), 2),
    "cmyk jpeg": (encoded(gradient().convert("CMYK"), "JPEG"), 2),
    "png": (encoded(gradient(), "PNG"), 0),
    "grey png": (encoded(gradient().convert("L"), "PNG"), 0),
    "1-bit png": (encoded(gradient().convert("1"), "PNG"), 0),
    "palette png": (encoded(gradient().convert("P"), "PNG"), 0),
    "alpha png": (encoded(gradient().convert("RGBA"), "PNG"), 0),
    "grey alpha png": (encoded(gradient().convert("LA"), "PNG"), 0),
    "gif": (encoded(gradient(), "GIF"), 0),
    "animated gif": (encoded(gradient(), "GIF", save_all=True, append_images=[gradient().rotate(180)]), 0),
    "bmp": (encoded(gradient(), "BMP"), 0),
    "32-bit bmp": (encoded(gradient().convert("RGBA"), "BMP"), 0),
    "grayscale bmp": (encoded(gradient().convert("L"), "BMP"), 0),
    "palette bmp": (encoded(gradient().convert("P"), "BMP"), 0),
}


class Seen(keras.layers.Layer):
    """Passes images on, and notes the first pixel of each."""

    def __init__(self):
        super().__init__()
        self.numbers = []

    def call(self, x):
        if not isinstance(x, keras.KerasTensor) and hasattr(x, "numpy"):  # Not while Keras builds the model.
            self.numbers += keras.ops.convert_to_numpy(x)[:, 0].astype(int).tolist()
        return x


def write_metadata(tfds, directory, name, splits):
    """What a prepared data set has beside its images: the mocked sets take their splits from it."""
    builder = tfds.builder(name, data_dir=directory)
    template = tfds.core.ShardedFileTemplate(
        data_dir=builder.data_dir, dataset_name=name, split="train", filetype_suffix="tfrecord"
    )
    infos = [
        tfds.core.SplitInfo(name=split, shard_lengths=[9], num_bytes=0, filename_template=template.replace(split=split))
        for split in splits
    ]
    builder.info.set_splits(tfds.core.SplitDict(infos))
    pathlib.Path(builder.data_dir).mkdir(parents=True)
    builder.info.write_to_directory(builder.data_dir)
