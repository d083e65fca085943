"""What an editor shows of the constructors: stubs that are current, and equal to what is there at run time."""

import ast
import inspect

import pytest
import type_stubs

from keras_effconv.applications import MODELS

FILES = type_stubs.stubs()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_stub_is_current(path):
    assert path.read_text(encoding="utf-8") == FILES[path]


def test_a_stale_stub_is_told(monkeypatch, capsys):
    path = next(iter(FILES))
    monkeypatch.setattr(type_stubs, "stubs", lambda: {path: FILES[path] + "\n"})
    with pytest.raises(SystemExit) as ended:
        type_stubs.main(["--check"])
    assert ended.value.code == 1 and path.name in capsys.readouterr().out


def test_stubs_have_every_constructor_with_its_arguments():
    functions = {
        node.name: node
        for text in FILES.values()
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }
    assert set(functions) == set(MODELS)
    for name, node in functions.items():
        names = [argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)]
        assert names == list(inspect.signature(MODELS[name]).parameters)
        assert all(argument.annotation for argument in (*node.args.args, *node.args.kwonlyargs))
