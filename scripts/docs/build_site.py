"""Build the documentation site: `make docs`. Warnings are errors, and nothing is fetched.

python scripts/docs/build_site.py             # writes site/
"""

import argparse
import re
import shutil
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = ROOT / "scripts" / "docs" / "site"  # Sphinx's configuration, and what the sources are made of
sys.path[:0] = [str(ROOT), str(HERE)]

import api_sources  # noqa: E402
import navigation  # noqa: E402
from sphinx.cmd.build import main as sphinx  # noqa: E402

OUTSIDE = ("CHANGELOG", "CONTRIBUTING")  # pages at the root of the repository
PICTURES = ("*.png", "*.svg")
NAME = re.compile(r"\[(?:docs/)?[\w-]+\.md\]\(")  # a link whose words are the file's name

BADGE = re.compile(r"!\[([^\]]+)\]\(https?://[^)]+\)")  # a picture of another host, which the site does not ask


def assemble(folder):
    """Write the sources of the site: the pages of docs/, and those that are made of something else.

    Args:
        folder: path of a folder, emptied before.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    docs = ROOT / "docs"
    for kind in PICTURES:
        for path in docs.glob(kind):
            shutil.copy(path, folder)
    if (docs / "notebooks").is_dir():
        shutil.copytree(docs / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".*", "*.py"))
    for path in folder.glob("notebooks/*.ipynb"):
        path.write_text(BADGE.sub(r"\1", path.read_text(encoding="utf-8")), encoding="utf-8")
    notebooks = sorted(path.relative_to(folder).as_posix() for path in folder.glob("notebooks/*.ipynb"))
    for path, text in {**api_sources.sources(), **pages(notebooks)}.items():
        target = folder / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8")


def pages(notebooks):
    """Return the pages of docs/ and of the repository's root, and those of the parts.

    Args:
        notebooks: list of str, the paths of notebooks below the site's sources.

    Returns:
        dict of path -> str.
    """
    parts = {**navigation.PARTS}
    if notebooks:
        parts = {"Notebooks": ("Run these, and change them.", dict.fromkeys(notebooks, "")), **parts}
    written = {
        f"{navigation.slug(title)}.md": navigation.part_page(title, *part)
        for title, part in parts.items()
        if title != "Reference"
    }
    for path in [*(ROOT / "docs").glob("*.md"), *(ROOT / f"{name}.md" for name in OUTSIDE)]:
        name = path.name.lower()
        if name in written:
            raise ValueError(f"A page must have another name than the page of a part. Received: {path}")
        written[name] = for_site(path.read_text(encoding="utf-8"))
    written["index.md"] += f"\n{navigation.toctree(map(navigation.slug, parts))}"
    return written


def for_site(text):
    """Return a page with its links as they are in the site, where the words of a link are a title, not a file's name.

    >>> for_site("[docs/a.md](docs/a.md#b), [c](CHANGELOG.md), [d](https://example.org/docs/d.md)")
    '[](a.md#b), [c](changelog.md), [d](https://example.org/docs/d.md)'
    """
    text = NAME.sub("[](", text).replace("](docs/", "](")
    return re.sub(rf"\]\(({'|'.join(OUTSIDE)})\.md", lambda match: f"]({match[1].lower()}.md", text)


def main(argv=None):
    """Assemble the sources and call Sphinx; exit with its status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, default=ROOT / "site", help="folder of the site")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "docs", help="folder of sources and caches")
    arguments = parser.parse_args(argv)
    begin = time.monotonic()
    assemble(arguments.work / "source")
    shutil.rmtree(arguments.output, ignore_errors=True)
    folders = [arguments.work / "source", arguments.output]
    options = ["-q", "-W", "--keep-going", "-E", "-c", HERE, "-d", arguments.work / "doctrees"]
    status = sphinx([str(each) for each in (*options, *folders)])
    print(f"{arguments.output}: {'failed' if status else 'written'} in {time.monotonic() - begin:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main())
