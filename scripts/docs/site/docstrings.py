"""A Sphinx extension: docstrings that are written in Markdown's way, and signatures as editors show them."""

import inspect
import re

import api_pages
import keras
import type_stubs
from sphinx.util.inspect import stringify_signature

from keras_effconv.applications import MODELS

CODE = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")
DIRECTIVE = re.compile(r" *# doctest: .*$")


def as_rst(line, targets=()):
    r"""Return a line of a docstring with its code as reStructuredText has it, and public names as links.

    Args:
        line: str, Markdown.
        targets: container of dotted names that have an entry. Default: none.

    Returns:
        A str.

    Example:

    >>> as_rst("A `Format`s list: `pkg.f`", {"pkg.f"})
    'A ``Format``\\ s list: :py:obj:`pkg.f`'
    """
    if line.lstrip().startswith((">>>", "...")):
        return DIRECTIVE.sub("", line)
    escape = r"\ "

    def code(match):
        before = escape if line[: match.start()][-1:].isalnum() else ""
        behind = escape if line[match.end() :][:1].isalnum() else ""
        role = f":py:obj:`{match[1]}`" if match[1] in targets else f"``{match[1]}``"
        return before + role + behind

    return CODE.sub(code, line)


def process(app, what, name, thing, options, lines):
    """Rewrite a docstring, ahead of napoleon."""
    targets = set(api_pages.entries())
    text = "\n".join(lines)
    lines[:] = [as_rst(line, targets) for line in text.split("\n")]


def signature(app, what, name, thing, options, shown, returns):
    """Return the signature of a constructor that is made at run time, which is its stub's, or of a Keras class."""
    if MODELS.get(getattr(thing, "__name__", None)) is thing:
        return f"({', '.join(type_stubs.parameters(thing))})", "keras.Model"
    if inspect.isclass(thing) and issubclass(thing, keras.Operation):  # its `__new__` takes anything
        own = inspect.signature(thing.__init__)
        own = own.replace(parameters=list(own.parameters.values())[1:])
        return stringify_signature(own, unqualified_typehints=True, short_literals=True), None
    return None


def skip(app, what, name, thing, skipped, options):
    """Leave out the fields of named tuples, which the docstring of their class describes."""
    return True if (getattr(thing, "__doc__", None) or "").startswith("Alias for field number") else None


def setup(app):
    """Connect the functions to autodoc."""
    app.connect("autodoc-process-docstring", process, priority=400)
    app.connect("autodoc-process-signature", signature)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
