"""Where ONNX Runtime spends its time: milliseconds by the type of node, of exports next to each other, on one core.

python scripts/benchmarks/onnx_nodes.py --exports=outputs/dense-onnx,outputs/octave-onnx
"""

import collections
import json
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from keras_effconv.cli.command import main
from keras_effconv.cli.flags import flags_only

LEAST = 0.01  # of the time: what has a row of its own


def define(flags):
    """Define the flags."""
    flags.list("exports", None, "Folders of ONNX exports.", required=True)
    flags.integer("calls", 30, "Of each; the first five do not count.", 6)


def run(flags, words):
    """Print a column for each export."""
    flags_only(words)
    from keras_effconv.utils.text_table import markdown

    columns = [_milliseconds(Path(path) / "model.onnx", flags.calls) for path in flags.exports]
    totals = [sum(column.values()) for column in columns]
    kinds = sorted(set().union(*columns), key=lambda kind: -max(column[kind] for column in columns))
    shown = [kind for kind in kinds if any(column[kind] > LEAST * total for column, total in zip(columns, totals))]
    rows = [(kind, *(f"{column[kind]:.2f}" for column in columns)) for kind in shown]
    others = [sum(column[kind] for kind in kinds if kind not in shown) for column in columns]
    rows += [("others", *(f"{each:.2f}" for each in others)), ("all", *(f"{each:.2f}" for each in totals))]
    print(markdown([("ms by type of node", *flags.exports), *rows]))


def _milliseconds(path, calls):
    """Return the milliseconds of a call with one image by the type of node: a `collections.Counter`."""
    import numpy as np

    from keras_effconv.utils.extras import require

    runtime, spent = require("onnxruntime", "export"), collections.Counter()
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.enable_profiling = 1, True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = f"{folder}/profile"
        session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        images = session.get_inputs()[0]
        values = np.random.default_rng(0).uniform(0, 255, (1, *images.shape[1:])).astype("float32")
        for _ in range(calls):
            session.run(None, {images.name: values})
        events = json.loads(Path(session.end_profiling()).read_text())
    nodes = [each for each in events if each.get("cat") == "Node" and each["name"].endswith("_kernel_time")]
    for each in nodes[5 * len(nodes) // calls :]:
        spent[each["args"]["op_name"]] += each["dur"] / 1e3 / (calls - 5)
    return spent


if __name__ == "__main__":
    main(__doc__, define, run)
