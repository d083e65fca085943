"""How cost grows: speed with the batch and the cores, memory with the image, start and size on disk by format.

    python scripts/benchmarks/growth.py --output=outputs/growth

It prints the tables and draws growth.png. Each point of speed is the median of calls that take turns with the other
runtimes; each number of cores is a process of its own that may use no more; memory and start are those of processes
that do nothing else.
"""

import csv
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
sys.path.append(str(Path(__file__).parents[1] / "docs"))  # where sections.py lies

from keras_effconv.cli.command import main
from keras_effconv.cli.flags import flags_only, positive_integer

RUNTIMES = ("deployed", "onnx", "openvino", "litert")
START = """
import json, sys, time
begun = time.perf_counter()
import numpy as np
from keras_effconv import exporting
imported = time.perf_counter()
run = exporting.load(sys.argv[1])
loaded = time.perf_counter()
run(np.zeros([1, *map(int, sys.argv[2:])], "float32"))
print(json.dumps([imported - begun, loaded - imported, time.perf_counter() - loaded]))
"""


def define(flags):
    """Define the flags."""
    flags.string("model", "EfficientNetLite0", "Name of a network.")
    flags.list("batch_sizes", ["1", "2", "4", "8", "16", "32"], "Images per call.")
    flags.list("image_sizes", ["128", "224", "320", "448", "640"], "Pixels, for memory, of four images per call.")
    flags.integer("repeats", 9, "Calls of each; the median counts.", 3)
    flags.string("output", "outputs/growth", "Folder to write to; files that it has are used again.")
    flags.string("serving", None, "Table of scripts/benchmarks/serving.py (its --csv) that is drawn, too.")
    flags.boolean("document", False, "Write the tables and the picture into docs/growth.md, too.")
    flags.string("speed_of", None, "For the script's own use: a folder of files whose speed is printed.")


def run(flags, words):
    """Measure all, print the tables, draw the pictures."""
    flags_only(words)
    batches = [positive_integer("--batch_sizes", size) for size in flags.batch_sizes]
    if flags.speed_of:
        print(json.dumps(_speeds(Path(flags.speed_of), batches, flags.repeats)))
        return
    sizes = [positive_integer("--image_sizes", size) for size in flags.image_sizes]
    from growth_report import write

    folder = Path(flags.output)
    files = folder / "files"
    found = {"model": flags.model}
    shape = _stored(flags.model, files, None)
    found["speed"] = {str(cores): _speed(files / "own", batches, flags.repeats, cores) for cores in _cores()}
    found["memory"] = {runtime: {} for runtime in RUNTIMES}
    for size in sizes:
        _stored(flags.model, files, size)
        for runtime in RUNTIMES:
            found["memory"][runtime][size] = _memory(runtime, files / str(size), (4, size, size, 3))
    exports = _exports(flags.model, files / "exports")
    found["disk"] = {name: sum(file.stat().st_size for file in path.rglob("*")) for name, path in exports.items()}
    found["start"] = {name: _start(path, shape) for name, path in exports.items() if name.endswith("float32")}
    found["serving"] = _served(flags.serving) if flags.serving else {}
    command = f"python scripts/benchmarks/growth.py {shlex.join(sys.argv[1:])}"
    write(found, folder, command if flags.document else None)


def _cores():
    return range(1, len(os.sched_getaffinity(0)) + 1)


def _stored(name, files, size):
    """Store a network for each runtime, in a process of its own; return the shape of an image."""
    from runs import store

    import keras_effconv
    from keras_effconv import kinds

    own = keras_effconv.applications.get(name).preprocessing.size
    shape = (size or own, size or own, 3)
    store(name, [kinds.Conv()], RUNTIMES, shape, files / (str(size) if size else "own"))
    return shape


def _path(runtime, files):
    """Return what a runtime loads."""
    return files / "Conv()" / ("deployed/model.keras" if runtime == "deployed" else runtime)


def _speed(files, batches, repeats, cores):
    """Return the images per second by runtime and batch, of a process that may use so many cores."""
    some = sorted(os.sched_getaffinity(0))[:cores]
    words = [sys.executable, __file__, f"--speed_of={files}", f"--repeats={repeats}"]
    words.append(f"--batch_sizes={','.join(map(str, batches))}")
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, preexec_fn=lambda: os.sched_setaffinity(0, some))
    if done.returncode:
        raise OSError(f"the process that measures the speed ended with status {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def _speeds(files, batches, repeats):
    """Return the same, measured in this process."""
    import statistics

    import numpy as np
    from runtimes import graph

    from keras_effconv import exporting
    from keras_effconv.cli.timing import in_turns

    threads = len(os.sched_getaffinity(0))  # said to each: ONNX Runtime's own threads would choose their cores
    runs = {name: exporting.load(_path(name, files), threads=threads) for name in RUNTIMES if name != "deployed"}
    runs = {"deployed": graph(_path("deployed", files)), **runs}
    size = json.loads((_path("onnx", files) / "export.json").read_text())["size"]
    speeds = {runtime: {} for runtime in runs}
    for batch in batches:
        images = np.random.default_rng(0).uniform(0, 255, (batch, size, size, 3)).astype("float32")
        for runtime, seconds in in_turns(runs, images, repeats, f"batch {batch}").items():
            speeds[runtime][batch] = batch / statistics.median(seconds)
    return speeds


def _memory(runtime, files, shape):
    from memory import peak_memory

    return peak_memory(runtime, _path(runtime, files), shape)


def _exports(name, files):
    """Return the folder of each export, by "format precision"; written if it is not there."""
    import keras
    import numpy as np

    import keras_effconv
    from keras_effconv.exporting import FORMATS

    keras.utils.set_random_seed(0)
    model, found = keras_effconv.applications.get(name)(weights=None), {}
    images = np.random.default_rng(0).uniform(0, 255, (8, *model.input_shape[1:])).astype("float32")
    for format in FORMATS:
        fast = keras_effconv.deploy(model, target=format)
        for precision in FORMATS[format].precisions:
            path = files / f"{format}-{precision}"
            found[f"{format} {precision}"] = path
            if not path.exists():
                options = {"calibration": images} if precision == "int8" else {}
                keras_effconv.export(fast, path, format=format, precision=precision, tolerance=float("inf"), **options)
    return found


def _served(path):
    """Return the median and the 99th percentile of the milliseconds of an answer, by the number of clients."""
    with open(path, newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["clients"]]
    return {row["clients"]: [float(row["p50 ms"]), float(row["p99 ms"])] for row in rows}


def _start(path, shape):
    """Return the median seconds of importing, loading and the first answer, of three processes."""
    import statistics

    times = []
    for _ in range(3):
        words = [sys.executable, "-c", START, str(path), *map(str, shape)]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            raise OSError(f"loading {path.name} failed: {done.stderr.strip().splitlines()[-1]}")
        times.append(json.loads(done.stdout.splitlines()[-1]))
    return [statistics.median(each) for each in zip(*times)]


if __name__ == "__main__":
    main(__doc__, define, run)
