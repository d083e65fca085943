"""How commands start and end: by a small one, and the list of all."""

import dataclasses
import importlib
import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from unittest import mock

import pytest
from absl.flags import FloatParser, IllegalFlagValueError
from commands import command
from paths import ROOT

import keras_effconv_command
from keras_effconv import zoo
from keras_effconv.cli import command as cli
from keras_effconv.cli.flags import Flags, act, flags_only
from keras_effconv.cli.training_flags import TOPICS
from keras_effconv.training.recipe import Recipe
from keras_effconv.utils.text_table import terminal_width
from keras_effconv_command import COMMANDS

DOC = "Do little.\n\n    small --each=a\n"


def define(flags):
    flags.string("each", "", "What to print.")
    flags.enum("fails", None, ["ValueError", "OSError", "ImportError", "KeyError", "KeyboardInterrupt"], "Raise this.")
    flags.boolean("flags_only", False, "Whether to refuse words.")


def first(flags, word, other="default"):
    print("first", word, other)


def run(flags, words):
    if flags.flags_only:
        flags_only(words)
    if flags.fails:
        raise getattr(__import__("builtins"), flags.fails)("what\n  is wrong")
    print(flags.each)
    return act(flags, words, {"first": first, "second": lambda flags: 1}) if words else None


def small(*words):
    """Return status, stdout and stderr of the small command."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr):
        status = cli.execute("small", list(words), DOC, define, run)
    return status, stdout.getvalue(), stderr.getvalue()


def test_flags_are_of_one_command_line():
    assert small("--each=a") == (0, "a\n", "")
    assert small() == (0, "\n", "")


def test_an_action_takes_the_words():
    assert small("first", "word") == (0, "\nfirst word default\n", "")
    assert small("--each=a", "first", "word", "more") == (0, "a\nfirst word more\n", "")
    assert small("second")[0] == 1


MISTAKES = {
    "unknown flag": (("--eahc=a",), "small: unknown flag --eahc; did you mean --each?"),
    "value": (("--fails=Other",), "value should be one of"),
    "ValueError": (("--fails=ValueError",), "small: what is wrong"),
    "OSError": (("--fails=OSError",), "small: what is wrong"),
    "ImportError": (("--fails=ImportError",), "small: what is wrong"),
    "words": (("--flags_only", "a", "b"), "small: the command takes flags only. Received: a b"),
    "action": (
        ("frist",),
        "small: `ACTION` must be one of first, second. Received: frist; did you mean first?",
    ),
    "few words": (("first",), "small: first: missing a required argument: 'word'"),
    "many words": (("first", "a", "b", "c"), "small: first: too many positional arguments"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_and_status_2(name):
    words, message = MISTAKES[name]
    status, _, stderr = small(*words)
    assert status == 2
    assert stderr.startswith("small: ") and message in stderr and stderr.count("\n") == 1, stderr


def test_a_word_without_its_flag_is_hinted_at():
    with pytest.raises(ValueError, match=r"Received: photos; did you mean --data_dir=photos\?$"):
        flags_only(["photos"], "data_dir")


def test_a_fault_of_a_command_is_raised():
    with pytest.raises(KeyError):
        small("--fails=KeyError")


def test_an_interrupted_command_has_the_status_of_a_shell():
    assert small("--fails=KeyboardInterrupt") == (130, "", "\nsmall: stopped\n")


@pytest.mark.parametrize("flag", ["--help", "-h", "--helpfull"])
def test_help_ends_well(flag):
    status, stdout, _ = small("--fails=Other", flag)
    assert status == 0 and stdout.startswith("small: Do little.") and "small --each=a" in stdout
    assert "\nFlags:\n  --each                  What to print.\n" in stdout and "\n  --[no]flags_only " in stdout


def test_flags_are_shown_by_topic():
    flags = Flags()
    flags.about("One")
    flags.string("first", None, "Help.")
    flags.about("Two")
    flags.integer("a_name_that_is_longer_than_its_column", 3, "More help.")
    flags.about("One")
    flags.string("third", None, "Its help.")
    one, two = flags.described().split("\n\n")
    assert one.splitlines()[0] == "One:" and [line.split()[0] for line in one.splitlines()[1:]] == [
        "--first",
        "--third",
    ]
    assert two.splitlines()[1:] == ["  --a_name_that_is_longer_than_its_column", " " * 26 + "More help. (default: 3)"]


def test_every_field_of_a_recipe_has_a_topic():
    names = [name for names in TOPICS.values() for name in names]
    assert sorted(names) == sorted(field.name for field in dataclasses.fields(Recipe) if field.name != "source")


class Terminal(io.StringIO):
    """What a terminal of 70 characters looks like to a program."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "variables", "coloured"),
    [
        (Terminal, {}, True),
        (Terminal, {"NO_COLOR": "1"}, False),
        (Terminal, {"TERM": "dumb"}, False),
        (io.StringIO, {}, False),
    ],
)
def test_help_has_colours_in_a_terminal_alone(stream, variables, coloured, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in {"COLUMNS": "70", "TERM": "xterm", **variables}.items():
        monkeypatch.setenv(name, value)
    flags = Flags()
    flags.string("each", None, "word " * 40)
    with redirect_stdout(stream()):
        text, listed = flags.described(), keras_effconv_command.listing()
    assert ("\033[1mFlags:\033[0m" in text) == ("\033[1mTrain:" in listed) == coloured
    assert max(map(len, text.splitlines())) <= (70 if stream is Terminal else 110)
    assert ("\033" in text) == coloured


def test_a_table_fits_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "90")
    with redirect_stdout(Terminal()):
        table = zoo.list("ResNet50$").table(terminal_width())
    assert max(map(len, table.splitlines())) <= 90 and "\N{HORIZONTAL ELLIPSIS}" in table
    with redirect_stdout(io.StringIO()):
        assert zoo.list("ResNet50$").table(terminal_width()) == str(zoo.list("ResNet50$"))


@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_not_finite_is_no_number(name, text):
    """Of any flag, with bounds or without."""
    flags = Flags()
    importlib.import_module(f"keras_effconv.cli.{name}").define(flags)
    numbers = [each for each in flags if isinstance(flags[each].parser, FloatParser)]
    for each in numbers:
        with pytest.raises(IllegalFlagValueError, match=f"{each}={text}"):
            flags([name, f"--{each}={text}"])


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_shows_examples_and_flags(name):
    done = command(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"keras-effconv {name}: ") and f"\n    keras-effconv {name}" in done.stdout
    assert done.stdout.count("\n  --") >= 3
    assert max(map(len, done.stdout.splitlines())) <= 120
    script = (ROOT / "scripts" / f"{name}.py").read_text().split()
    assert script == f'from keras_effconv_command import main main("{name}")'.split()


def listed(*words):
    """Return status, stdout and stderr of `keras-effconv WORDS`."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["keras-effconv", *words]),
        redirect_stdout(stdout),
        redirect_stderr(stderr),
        pytest.raises(SystemExit) as end,
    ):
        keras_effconv_command.main()
    return end.value.code, stdout.getvalue(), stderr.getvalue()


@pytest.mark.parametrize("word", ["--help", "-h", "help"])
def test_the_commands_are_listed(word):
    status, stdout, stderr = listed(word)
    assert (status, stderr) == (0, "")
    lines = {line.split()[0]: line for line in stdout.splitlines() if line.startswith("  ")}
    assert list(lines) == list(COMMANDS) and all(line.endswith(".") for line in lines.values())
    assert listed() == (2, stdout, "")


def test_an_unknown_command_is_one_line():
    status, _, stderr = listed("fintune")
    assert status == 2 and stderr.endswith("Received: 'fintune'; did you mean finetune?\n") and stderr.count("\n") == 1


@pytest.mark.process
def test_the_list_needs_neither_the_package_nor_keras():
    code = """
import json, sys
sys.argv = ["keras-effconv", "--help"]
import keras_effconv_command
try:
    keras_effconv_command.main()
except SystemExit as end:
    print(json.dumps([end.code, [name for name in sys.modules if name.split(".")[0] in ("keras", "keras_effconv")]]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [0, []]


def test_a_reader_may_leave():
    """As `| head` does: no traceback, nothing left to flush."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stdout, redirect_stdout(stdout):
        assert cli.execute("small", ["--each=a"], DOC, define, run) == 1
        print("more")


@pytest.mark.process
def test_the_package_is_a_command_too(tmp_path):
    """From any folder; tests of processes start the installed command's module and a script of a checkout."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    options = {"capture_output": True, "text": True, "cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": path}}
    done = subprocess.run([sys.executable, "-m", "keras_effconv", "zoo", "lst"], **options)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("keras-effconv zoo: `ACTION` must be one of list,")


@pytest.mark.parametrize(("given", "expected"), [(None, "1"), ("0", "0")])
def test_commands_compute_convolutions_by_onednn_unless_told_otherwise(monkeypatch, given, expected):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", given or "")
    if given is None:
        monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    seen = []
    monkeypatch.setattr(cli, "start", lambda *words: seen.append(os.environ["TF_ENABLE_ONEDNN_OPTS"]) or 0)
    monkeypatch.setattr(cli, "log_to_stderr", lambda: None)
    monkeypatch.setattr(sys, "argv", ["keras-effconv", "zoo"])
    with pytest.raises(SystemExit) as ended:
        keras_effconv_command.main()
    assert (ended.value.code, seen) == (0, [expected])
