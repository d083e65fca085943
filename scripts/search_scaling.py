"""Search alpha, beta and gamma of compound scaling on a grid of twice the multiply-accumulates.

python scripts/search_scaling.py --model=MobileNetV2                        # by counting, no images: seconds
python scripts/search_scaling.py --score=accuracy --data_dir=cifar10        # by training each point: minutes

By counting, the best point is the one whose network comes nearest to the budget: blocks and filters are whole numbers,
so the formula is only near. By accuracy, every point is trained in the same way, and the best on validation wins.
"""

import functools
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cli
from absl import flags

FLAGS = flags.FLAGS

flags.DEFINE_enum("score", "macs", ["macs", "accuracy"], "What is best: nearest to the budget, or most accurate.")
flags.DEFINE_string("model", "ResNet20", "Name of a network that takes width, depth and resolution.")
flags.DEFINE_float("width", 0.5, "Width of the unscaled network.", 0.01)
flags.DEFINE_string("conv", "Conv()", "Kind of convolution.")
flags.DEFINE_list("alphas", ["1", "1.33", "1.66", "2"], "Bases of depth on the grid.")
flags.DEFINE_list("betas", ["1", "1.125", "1.25", "1.375"], "Bases of width.")
flags.DEFINE_list("gammas", ["1", "1.125", "1.25", "1.375"], "Bases of resolution.")
flags.DEFINE_float("budget", 2.0, "Multiply-accumulates over the unscaled network's.", 1.0)
flags.DEFINE_float("tolerance", 0.08, "Share of the budget by which a point may differ.", 0.0)
flags.DEFINE_string("dataset", "digits", '"digits" (embedded) or a TFDS name; not used with --data_dir.')
flags.DEFINE_string("data_dir", None, "Folder of images, or of train*.npz and test*.npz.")
flags.DEFINE_integer("limit", 500, "Most images per class and split.", 1)
flags.DEFINE_integer("epochs", 4, "Epochs for each point.", 1)
flags.DEFINE_integer("batch_size", 64, "Images per step.", 1)
flags.DEFINE_float("lr", 0.1, "Peak learning rate of SGD with momentum; a cosine to 0.", 0.0)
flags.DEFINE_integer("seed", 0, "Of weights, order and flips.")


def main(argv):
    """Score the grid and print it, best first."""
    cli.flags_only(argv)
    import keras_effconv as ke
    from keras_effconv.applications.scaling import candidates, grid_search

    grids = [[float(value) for value in values] for values in (FLAGS.alphas, FLAGS.betas, FLAGS.gammas)]
    points = candidates(*grids, FLAGS.budget, FLAGS.tolerance)
    network = ke.applications.get(FLAGS.model)
    build = Build(network, FLAGS.width, {"weights": None, "conv": FLAGS.conv})
    base = ke.count(build()).macs

    @functools.cache
    def cost(**scale):
        """Multiply-accumulates over the unscaled network's."""
        return ke.count(build(**scale)).macs / base

    score = {"macs": lambda: by_macs(cost), "accuracy": lambda: by_accuracy(build)}[FLAGS.score]()
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


def by_macs(cost):
    """Minus the distance from the budget."""
    return lambda **scale: -abs(cost(**scale) - FLAGS.budget)


def by_accuracy(build):
    """Accuracy on validation images after a short training, the same for every point."""
    import keras

    from keras_effconv import data

    base = build().input_shape[1]
    images = data.load(FLAGS.dataset, FLAGS.data_dir, data.Resize(base, None), limit=FLAGS.limit, seed=FLAGS.seed)
    train = data.Batches(images.train, FLAGS.batch_size, shuffle=True, seed=FLAGS.seed)

    def score(**scale):
        keras.utils.set_random_seed(FLAGS.seed)
        network = build(**scale, classes=len(images.class_names))
        flip = [keras.layers.RandomFlip("horizontal", seed=FLAGS.seed)] if images.flip else []
        resize = keras.layers.Resizing(*network.input_shape[1:3], interpolation="bicubic")
        entry = [keras.Input((base, base, 3)), *flip, resize, network.preprocessing.layer()]
        model = keras.Sequential([*entry, network])
        rate = keras.optimizers.schedules.CosineDecay(FLAGS.lr, FLAGS.epochs * len(train))
        model.compile(
            keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=5e-4),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        model.fit(train, epochs=FLAGS.epochs, shuffle=False, callbacks=[train.follow_epochs()], verbose=0)
        return model.evaluate(data.Batches(images.validation, 256), verbose=0)[1]

    return score


if __name__ == "__main__":
    cli.run(main)
