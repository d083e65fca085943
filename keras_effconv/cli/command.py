"""How a command starts, and how it ends on a user's mistake."""

import importlib
import logging
import os
import sys
from pathlib import Path

from absl import flags as absl_flags
from absl import logging as absl_logging

from keras_effconv.cli.flags import Flags, wrapped
from keras_effconv.utils.suggestions import did_you_mean

HELP = {"-h", "-help", "--help", "--helpfull"}
INTERRUPTED = 130  # what a shell makes of SIGINT


def start(name, words, begun=None):
    """Run a command of this package.

    Args:
        name: str, of a module in `keras_effconv.cli`.
        words: list of str, what follows the name in the command line.
        begun: float, `time.perf_counter()` when the process began. Default: now.

    Returns:
        int, the status.
    """
    module = importlib.import_module(f"keras_effconv.cli.{name}")
    return execute(f"keras-effconv {name}", words, module.__doc__, module.define, module.run, begun)


def main(doc, define, run):
    """Run a script of the repository with the words of its command line, and exit.

    Args:
        doc: str, what `--help` prints above the flags.
        define: callable that takes `Flags` and defines those of the script.
        run: callable that takes the parsed `Flags` and the other words; it returns a status, or `None` for 0.
    """
    log_to_stderr()
    sys.exit(execute(Path(sys.argv[0]).name, sys.argv[1:], doc, define, run))


def log_to_stderr():
    """Show warnings of this process on stderr, a line each."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    absl_logging.set_verbosity(absl_logging.WARNING)


def recode(stream, **options):
    """Change how a stream of text is encoded, where it has an encoding.

    Args:
        stream: file, such as `sys.stdout`; `None` without a console.
        **options: of `io.TextIOWrapper.reconfigure`.
    """
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(**options)


def resumable(run, left):
    """Run what can be resumed; ctrl-C ends it with a line that says what is left.

    Args:
        run: callable of no arguments.
        left: callable of no arguments -> str.

    Returns:
        What `run` returns, or the status of an interrupted command.
    """
    try:
        return run()
    except KeyboardInterrupt:
        print(f"\nstopped; {left()}", file=sys.stderr)
        return INTERRUPTED


def execute(name, words, doc, define, run, begun=None):
    """Run a command; a user's mistake is one line on stderr and status 2.

    Mistakes are flags that cannot be read, and every `ValueError`, `OSError` or `ImportError` of `run`. A character
    that stdout or stderr cannot encode is written as its escape, such as `\\u73ab`.

    Args:
        name: str, what the line begins with.
        words: list of str, the command line after the name.
        doc: str, see `main`.
        define: callable, see `main`.
        run: callable, see `main`.
        begun: float, see `start`.

    Returns:
        int, the status.
    """
    for stream in (sys.stdout, sys.stderr):
        recode(stream, errors="backslashreplace")
    flags = Flags(begun)
    define(flags)
    try:
        if HELP & set(words):
            print(f"{wrapped(f'{name}: {doc.strip()}', flags.width())}\n\n{flags.described()}")
            status = 0
        else:
            status = run(flags, flags([name, *words])[1:]) or 0
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # who reads has read enough, as `| head` does; nothing can be flushed when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except absl_flags.UnrecognizedFlagError as error:
        hint = did_you_mean(f"--{error.flagname}", [f"--{each}" for each in flags])
        print(f"{name}: unknown flag --{error.flagname}{hint}", file=sys.stderr)
        return 2
    except (absl_flags.Error, ValueError, OSError, ImportError) as error:
        print(f"{name}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\n{name}: stopped", file=sys.stderr)
        return INTERRUPTED
