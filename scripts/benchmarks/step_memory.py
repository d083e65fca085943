"""Compare what a step of training takes of main memory with what is estimated for it, each in a process of its own.

python scripts/benchmarks/step_memory.py --batch_size=16

The measured number is the largest resident memory in three steps above that before them, so it has no weights.
"""

import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from keras_effconv.cli.command import main
from keras_effconv.cli.flags import flags_only

CASES = ("EfficientNetLite0 7", "EfficientNetLite0 -1", "ResNet50 7", "ResNet50 -1", "VGG16 2", "EfficientNetB3 7")


def define(flags):
    """Define the flags."""
    flags.list("cases", list(CASES), "Networks and the blocks that are trained, -1 for all.")
    flags.string("conv", "Conv()", "Kind of convolution.")
    flags.integer("batch_size", 16, "Images of a step.", 1)
    flags.boolean("one", False, "Measure one case in this process, and print its two numbers.")


def run(flags, words):
    """Print a table of estimated and measured memory."""
    flags_only(words)
    if flags.one:
        print(*_measured(*flags.cases[0].split(), flags))
        return
    from keras_effconv.utils.text_table import markdown

    rows = []
    for case in flags.cases:
        command = [sys.executable, __file__, "--one", f"--cases={case}", f"--conv={flags.conv}"]
        done = subprocess.run(
            [*command, f"--batch_size={flags.batch_size}"], capture_output=True, text=True, check=True
        )
        estimated, measured = (float(number) / 2**30 for number in done.stdout.split()[-2:])
        rows.append((*case.split(), f"{estimated:.2f}", f"{measured:.2f}", f"{estimated / measured:.1f}"))
        print(*rows[-1], flush=True)
    print(markdown([("network", "blocks", "estimated GiB", "measured GiB", "ratio"), *rows]))


def _measured(name, blocks, flags):
    """Return the bytes of a step that are estimated, and those that three steps take."""
    import keras
    import numpy as np
    from memory import forget_peak, resident

    from keras_effconv.training import Recipe, unfreeze
    from keras_effconv.training.folding import folded
    from keras_effconv.training.network import backbone, classifier
    from keras_effconv.training.step_memory import step_memory

    recipe = Recipe(model=name, weights=None, conv=flags.conv)
    network = classifier(backbone(recipe), 5, recipe.dropout, "network")
    unfreeze(network, int(blocks), recipe.freeze_norm, recipe.freeze_depthwise)
    trained = folded(network)
    trained.compile(keras.optimizers.AdamW(1e-9), "sparse_categorical_crossentropy")
    trained.optimizer.build(trained.trainable_variables)
    images = np.zeros((flags.batch_size, *network.input_shape[1:]), "float32")
    forget_peak()
    before = resident()
    for _ in range(3):
        trained.train_on_batch(images, np.zeros(flags.batch_size, int))
    return step_memory(trained).of(flags.batch_size), resident("VmHWM") - before


if __name__ == "__main__":
    main(__doc__, define, run)
