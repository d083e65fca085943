"""Links, pictures and paths in the pages lead somewhere."""

import pkgutil
import re

import pages
import pytest
from paths import ROOT

PATH = re.compile(r"\b(?:keras_effconv|scripts|tests|docs)/[\w/.*-]*\w/?")


def dead_links(text, folder):
    """Return the relative links of a page, in a folder, that lead to no file or to no heading."""
    return [link for link in pages.links(text) if not leads(*link.partition("#")[::2], text, folder)]


def leads(path, anchor, text, folder):
    if path and not (folder / path).exists():
        return False
    return not anchor or anchor in pages.anchors((folder / path).read_text(encoding="utf-8") if path else text)


@pytest.mark.parametrize("page", pages.PAGES)
def test_links_and_pictures_of_a_page_exist(page):
    assert not dead_links(pages.read(page), (ROOT / page).parent)


@pytest.mark.parametrize("page", [page for page in pages.PAGES if page != "CHANGELOG.md"])  # it has paths of before
def test_paths_of_the_repository_exist(page):
    paths = {path.rstrip(".") for path in PATH.findall(re.sub(r"\]\([^)]*\)|https?:\S+", "", pages.read(page)))}
    assert not [path for path in paths if not list(ROOT.glob(path.rstrip("/")))]


NAME = re.compile(r"\bkeras_effconv((?:\.[A-Za-z_]\w*)+)(?!\w*[/.]py)")
SHORT = re.compile(r"`((?:data|zoo|training|exporting|layers|applications)\.[a-zA-Z]\w*)\b(?!\.)")


def unknown_names(text):
    """Return the dotted names in a page's prose that the package does not have."""
    prose = re.sub(r"https?:\S+", "", text)
    names = {f"keras_effconv{name}" for name in NAME.findall(prose)}
    names |= {f"keras_effconv.{name}" for name in SHORT.findall(prose)}
    return sorted(name for name in names if not resolves(name))


def resolves(name):
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


@pytest.mark.parametrize("page", pages.PAGES)
def test_names_in_prose_exist(page):
    assert not unknown_names(pages.read(page))


def test_an_unknown_name_is_found():
    text = "`keras_effconv.data.load`, `keras_effconv.data.lode(1)`, `zoo.fit(...)`, `zoo.fitted`"
    assert unknown_names(text) == ["keras_effconv.data.lode", "keras_effconv.zoo.fitted"]


def test_every_page_and_picture_is_linked():
    linked = {
        (ROOT / page).parent / link.partition("#")[0] for page in pages.PAGES for link in pages.links(pages.read(page))
    }
    linked = {path.resolve() for path in linked}
    assert not [path.name for path in (ROOT / "docs").iterdir() if path.is_file() and path.resolve() not in linked]


def test_a_dead_link_is_found(tmp_path):
    (tmp_path / "a.md").write_text("# One heading\n")
    text = "[a](a.md), [b](a.md#one-heading), [c](a.md#another), ![d](d.png), [e](#here)\n"
    assert dead_links(text, tmp_path) == ["a.md#another", "d.png", "#here"]
