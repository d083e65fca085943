"""The command `keras-effconv` before it imports the package: a list of commands should not wait for Keras.

It lies next to the package, since importing anything inside of it imports Keras and the backend, which takes seconds.
"""

import difflib
import os
import sys
import time

COMMANDS = {
    "finetune": "Fine-tune a network on a folder of images, or on a data set by name.",
    "train": "Train a network from scratch by a recipe.",
    "evaluate": "Evaluate a trained model: top-1 and top-5, by class and by image size.",
    "predict": "Print the most likely classes of images.",
    "convert": "Convert a trained network to a cheaper kind of convolution.",
    "export": "Export a model to TensorFlow Serving, ONNX Runtime, OpenVINO or LiteRT.",
    "serve": "Serve exported models over HTTP.",
    "zoo": "List, fetch, verify and convert published weights; upload a model to the hub.",
    "data": "Check your images; list and prepare data sets; measure how fast images are read.",
    "compare": "Train networks x kinds x seeds, and show accuracy against cost.",
    "scale": "Search the bases of compound scaling.",
}
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
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow reads it when it is imported
    from keras_effconv.cli.command import log_to_stderr, start

    log_to_stderr()
    sys.exit(start(words[0], words[1:], begun))


def listing():
    """Return what `keras-effconv --help` prints: the commands, one a line."""
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {name:<{width}}{line}" for name, line in COMMANDS.items()]
    after = "`keras-effconv COMMAND --help` prints the examples and the flags of a command."
    return "\n".join([USAGE, "", *lines, "", after])


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
