"""Serve exported models over HTTP, with the REST interface of TensorFlow Serving.

    python scripts/serve.py --model=serving/flowers
    python scripts/serve.py --model=outputs/lite0-onnx --name=lite0 --port=8502

--model is a folder that scripts/export.py wrote, in any format, or a folder of such folders with numbers for names, of
which the newest are served, also those that appear later. Ctrl-C, or SIGTERM, ends it when all is answered.
"""

import os
import signal
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cli
from absl import flags

FLAGS = flags.FLAGS

flags.DEFINE_list("model", None, "Folder of an export, or of its versions; several with commas.", required=True)
flags.DEFINE_list("name", [], "Name of each --model in the address. Default: that of its folder.")
flags.DEFINE_string("host", "127.0.0.1", "Address to listen at; 0.0.0.0 for all of this machine.")
flags.DEFINE_integer("port", 8501, "Port to listen at; 0 for any.", 0, 65535)
flags.DEFINE_integer("num_versions", 2, "How many of the newest versions to serve.", 1)
flags.DEFINE_float("poll_seconds", 2.0, "How often to look for new versions.", 0.05)
flags.DEFINE_integer("max_batch_size", 16, "Images that are computed at a time.", 1)
flags.DEFINE_float("max_delay_ms", 5.0, "How long a request waits for others to be computed with.", 0.0)
flags.DEFINE_integer("max_queue", 128, "Requests that may wait; more are answered with status 503.", 1)
flags.DEFINE_float("max_body_mb", 32.0, "Size of a request; a larger one is answered with status 413.", 0.001)
flags.DEFINE_float("read_timeout", 30.0, "Seconds in which a request must arrive.", 0.1)
flags.DEFINE_float("request_timeout", 60.0, "Seconds in which a request must be computed.", 0.1)


def main(argv):
    cli.flags_only(argv)
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: sys.exit(0))
    run()


def run():
    """Load the models, and serve them."""
    names = FLAGS.name or [Path(model).resolve().name for model in FLAGS.model]
    if len(names) != len(FLAGS.model) or len(set(names)) != len(names):
        raise ValueError(f"--name: expected another one for each --model, received {', '.join(names)}")
    wrong = [name for name in names if not name or set(name) & set("/:")]
    if wrong:
        raise ValueError(f"--name: expected a name without / and :, received {wrong[0]!r}")
    missing = [model for model in FLAGS.model if not Path(model).is_dir()]
    if missing:
        raise ValueError(f"--model: expected a folder that exists, received {missing[0]!r}")
    from keras_effconv import serving

    body = round(FLAGS.max_body_mb * 2**20)
    limits = serving.Limits(
        max_batch=FLAGS.max_batch_size,
        max_delay=FLAGS.max_delay_ms / 1000,
        max_queue=FLAGS.max_queue,
        max_body=body,
        max_held=8 * body,
        read_timeout=FLAGS.read_timeout,
        request_timeout=FLAGS.request_timeout,
        poll=FLAGS.poll_seconds,
    )
    models = {name: serving.Versions(path, FLAGS.num_versions) for name, path in zip(names, FLAGS.model)}
    serving.serve(models, FLAGS.host, FLAGS.port, limits, started=lambda port: tell(names, port))


def tell(names, port):
    """Where the models are."""
    host = f"[{FLAGS.host}]" if ":" in FLAGS.host else FLAGS.host
    for name in names:
        print(f"http://{host}:{port}/v1/models/{name}", flush=True)


if __name__ == "__main__":
    cli.run(main)
