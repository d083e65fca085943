"""Print the most likely classes of images, or write them as CSV.

    keras-effconv predict cat.jpg dog.jpg                              # EfficientNetLite0, the classes of ImageNet
    keras-effconv predict rose.jpg --model=outputs/finetune/model.keras
    keras-effconv predict photos 'more/*.jpg' --model=outputs/finetune/model.keras --csv=predictions.csv
    find photos -name '*.png' | keras-effconv predict - --model=outputs/flowers-onnx --csv=predictions.csv
    keras-effconv predict cat.jpg --model=hf://timm/resnet18.a1_in1k   # a repository of the Hugging Face hub
    keras-effconv predict rose.jpg --model=outputs/finetune/model.keras --views=mirror   # and its mirror image

An IMAGE is a file, a folder (all images below it), a pattern, or - for a list of files on stdin, one a line. --model is
the name of a network, a model.keras that `keras-effconv finetune` wrote, or a folder that `keras-effconv export` wrote;
the file labels.txt next to it has the names of the classes. A model of several labels prints the classes whose
probability is at least their threshold, which thresholds.json next to the model, or export.json, holds. With --csv
there is a row for each file, in order; one that cannot be read has the reason in the column `error`. Such files make
the status 1.
"""

import contextlib
import csv
import sys

from keras_effconv.cli.command import recode
from keras_effconv.cli.flags import define_views


def define(flags):
    """Define the flags."""
    flags.about("Model")
    flags.string(
        "model",
        "EfficientNetLite0",
        "Name of a network, path of a .keras file, folder of an export, or hf://user/name.",
    )
    flags.string("conv", "Conv()", "Kind of convolution, for a network by name.")
    flags.string("weights", "imagenet", 'For a network by name: a tag, the path of a file, or "none".')
    flags.about("Predictions")
    flags.integer("top", None, "Classes for each image. Default: 5, or all that are above their thresholds.", 1)
    flags.string("csv", None, "File to write in place of tables: path, label_1, score_1, ..., error. - for stdout.")
    flags.integer("batch_size", 32, "Images that are computed at a time.", 1)
    define_views(flags)


def run(flags, words):
    """Load the model, and print a table for each image or write a row for each."""
    from keras_effconv.cli import image_files, predictor
    from keras_effconv.data.images.levels import warn_without_white
    from keras_effconv.inference import averaged

    if not words:
        raise ValueError("`IMAGE` must be at least one file, folder or pattern. Received: nothing")
    recode(sys.stdin, errors=TEXT["errors"])
    if flags.csv == "-":
        recode(sys.stdout, **TEXT)
    paths = image_files.paths(words, sys.stdin)
    model = predictor.load(flags.model, flags.conv, flags.weights)
    model = model._replace(run=averaged(model.run, flags.views))
    warn_without_white(paths, model.preprocessing)
    most = TOP if model.thresholds is None else len(model.names)
    top = min(flags.top or most, len(model.names))
    rows = predictor.predictions(model, paths, top, flags.batch_size)
    failed = write_csv(rows, flags.csv, top) if flags.csv else tell(rows)
    summary = f"{len(paths)} file{'s' * (len(paths) != 1)}, {failed} unreadable"
    if flags.csv:
        print(f"{flags.csv}: {summary}", file=sys.stderr if flags.csv == "-" else sys.stdout)
    elif failed and len(paths) > 1:
        print(summary, file=sys.stderr)
    return int(failed > 0)


def tell(rows):
    """Print a table for each row, and a line on stderr for each file that cannot be read; return how many these are.

    Names are `escaped`: those of files may hold what a terminal obeys.
    """
    from keras_effconv.data.sources.messages import escaped

    failed = 0
    for row in rows:
        if row.error:
            failed += 1
            print(escaped(f"{row.path}: {row.error}"), file=sys.stderr)
            continue
        print(escaped(row.path))
        if not row.best:
            print("  none of the classes")
        for name, score in row.best:
            print(f"  {score:6.1%}  {escaped(name)}")
    return failed


def write_csv(rows, path, top):
    """Write the rows to a file, or to stdout for `-`; return how many files cannot be read."""
    failed = 0
    with _opened(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        columns = [f"{what}_{i}" for i in range(1, top + 1) for what in ("label", "score")]
        writer.writerow(["path", *columns, "error"])
        for row in rows:
            failed += bool(row.error)
            cells = [cell for name, score in row.best for cell in (name, f"{score:.6g}")]
            cells += [""] * (len(columns) - len(cells))  # of several labels, as many as are said
            writer.writerow([row.path, *cells, row.error])
    return failed


@contextlib.contextmanager
def _opened(path):
    from keras_effconv.utils.files import replacing

    if path == "-":
        yield sys.stdout
    else:
        with replacing(path) as temporary, temporary.open("w", newline="", **TEXT) as file:
            yield file


TOP = 5
TEXT = {"encoding": "utf-8", "errors": "surrogateescape"}  # names of files may be any bytes
