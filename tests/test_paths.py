"""Paths and files on any system: two drives of Windows, spaces in a command line, texts of Windows' editors."""

import ast
import codecs
import ntpath
import posixpath
import shlex

import pytest
from paths import ROOT

from keras_effconv.cli.models import read_names
from keras_effconv.training.reporting import thresholds
from keras_effconv.utils.files import read_json, read_text
from keras_effconv.utils.paths import contains, quoted


def test_two_drives_have_nothing_in_common():
    assert not contains(r"C:\Python", r"D:\data\cats", ntpath)
    assert not contains(r"\\server\share\data", r"C:\data", ntpath)
    assert contains(r"C:\Data", r"c:\data\cats", ntpath)
    assert not contains(r"C:\data\cats", r"C:\data", ntpath)
    assert contains("/data", "/data", posixpath) and not contains("/data", "/database", posixpath)
    assert contains("C:\\", "C:\\data", ntpath)


def test_no_file_compares_paths_in_a_way_that_two_drives_break():
    """`relpath`, `commonpath` and `relative_to` raise a ValueError there; `utils.paths` catches it."""
    raising = {"relpath", "commonpath", "relative_to"}
    safe = {"paths.py", "image_paths.py", "repository.py"}  # the latter's paths were found below the folder itself
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / "keras_effconv").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in raising and path.name not in safe
    ]
    assert not found


def test_a_command_line_is_read_as_it_was_meant():
    words = ["keras-effconv", "predict", "--model=my runs/it's $1.keras"]
    assert shlex.split(quoted(words, windows=False)) == words
    assert quoted(["a b", "c"], windows=True) == '"a b" c'


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_texts_that_an_editor_on_windows_has_saved(tmp_path, mark, end):
    """The mark ahead of the text was a part of the first class; JSON with one was refused."""
    path = tmp_path / "labels.txt"
    path.write_bytes(mark + "Käse".encode() + end + b"dog" + end)
    assert read_names(2, path) == ["Käse", "dog"] == read_text(path).splitlines()
    path = tmp_path / thresholds.FILE
    path.write_bytes(mark + end.join([b"{", '"Käse": 0.25, "dog": 0.5'.encode(), b"}"]))
    assert read_json(path) == {"Käse": 0.25, "dog": 0.5}
    assert thresholds.read(path, ["dog", "Käse"]) == (0.5, 0.25)
