"""Write images of none, one or two of scikit-learn's digits, and a CSV file: real data of several labels, in a second.

python scripts/benchmarks/digit_pairs.py pairs
keras-effconv finetune --data_dir=pairs/pairs.csv --multi_label --image_size=64
"""

import csv
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from keras_effconv.cli.command import main

COUNTS = {"train": 600, "validation": 300, "test": 600}
DIGITS = 900, 1350  # of 1797: those of training end with the first, those of validation with the second
SHARES = 0.1, 0.3, 0.6  # of images with none, one and two digits


def write_pairs(folder, counts=None, seed=0):
    """Write PNG files of 16 x 16 pixels, and `pairs.csv` of path, labels and split; no digit is in two splits.

    Args:
        folder: path.
        counts: dict, the images of each split. Default: `COUNTS`.
        seed: int. Default 0.

    Returns:
        Path of the CSV file.
    """
    rng, digits, folder = np.random.default_rng(seed), load_digits(), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    pools = dict(zip(COUNTS, np.split(rng.permutation(len(digits.images)), DIGITS)))
    with (folder / "pairs.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "labels", "split"])
        for split, count in (counts or COUNTS).items():
            for i in range(count):
                canvas = rng.integers(0, 20, (16, 16))  # paper, which makes each image another one
                shown = rng.choice(pools[split], rng.choice(3, p=SHARES), replace=False)
                for place, row in enumerate(shown):
                    part = canvas[4:12, 8 * place : 8 * place + 8]
                    part[:] = np.maximum(part, digits.images[row] * 15.9)
                Image.fromarray(canvas.astype("uint8")).save(folder / f"{split}-{i}.png")
                names = sorted({str(digits.target[row]) for row in shown})
                table.writerow([f"{split}-{i}.png", "|".join(names), split])
    return folder / "pairs.csv"


def define(flags):
    """Define the flags."""
    flags.integer("seed", 0, "Of what is drawn.")


def run(flags, words):
    """Write the images of a folder."""
    if len(words) != 1:
        raise ValueError(f"`FOLDER` must be one folder to write to. Received: {' '.join(words) or 'nothing'}")
    print(write_pairs(words[0], seed=flags.seed))


if __name__ == "__main__":
    main(__doc__, define, run)
