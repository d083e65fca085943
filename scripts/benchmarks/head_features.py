"""What a head gains by features of more maps, by other pooling, and by several views of each image.

python scripts/benchmarks/head_features.py --data_dir=flowers,pets,cats_vs_dogs

Each row is a logistic regression on features of the frozen network, its strength chosen by five folds of the training
images, as those that are printed. `folds` is the accuracy on these folds, `validation` on the validation images.
"""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from keras_effconv.cli.command import main
from keras_effconv.cli.flags import flags_only

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3)
FOLDS = 5
LAST = "last"  # the map that the network pools
VARIANTS = (  # maps and pooling; views of training images; views that are averaged in an answer
    ("the default: last map, average", (("last", "mean"),), ("plain", "mirror"), ("plain",)),
    ("no mirror images", (("last", "mean"),), ("plain",), ("plain",)),
    ("last map, average and maximum", (("last", "mean"), ("last", "max")), ("plain", "mirror"), ("plain",)),
    ("and the map of stride 16", (("last", "mean"), ("16", "mean")), ("plain", "mirror"), ("plain",)),
    ("and that of stride 8", (("last", "mean"), ("16", "mean"), ("8", "mean")), ("plain", "mirror"), ("plain",)),
    ("answers over the mirror image, too", (("last", "mean"),), ("plain", "mirror"), ("plain", "mirror")),
    ("five crops, too", (("last", "mean"),), ("plain", "mirror", *"abcde"), ("plain",)),
    ("five crops in the answers as well", (("last", "mean"),), ("plain", "mirror", *"abcde"), ("plain", *"abcde")),
)


def define(flags):
    """Define the flags."""
    flags.string("model", "EfficientNetLite0", "Name of a network.")
    flags.list("data_dir", None, "Folders of images.", required=True)


def run(flags, words):
    """Compute the features of each folder once, and print a table of all variants."""
    flags_only(words)
    from keras_effconv.utils.text_table import markdown

    rows = []
    for folder in flags.data_dir:
        features = _Features(flags.model, folder)
        for name, maps, learned, answered in VARIANTS:
            rows.append((Path(folder).name, name, *_judged(features, maps, learned, answered)))
            print(*rows[-1], flush=True)
    print(markdown([("images", "head", "strength", "folds %", "validation %"), *rows]))


class _Features:
    """Pooled maps of the views of a folder's images, computed when asked for and kept."""

    def __init__(self, name, folder):
        import keras

        import keras_effconv as ke
        from keras_effconv import data
        from keras_effconv.training import Recipe
        from keras_effconv.training.network import backbone, preprocessing

        base = backbone(Recipe(model=name))
        self.dataset = data.load(data_dir=folder, resize=preprocessing(Recipe(model=name)))
        maps = ke.features(base, (8, 16)).outputs
        last = next(layer.input for layer in base.layers[::-1] if "Pooling" in type(layer).__name__)
        pools = {"mean": keras.ops.mean, "max": keras.ops.max}
        named = {"8": maps[0], "16": maps[1], LAST: last}
        self.names = [(place, pool) for place in named for pool in pools]
        outputs = [pools[pool](named[place], (1, 2)) for place, pool in self.names]
        self.model, self.known = keras.Model(base.input, outputs), {}

    def of(self, split, view, maps):
        """Return the features (n, c) of a view of a split: of each map so that a strength means what `head_c` means."""
        import numpy as np

        if (split, view) not in self.known:
            images = _seen(getattr(self.dataset, split).images, view)
            self.known[split, view] = dict(zip(self.names, self.model.predict(images, 32, verbose=0)))
        return np.concatenate([self.known[split, view][each] / self._scale(each) for each in maps], 1)

    def _scale(self, each):
        import numpy as np

        columns = self.known["train", "plain"][self.names[-2]].shape[-1]  # of the map that the network pools
        return float(np.sqrt(self.known["train", "plain"][each].var(0).sum() / columns))


def _seen(images, view):
    """Return a view of images (n, s, s, 3): as they are, mirrored, or a part that is 7/8 as wide, resized."""
    import keras
    import numpy as np

    if view in ("plain", "mirror"):
        return images if view == "plain" else images[:, :, ::-1]
    size = images.shape[1]
    part = size * 7 // 8
    y, x = {"a": (0, 0), "b": (0, 1), "c": (1, 0), "d": (1, 1), "e": (0.5, 0.5)}[view]
    top, left = int(y * (size - part)), int(x * (size - part))
    parts = images[:, top : top + part, left : left + part].astype("float32")
    return np.concatenate(
        [keras.ops.convert_to_numpy(keras.ops.image.resize(some, (size, size))) for some in np.array_split(parts, 20)]
    )


def _judged(features, maps, learned, answered):
    """Return the strength that the folds choose, and the accuracies on the folds and on the validation images."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    features.of("train", "plain", maps)  # the scale of all views
    labels, truth = features.dataset.train.labels, features.dataset.validation.labels
    views = {view: features.of("train", view, maps) for view in {*learned, *answered}}
    others = [features.of("validation", view, maps) for view in answered]

    def fitted(strength, rows):
        samples = np.concatenate([views[view][rows] for view in learned])
        return LogisticRegression(C=strength, max_iter=500).fit(samples, np.tile(labels[rows], len(learned)))

    def right(head, seen, known):
        return np.mean(sum(head.predict_proba(rows) for rows in seen).argmax(1) == known)

    divided = list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(labels, labels))
    found = {
        strength: np.mean([right(fitted(strength, a), [views[v][b] for v in answered], labels[b]) for a, b in divided])
        for strength in STRENGTHS
    }
    best = max(found, key=lambda strength: (found[strength], -strength))
    accuracy = right(fitted(best, np.arange(len(labels))), others, truth)
    return f"{best:g}", f"{100 * found[best]:.1f}", f"{100 * accuracy:.1f}"


if __name__ == "__main__":
    main(__doc__, define, run)
