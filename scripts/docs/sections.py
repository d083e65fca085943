"""Generated parts of pages, and whole files. A part is the text between `<!-- NAME -->` and `<!-- /NAME -->`."""

import argparse
import re
import sys
from pathlib import Path

from keras_effconv.utils.files import replacing

ROOT = Path(__file__).parents[2]


def read_section(path, name):
    """Return what a page holds between the markers of a section.

    Args:
        path: path of the page.
        name: str, of the section.

    Returns:
        A str, with the line break that ends it.

    Raises:
        ValueError: If the page does not hold that section exactly once; the message names those that it holds.
    """
    return _match(Path(path).read_text(encoding="utf-8"), name)[2]


def replace_section(path, name, text, check=False):
    """Put text between the markers of a section, or compare it with what is there.

    Args:
        path: path of the page.
        name: str, of the section.
        text: str, its new content, with the line break that ends it.
        check: bool; compare and write nothing.

    Returns:
        Whether the section was out of date.

    Raises:
        ValueError: If the page does not hold that section exactly once.
    """
    page = Path(path).read_text(encoding="utf-8")
    match = _match(page, name)
    stale = match[2] != text
    if stale and not check:
        with replacing(Path(path)) as temporary:
            temporary.write_text(page[: match.start(2)] + text + page[match.end(2) :], encoding="utf-8")
    return stale


def _match(page, name):
    marked = rf"(<!-- {re.escape(name)} -->\n)(.*?)(<!-- /{re.escape(name)} -->)"
    matches = list(re.finditer(marked, page, re.DOTALL))
    if len(matches) != 1:
        known = ", ".join(re.findall(r"<!-- /(.+?) -->", page))
        raise ValueError(f"`section` must be one of {known}, once in the page. Received: section={name!r}")
    return matches[0]


def write_or_check(page, name, make, argv=None):
    """Write a section from the command line, or with `--check` compare it and exit: status 1 if it is out of date.

    Args:
        page: str, path of the page below the repository's root.
        name: str, of the section.
        make: callable without arguments that returns the section's text.
        argv: list of str; default: the command line.
    """
    parser = argparse.ArgumentParser(description=f"Write the section {name!r} of {page}.")
    parser.add_argument("--check", action="store_true", help="compare with the page and write nothing")
    check = parser.parse_args(argv).check
    stale = replace_section(ROOT / page, name, make(), check)
    print(f"{page}, section {name!r}: {'current' if not stale else 'OUT OF DATE' if check else 'written'}")
    if check:
        sys.exit(int(stale))


def write_files(doc, make, argv=None):
    """Write whole files, or with --check compare them and exit with status 1 if one is out of date.

    Args:
        doc: str, the docstring of the script.
        make: callable -> dict of path -> text.
        argv: words of the command line. Default: the process'.
    """
    parser = argparse.ArgumentParser(description=doc.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare and write nothing")
    check, stale = parser.parse_args(argv).check, []
    for path, text in make().items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
            if not check:
                path.write_text(text, encoding="utf-8")
    print(f"{'OUT OF DATE' if check else 'written'}: {', '.join(stale)}" if stale else "current")
    if check:
        sys.exit(int(bool(stale)))
