"""Write docs/notebooks/*.ipynb: the cells of the .py file next to each, executed, with their outputs.

python scripts/docs/notebooks.py              # all; names of notebooks may follow
python scripts/docs/notebooks.py --check      # compares the cells and the form of the outputs, and executes nothing
"""

import argparse
import base64
import hashlib
import io
import os
import re
import sys
import tempfile
import time
from pathlib import Path

from sections import ROOT

from keras_effconv.utils.extras import require
from keras_effconv.utils.files import replacing

FOLDER = ROOT / "docs" / "notebooks"
REPOSITORY = "keras-effconv/keras-effconv"  # on GitHub; `{repository}` in a source stands for it
INSTALL = "install"  # the tag of the cell that installs the package
LARGEST = 300_000  # bytes of a notebook
TIMEOUT = 900  # seconds of a cell
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
ADDRESSES = re.compile(r" at 0x[0-9a-f]+")


def names():
    """Return the names of all notebooks, in order: list of str."""
    return sorted(path.stem for path in FOLDER.glob("*.py"))


def from_source(name):
    """Return a notebook without outputs, as its source says."""
    notebook = require("jupytext", "test").read(FOLDER / f"{name}.py")
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells):
        tags = cell.metadata.get("tags")
        cell.metadata = {"tags": tags} if tags else {}
        cell.source = cell.source.replace("{repository}", REPOSITORY)
        cell.id = hashlib.sha256(f"{name}/{number}".encode()).hexdigest()[:8]
    return notebook


def executed(name, folder):
    """Return a notebook with its outputs.

    Args:
        name: str.
        folder: path, the current folder of its cells.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raises an error.
    """
    notebook = from_source(name)
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, **QUIET, "PYTHONPATH": os.pathsep.join(paths)}
    client = require("nbclient", "test").NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        skip_cells_with_tag=INSTALL,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env=environment)
    return normalized(notebook)


def normalized(notebook):
    """Leave of the outputs what readers need: no counts by accident, no progress bars, small pictures."""
    number = 0
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        is_run = INSTALL not in cell.metadata.get("tags", ())
        number += is_run
        cell.execution_count = number if is_run else None
        cell.metadata = {key: value for key, value in cell.metadata.items() if key == "tags"}
        cell.outputs = [each for each in map(_output, _joined(cell.outputs)) if each is not None]
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number
    return notebook


def _joined(outputs):
    """Join what a cell writes in pieces, without what it writes to stderr: bars and logs."""
    joined = []
    for each in outputs:
        if each.output_type == "stream" and each.name == "stderr":
            continue
        last = joined[-1] if joined else None
        if last is not None and each.output_type == "stream" == last.output_type and each.name == last.name:
            last.text += each.text
        else:
            joined.append(each)
    return joined


def _output(output):
    """Return an output as it is stored; `None` for one that is left out."""
    if output.output_type == "stream":
        output.text = shown_text(output.text)
        return output if output.text.strip() else None
    if "data" in output:
        output.metadata = {}
        data = {kind: value for kind, value in output.data.items() if kind != "text/html"}
        if "image/png" in data:
            data = {"image/png": small_picture(data["image/png"])}
        elif "text/plain" in data:
            data["text/plain"] = ADDRESSES.sub("", data["text/plain"])
        output.data = data
    return output


def shown_text(text):
    """Return what a terminal shows of a text: the last state of a line that is written over, no message of TensorFlow.

    >>> shown_text("1/2\\r2/2\\ndone\\x1b[0m\\n")
    '2/2\\ndone\\n'
    """
    lines = ESCAPES.sub("", text).replace("\b", "").split("\n")
    lines = [line.rstrip("\r").rpartition("\r")[2].rstrip() for line in lines]
    return "\n".join(line for line in lines if not line.startswith(("WARNING:tensorflow", "INFO:tensorflow")))


def small_picture(encoded):
    """Return a PNG in base64 with 256 colours, which is a third of its size."""
    from PIL import Image

    picture = Image.open(io.BytesIO(base64.b64decode(encoded)))
    if picture.mode == "P":  # is small
        return encoded
    file = io.BytesIO()
    picture.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        file, "PNG", optimize=True
    )
    return base64.b64encode(file.getvalue()).decode("ascii") + "\n"


def write(name):
    """Execute a notebook in a folder of its own, and store it."""
    with tempfile.TemporaryDirectory() as folder:
        notebook = executed(name, folder)
    with replacing(FOLDER / f"{name}.ipynb") as temporary:
        require("nbformat", "test").write(notebook, temporary)


def faults(name):
    """Return what is wrong with a stored notebook: list of str."""
    path = FOLDER / f"{name}.ipynb"
    if not path.is_file():
        return ["it is not there"]
    nbformat = require("nbformat", "test")
    stored, source = nbformat.read(path, 4), from_source(name)
    nbformat.validate(stored)
    found = []
    if [_content(cell) for cell in stored.cells] != [_content(cell) for cell in source.cells]:
        found.append("its cells are not those of its source")
    if normalized(nbformat.read(path, 4)) != stored:
        found.append("its outputs are not as this script stores them")
    if any(output.output_type == "error" for cell in stored.cells for output in cell.get("outputs", ())):
        found.append("a cell ends with an error")
    if path.stat().st_size > LARGEST:
        found.append(f"it has {path.stat().st_size:,} bytes, more than {LARGEST:,}")
    return found


def _content(cell):
    return cell.id, cell.cell_type, cell.source, cell.metadata.get("tags")


def main(argv=None):
    """Write notebooks, or check them and exit: status 1 if one is out of date."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="of notebooks; default: all")
    parser.add_argument("--check", action="store_true", help="compare and write nothing")
    arguments = parser.parse_args(argv)
    unknown = sorted({*arguments.names} - {*names()})
    if unknown:
        parser.error(f"`names` must be of {', '.join(names())}. Received: {', '.join(unknown)}")
    status = 0
    for name in arguments.names or names():
        if arguments.check:
            found = faults(name)
            status |= bool(found)
            print(f"{name}: {'OUT OF DATE: ' + '; '.join(found) if found else 'current'}")
            continue
        begun = time.perf_counter()
        write(name)
        size = Path(FOLDER / f"{name}.ipynb").stat().st_size
        print(f"{name}: {time.perf_counter() - begun:.0f} s, {size:,} bytes", flush=True)
    if arguments.check:
        sys.exit(status)


if __name__ == "__main__":
    main()
