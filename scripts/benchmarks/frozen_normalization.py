"""Time a step of fine-tuning with frozen normalization folded, next to one without; the two take turns.

python scripts/benchmarks/frozen_normalization.py --models=EfficientNetLite0,ResNet50 --batch_size=16
"""

import os
import statistics

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from keras_effconv.cli.command import main
from keras_effconv.cli.flags import flags_only


def define(flags):
    """Define the flags."""
    flags.list("models", ["EfficientNetLite0", "ResNet50"], "Names of networks.")
    flags.integer("batch_size", 16, "Images of a step.", 1)
    flags.integer("image_size", 0, "Pixels; 0 for the network's own.", 0)
    flags.integer("steps", 8, "That are timed of each.", 1)


def run(flags, words):
    """Print the images per second of both, and the median of the ratios of their times."""
    flags_only(words)
    from clock import seconds

    from keras_effconv.training.folding import folded
    from keras_effconv.utils.text_table import markdown

    rows = []
    for name in flags.models:
        steps = [_step(name, flags, change) for change in (lambda network: network, folded)]
        times = [[seconds(step) for step in steps] for _ in range(flags.steps)]
        plain, fold = (statistics.median(each) for each in zip(*times))
        ratio = statistics.median(b / a for a, b in times)
        rows.append((name, f"{flags.batch_size / plain:.1f}", f"{flags.batch_size / fold:.1f}", f"{ratio:.2f}"))
    print(markdown([("network", "images/s", "images/s, folded", "time of a step, folded"), *rows]))


def _step(name, flags, change):
    """Return a training step of the default recipe's blocks, compiled."""
    import keras
    import numpy as np

    from keras_effconv.training import Recipe, unfreeze
    from keras_effconv.training.network import backbone, classifier

    recipe = Recipe(model=name, weights=None, image_size=flags.image_size)
    network = classifier(backbone(recipe), 5, recipe.dropout, "network")
    unfreeze(network, recipe.unfreeze_blocks)
    trained = change(network)
    trained.compile(keras.optimizers.SGD(1e-9), "sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (flags.batch_size, *network.input_shape[1:])).astype("float32")
    labels = rng.integers(0, 5, flags.batch_size)

    def step():
        trained.train_on_batch(images, labels)

    for _ in range(2):
        step()
    return step


if __name__ == "__main__":
    main(__doc__, define, run)
