"""The notebooks run, without a network, and are stored as their sources say."""

import os
import re

import keras
import nbformat
import notebooks
import prose
import pytest
from paths import ROOT

NAMES = notebooks.names()
PACKAGES = re.compile(r"keras-effconv\[([\w,]+)\]")


def text_of(name):
    """Return the text of a notebook, without its code."""
    cells = notebooks.from_source(name).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@pytest.mark.process
@pytest.mark.long
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="notebooks are written for the default backend")
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs(name, tmp_path):
    notebook = notebooks.executed(name, tmp_path)
    assert len(nbformat.writes(notebook)) < notebooks.LARGEST
    assert any("image/png" in output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", ()))


@pytest.mark.parametrize("name", NAMES)
def test_a_stored_notebook_is_current(name):
    assert notebooks.faults(name) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_opens_in_colab_and_installs_what_it_needs(name):
    first, install, *cells = notebooks.from_source(name).cells
    page = f"{notebooks.REPOSITORY}/blob/main/docs/notebooks/{name}.ipynb"
    assert f"(https://colab.research.google.com/github/{page})" in first.source
    assert notebooks.REPOSITORY in install.source and (ROOT / "docs" / "notebooks" / f"{name}.ipynb").is_file()
    assert install.metadata["tags"] == ["install"] and install.source.startswith("%pip install")
    (extras,) = PACKAGES.findall(install.source)
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    assert {"train"} <= set(extras.split(",")) and ("serve" in extras) == ("serve" in code)
    assert "lite" in extras or "EfficientNetLite" not in code
    assert "../shared" not in code and str(ROOT) not in code


@pytest.mark.parametrize("name", NAMES)
def test_sentences_of_a_notebook_are_plain(name):
    assert not prose.faults(text_of(name))


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A folder of notebooks, with one of a line that is written over."""
    install = '# %% [markdown]\n# # Tiny\n\n# %% tags=["install"]\n# %pip install none\n'
    (tmp_path / "tiny.py").write_text(install + '\n# %%\nprint("1", end="\\r2\\n")\n7\n')
    monkeypatch.setattr(notebooks, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.process
def test_a_notebook_is_stored_without_accidents(tiny, capsys):
    assert notebooks.faults("tiny") == ["it is not there"]
    notebooks.main(["tiny"])
    stored = nbformat.read(tiny / "tiny.ipynb", 4)
    _, install, code = stored.cells
    assert install.execution_count is None and not install.outputs and code.execution_count == 1
    stream, answer = code.outputs
    assert (stream.text, answer.data["text/plain"], answer.execution_count) == ("2\n", "7", 1)
    assert notebooks.faults("tiny") == []
    before = (tiny / "tiny.ipynb").read_bytes()
    notebooks.main(["tiny"])
    assert (tiny / "tiny.ipynb").read_bytes() == before
    (tiny / "tiny.py").write_text((tiny / "tiny.py").read_text() + "\n# %%\n8\n")
    with pytest.raises(SystemExit) as ended:
        notebooks.main(["--check"])
    assert ended.value.code == 1 and "its cells are not those of its source" in capsys.readouterr().out
    code.execution_count = 5
    nbformat.write(stored, tiny / "tiny.ipynb")
    assert "its outputs are not as this script stores them" in notebooks.faults("tiny")


@pytest.mark.process
def test_an_error_in_a_cell_ends_the_run(tiny):
    (tiny / "tiny.py").write_text("# %%\nraise ValueError('wrong')\n")
    with pytest.raises(Exception, match="wrong"):
        notebooks.write("tiny")
    assert os.listdir(tiny) == ["tiny.py"]


def test_an_unknown_notebook_is_refused(tiny):
    with pytest.raises(SystemExit) as ended:
        notebooks.main(["other"])
    assert ended.value.code == 2
