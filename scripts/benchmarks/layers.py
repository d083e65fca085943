"""Time layers against the plain convolution, interleaved in one process; prints ratios of the medians.

python scripts/benchmarks/layers.py
KERAS_BACKEND=jax python scripts/benchmarks/layers.py
"""

import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cli
from absl import flags

FLAGS = flags.FLAGS

flags.DEFINE_integer("batch_size", 8, "Images per step.", 1)
flags.DEFINE_integer("repeats", 15, "Runs of each layer; the median counts.", 3)
flags.DEFINE_list("parts", ["2", "4", "8", "16", "64"], "Parts of HetConv2D.")
flags.DEFINE_list("alphas", ["0.25", "0.5"], "Alphas of OctConv2D, read and written.")

MAPS = ((56, 128), (28, 256), (14, 512))  # (pixels, channels), those of VGG and ResNet


def layers_for():
    """Rows of (name, layer, whether it reads two bands)."""
    from keras_effconv.layers import HetConv2D, OctConv2D

    def het(filters, parts, execution):
        return HetConv2D(filters, 3, parts=int(parts), execution=execution, use_bias=False)

    for parts in FLAGS.parts:
        for execution in ("grouped", "split", "auto"):
            yield f"HetConv2D(parts={parts}, {execution})", lambda n, p=parts, e=execution: het(n, p, e), 0
    for alpha in FLAGS.alphas:
        yield (
            f"OctConv2D(alpha={alpha})",
            lambda n, a=float(alpha): OctConv2D(n, 3, alpha=a, use_bias=False),
            float(alpha),
        )


def compiled(layer, inputs):
    """A compiled forward pass that waits for its result."""
    import keras

    if isinstance(inputs, dict):
        model_inputs = {band: keras.Input(x.shape[1:], name=band) for band, x in inputs.items()}
    else:
        model_inputs = keras.Input(inputs.shape[1:])
    model = keras.Model(model_inputs, layer(model_inputs))
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        run = tf.function(model)
        return lambda: keras.tree.map_structure(keras.ops.convert_to_numpy, run(inputs))
    import jax

    state = ([v.value for v in model.trainable_variables], [v.value for v in model.non_trainable_variables])
    run = jax.jit(lambda x: model.stateless_call(*state, x)[0])
    return lambda: jax.block_until_ready(run(inputs))


def main(argv):
    cli.flags_only(argv)
    import keras

    from keras_effconv.feature_maps import split_channels

    print(f"{keras.backend.backend()}, batch {FLAGS.batch_size}, forward, 3 x 3; time over Conv2D's")
    results = {}
    for size, count in MAPS:
        runs = {"Conv2D": compiled(keras.layers.Conv2D(count, 3, padding="same", use_bias=False), _map(size, count))}
        for name, make, alpha in layers_for():
            bands = split_channels(count, alpha)
            inputs = {b: _map(size // (1 + (b == "low")), n) for b, n in bands.items()} if alpha else _map(size, count)
            runs[name] = compiled(make(count), inputs)
        for name, ratio in measure(runs).items():
            results.setdefault(name, []).append(ratio)
    print("| layer | " + " | ".join(f"{s} x {s} x {c}" for s, c in MAPS) + " |\n" + "|---" * (len(MAPS) + 1) + "|")
    for name, ratios in results.items():
        print(f"| {name} | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |")


def _map(size, count):
    import keras

    return keras.random.normal((FLAGS.batch_size, size, size, count))


def measure(runs):
    """Median time of each run over the first one's; one of each in turn, so that the machine's moods fall on all."""
    seconds = {name: [] for name in runs}
    for repeat in range(FLAGS.repeats + 2):
        for name, run in runs.items():
            begun = time.perf_counter()
            run()
            if repeat >= 2:
                seconds[name].append(time.perf_counter() - begun)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    first = next(iter(medians.values()))
    return {name: median / first for name, median in medians.items()}


if __name__ == "__main__":
    cli.run(main)
