"""Where an export goes: it is written next to its final place and moved there in one step."""

import contextlib
import dataclasses
import os
import shutil
import tempfile
from pathlib import Path

from keras_effconv.exporting.format import METADATA
from keras_effconv.utils.files import replacing, write_lines

CONFIG = "models.config"


@dataclasses.dataclass
class Destination:
    """Where an export is written, and where it is once it is complete.

    Attributes:
        folder: `pathlib.Path` to create and to write.
        path: `pathlib.Path` of the export when the block has ended; `None` before, if its number is not known.
    """

    folder: Path
    path: Path | None


@contextlib.contextmanager
def single(path, settings):
    """Yield a `Destination` that ends at the path, in place of an earlier export.

    Raises:
        ValueError: something else is at the path.
    """
    path = Path(path)
    _check_free(path)
    with replacing(path) as folder:
        yield Destination(folder, path)


def _check_free(path):
    """Raise a `ValueError` if there is something else at a path than an earlier export or an empty folder."""
    if path.exists() and not (path / METADATA).is_file() and not (path.is_dir() and not any(path.iterdir())):
        raise ValueError(
            f"`path` must be a new folder, an empty one or an earlier export. Received: path={str(path)!r}"
        )


@contextlib.contextmanager
def versioned(path, settings):
    """Yield a `Destination` below the path, named by a number: `settings.version` or the next free one.

    A server that watches the path ignores what has no number for a name, and so sees whole versions only. Next to them
    is `models.config`; one that exists is kept.

    Raises:
        ValueError: the path is no folder, or an export itself, which readers would take for it; what has the number of
            the version is something else than an export.
    """
    path = Path(path)
    if (path.exists() and not path.is_dir()) or (path / METADATA).is_file():
        text = "`path` must be a folder for the versions of a SavedModel, and no export itself"
        raise ValueError(f"{text}. Received: path={str(path)!r}")
    path.mkdir(parents=True, exist_ok=True)
    if settings.version is not None:
        _check_free(path / str(settings.version))
        with replacing(path / str(settings.version)) as folder:
            yield Destination(folder, path / str(settings.version))
    else:
        temporary = Path(tempfile.mkdtemp(prefix=".version.", dir=path))
        destination = Destination(temporary / "new", None)
        try:
            yield destination
            destination.path = _take_next(destination.folder, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    if not (path / CONFIG).exists():
        write_lines(path / CONFIG, [serving_config(path.resolve().name)])


def _take_next(folder, path):
    """Give a folder the next free number. If another process takes it first, the rename fails."""
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
    """List the numbers of the versions in a folder, ascending."""
    return sorted(version_folders(path))


def version_folders(path):
    """Return the versions in a folder: a dict of number -> `pathlib.Path`. `007` is 7, unless there is a `7`, too."""
    folders = [each for each in Path(path).iterdir() if each.name.isdecimal() and each.is_dir()]
    return {int(each.name): each for each in sorted(folders, key=lambda each: -len(each.name))}


def serving_config(name):
    """Write `models.config` for TensorFlow Serving: every version in the model's folder is served.

    Args:
        name: str, the model's name.

    Returns:
        str of lines.

    Example:

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
