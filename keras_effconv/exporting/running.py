"""Run an export: a function from images to probabilities, whichever runtime computes it."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from keras_effconv.exporting.destination import versions
from keras_effconv.exporting.format import METADATA
from keras_effconv.exporting.writing import FORMATS
from keras_effconv.preprocessing import Preprocessing
from keras_effconv.utils.arguments import one_of, positive


@dataclasses.dataclass(frozen=True)
class Exported:
    """An export that is ready to run; any thread may call it.

    Attributes:
        path: `pathlib.Path` of its folder.
        format: str, such as `"onnx"`.
        precision: str, of the weights in the file.
        labels: tuple of str, in the order of the probabilities.
        preprocessing: `Preprocessing`; how an image is cropped and resized before it is given to the export. The
            arithmetic is inside.
    """

    path: Path
    format: str
    precision: str
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    run: Callable = dataclasses.field(repr=False)

    def __call__(self, images):
        """RGB images (n, size, size, 3), 0..255, uint8 or float -> probabilities (n, classes), float32."""
        images, size = np.asarray(images, "float32"), self.preprocessing.size
        if images.ndim != 4 or images.shape[1:] != (size, size, 3) or not len(images):
            raise ValueError(f"`images` must be (n, {size}, {size}, 3). Received: an array of shape {images.shape}")
        return self.run(images)


def load(path, threads=None, precision="float32"):
    """Load what `keras_effconv.export` wrote.

    Args:
        path: its folder; of a SavedModel also the folder of the versions, for the newest one.
        threads: int, for one call. Default: one for each core.
        precision: of the arithmetic: `"float32"`; OpenVINO also takes `"bfloat16"`, fast where the processor has it.
            What is int8 in the file is computed so. Default `"float32"`.

    Returns:
        An `Exported`: images (n, size, size, 3), RGB, 0..255 -> probabilities (n, classes), with `labels`.

    Raises:
        ValueError: the path is no export, or an argument means nothing to its format.
        ImportError: the runtime is not installed.
    """
    folder = _folder(Path(path))
    told = json.loads((folder / METADATA).read_text(encoding="utf-8"))
    chosen = FORMATS[one_of("format", told["format"], tuple(FORMATS))]
    one_of("precision", precision, chosen.runs_in)
    if threads is not None:
        positive("threads", threads)
    wanted = Preprocessing(told["size"], told["crop"], told["interpolation"], inside=True)
    run = chosen.load(folder, precision, threads)
    return Exported(folder, chosen.name, told["precision"], tuple(told["labels"]), wanted, run)


def _folder(path):
    if (path / METADATA).is_file():
        return path
    numbers = versions(path) if path.is_dir() else []
    if numbers and (path / str(numbers[-1]) / METADATA).is_file():
        return path / str(numbers[-1])
    raise ValueError(f"`path` must be a folder that keras_effconv.export wrote. Received: path={str(path)!r}")
