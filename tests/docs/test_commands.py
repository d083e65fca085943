"""The command lines of the pages: their commands exist, and know their flags."""

import importlib
import re

import pages
import pytest
from absl import flags as absl_flags
from paths import ROOT

from keras_effconv.cli.flags import Flags
from keras_effconv_command import COMMANDS

ACTIONS = {"zoo": {"list", "fetch", "verify", "convert", "push"}, "data": {"check", "list", "prepare", "throughput"}}
MOVED = re.compile(
    r"scripts/(?:train|evaluate|predict|export|serve|zoo|data|datasets|compare\w*|\w*scal\w+|recipes|tables)\.py"
)
LINES = [(page, words) for page in pages.PAGES for words in pages.commands(pages.read(page))]


def check(words):
    """Parse a command line as the command would, and run nothing.

    Raises:
        ValueError: for a command, or a flag, that does not exist.
    """
    if words[0] == "python":
        if not (ROOT / words[1]).is_file():
            raise ValueError(f"expected a script. Received: {words[1]}")
        return
    if len(words) < 2 or words[1] not in {*COMMANDS, "COMMAND", "--help"}:
        raise ValueError(f"expected a command. Received: {' '.join(words)}")
    if words[1] not in COMMANDS or "--help" in words:
        return
    flags = Flags()
    importlib.import_module(f"keras_effconv.cli.{words[1]}").define(flags)
    flags.mark_as_parsed()
    for flag in flags:  # a page may show a command without what it requires
        flags[flag].validators.clear()
    try:
        rest = flags(words[1:])[1:]
    except absl_flags.Error as error:
        raise ValueError(f"{' '.join(words)}: {error}") from None
    if words[1] in ACTIONS and rest and rest[0] not in ACTIONS[words[1]]:
        raise ValueError(f"expected an action of {words[1]}. Received: {rest[0]}")


@pytest.mark.parametrize(
    ("page", "words"), [pytest.param(*line, id=f"{line[0]}-{' '.join(line[1])[:60]}") for line in LINES]
)
def test_a_command_line_parses(page, words):
    check(words)


def test_every_command_is_shown():
    shown = {words[1] for _, words in LINES if words[0] == "keras-effconv" and len(words) > 1}
    assert set(COMMANDS) <= shown


@pytest.mark.parametrize("page", pages.PAGES)
def test_pages_show_the_installed_commands(page):
    if page != "CHANGELOG.md":
        assert not MOVED.findall(pages.read(page))


@pytest.mark.parametrize(
    "line", ["keras-effconv tran", "keras-effconv train --epoch=3", "keras-effconv zoo lst", "python scripts/none.py"]
)
def test_a_line_that_is_out_of_date_fails(line):
    with pytest.raises(ValueError):
        check(line.split())
