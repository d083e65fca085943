"""Time networks: kinds x batch sizes x runtimes, interleaved, beside the plain network and keras.applications.

    python scripts/benchmark.py --models=EfficientNetB0 --batch_sizes=1,8
    python scripts/benchmark.py --models=VGG16 --kinds="Conv();HetConv(parts=2);HetConv(parts=4)" --batch_sizes=4

All runs of a model and batch size take turns in one process, so that the machine's moods fall on all alike. It prints a
table and writes `benchmark.csv` and `benchmark.png` (time against multiply-accumulates) to --output.
"""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cli
from absl import flags

FLAGS = flags.FLAGS

flags.DEFINE_list("models", ["EfficientNetB0"], "Names of networks.")
flags.DEFINE_string("kinds", "Conv();OctConv(alpha=0.25);HetConv(parts=4)", "Kinds, with semicolons.")
flags.DEFINE_list("batch_sizes", ["1", "8"], "Images per call.")
flags.DEFINE_list(
    "runtimes", ["graph", "deployed"], "Of keras, graph, deployed, saved_model, onnx, openvino, openvino-bf16, litert."
)
flags.DEFINE_integer("image_size", 0, "Pixels; 0: the network's own.", 0)
flags.DEFINE_integer("repeats", 15, "Runs of each; the median counts.", 3)
flags.DEFINE_string("output", "outputs/benchmark", "Folder to write to.")


def main(argv):
    cli.flags_only(argv)
    run()


def run():
    """Measure all, model by model; write after each, so that what was measured stays."""
    import benchmark_report as report
    import benchmark_runs as runs

    import keras_effconv

    kinds = [keras_effconv.kinds.get(kind) for kind in FLAGS.kinds.split(";") if kind.strip()]
    sizes = [cli.whole("--batch_sizes", size) for size in FLAGS.batch_sizes]
    for name in FLAGS.models:
        keras_effconv.applications.get(name)
    runs.check(FLAGS.runtimes)
    peak, rows = runs.machine_peak(), []
    print(f"peak of a matrix product here: {peak / 1e9:.0f} GMAC/s")
    for name in FLAGS.models:
        for batch in sizes:
            rows += runs.measure(name, kinds, batch, FLAGS.runtimes, FLAGS.image_size, FLAGS.repeats, peak)
            report.write(rows, Path(FLAGS.output))
    print(report.table(rows))
    print(f"written to {FLAGS.output}: benchmark.csv benchmark.png")


if __name__ == "__main__":
    cli.run(main)
