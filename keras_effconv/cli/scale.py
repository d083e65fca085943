"""Search alpha, beta and gamma of compound scaling on a grid of twice the multiply-accumulates.

    keras-effconv scale --model=MobileNetV2                        # by counting, no images: seconds
    keras-effconv scale --score=accuracy --data_dir=cifar10        # by training each point: minutes

By counting, the best point is the one whose network comes nearest to the budget: blocks and filters are whole numbers,
so the formula is only near. By accuracy, every point is trained in the same way, and the best on validation wins.
"""

import functools
import time

from keras_effconv.cli.flags import flags_only


def define(flags):
    """Define the flags."""
    flags.about("Search")
    flags.enum("score", "macs", ["macs", "accuracy"], "What is best: nearest to the budget, or most accurate.")
    flags.string("model", "ResNet20", "Name of a network that takes width, depth and resolution.")
    flags.float("width", 0.5, "Width of the unscaled network.", 0.01)
    flags.string("conv", "Conv()", "Kind of convolution.")
    flags.list("alphas", ["1", "1.33", "1.66", "2"], "Bases of depth on the grid.")
    flags.list("betas", ["1", "1.125", "1.25", "1.375"], "Bases of width.")
    flags.list("gammas", ["1", "1.125", "1.25", "1.375"], "Bases of resolution.")
    flags.float("budget", 2.0, "Multiply-accumulates over the unscaled network's.", 1.0)
    flags.float("tolerance", 0.08, "Share of the budget by which a point may differ.", 0.0)
    flags.about("By accuracy")
    flags.string("dataset", "digits", '"digits" (embedded) or a TFDS name; not used with --data_dir.')
    flags.string("data_dir", None, "Folder of images, or of train*.npz and test*.npz.")
    flags.integer("limit", 500, "Most images per class and split.", 1)
    flags.integer("epochs", 4, "Epochs for each point.", 1)
    flags.integer("batch_size", 64, "Images per step.", 1)
    flags.float("lr", 0.1, "Peak learning rate of SGD with momentum; a cosine to 0.", 0.0)
    flags.integer("seed", 0, "Of weights, order and flips.")


def run(flags, words):
    """Score the grid and print it, best first."""
    flags_only(words)
    import keras_effconv as ke
    from keras_effconv.applications.scaling import candidates, grid_search

    grids = [[float(value) for value in values] for values in (flags.alphas, flags.betas, flags.gammas)]
    points = candidates(*grids, flags.budget, flags.tolerance)
    network = ke.applications.get(flags.model)
    build = Build(network, flags.width, {"weights": None, "conv": flags.conv})
    base = ke.count(build()).macs

    @functools.cache
    def cost(**scale):
        """Multiply-accumulates over the unscaled network's."""
        return ke.count(build(**scale)).macs / base

    score = by_macs(cost, flags.budget) if flags.score == "macs" else by_accuracy(build, flags)
    print(f"{len(points)} points; unscaled: {base / 1e6:.1f}M multiply-accumulates", flush=True)
    print(
        "| alpha (depth) | beta (width) | gamma (resolution) | cost | cost counted | score | seconds |\n"
        + "|---" * 7
        + "|"
    )
    begun = [time.perf_counter()]

    def row(point):
        now = time.perf_counter()
        counted = cost(depth=point.alpha, width=point.beta, resolution=point.gamma)
        cells = f"{point.alpha:g} | {point.beta:g} | {point.gamma:g} | {point.cost:.2f} | {counted:.2f}"
        print(f"| {cells} | {point.score:.4f} | {now - begun[0]:.0f} |", flush=True)
        begun[0] = time.perf_counter()

    best = grid_search(score, points, row)[0]
    print(f"best: compound(phi, alpha={best.alpha:g}, beta={best.beta:g}, gamma={best.gamma:g})")


class Build:
    """The network at a scale, over its own width."""

    def __init__(self, network, width, options):
        self.network, self.width, self.options = network, width, options

    def __call__(self, depth=1.0, width=1.0, resolution=1.0, **options):
        scale = {"depth": depth, "width": width * self.width, "resolution": resolution}
        return self.network(**scale, **self.options, **options)


def by_macs(cost, budget):
    """Minus the distance from the budget."""
    return lambda **scale: -abs(cost(**scale) - budget)


def by_accuracy(build, flags):
    """Accuracy on validation images after a short training, the same for every point."""
    import keras

    from keras_effconv import data, preprocessing_for

    base = build().input_shape[1]
    images = data.load(flags.dataset, flags.data_dir, data.Resize(base, None), limit=flags.limit, seed=flags.seed)
    train = data.Batches(images.train, flags.batch_size, shuffle=True, seed=flags.seed)

    def score(**scale):
        keras.utils.set_random_seed(flags.seed)
        network = build(**scale, classes=len(images.class_names))
        flip = [keras.layers.RandomFlip("horizontal", seed=flags.seed)] if images.flip else []
        resize = keras.layers.Resizing(*network.input_shape[1:3], interpolation="bicubic")
        entry = [keras.Input((base, base, 3)), *flip, resize, preprocessing_for(network)]
        model = keras.Sequential([*entry, network])
        rate = keras.optimizers.schedules.CosineDecay(flags.lr, flags.epochs * len(train))
        model.compile(
            keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=5e-4),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        model.fit(train, epochs=flags.epochs, shuffle=False, callbacks=[train.follow_epochs()], verbose=0)
        return model.evaluate(data.Batches(images.validation, 256), verbose=0)[1]

    return score
