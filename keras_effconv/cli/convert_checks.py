"""What of the flags of `convert` can be wrong before a model is loaded and an image is read."""

import keras

from keras_effconv import kinds
from keras_effconv.converting import outputs
from keras_effconv.converting.selecting import runtimes
from keras_effconv.training.reporting.environment import check_folder
from keras_effconv.utils.extras import require


def check(flags, output):
    """Check the flags, and that `output` can be written to.

    Args:
        flags: `Flags`.
        output: path.

    Returns:
        The kind of convolution; `None` if a budget chooses it.

    Raises:
        ValueError: flags contradict each other, or have values that there are not.
        ImportError: a package is missing.
        OSError: the folder cannot be written to.
    """
    if (flags.conv is None) == (flags.budget is None):
        received = f"conv={flags.conv!r}, budget={flags.budget!r}"
        raise ValueError(f"`conv` or `budget` must be given, one of them. Received: {received}")
    if flags.budget is not None and flags.resume:
        raise ValueError("`resume` must be given with `conv`: times are measured anew. Received: a budget")
    if flags.data_dir is None and flags.dataset is None:
        raise ValueError("`data_dir` must be a folder of images, or `dataset` a name. Received: neither")
    conv = None if flags.conv is None else kinds.get(flags.conv)
    if flags.measure or flags.budget is not None:
        runtimes.check(flags.runtime or keras.backend.backend(), flags.precision)
    for module in ("matplotlib.figure", "tqdm"):
        require(module)
    check_folder(output, outputs.NEEDED)
    outputs.check(output)
    return conv
