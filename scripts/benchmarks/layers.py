"""Time layers against the plain convolution, interleaved in one process; prints ratios of the medians.

python scripts/benchmarks/layers.py
KERAS_BACKEND=jax python scripts/benchmarks/layers.py
"""

import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from keras_effconv.cli.command import main
from keras_effconv.cli.flags import flags_only


def define(flags):
    """Define the flags."""
    flags.integer("batch_size", 8, "Images per step.", 1)
    flags.integer("repeats", 15, "Runs of each layer; the median counts.", 3)
    flags.list("parts", ["2", "4", "8", "16", "64"], "Parts of HetConv2D.")
    flags.list("alphas", ["0.25", "0.5"], "Alphas of OctConv2D, read and written.")


MAPS = ((56, 128), (28, 256), (14, 512))  # (pixels, channels), those of VGG and ResNet


def layers_for(parts, alphas):
    """Yield (name, layer, whether it reads two bands)."""
    from keras_effconv.layers import HetConv2D, OctConv2D

    def het(filters, parts, execution):
        return HetConv2D(filters, 3, parts=int(parts), execution=execution, use_bias=False)

    for count in parts:
        for execution in ("grouped", "split", "auto"):
            yield f"HetConv2D(parts={count}, {execution})", lambda n, p=count, e=execution: het(n, p, e), 0
    for alpha in alphas:
        yield (
            f"OctConv2D(alpha={alpha})",
            lambda n, a=float(alpha): OctConv2D(n, 3, alpha=a, use_bias=False),
            float(alpha),
        )


def compiled(layer, inputs):
    """Return a compiled forward pass that waits for its result."""
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


def run(flags, words):
    """Time the layers, and print the table."""
    flags_only(words)
    import keras

    from keras_effconv.feature_maps import split_channels

    print(f"{keras.backend.backend()}, batch {flags.batch_size}, forward, 3 x 3; time over Conv2D's")
    results = {}
    for size, count in MAPS:
        one_map = _map(flags.batch_size, size, count)
        runs = {"Conv2D": compiled(keras.layers.Conv2D(count, 3, padding="same", use_bias=False), one_map)}
        for name, make, alpha in layers_for(flags.parts, flags.alphas):
            bands = split_channels(count, alpha)
            two_bands = {b: _map(flags.batch_size, size // (1 + (b == "low")), n) for b, n in bands.items()}
            runs[name] = compiled(make(count), two_bands if alpha else one_map)
        for name, ratio in measure(runs, flags.repeats).items():
            results.setdefault(name, []).append(ratio)
    print("| layer | " + " | ".join(f"{s} x {s} x {c}" for s, c in MAPS) + " |\n" + "|---" * (len(MAPS) + 1) + "|")
    for name, ratios in results.items():
        print(f"| {name} | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |")


def _map(batch, size, count):
    import keras

    return keras.random.normal((batch, size, size, count))


def measure(runs, repeats):
    """Return the median time of each run over the first one's; they take turns, so the machine's moods fall on all."""
    seconds = {name: [] for name in runs}
    for repeat in range(repeats + 2):
        for name, run in runs.items():
            begun = time.perf_counter()
            run()
            if repeat >= 2:
                seconds[name].append(time.perf_counter() - begun)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    first = next(iter(medians.values()))
    return {name: median / first for name, median in medians.items()}


if __name__ == "__main__":
    main(__doc__, define, run)
