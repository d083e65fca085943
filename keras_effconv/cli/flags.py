"""The flags of one command, and what their values are read as."""

import inspect
import json
import textwrap
import time

from absl import flags

from keras_effconv.utils.suggestions import did_you_mean


def _definer(define):
    def method(self, *arguments, **options):
        define(*arguments, flag_values=self, **options)

    method.__doc__ = f"Define a flag, with the arguments of `absl.flags.{define.__name__}`."
    return method


class Flags(flags.FlagValues):
    """Flags of one command, which know of no others: nothing is global, so a process can run many command lines.

    Args:
        begun: float, `time.perf_counter()` when the command began. Default: now.

    Example:

    >>> flags = Flags()
    >>> flags.integer("top", 5, "Classes to print.", lower_bound=1)
    >>> flags(["predict", "cat.jpg", "--top=3"]), flags.top
    (['predict', 'cat.jpg'], 3)
    """

    def __init__(self, begun=None):
        super().__init__()
        self.__dict__["begun"] = time.perf_counter() if begun is None else begun  # no flag, as other attributes are

    string = _definer(flags.DEFINE_string)
    integer = _definer(flags.DEFINE_integer)
    float = _definer(flags.DEFINE_float)
    boolean = _definer(flags.DEFINE_boolean)
    list = _definer(flags.DEFINE_list)
    enum = _definer(flags.DEFINE_enum)

    def described(self):
        """Return a text of all flags, in the order of their definition."""
        return "\n".join(map(_described, map(self.__getitem__, self)))


def _described(flag):
    default = f" (default: {flag.default_as_str})" if flag.default_as_str else ""
    first = f"--{'[no]' if flag.boolean else ''}{flag.name}: {flag.help}{default}"
    return textwrap.fill(first, 110, initial_indent="  ", subsequent_indent="      ", break_long_words=False)


def define_views(flags):
    """Define the flag that says in how many views a model sees an image."""
    flags.enum(
        "views",
        "plain",
        ["plain", "mirror", "crops"],
        "Views of an image whose probabilities are averaged: the image, with its mirror image, or with five crops and "
        "the mirror images of all, which takes 12 times the time.",
    )


def flags_only(words):
    """Raise a `ValueError` for words that are no flags."""
    if words:
        raise ValueError(f"the command takes flags only. Received: {' '.join(words)}")


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
