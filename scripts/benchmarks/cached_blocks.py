"""Time what it would save to compute the maps of frozen blocks once: a step of all, their part of it, and the rest.

python scripts/benchmarks/cached_blocks.py --model=EfficientNetLite0

The maps of an image depend on how it was augmented, so so many views of each image would be computed and kept. Last
comes the time of a run of ten epochs that learns from such views, next to a run that augments anew in each epoch.
"""

import os
import statistics

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

from keras_effconv.cli.command import main
from keras_effconv.cli.flags import flags_only

EPOCHS, VIEWS = 10, (2, 4, 8)


def define(flags):
    """Define the flags."""
    flags.string("model", "EfficientNetLite0", "Name of a network.")
    flags.integer("batch_size", 32, "Images of a step.", 1)
    flags.integer("image_size", 0, "Pixels; 0 for the network's own.", 0)
    flags.integer("steps", 8, "That are timed of each.", 1)


def run(flags, words):
    """Print the milliseconds of an image in each part, what a cache holds, and the time of a run with it."""
    flags_only(words)
    import numpy as np
    from clock import seconds

    from keras_effconv.utils.text_table import markdown

    whole, frozen, rest = _parts(flags)
    images = np.random.default_rng(0).uniform(0, 255, (flags.batch_size, *whole.input_shape[1:])).astype("float32")
    labels = np.arange(flags.batch_size) % whole.output_shape[-1]
    maps = frozen.predict_on_batch(images)
    work = (
        lambda: whole.train_on_batch(images, labels),
        lambda: frozen.predict_on_batch(images),
        lambda: rest.train_on_batch(maps, labels),
    )
    for each in (*work, *work):
        each()
    times = zip(*[[seconds(each) for each in work] for _ in range(flags.steps)])
    step, ahead, behind = (1000 * statistics.median(each) / flags.batch_size for each in times)
    rows = [
        ("a step of all", f"{step:.1f}"),
        ("the frozen blocks", f"{ahead:.1f}"),
        ("a step of the rest", f"{behind:.1f}"),
    ]
    print(markdown([(flags.model, "ms an image"), *rows]))
    print(f"a view of an image: {maps[0].nbytes / 2**20:.2f} MiB in float32")
    ratios = ", ".join(f"{(views * ahead + EPOCHS * behind) / (EPOCHS * step):.2f} with {views}" for views in VIEWS)
    print(f"time of {EPOCHS} epochs: {ratios} views")


def _parts(flags):
    """Return the classifier, its frozen blocks, and what is behind them; those that learn are compiled."""
    import keras

    from keras_effconv.training import Recipe, unfreeze
    from keras_effconv.training.folding import folded
    from keras_effconv.training.network import backbone, blocks, classifier

    recipe = Recipe(model=flags.model, weights=None, image_size=flags.image_size)
    network = classifier(backbone(recipe), 5, recipe.dropout, "network")
    trained = unfreeze(network, recipe.unfreeze_blocks)
    border = blocks(network)[trained[0]][0].input
    parts = network, keras.Model(network.input, border), keras.Model(border, network.output)
    parts = [folded(each) for each in parts]
    for each in parts:
        each.compile(keras.optimizers.SGD(1e-9), "sparse_categorical_crossentropy", jit_compile=False)
    return parts


if __name__ == "__main__":
    main(__doc__, define, run)
