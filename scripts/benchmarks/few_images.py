"""Cut a data set of archives down to a few images a class, as people have who fine-tune; the test images stay.

python scripts/benchmarks/few_images.py --data_dir=cifar10 --images=50 --output=cifar10-50

The first archive's first images of each class train, the next 20 validate.
"""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from keras_effconv.cli.command import main
from keras_effconv.cli.flags import flags_only

VALIDATION = 20


def define(flags):
    """Define the flags."""
    flags.string("data_dir", None, "Folder of train*.npz and test.npz.", required=True)
    flags.integer("images", 50, "Training images of each class.", 1)
    flags.string("output", None, "Folder to write to.", required=True)


def run(flags, words):
    """Write train.npz, validation.npz and test.npz."""
    flags_only(words)
    import numpy as np

    from keras_effconv.utils.npz import open_npz

    folder, output = Path(flags.data_dir), Path(flags.output)
    output.mkdir(parents=True, exist_ok=True)
    with open_npz(sorted(folder.glob("train*.npz"))[0]) as archive:
        labels = archive["labels"]
        found = [np.flatnonzero(labels == label)[: flags.images + VALIDATION] for label in np.unique(labels)]
        for name, part in (("train", slice(flags.images)), ("validation", slice(flags.images, None))):
            rows = np.sort(np.concatenate([each[part] for each in found]))
            np.savez(output / f"{name}.npz", **_taken(archive, rows))
            print(f"{name}: {len(rows)} images")
    (output / "test.npz").write_bytes((folder / "test.npz").read_bytes())


def _taken(archive, rows):
    """Return the entries of some images: of pixels, or of encoded files one after another."""
    import numpy as np

    names = {"class_names": archive["class_names"]} if "class_names" in archive else {}
    if "images" in archive:
        return {"images": archive["images"][rows], "labels": archive["labels"][rows], **names}
    jpeg, offsets = archive["jpeg"], archive["offsets"]
    files = [jpeg[offsets[row] : offsets[row + 1]] for row in rows]
    ends = np.cumsum([0, *map(len, files)])
    return {"jpeg": np.concatenate(files), "offsets": ends, "labels": archive["labels"][rows], **names}


if __name__ == "__main__":
    main(__doc__, define, run)
