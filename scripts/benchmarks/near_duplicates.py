"""Measure the search for near duplicates of `data check`: what it finds of changed copies, and what it finds wrongly.

python scripts/benchmarks/near_duplicates.py flowers pets cats_vs_dogs
python scripts/benchmarks/near_duplicates.py cifar10 --pairs=outputs/pairs.png

For each folder it prints the number of pairs of images and how many of them the search calls near duplicates: false
ones, if the folder has none. --pairs draws them, to be looked at. Below is the share of changed copies that is found,
of images that are drawn evenly. Of archives, 1,000 images of each class and split are taken.
"""

import io
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from PIL import Image, ImageEnhance

from keras_effconv.cli.command import main


def compressed(image, quality):
    """Return an image as a JPEG of a quality has it."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def cropped(image, share):
    """Return an image without a share of its width and height, at the edges."""
    x, y = (round(side * share / 2) for side in image.size)
    return image.crop((x, y, image.width - x, image.height - y))


CHANGES = {
    "JPEG of quality 30": lambda image: compressed(image, 30),
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS),
    "half the size, JPEG of quality 50": lambda image: compressed(image.reduce(2), 50),
    "30% brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.3),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "2% cut off": lambda image: cropped(image, 0.02),
    "4% cut off": lambda image: cropped(image, 0.04),
    "10% cut off": lambda image: cropped(image, 0.1),
    "turned by 1 degree": lambda image: image.rotate(1, Image.Resampling.BICUBIC),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
}


def define(flags):
    """Define the flags."""
    flags.integer("copies", 150, "Images of a folder that are changed.", 1)
    flags.string("pairs", None, "PNG file for the pairs of the last folder, one below the other.")


def run(flags, folders):
    """Measure each folder, and print a table."""
    from keras_effconv.data.checking.near import near_pairs
    from keras_effconv.data.checking.picture import thumbnail_of
    from keras_effconv.utils.text_table import markdown

    columns = {}
    for folder in folders:
        images = images_of(folder)
        thumbnails = np.stack([thumbnail_of(image) for image in images])
        drawn = np.linspace(0, len(images) - 1, min(flags.copies, len(images))).astype(int)
        pairs = near_pairs(thumbnails)
        shares = [found(images, thumbnails, drawn, change) for change in CHANGES.values()]
        name, count = os.path.basename(os.path.normpath(folder)), len(images) * (len(images) - 1) // 2
        columns[name] = [f"{len(pairs)} of {count:,}", *(f"{share:.1%}" for share in shares)]
    if flags.pairs and len(pairs):
        draw([(images[i], images[j]) for i, j in pairs], flags.pairs)
    rows = zip(["pairs found", *CHANGES], *columns.values())
    print(markdown([("", *columns), *rows]))


def images_of(folder):
    """Return the images of a folder or of its archives: uint8 (height, width, 3) each."""
    from keras_effconv import data
    from keras_effconv.data.images.decode import rgb
    from keras_effconv.data.images.reading import compiled_decoder, read_image
    from keras_effconv.data.sources.listing import LeftOut, list_images
    from keras_effconv.data.sources.npz import archives_in

    if archives_in(folder):
        dataset = data.load(data_dir=folder, resize=data.Resize(32, crop=None), limit=1000)
        return [*dataset.train.images, *dataset.validation.images]
    decoder = compiled_decoder(1, rgb)
    return [read_image(path, decoder) for path in list_images(folder, LeftOut())]


def draw(pairs, path, side=96, columns=10):
    """Draw pairs of images, one below the other."""
    rows = -(-len(pairs) // columns)
    sheet = Image.new("RGB", (columns * (side + 4), rows * (2 * side + 12)), "white")
    for number, pair in enumerate(pairs):
        row, column = divmod(number, columns)
        for below, image in enumerate(pair):
            place = column * (side + 4), row * (2 * side + 12) + below * side
            sheet.paste(Image.fromarray(image).resize((side, side)), place)
    sheet.save(path)


def found(images, thumbnails, drawn, change):
    """Return the share of drawn images whose changed copy is called a near duplicate of the image."""
    from keras_effconv.data.checking.near import near_pairs
    from keras_effconv.data.checking.picture import thumbnail_of

    copies = [thumbnail_of(np.array(change(Image.fromarray(images[i])))) for i in drawn]
    return np.mean([len(near_pairs(np.stack([thumbnails[i], copy]))) for i, copy in zip(drawn, copies)])


if __name__ == "__main__":
    main(__doc__, define, run)
