"""Where an export goes: it is written beside its place, and takes it in one step."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from keras_effconv.exporting.format import METADATA
from keras_effconv.utils.files import replacing, write_lines

CONFIG = "models.config"


@contextlib.contextmanager
def alone(path, settings):
    """A folder to write, and a function that tells where it is afterwards: at the path, in place of an earlier export.

    Raises:
        ValueError: something else is at the path.
    """
    path = Path(path)
    if path.exists() and not (path / METADATA).is_file() and not (path.is_dir() and not any(path.iterdir())):
        raise ValueError(f"expected a new folder, an empty one or an earlier export, received {path}")
    with replacing(path) as temporary:
        yield temporary, lambda: path


@contextlib.contextmanager
def versioned(path, settings):
    """As `alone`, with a number for a name: below the path, `settings.version` or the next free one.

    A server that watches the path ignores what has no number for a name, and so sees whole versions only. Beside them
    is `models.config`, unless there is one.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise ValueError(f"expected a folder for the versions of a SavedModel, received {path}")
    path.mkdir(parents=True, exist_ok=True)
    if settings.version is not None:
        with replacing(path / str(settings.version)) as temporary:
            yield temporary, lambda: path / str(settings.version)
    else:
        folder = Path(tempfile.mkdtemp(prefix=".version.", dir=path))
        taken = []
        try:
            yield folder / "new", lambda: taken[0]
            taken.append(_take_next(folder / "new", path))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    if not (path / CONFIG).exists():
        write_lines(path / CONFIG, [serving_config(path.resolve().name)])


def _take_next(folder, path):
    """Give a folder the next free number. Another process that takes it first makes the rename fail."""
    while True:
        number = max(versions(path), default=0) + 1
        try:
            os.rename(folder, path / str(number))
        except OSError:
            if number not in versions(path):
                raise
        else:
            return path / str(number)


def versions(path):
    """The numbers of the versions in a folder, ascending."""
    return sorted(int(each.name) for each in Path(path).iterdir() if each.name.isdecimal() and each.is_dir())


def serving_config(name):
    """`models.config` for TensorFlow Serving: every version in the model's folder is served.

    >>> print(serving_config("flowers"))
    model_config_list {
      config {
        name: "flowers"
        base_path: "/models/flowers"
        model_platform: "tensorflow"
        model_version_policy { all {} }
      }
    }
    """
    lines = [
        f'name: "{name}"',
        f'base_path: "/models/{name}"',
        'model_platform: "tensorflow"',
        "model_version_policy { all {} }",
    ]
    return "\n".join(["model_config_list {", "  config {", *(f"    {line}" for line in lines), "  }", "}"])
