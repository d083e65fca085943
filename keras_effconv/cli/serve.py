"""Serve exported models over HTTP, with the REST interface of TensorFlow Serving.

    keras-effconv serve --model=serving/flowers
    keras-effconv serve --model=outputs/lite0-onnx --name=lite0 --port=8502
    keras-effconv serve --model=serving/flowers --version_labels=flowers:stable=1,flowers:canary=2

--model is a folder that `keras-effconv export` wrote, in any format, or a folder of versions of it: such folders with
numbers for names. The newest versions are served, also those that appear later. Ctrl-C, or SIGTERM, ends the server
when all is answered, within 5 s.
"""

import os
import re
import signal
import sys
from pathlib import Path

from keras_effconv.cli.flags import flags_only


def define(flags):
    """Define the flags."""
    flags.about("Models")
    flags.list("model", None, "Folder of an export, or of its versions; several with commas.", required=True)
    flags.list("name", [], "Name of each --model in the address. Default: that of its folder.")
    flags.about("Address")
    flags.string("host", "127.0.0.1", "Address to listen at; 0.0.0.0 for all of this machine.")
    flags.integer("port", 8501, "Port to listen at; 0 for any.", 0, 65535)
    flags.about("Models")
    flags.integer("num_versions", 2, "How many of the newest versions to serve.", 1)
    flags.list("version_labels", [], "Labels of versions, NAME:LABEL=N; such versions are served whatever their age.")
    flags.about("Address")
    flags.boolean("enable_cors_support", False, "Let web pages of any origin ask: answers have CORS headers.")
    flags.about("Models")
    flags.float("poll_seconds", 2.0, "How often to look for new versions.", 0.05)
    flags.string("precision", "float32", "Arithmetic of the models; bfloat16 for OpenVINO only.")
    flags.integer("streams", 1, "Batches that are computed at the same time, by threads that share each model.", 1)
    flags.about("Limits")
    flags.integer("max_batch_size", 16, "Images that are computed at a time.", 1)
    flags.float("max_delay_ms", 5.0, "How long a batch waits for a request that has arrived, or for the next one.", 0.0)
    flags.integer("max_queue", 128, "Requests that may wait; more are answered with status 503.", 1)
    flags.integer("max_rows", 1024, "Images of a request; one with more is answered with status 413.", 1)
    flags.integer("max_connections", 512, "Connections; the longest idle one makes room, or status 503.", 1)
    flags.float("max_body_mb", 32.0, "Size of a request; a larger one is answered with status 413.", 0.001)
    flags.float("read_timeout", 30.0, "Seconds in which a request must arrive.", 0.1)
    flags.float("request_timeout", 60.0, "Seconds in which a request must be computed.", 0.1)
    flags.float("shutdown_timeout", 5.0, "Seconds after a signal in which the server ends.", 0.5)


def run(flags, words):
    """Load the models, and serve them until ctrl-C or SIGTERM."""
    flags_only(words, "model")
    names = names_of(flags)
    labels = labels_of(flags.version_labels, names)
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, end)
    from keras_effconv import serving

    body = round(flags.max_body_mb * 2**20)
    limits = serving.Limits(
        max_batch=flags.max_batch_size,
        max_delay=flags.max_delay_ms / 1000,
        max_queue=flags.max_queue,
        max_rows=flags.max_rows,
        max_connections=flags.max_connections,
        streams=flags.streams,
        max_body=body,
        max_held=8 * body,
        read_timeout=flags.read_timeout,
        request_timeout=flags.request_timeout,
        poll=flags.poll_seconds,
    )
    with serving.bound(flags.host, flags.port) as listener:
        paths = dict(zip(names, flags.model))
        how = flags.precision, flags.streams
        models = {name: serving.Versions(path, flags.num_versions, labels[name], *how) for name, path in paths.items()}
        serving.serve(
            models,
            limits=limits,
            shutdown_timeout=flags.shutdown_timeout,
            started=lambda port: tell(flags.host, port, names),
            cors=flags.enable_cors_support,
            listener=listener,
        )


def end(number, frame):
    """End the process with status 0, at once: Python would first take apart the models, which can take seconds."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def names_of(flags):
    """Return a name for each --model.

    Raises:
        ValueError: for a folder that is missing, and names that are wrong.
    """
    names = flags.name or [Path(model).resolve().name for model in flags.model]
    if len(names) != len(flags.model) or len(set(names)) != len(names):
        raise ValueError(f"`name` must be another one for each --model. Received: {', '.join(names)}")
    wrong = [name for name in names if not name or set(name) & set("/:")]
    if wrong:
        raise ValueError(f"`name` must be without / and :. Received: name={wrong[0]!r}")
    missing = [model for model in flags.model if not Path(model).is_dir()]
    if missing:
        raise ValueError(f"`model` must be a folder that exists. Received: model={missing[0]!r}")
    return names


def labels_of(entries, names):
    """Return the labels of each model, as a dict of dicts label -> version.

    Args:
        entries: list of str, `NAME:LABEL=N`.
        names: list of str, of the models.

    Raises:
        ValueError: for an entry of another form, a model that is not served, or a label twice.
    """
    labels = {name: {} for name in names}
    for entry in entries:
        name, _, rest = entry.strip().partition(":")
        label, _, number = rest.partition("=")
        if not label or set(label) & set("/:") or not re.fullmatch("[0-9]+", number):
            raise ValueError(f"`version_labels` must be NAME:LABEL=N, with commas between them. Received: {entry!r}")
        if name not in labels:
            raise ValueError(f"`version_labels` must name one of {', '.join(names)}. Received: {entry!r}")
        if label in labels[name]:
            raise ValueError(f"`version_labels` must be another label for each version of a model. Received: {entry!r}")
        labels[name][label] = int(number)
    return labels


def tell(host, port, names):
    """Print where the models are."""
    host = f"[{host}]" if ":" in host else host
    for name in names:
        print(f"http://{host}:{port}/v1/models/{name}", flush=True)
