"""Convert networks to ONNX by each converter that can be had, and print a table of what comes out.

python scripts/benchmarks/onnx_converters.py
python scripts/benchmarks/onnx_converters.py --networks=ResNet50 --kinds="HetConv(parts=4)" --image_size=96

jax2onnx is no dependency of this project: pip install jax2onnx. A converter has its own process, since Keras has one
backend in a process.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from keras_effconv.cli.command import main
from keras_effconv.cli.flags import flags_only

CONVERTERS = {"tf2onnx": "tensorflow", "Keras on TensorFlow": "tensorflow", "jax2onnx": "jax", "Keras on JAX": "jax"}
HEAD = ("network", "kind", "converter", "seconds", "nodes", "MB", "difference, 1 and 3 images", "ms/image")
KINDS = ["Conv()", "OctConv(alpha=0.25)", "HetConv(parts=4)"]


def define(flags):
    """Define the flags."""
    flags.list("networks", ["EfficientNetLite0", "ResNet50"], "Names of networks.")
    flags.list("kinds", KINDS, "Kinds of each but EfficientNetLite0, which is Conv().")
    flags.list("converters", list(CONVERTERS), "Which of the converters.")
    flags.integer("image_size", 224, "Pixels.", 1)
    flags.integer("repeats", 20, "Images that are timed.", 1)
    flags.string("one", None, "Of the inner processes: what to convert, as JSON.")


def run(flags, words):
    """Convert in a process each, then time all files in turns, and print the table."""
    flags_only(words)
    if flags.one:
        return convert(**json.loads(flags.one))
    import onnx

    from keras_effconv.utils.text_table import markdown

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for network in flags.networks:
            for kind in KINDS[:1] if network == "EfficientNetLite0" else flags.kinds:
                paths = {name: Path(folder) / f"{len(rows)}-{i}.onnx" for i, name in enumerate(flags.converters)}
                facts = {name: inner(name, network, kind, flags.image_size, path) for name, path in paths.items()}
                ms = timed({name: path for name, path in paths.items() if path.exists()}, flags)
                for name, path in paths.items():
                    cells = (facts[name],) + ("",) * 4
                    if path.exists():
                        nodes = len(onnx.load(path).graph.node)
                        size = sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*")) / 1e6
                        cells = (
                            f"{facts[name]['seconds']:.0f}",
                            nodes,
                            f"{size:.1f}",
                            facts[name]["difference"],
                            ms[name],
                        )
                    rows.append((network, f"`{kind}`", name, *cells))
    print(markdown([HEAD, *(tuple(map(str, row)) for row in rows)]))


def inner(name, network, kind, size, path):
    """Convert in another process; return its facts, or the last line of its error."""
    one = json.dumps({"name": name, "network": network, "kind": kind, "size": size, "path": str(path)})
    environment = {**os.environ, "KERAS_BACKEND": CONVERTERS[name]}
    command = [sys.executable, __file__, f"--one={one}"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["no message"])[-1][:120]
    return json.loads(done.stdout.strip().splitlines()[-1])


def convert(name, network, kind, size, path):
    """Build a network with random weights, convert it, and compare the file with it."""
    import keras
    import numpy as np
    import onnxruntime

    import keras_effconv as ke

    keras.utils.set_random_seed(0)
    options = {} if kind == "Conv()" else {"conv": kind}
    build = ke.applications.get(network)
    options |= {"classes": 10, "classifier_activation": None, "input_shape": (size, size, 3)}
    model = ke.deploy(build(weights=None, **options), target="onnx")
    begun = time.perf_counter()
    write(name, model, size, path)
    seconds = time.perf_counter() - begun
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    pixels = np.random.default_rng(0).uniform(0, 255, (3, size, size, 3)).astype("float32")
    read = keras.ops.convert_to_numpy(ke.preprocessing_for(model)(pixels))
    expected = keras.ops.convert_to_numpy(model(read, training=False))
    spread = np.ptp(expected, 0).max()  # between images: random weights make them alike
    images = pixels if name == "tf2onnx" else read  # the package's own file holds the preprocessing
    source = session.get_inputs()[0].name
    differences = []
    for count in (1, 3):
        try:
            found = session.run(None, {source: images[:count]})[0]
            differences.append(f"{np.abs(found - expected[:count]).max() / spread:.0e}")
        except Exception as error:  # the runtime's own
            differences.append(" ".join(str(error).split())[-60:])
    print(json.dumps({"seconds": seconds, "difference": ", ".join(differences)}))


def write(name, model, size, path):
    """Write a file by a converter."""
    if name.startswith("Keras"):
        model.export(path, format="onnx", verbose=False)
    elif name == "jax2onnx":
        from jax2onnx import to_onnx

        call = lambda images: model(images, training=False)  # noqa: E731
        to_onnx(call, [("batch", size, size, 3)], return_mode="file", output_path=path)
    else:
        import onnx

        from keras_effconv.exporting.classifier import classifier_of
        from keras_effconv.exporting.onnx import converted

        onnx.save(converted(classifier_of(model)), path)


def timed(paths, flags):
    """Return the median of milliseconds of an image in ONNX Runtime with one thread, as str by converter."""
    import statistics

    import numpy as np
    import onnxruntime

    from keras_effconv.cli.timing import in_turns

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    image, runs = np.zeros((1, flags.image_size, flags.image_size, 3), "float32"), {}
    for name, path in paths.items():
        try:
            session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            session.run(None, {session.get_inputs()[0].name: image})
        except Exception:  # the column of differences has the reason
            continue
        runs[name] = lambda x, s=session: s.run(None, {s.get_inputs()[0].name: x})
    found = in_turns(runs, image, flags.repeats, "ms")
    return dict.fromkeys(paths, "none") | {k: f"{1e3 * statistics.median(v):.1f}" for k, v in found.items()}


if __name__ == "__main__":
    main(__doc__, define, run)
