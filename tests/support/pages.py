"""What the pages of the documentation hold: Python blocks, command lines, links."""

import re
import shlex
from typing import NamedTuple

from paths import ROOT

PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")),
)
BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
FENCE = re.compile(r"^```(?:bash|sh|)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ENVIRONMENT = r"(?:[A-Z_]+=\S* +)*"
COMMAND = re.compile(rf"^(?:srun )?{ENVIRONMENT}(keras-effconv|python scripts/\S+\.py)\b(.*)$")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


class Block(NamedTuple):
    """A block of Python in a page.

    Attributes:
        line: int, where its code begins in the page, from 1.
        code: str.
        reason: str, why it is not run; `None` if it is.
    """

    line: int
    code: str
    reason: str | None


def blocks(text):
    """Return the Python blocks of a page.

    >>> blocks("# A page\\n\\n```python\\nx = 1\\n```\\n")
    [Block(line=4, code='x = 1\\n', reason=None)]
    """
    return [Block(1 + text[: m.start("code")].count("\n"), m["code"], m["reason"]) for m in BLOCK.finditer(text)]


def run_blocks(text, name, namespace):
    """Run the blocks of a page in order, in one namespace; an error has the page's line numbers."""
    for block in blocks(text):
        code = compile("\n" * (block.line - 1) + block.code, f"<{name}>", "exec")
        if block.reason is None:
            try:
                exec(code, namespace)
            except Exception as error:
                error.add_note(f"in {name}, in the block of line {block.line}:\n{block.code}")
                raise


def commands(text):
    """Return the command lines of a page: lists of words, in code blocks and in inline code.

    >>> commands("\\n\\n    A=1 keras-effconv train \\\\\\n   --epochs=3  # quick\\n\\n`keras-effconv zoo list`\\n")
    [['keras-effconv', 'zoo', 'list'], ['keras-effconv', 'train', '--epochs=3']]
    """
    plain = BLOCK.sub("", text)
    lines = re.findall(r"`((?:keras-effconv|python scripts/)[^`\n]*)`", FENCE.sub("", plain))
    joined = re.sub(r" *\\\n *", " ", plain)
    for block in [*FENCE.findall(joined), *re.findall(r"(?:^ {4,}.*\n)+", joined, re.MULTILINE)]:
        lines += [line.strip() for line in block.splitlines()]
    return [shlex.split(m[1] + m[2], comments=True) for m in map(COMMAND.match, lines) if m]


def links(text):
    """Return the relative links and pictures of a page, with what follows `#`.

    >>> links("[a](docs/a.md#b), ![c](c.png), [d](https://example.org)")
    ['docs/a.md#b', 'c.png']
    """
    return [link for link in LINK.findall(FENCE.sub("", BLOCK.sub("", text))) if "://" not in link]


def anchors(text):
    """Return the anchors of a page's headings, as GitHub makes them.

    >>> sorted(anchors("# A page\\n\\n## `x`, and y\\n"))
    ['a-page', 'x-and-y']
    """
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def read(page):
    """Return the text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")
