"""Small images that look like no other one, and a data set of them."""

import numpy as np
from PIL import Image


def blots(seed, size=(48, 40)):
    """Return a colour image of soft blots, unlike that of any other seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 9, 3)).astype("uint8")
    return Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)


def split_folder(folder):
    """Write splits with classes a and b: 3 images of each to train and 2 to validate. Return the folder."""
    seed = 0
    for part, count in (("train", 3), ("val", 2)):
        for name in "ab":
            (folder / part / name).mkdir(parents=True)
            for i in range(count):
                seed += 1
                blots(seed).save(folder / part / name / f"{i}.png")
    return folder
