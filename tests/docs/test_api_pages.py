"""The reference has an entry for each public name, and the navigation has every page once."""

import doctest
import importlib
import inspect
import pkgutil

import api_pages
import api_sources
import build_site
import docstrings
import navigation
import pytest
from paths import ROOT

import keras_effconv

PRIVATE = {"cli", "utils"}  # commands and helpers: their Python is nobody's interface
PACKAGES = [
    keras_effconv.__name__,
    *(f"keras_effconv.{each.name}" for each in pkgutil.iter_modules(keras_effconv.__path__) if each.ispkg),
]
PUBLIC = [name for name in PACKAGES if name.rpartition(".")[2] not in PRIVATE]


def test_public_packages_say_what_is_public():
    assert len(PUBLIC) > 10
    assert all(importlib.import_module(name).__all__ for name in PUBLIC)


@pytest.mark.parametrize("package", PUBLIC)
def test_every_public_name_has_an_entry(package):
    """An entry under another of its names counts; a public package has pages instead."""
    entries = [api_sources.resolve(name) for name in api_pages.entries()]
    module = importlib.import_module(package)
    missing = [name for name in module.__all__ if not any(getattr(module, name) is entry for entry in entries)]
    assert [name for name in missing if f"{package}.{name}" not in PUBLIC] == []


def test_entries_are_distinct_and_public():
    names = api_pages.entries()
    assert len(set(names)) == len(names)
    for name in names:
        module, _, last = name.rpartition(".")
        assert last in importlib.import_module(module).__all__


def test_entries_are_what_a_reader_can_look_up():
    things = {name: api_sources.resolve(name) for name in api_pages.entries()}
    described = {name for name, thing in things.items() if inspect.ismodule(thing) or callable(thing)}
    assert set(things) - described == set(api_pages.VALUES)
    assert all(inspect.getdoc(things[name]) for name in described)
    with pytest.raises(ValueError, match=r"`VALUES` must have a sentence .* Received: keras_effconv.zoo.names.OWN"):
        api_sources.entry("keras_effconv.zoo.names.OWN")


def test_a_function_is_meant_where_a_module_has_its_name():
    assert api_sources.entry("keras_effconv.training.recalibrate").startswith(".. autofunction::")
    assert api_sources.entry("keras_effconv.applications.vgg") == ".. automodule:: keras_effconv.applications.vgg"


def test_every_page_is_in_the_navigation_once():
    pages = [page for _, part in navigation.PARTS.values() for page in part]
    written = {path.stem for path in (ROOT / "docs").glob("*.md")} - {"index"}
    assert sorted(pages) == sorted(written | {name.lower() for name in build_site.OUTSIDE})
    assert all((ROOT / "docs" / page.guide).is_file() for page in api_pages.PAGES.values())


def test_notebooks_have_a_part_of_their_own():
    with_notebooks = build_site.pages(["notebooks/first.ipynb"])
    assert "[](/notebooks/first.ipynb)" in with_notebooks["notebooks.md"]
    assert "\nnotebooks\n" in with_notebooks["index.md"]
    assert "notebooks.md" not in build_site.pages([])


@pytest.mark.parametrize("module", [build_site, navigation], ids=lambda module: module.__name__)
def test_examples_in_the_scripts_run(module):
    results = doctest.testmod(module)
    assert results.attempted and not results.failed


def test_docstrings_become_restructuredtext():
    results = doctest.testmod(docstrings)
    assert results.attempted and not results.failed
