"""The command `keras-effconv` before it imports the package: a list of commands should not wait for Keras.

It lies next to the package, since importing anything inside of it imports Keras and the backend, which takes seconds.
"""

import contextlib
import difflib
import os
import re
import sys
import tempfile
import time

GROUPS = {
    "Train": {
        "finetune": "Fine-tune a network on a folder of images, or on a data set by name.",
        "train": "Train a network from scratch by a recipe.",
        "compare": "Train networks x kinds x seeds, and show accuracy against cost.",
        "scale": "Search the bases of compound scaling.",
    },
    "Use": {
        "predict": "Print the most likely classes of images.",
        "evaluate": "Evaluate a trained model: top-1 and top-5, by class and by image size.",
    },
    "Deploy": {
        "convert": "Convert a trained network to a cheaper kind of convolution.",
        "export": "Export a model to TensorFlow Serving, ONNX Runtime, OpenVINO or LiteRT.",
        "serve": "Serve exported models over HTTP.",
    },
    "Data and weights": {
        "data": "Check your images; list and prepare data sets; measure how fast images are read.",
        "zoo": "List, fetch, verify and convert published weights; upload a model to the hub.",
    },
}
COMMANDS = {name: line for group in GROUPS.values() for name, line in group.items()}
# TensorFlow reads these when it is imported. Without AVX-512, it leaves oneDNN's convolutions off by itself, and with
# them the gradient of grouped ones; a step of EfficientNetLite0 then takes twice as long.
ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "1"}
READS_IMAGES = {"finetune", "train", "predict", "data", "export", "serve"}
# What TensorFlow writes once, whatever the level says: oneDNN is on; there is no GPU; oneDNN takes no bytes.
STARTUP = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog|I0000 |To enable the following instructions: "
    rb"|.*(failed call to cuInit.*\(303\)|oneDNN supports DT_UINT8|computation placer already registered)"
    rb"|.*Unable to register cu\w+ factory"
)
HELP = ("help", "-h", "-help", "--help", "--helpfull")
USAGE = "usage: keras-effconv COMMAND [--FLAG=VALUE ...]"


def main(*words):
    """Run the command that words name, and exit with its status.

    Args:
        *words: str, what precedes the words of the command line, such as `"finetune"`.
    """
    begun, words = time.perf_counter(), [*words, *sys.argv[1:]]
    if not words or words[0] in HELP:
        print(listing())
        sys.exit(0 if words else 2)
    if words[0] not in COMMANDS:
        print(f"keras-effconv: {unknown(words[0])}", file=sys.stderr)
        sys.exit(2)
    asked = "TF_CPP_MIN_LOG_LEVEL" in os.environ
    for variable, value in ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    with contextlib.nullcontext() if asked else startup_messages_left_out():
        from keras_effconv.cli.command import log_to_stderr, start

        if "tensorflow" in sys.modules:
            say_what_is_said_once(sys.modules["tensorflow"], computes=words[0] in READS_IMAGES)

    log_to_stderr()
    sys.exit(start(words[0], words[1:], begun))


def say_what_is_said_once(tf, computes):
    """Let TensorFlow look for a GPU, and compute with bytes.

    Args:
        tf: module.
        computes: bool; after it, the number of TensorFlow's threads cannot be set.
    """
    tf.config.list_physical_devices()
    if computes:
        with tf.device("CPU"):
            tf.transpose(tf.zeros((2, 2), tf.uint8))


@contextlib.contextmanager
def startup_messages_left_out():
    """Hold back what comes to stderr meanwhile, also from libraries; then write what matches no `STARTUP`."""
    try:
        stderr = os.dup(2)
    except OSError:  # is closed
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            lines = b"".join(line for line in held if not STARTUP.match(line))
            while lines:
                lines = lines[os.write(2, lines) :]


def listing():
    """Return what `keras-effconv --help` prints: the commands by topic, one a line."""
    width = max(map(len, COMMANDS)) + 2
    lines = []
    for title, group in GROUPS.items():
        lines += ["", heading(title), *(f"  {name:<{width}}{line}" for name, line in group.items())]
    after = "`keras-effconv COMMAND --help` prints the examples and the flags of a command."
    return "\n".join([USAGE, *lines, "", after])


def heading(text):
    """Return the heading of a group in a help text: bold in a terminal, unless the environment has `NO_COLOR`."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty()
    return f"{text}:" if plain else f"\033[1m{text}:\033[0m"


def unknown(name):
    """Return the line for a command that does not exist.

    Example:

    >>> unknown("fintune").partition(". ")[2]
    "Received: 'fintune'; did you mean finetune?"
    """
    near = difflib.get_close_matches(name.lower(), COMMANDS, n=1)
    known = ", ".join(COMMANDS)
    return f"`COMMAND` must be one of {known}. Received: {name!r}" + (f"; did you mean {near[0]}?" if near else "")


if __name__ == "__main__":
    main()
