"""The sources of the API reference's pages, for Sphinx to fill from docstrings."""

import importlib
import inspect

import api_pages
import navigation

FEW = 20  # keys of a dict that its entry lists


def sources():
    """Return the pages: a dict of path below the site's sources -> str."""
    pages = {f"api/{key}.rst": page_source(page) for key, page in api_pages.PAGES.items()}
    return {"reference.md": overview(), **pages}


def page_source(page):
    """Return the source of a page, in reStructuredText."""
    blocks = [_heading(page.title, "="), page.summary, f"How to use it: :doc:`/{page.guide.removesuffix('.md')}`."]
    for part in page.sections:
        blocks.append(_heading(part.title, "-"))
        blocks += [entry(f"{part.module}.{name}") for name in part.names]
    return "\n\n".join(blocks) + "\n"


def overview():
    """Return the first page of the reference: the pages and their names, in Markdown."""
    title = "Reference"
    summary, others = navigation.PARTS[title]
    blocks = [f"# {title}\n\n{summary}"]
    for key, page in api_pages.PAGES.items():
        names = [f"{{py:obj}}`{name} <{part.module}.{name}>`" for part in page.sections for name in part.names]
        blocks.append(f"## [{page.title}](/api/{key}.rst)\n\n{page.summary}\n\n{', '.join(names)}")
    blocks.append(f"## Tables\n\n{navigation.listed(others)}")
    blocks.append(navigation.toctree([*(f"api/{key}" for key in api_pages.PAGES), *others], titles_only=True))
    return "\n\n".join(blocks)


def entry(name):
    """Return the directive that documents a public name.

    Args:
        name: str, dotted.

    Returns:
        A str.

    Raises:
        ValueError: If the name is of a value that `api_pages.VALUES` does not describe.
    """
    thing = resolve(name)
    if inspect.ismodule(thing):
        # A family's constructors have entries of their own; Keras documents its functions.
        members = "" if hasattr(thing, "preprocess_input") else "\n   :members:\n   :ignore-module-all:"
        return f".. automodule:: {name}{members}"
    if inspect.isclass(thing):
        kind = "autoexception" if issubclass(thing, BaseException) else "autoclass"
        return f".. {kind}:: {name}\n   :members:"
    if callable(thing):
        return f".. autofunction:: {name}"
    return _value(name, thing)


def resolve(name):
    """Return what a dotted name means to `from ... import ...`: of a function and a submodule, the function."""
    module, _, last = name.rpartition(".")
    return getattr(importlib.import_module(module), last)


def _value(name, thing):
    if name not in api_pages.VALUES:
        raise ValueError(f"`VALUES` must have a sentence for each entry that is a value. Received: {name}")
    text = api_pages.VALUES[name].replace("`", "``")
    if (not isinstance(thing, dict) and all(isinstance(each, str) for each in thing)) or len(thing) <= FEW:
        text += f" {', '.join(f'``{each!r}``' for each in thing)}."
    return f".. py:data:: {name}\n\n   {text}"


def _heading(text, line):
    return f"{text}\n{line * len(text)}"
