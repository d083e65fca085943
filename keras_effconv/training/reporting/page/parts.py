"""The smallest parts of a page. Every text goes through `text`: names of files and classes may hold anything."""

import html
import unicodedata
from collections.abc import Iterable, Sequence

SPACE = "\N{NO-BREAK SPACE}"
LONGEST = 100  # characters of a name that are shown
ORDER = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)))


def text(value, longest: int = LONGEST) -> str:
    """Return a value as text that can stand anywhere in HTML, also in an attribute.

    Control characters, halves of characters and marks that turn the order of writing are replaced; a long text is cut.

    Args:
        value: anything; what is no str is written as `str` does.
        longest: int, characters at most. Default 100.

    Example:

    >>> text("<script>'a' & \\u202eb")
    '&lt;script&gt;&#x27;a&#x27; &amp; \ufffdb'
    """
    shown = str(value)
    shown = shown if len(shown) <= longest else shown[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return html.escape("".join(_harmless(character) for character in shown))


def _harmless(character):
    if character in "\t\n\r\v\f":
        return " "
    bad = character in ORDER or unicodedata.category(character) in ("Cc", "Cs")
    return "\N{REPLACEMENT CHARACTER}" if bad else character


def name(value, longest: int = LONGEST) -> str:
    """Return the name of a class or file as HTML, whose direction of writing does not turn the text around it.

    >>> name("a & b")
    '<bdi>a &amp; b</bdi>'
    """
    return f"<bdi>{text(value, longest)}</bdi>"


def file_name(path) -> str:
    """Return the end of a path as HTML: its folder and its name, since a page is shown to others.

    >>> file_name("/home/me/flowers/rose/1.jpg"), file_name("image 3")
    ('<bdi>rose/1.jpg</bdi>', '<bdi>image 3</bdi>')
    """
    ending = "/".join(str(path).replace("\\", "/").split("/")[-2:])
    return name(ending if len(ending) <= LONGEST else ending[1 - LONGEST :])


def percent(share: float | None) -> str:
    """Write a share, with a space that does not break; without one, a dash.

    >>> percent(0.912), percent(None)
    ('91.2\\xa0%', '–')
    """
    return "\N{EN DASH}" if share is None else f"{100 * share:.1f}{SPACE}%"


def interval(ends: Sequence[float] | None) -> str:
    """Write an interval of shares.

    >>> interval((0.826, 0.945))
    '82.6 to 94.5\\xa0%'
    """
    return "\N{EN DASH}" if ends is None else f"{100 * ends[0]:.1f} to {percent(ends[1])}"


def element(tag: str, *inner: str, **attributes) -> str:
    """Return an element of HTML.

    Args:
        tag: str.
        *inner: str, HTML.
        **attributes: by name, `class_` for `class`; their values are escaped, and `None` is left out.

    Example:

    >>> element("p", "1 &lt; 2", class_="note")
    '<p class="note">1 &lt; 2</p>'
    """
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{tag}{shown}>{''.join(inner)}</{tag}>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], words: int = 1, caption: str = "") -> str:
    """Return a table that scrolls sideways by itself on a narrow screen.

    Args:
        head: sequence of str, texts.
        rows: iterable of sequences of str, HTML.
        words: int, the first columns that are words; all others are numbers, and aligned so. Default 1.
        caption: str, text.
    """

    def cells(tag, row):
        return "".join(element(tag, cell, class_=None if i < words else "number") for i, cell in enumerate(row))

    body = "".join(element("tr", cells("td", row)) for row in rows)
    top = element("caption", text(caption)) if caption else ""
    head = element("thead", element("tr", cells("th", map(text, head))))
    return element("div", element("table", top, head, element("tbody", body)), class_="wide")


def section(title: str, *inner: str) -> str:
    """Return a section with a heading."""
    return element("section", element("h2", text(title)), *inner)


def paragraph(*sentences: str) -> str:
    """Return a paragraph of sentences, which are HTML; empty ones are left out.

    >>> paragraph("One.", "", "Two.")
    '<p>One. Two.</p>'
    """
    return element("p", " ".join(sentence for sentence in sentences if sentence))
