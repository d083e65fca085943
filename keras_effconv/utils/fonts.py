"""Names of classes in pictures: in a font that has their characters, or as a number."""

import contextlib
import functools
import warnings

from keras_effconv.utils.extras import require

DEFAULT = "DejaVu Sans"  # comes with matplotlib
BOXES = "Last Resort"  # comes with matplotlib, too: a box for every character there is
LONGEST = 40  # characters of a name in a picture
NUMBERED = "class N: line N + 1 of labels.txt"


class Names:
    """Names as a picture can show them.

    Args:
        names: sequence of str.

    Attributes:
        shown: list of str: the names; cut if they are long, and `class 3` for one that no font on this machine has.
        families: list of str, the fonts, for `font.family`.
        numbered: bool, whether a name is shown as a number.
    """

    def __init__(self, names):
        wanted = {character for name in names for character in _drawn(name)}
        self.families, missing = _families(frozenset(wanted))
        absent = [not missing.isdisjoint(_drawn(name)) for name in names]
        self.shown = [
            f"class {i}" if hidden else _short(name) for i, (name, hidden) in enumerate(zip(names, absent, strict=True))
        ]
        self.numbered = any(absent)

    @contextlib.contextmanager
    def drawing(self):
        """Draw with these fonts, and no text as a formula, whatever `$` a name has.

        What a font says of characters that it lacks after all is no user's business.
        """
        matplotlib = require("matplotlib")
        style = {"font.family": self.families, "text.parse_math": False}
        with matplotlib.rc_context(style), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"(?s).*(Glyph .* missing from|Matplotlib currently does not)")
            yield


def _drawn(name):
    """Return the characters of a name that need a picture of their own."""
    return {character for character in _short(name) if character.isprintable() and not character.isspace()}


def _short(name):
    """Return a name in one line of at most `LONGEST` characters."""
    name = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"


@functools.lru_cache(maxsize=8)
def _families(characters):
    """Return the names of fonts that together have the characters, and the set of those that none has."""
    manager = require("matplotlib.font_manager")
    families, missing = [DEFAULT], {ord(character) for character in characters}
    missing -= _characters_of(manager.findfont(DEFAULT))
    listed = manager.fontManager.ttflist if missing else ()
    others = {font.name: font.fname for font in listed if not font.name.startswith((DEFAULT, BOXES))}
    has = {name: missing & _characters_of(path) for name, path in others.items()}
    while missing and has:
        best = max(sorted(has), key=lambda name: len(has[name] & missing))
        if not has[best] & missing:
            break
        families.append(best)
        missing -= has.pop(best)
    return families, {chr(code) for code in missing}


def _characters_of(path):
    """Return the characters of a font that can be drawn at any size; fonts of coloured pictures cannot."""
    try:
        font = require("matplotlib.ft2font").FT2Font(path)
        return set(font.get_charmap()) if font.scalable else set()
    except (OSError, RuntimeError, ValueError):
        return set()
