"""How scripts start and end, by a small one in a process of its own."""

import subprocess
import sys

import pytest
from paths import ROOT

SCRIPT = """
import sys
sys.path.insert(0, "scripts")
import cli
from absl import flags

flags.DEFINE_multi_string("each", [], "A flag that may come twice.")
flags.DEFINE_enum("fails", None, ["ValueError", "OSError", "ImportError", "KeyError"], "What to raise.")
flags.DEFINE_boolean("flags_only", False, "Whether to refuse words.")

def first(word, other="default"):
    print("first", word, other)

def main(argv):
    if flags.FLAGS.flags_only:
        cli.flags_only(argv)
    if flags.FLAGS.fails:
        raise getattr(__import__("builtins"), flags.FLAGS.fails)("what\\n  is wrong")
    print(flags.FLAGS.each)
    if argv[1:]:
        cli.act(argv, {"first": first, "second": print})

sys.argv[0] = "small.py"
cli.run(main)
"""


def small(*arguments):
    return subprocess.run([sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, cwd=ROOT)


def test_a_flag_is_read_once():
    assert small("--each=a", "--each=b").stdout == "['a', 'b']\n"


def test_an_action_takes_the_words():
    assert small("first", "word").stdout == "[]\nfirst word default\n"
    assert small("--each=a", "first", "word", "more").stdout == "['a']\nfirst word more\n"


MISTAKES = {
    "unknown flag": (("--eahc=a",), "Unknown command line flag 'eahc'"),
    "value": (("--fails=Other",), "value should be one of"),
    "ValueError": (("--fails=ValueError",), "small.py: what is wrong"),
    "OSError": (("--fails=OSError",), "small.py: what is wrong"),
    "ImportError": (("--fails=ImportError",), "small.py: what is wrong"),
    "words": (("--flags_only", "a", "b"), "small.py: expected flags only, received a b"),
    "action": (("third",), "small.py: expected one of first, second, received third"),
    "few words": (("first",), "small.py: first: missing a required argument: 'word'"),
    "many words": (("first", "a", "b", "c"), "small.py: first: too many positional arguments"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_and_status_2(name):
    arguments, message = MISTAKES[name]
    done = small(*arguments)
    assert done.returncode == 2
    assert message in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_a_fault_of_the_script_keeps_its_traceback():
    done = small("--fails=KeyError")
    assert done.returncode == 1 and "Traceback" in done.stderr


def test_help_ends_well():
    done = small("--helpfull")
    assert "A flag that may come twice." in done.stdout and "Traceback" not in done.stderr
