"""Time networks: kinds x batch sizes x runtimes, interleaved, next to the plain network and keras.applications.

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
sys.path.append(str(Path(__file__).parents[1] / "docs"))  # where sections.py lies

from keras_effconv.cli.command import main
from keras_effconv.cli.flags import flags_only, json_object, kinds, positive_integer


def define(flags):
    """Define the flags."""
    flags.list("models", ["EfficientNetB0"], "Names of networks.")
    flags.string("kinds", "Conv();OctConv(alpha=0.25);HetConv(parts=4)", "Kinds, with semicolons.")
    flags.list("batch_sizes", ["1", "8"], "Images per call.")
    flags.list(
        "runtimes",
        ["graph", "deployed"],
        "Of keras (keras.applications, where it has the network), graph, deployed, saved_model, onnx, openvino, "
        "openvino-bf16, litert; onnx-int8 and the like; train and keras-train: a step of SGD with momentum.",
    )
    flags.string("options", "{}", 'JSON of further arguments of the networks, such as {"alpha": 0.75}.')
    flags.integer("image_size", 0, "Pixels; 0: the network's own.", 0)
    flags.integer("repeats", 15, "Runs of each; the median counts.", 3)
    flags.boolean("memory", True, "Measure peak memory too: some seconds for each run.")
    flags.boolean("profile", False, "Also time each convolution alone, deployed, next to that of Conv().")
    flags.string("files", None, "Folder for what the runtimes load, which another call finds again; default: none.")
    flags.string("section", None, "Section of docs/benchmarks.md to write, such as vgg16.")
    flags.string("output", "outputs/benchmark", "Folder to write to.")


def run(flags, words):
    """Measure all, model by model; write after each, so that what was measured stays."""
    flags_only(words)
    import machine
    import report
    import runs
    import runtimes

    import keras_effconv
    from keras_effconv.training.reporting.environment import device as first_device

    measured = kinds(flags.kinds)
    sizes = [positive_integer("--batch_sizes", size) for size in flags.batch_sizes]
    options = json_object("options", flags.options)
    for name in flags.models:
        keras_effconv.applications.get(name)
    runtimes.check(flags.runtimes)
    logging.getLogger("tensorflow").setLevel("ERROR")  # it warns of functions that are alike
    if flags.section:
        report.check_section(flags.section)
    device, device_name = first_device()
    how = flags.runtimes, flags.image_size, flags.repeats, device, flags.memory, flags.files, options
    rows = []
    for name in flags.models:
        for batch in sizes:
            rows += runs.measure(name, measured, batch, runs.Settings(*how))
            report.write(rows, Path(flags.output))
    machine = machine.described(device_name, max(row.peak for row in rows))
    print(machine)
    tables = [report.table(rows), report.best(rows), *profiles(flags, measured, sizes)]
    print("\n".join(tables))
    print(f"written to {flags.output}: benchmark.csv benchmark*.png")
    if flags.section:
        command = f"{_environment()}python scripts/benchmarks/networks.py {shlex.join(sys.argv[1:])}"
        paths = report.draw(rows, report.DOCUMENT.with_name(f"benchmarks-{flags.section}"))
        report.fill(flags.section, report.section(command, machine, tables, paths))


def _environment():
    """Return what the processor does not decide, as the shell takes it ahead of the command."""
    chosen = os.environ.get("TF_ENABLE_ONEDNN_OPTS")
    return f"TF_ENABLE_ONEDNN_OPTS={chosen} " if chosen else ""


def profiles(flags, kinds, sizes):
    """Yield the tables of the layers, with --profile: of each kind but `Conv()`."""
    if not flags.profile:
        return
    from profile_layers import profile

    for name in flags.models:
        for batch in sizes:
            for kind in kinds:
                if repr(kind) != "Conv()":
                    yield profile(name, kind, batch, flags.image_size, flags.repeats)


if __name__ == "__main__":
    main(__doc__, define, run)
