"""Commands as a user runs them: most in this process, since importing TensorFlow takes longer than what is tested."""

import contextlib
import io
import logging
import os
import subprocess
import sys
from typing import NamedTuple
from unittest import mock

from paths import ROOT

from keras_effconv.cli.command import start


class Done(NamedTuple):
    """What a command ended with, by the names of `subprocess.CompletedProcess`."""

    returncode: int
    stdout: str
    stderr: str


def command(name, *arguments, folder=ROOT, encoding="utf-8", **environment):
    """Run `keras-effconv NAME ...` in this process and a working folder; a fault of the command is raised.

    Its stdout and stderr have an encoding, and refuse what that lacks, as those of a process do.
    """
    words = list(map(str, arguments))
    stdout, stderr = (io.TextIOWrapper(io.BytesIO(), encoding, newline="\n") for _ in range(2))
    handler = logging.StreamHandler(stderr)
    handler.setLevel(logging.WARNING)
    handler.addFilter(lambda record: "retracing" not in record.getMessage())  # counted over all tests of a process
    logging.getLogger().addHandler(handler)
    try:
        with (
            contextlib.chdir(folder),
            mock.patch.dict(os.environ, environment),
            mock.patch.object(sys, "argv", ["keras-effconv", name, *words]),
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(stderr),
        ):
            status = start(name, words)
    finally:
        logging.getLogger().removeHandler(handler)
    return Done(status, *map(_written, (stdout, stderr)))


def _written(stream):
    stream.flush()
    return stream.buffer.getvalue().decode(stream.encoding, stream.errors)


def process(name, *arguments, timeout=300, folder=ROOT, **environment):
    """Run a command in a process of its own; a traceback fails the test."""
    done = subprocess.run(
        command_line(name, *arguments),
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=timeout,
        env={**os.environ, **environment},
    )
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    return done


def command_line(name, *arguments):
    """Return the words of a process; a name that ends in `.py` is a script's, below the repository's root."""
    begin = [str(ROOT / name)] if name.endswith(".py") else ["-m", "keras_effconv_command", name]
    return [sys.executable, *begin, *map(str, arguments)]


def statuses(name, calls):
    """Return (status, last line of stderr as a list) of each command line."""
    ended = [command(name, *arguments) for arguments in calls]
    return [(done.returncode, [line for line in done.stderr.splitlines() if line][-1:]) for done in ended]


def check_mistakes(name, mistakes):
    """Check that each of `(arguments, message)` ends with status 2 and one line, `NAME: ... message ...`."""
    for arguments, message in mistakes:
        done = command(name, *arguments)
        last = [line for line in done.stderr.splitlines() if line][-1:]
        assert done.returncode == 2, (arguments, done)
        assert last and last[0].startswith(f"keras-effconv {name}: ") and message in last[0], (arguments, last)
