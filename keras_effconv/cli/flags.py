"""The flags of one command, and what their values are read as."""

import inspect
import json
import math
import textwrap
import time

from absl import flags

from keras_effconv.utils.suggestions import did_you_mean
from keras_effconv.utils.text_table import terminal_width
from keras_effconv_command import heading


def _definer(define):
    def method(self, name, *arguments, **options):
        define(name, *arguments, flag_values=self, **options)
        self.topics.setdefault(self.topic, []).append(name)

    method.__doc__ = f"Define a flag, with the arguments of `absl.flags.{define.__name__}`."
    return method


class _FloatParser(flags.FloatParser):
    """Bounds also refuse NaN, which is neither below nor above any, and infinity, which no number of bytes is."""

    def is_outside_bounds(self, value):
        return not math.isfinite(value) or super().is_outside_bounds(value)


def _define_float(name, default, text, lower_bound=None, upper_bound=None, *, flag_values):
    """Define a flag, with the arguments of `absl.flags.DEFINE_float`."""
    parser = _FloatParser(lower_bound, upper_bound)
    flags.DEFINE(parser, name, default, text, flag_values, flags.ArgumentSerializer())


class Flags(flags.FlagValues):
    """Flags of one command, which know of no others: nothing is global, so a process can run many command lines.

    Args:
        begun: float, `time.perf_counter()` when the command began. Default: now.

    Example:

    >>> flags = Flags()
    >>> flags.integer("top", 5, "Classes to print.", lower_bound=1)
    >>> flags(["predict", "cat.jpg", "--top=3"]), flags.top
    (['predict', 'cat.jpg'], 3)
    >>> print(flags.described())
    Flags:
      --top                   Classes to print. (default: 5)
    """

    def __init__(self, begun=None):
        super().__init__()
        begun = time.perf_counter() if begun is None else begun
        self.__dict__.update(begun=begun, topics={}, topic=OTHER)  # no flags, as other attributes are

    string = _definer(flags.DEFINE_string)
    integer = _definer(flags.DEFINE_integer)
    float = _definer(_define_float)
    boolean = _definer(flags.DEFINE_boolean)
    list = _definer(flags.DEFINE_list)
    enum = _definer(flags.DEFINE_enum)

    def about(self, topic):
        """Put the flags that are defined next under a heading of the help text.

        Args:
            topic: str, such as `"Images"`; a topic may come again.
        """
        self.__dict__["topic"] = topic

    def width(self):
        """Return the characters of a line of the help text."""
        return min(max(terminal_width() or WIDTH, NARROWEST), WIDTH)

    def described(self):
        """Return a text of all flags, by topic, in the order of their definition; as wide as the terminal."""
        width = self.width()
        groups = (
            (heading(topic), (_described(self[name], width) for name in names)) for topic, names in self.topics.items()
        )
        return "\n\n".join("\n".join([title, *flags]) for title, flags in groups)


OTHER = "Flags"  # what a command has one topic of
WIDTH, NARROWEST, COLUMN = 110, 60, 26  # characters of a line, and of the column of names


def wrapped(doc, width):
    """Return a docstring for a help text of a width: comments of long commands are lines of their own, ahead of them.

    Example:

    >>> print(wrapped("Do.\\n\\n    do it    # now\\n\\nOf words,\\nmany.", 13))
    Do.
    <BLANKLINE>
        # now
        do it
    <BLANKLINE>
    Of words,
    many.
    """
    paragraphs = doc.split("\n\n")
    return "\n\n".join(
        "\n".join(line for code in text.split("\n") for line in _command_lines(code, width))
        if text.startswith(" ")
        else textwrap.fill(text, width, break_on_hyphens=False, break_long_words=False)
        for text in paragraphs
    )


def _command_lines(line, width):
    command, _, comment = line.partition(" # ")
    if len(line) <= width or not comment:
        return [line]
    return ["    # " + comment, command.rstrip()]


def _described(flag, width):
    default = f" (default: {_plain(flag)})" if flag.default_as_str and flag.default not in ("", []) else ""
    name = f"  --{'[no]' if flag.boolean else ''}{flag.name}"
    options = {"subsequent_indent": " " * COLUMN, "break_on_hyphens": False}
    if len(name) + 2 > COLUMN:
        return name + "\n" + textwrap.fill(flag.help + default, width, initial_indent=" " * COLUMN, **options)
    return textwrap.fill(flag.help + default, width, initial_indent=name.ljust(COLUMN), **options)


def _plain(flag):
    """Return the default of a flag as a user writes it."""
    text = flag.default_as_str
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == "'" else text


def define_views(flags):
    """Define the flag that says in how many views a model sees an image."""
    flags.enum(
        "views",
        "plain",
        ["plain", "mirror", "crops"],
        "Views of an image whose probabilities are averaged: the image, with its mirror image, or with five crops and "
        "the mirror images of all, which takes 12 times the time.",
    )


def flags_only(words, flag=None):
    """Raise a `ValueError` for words that are no flags.

    Args:
        words: list of str.
        flag: str, the flag that a single word was probably meant for. Default: not known.
    """
    if words:
        meant = f"; did you mean --{flag}={words[0]}?" if flag and len(words) == 1 else ""
        raise ValueError(f"the command takes flags only. Received: {' '.join(words)}{meant}")


def act(flags, words, actions):
    """Call the action that the first word names with the flags and the other words.

    Args:
        flags: `Flags`.
        words: list of str.
        actions: dict of functions by name.

    Returns:
        What the function returns.

    Raises:
        ValueError: for another name, or where the function takes fewer or more words.
    """
    if not words or words[0] not in actions:
        name = words[0] if words else "nothing"
        raise ValueError(f"`ACTION` must be one of {', '.join(actions)}. Received: {name}{did_you_mean(name, actions)}")
    try:
        call = inspect.signature(actions[words[0]]).bind(flags, *words[1:])
    except TypeError as error:
        raise ValueError(f"{words[0]}: {error}") from None
    return actions[words[0]](*call.args)


def json_object(name, text):
    """Return the dict that a flag holds as JSON.

    Raises:
        ValueError: for anything else; the message names the flag.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"`{name}` must be JSON ({error}). Received: {text}") from None
    if not isinstance(value, dict):
        raise ValueError(f"`{name}` must be a JSON object. Received: {text}")
    return value


def positive_integer(name, text):
    """Return the positive whole number that an entry of a flag is.

    Raises:
        ValueError: for anything else; the message names the flag.
    """
    if not text.strip().isdecimal() or not int(text):
        raise ValueError(f"`{name}` must be positive whole numbers. Received: {text!r}")
    return int(text)


def kinds(text):
    """Return the kinds of a flag, reprs or `@path.json` with semicolons between them.

    Raises:
        ValueError: for what is no kind.
    """
    from keras_effconv.kinds import get

    return [get(kind) for kind in text.split(";") if kind.strip()]
