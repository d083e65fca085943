"""The rows of `keras-effconv compare`: one for each run, in CSV files that several processes fill."""

import csv
import dataclasses
import io
import json

from keras_effconv.utils.files import open_file, write_rows

SETTINGS = ("recipe", "data", "epochs", "limit", "image_size", "dtype", "options")


@dataclasses.dataclass(frozen=True)
class Row:
    """A run.

    Attributes:
        model, kind: str.
        seed: int.
        distilled: bool; whether it had a teacher.
        best, last, head: float, accuracy on the validation images: at the epoch that is best on them, at the last one
            (of the blended network, if the recipe blends), and of the head alone (nan without that phase).
        params, macs: int, of the classifier; multiply-accumulates of one image.
        seconds: float, of all training, compiling and validation included.
        images_per_second: float, of training steps alone.
        device: str.
        classes: int.
        recipe, data, epochs, limit, image_size, dtype, options: the settings of the run; rows of a study agree in them.
    """

    model: str
    kind: str
    seed: int
    distilled: bool
    best: float
    last: float
    head: float
    params: int
    macs: int
    seconds: float
    images_per_second: float
    device: str
    classes: int
    recipe: str
    data: str
    epochs: int
    limit: int
    image_size: int
    dtype: str
    options: str

    @property
    def key(self):
        """Which run it is."""
        return self.model, self.kind, self.seed, self.distilled


def settings(recipe, name, data, limit):
    """Return what a run is set to, as columns: dict of the names of `SETTINGS`."""
    from keras_effconv.training import network

    values = (
        name,
        data,
        recipe.epochs,
        limit or 0,
        network.preprocessing(recipe).size,
        recipe.dtype,
        json.dumps(dict(recipe.options), sort_keys=True),
    )
    return dict(zip(SETTINGS, values, strict=True))


def row(recipe, settings, result, classes, seconds):
    """Return the row of a `Result`."""
    import keras_effconv

    counted = keras_effconv.count(result.model)
    head = float("nan") if result.head_score is None else result.head_score
    curve = [head, *result.curves.get("val_accuracy", ())]
    return Row(
        model=recipe.model,
        kind=recipe.conv,
        seed=recipe.seed,
        distilled=recipe.teacher is not None,
        best=curve[result.best],
        last=curve[-1] if recipe.selects or result.score is None else result.score,
        head=head,
        params=counted.params,
        macs=counted.macs,
        seconds=round(seconds, 1),
        images_per_second=round(result.images_per_second, 1),
        device=device(),
        classes=classes,
        **settings,
    )


def device():
    """Return the backend, and what it computes on, in words."""
    import keras

    from keras_effconv.training.reporting.environment import device as first_device

    kind, name = first_device()
    return f"{keras.backend.backend()}, {name if kind == 'gpu' else kind}"


def read(folder):
    """Return all rows of `runs*.csv` in a folder.

    Raises:
        ValueError: a file is not of these rows.
    """
    return [row for path in sorted(folder.glob("runs*.csv")) for row in _read(path)]


def _read(path):
    kinds = {field.name: field.type for field in dataclasses.fields(Row)}
    try:
        with open_file(path) as binary, io.TextIOWrapper(binary, newline="", encoding="utf-8") as file:
            return [
                Row(
                    **{
                        name: value == "True" if kinds[name] is bool else kinds[name](value)
                        for name, value in d.items()
                    }
                )
                for d in csv.DictReader(file)
            ]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} must have the rows of `keras-effconv compare`. Received others: {error}") from None


def has(rows, recipe, settings):
    """Return whether a run has its row.

    Raises:
        ValueError: it has one, of another study.
    """
    key = recipe.model, recipe.conv, recipe.seed, recipe.teacher is not None
    for row in rows:
        if row.key != key:
            continue
        other = [f"{name}={getattr(row, name)!r}" for name in SETTINGS if getattr(row, name) != settings[name]]
        if other:
            text = f"another study's {key}, of {', '.join(other)}"
            raise ValueError(f"`output` must be the folder of this study alone. Received: one with {text}")
        return True
    return False


def append(path, row):
    """Add a row to a CSV file, which is whole at any moment."""
    before = _read(path) if path.is_file() else []
    write_rows(path, [*before, row])
