"""Time networks: kinds x batch sizes x runtimes, interleaved, beside the plain network and keras.applications.

    python scripts/benchmarks/networks.py --models=EfficientNetB0 --batch_sizes=1,8
    python scripts/benchmarks/networks.py --models=VGG16 --kinds="Conv();HetConv(parts=2)" --batch_sizes=4
    python scripts/benchmarks/networks.py --models=VGG16CIFAR --runtimes=train,keras-train --batch_sizes=64

All runs of a model and batch size take turns in one process, so that the machine's moods fall on all alike; memory is
measured before, each run in a process of its own. It prints tables and writes `benchmark.csv` and the pictures
`benchmark*.png` to --output; with --section also that section of docs/benchmarks.md and its pictures.
"""

import logging
import os
import shlex
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cli
from absl import flags

FLAGS = flags.FLAGS

flags.DEFINE_list("models", ["EfficientNetB0"], "Names of networks.")
flags.DEFINE_string("kinds", "Conv();OctConv(alpha=0.25);HetConv(parts=4)", "Kinds, with semicolons.")
flags.DEFINE_list("batch_sizes", ["1", "8"], "Images per call.")
flags.DEFINE_list(
    "runtimes",
    ["graph", "deployed"],
    "Of keras (keras.applications, where it has the network), graph, deployed, saved_model, onnx, openvino, "
    "openvino-bf16, litert; train and keras-train: a step of SGD with momentum.",
)
flags.DEFINE_integer("image_size", 0, "Pixels; 0: the network's own.", 0)
flags.DEFINE_integer("repeats", 15, "Runs of each; the median counts.", 3)
flags.DEFINE_boolean("memory", True, "Measure peak memory too: some seconds for each run.")
flags.DEFINE_boolean("profile", False, "Also time each convolution alone, deployed, beside that of Conv().")
flags.DEFINE_string("section", None, "Section of docs/benchmarks.md to write, such as vgg16.")
flags.DEFINE_string("output", "outputs/benchmark", "Folder to write to.")


def main(argv):
    cli.flags_only(argv)
    run()


def run():
    """Measure all, model by model; write after each, so that what was measured stays."""
    import machine
    import report
    import runs
    import runtimes

    import keras_effconv

    kinds = cli.kinds(FLAGS.kinds)
    sizes = [cli.whole("--batch_sizes", size) for size in FLAGS.batch_sizes]
    for name in FLAGS.models:
        keras_effconv.applications.get(name)
    runtimes.check(FLAGS.runtimes)
    logging.getLogger("tensorflow").setLevel("ERROR")  # it warns of functions that are alike
    if FLAGS.section:
        report.section_of(report.DOCUMENT.read_text(encoding="utf-8"), FLAGS.section)
    device, device_name = machine.device()
    rows = []
    for name in FLAGS.models:
        for batch in sizes:
            given = FLAGS.runtimes, FLAGS.image_size, FLAGS.repeats, device, FLAGS.memory
            rows += runs.measure(name, kinds, batch, *given)
            report.write(rows, Path(FLAGS.output))
    machine = machine.described(device_name, max(row.peak for row in rows))
    print(machine)
    tables = [report.table(rows), report.best(rows), *profiles(kinds, sizes)]
    print("\n".join(tables))
    print(f"written to {FLAGS.output}: benchmark.csv benchmark*.png")
    if FLAGS.section:
        command = f"python scripts/benchmarks/networks.py {shlex.join(sys.argv[1:])}"
        paths = report.draw(rows, report.DOCUMENT.with_name(f"benchmarks-{FLAGS.section}"))
        report.fill(FLAGS.section, report.section(command, machine, tables, paths))


def profiles(kinds, sizes):
    """The tables of the layers, with --profile: of each kind but `Conv()`."""
    if not FLAGS.profile:
        return
    from profile_layers import profile

    for name in FLAGS.models:
        for batch in sizes:
            for kind in kinds:
                if repr(kind) != "Conv()":
                    yield profile(name, kind, batch, FLAGS.image_size, FLAGS.repeats)


if __name__ == "__main__":
    cli.run(main)
