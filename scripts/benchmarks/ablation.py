"""What each ingredient of fine-tuning brings: one change of the recipe a row, judged on folds of all images.

python scripts/benchmarks/ablation.py --data_dir=flowers,pets --rows="ema=0;lr=3e-4" --output=outputs/ablation

For each row, a network is trained for each fold, on the images of the others and with a seed of its own, and judges the
images of this fold. So each image is judged once. The columns are answers of the same networks: of the head alone, of
means of the weights before and after training, and of further means. A run that was interrupted continues. The output
folder gets a picture of the differences of each folder of images.
"""

import ast
import dataclasses
import functools
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from keras_effconv.cli.command import main
from keras_effconv.cli.flags import flags_only

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the trained weights
DEFAULT, MIRRORED, REFITTED, BOTH = "default", "mirror image, too", "head fitted again", "mean of both answers"
COLUMNS = (DEFAULT, *map(str, SHARES), MIRRORED, REFITTED, BOTH)
CHANGED = (DEFAULT, REFITTED)  # what is shown of a recipe that is changed
PLAIN = ""  # the row of the recipe as it is
ANSWERS = "answers.npz"


def define(flags):
    """Define the flags."""
    flags.string("model", "EfficientNetLite0", "Name of a network.")
    flags.list("data_dir", None, "Folders of images.", required=True)
    flags.string("recipe", "", "Changes of the recipe of all rows, such as `image_size=160`.")
    flags.string("rows", "", "Changes of the recipe, as `field=value,field=value`; several rows by `;`.")
    flags.integer("folds", 5, "Parts of the images of a folder.", 2)
    flags.string("output", "outputs/ablation", "Folder to write to.")


def run(flags, words):
    """Train what is not trained yet; print a table of each folder, and draw it."""
    flags_only(words)
    from ablation_report import picture, table

    from keras_effconv import data
    from keras_effconv.training import Recipe, cross_validate
    from keras_effconv.training.network import preprocessing
    from keras_effconv.utils.figures import save_figure
    from keras_effconv.utils.text_table import markdown

    for folder in flags.data_dir:
        found = {}
        for row in dict.fromkeys([PLAIN, *flags.rows.split(";")]):
            recipe = Recipe(**{"model": flags.model, **_changes(flags.recipe), **_changes(row)})
            if recipe.selects or recipe.blend == 1:
                raise ValueError(f"`rows` must blend, and select no epoch. Received: {row}")
            dataset = data.load(data_dir=folder, resize=preprocessing(recipe))
            place = Path(flags.output) / Path(folder).name / (row.replace("/", "-") or "plain")
            cross_validate(recipe, dataset, place, flags.folds, resume=True, train=_judged)
            found |= _read(place, flags.folds, row)
            print(markdown(table(found, (PLAIN, DEFAULT))), flush=True)
        title = f"{flags.model} on {Path(folder).name}, {flags.folds} folds"
        save_figure(picture(found, (PLAIN, DEFAULT), title), Path(flags.output) / f"{Path(folder).name}.png")


def _changes(row):
    """Return the fields that a row changes, as a dict; words without quotes are text."""
    pairs = [each.split("=", 1) for each in row.split(",") if each]
    return {name.strip(): _value(value.strip()) for name, value in pairs}


def _value(text):
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _judged(recipe, dataset, folder, resume, outputs):
    """Train on a fold with a seed of its own, and keep the answers of each column."""
    import numpy as np

    from keras_effconv.training import train

    recipe = dataclasses.replace(recipe, seed=int(folder.name.rsplit("-")[-1]))
    result = train(recipe, dataset, folder, resume, outputs=outputs)
    answers = _answers(result, recipe, dataset)
    np.savez(folder / ANSWERS, labels=dataset.validation.labels, **answers)
    return result


def _answers(result, recipe, dataset):
    """Return the probabilities of the fold's images by the name of the column."""
    from keras_effconv.training import checkpoint

    images, answer = dataset.validation.images, functools.partial(result.model.predict, batch_size=32, verbose=0)
    if not recipe.epochs:
        return dict.fromkeys(COLUMNS, answer(images))
    before, mixed = checkpoint.read_arrays(result.folder / checkpoint.START), result.model.get_weights()
    after = [start + (now - start) / result.trained_share for start, now in zip(before, mixed)]

    def blended(share):
        result.model.set_weights([(1 - share) * a + share * b for a, b in zip(before, after)])

    answers = {}
    for share in SHARES:
        blended(share)
        answers[str(share)] = answer(images)
    answers[BOTH] = (answers[str(SHARES[0])] + answers[str(SHARES[-1])]) / 2
    result.model.set_weights(mixed)
    answers[DEFAULT] = answer(images)
    answers[MIRRORED] = (answers[DEFAULT] + answer(images[:, :, ::-1])) / 2
    _fit_head_again(result.model, recipe, dataset)
    answers[REFITTED] = answer(images)
    return answers


def _fit_head_again(model, recipe, dataset):
    """Fit the head to the features that the network has now."""
    import keras

    from keras_effconv.training.head import features, fit_head
    from keras_effconv.training.input_pipeline import feed
    from keras_effconv.training.network import HEAD
    from keras_effconv.training.task import task_of

    base = keras.Model(model.input, model.get_layer(HEAD).input)
    train = features(base, feed(dataset.train, recipe), mirror=dataset.flip)
    fit_head(model, recipe, train, features(base, feed(dataset.validation, recipe)), task_of(dataset))


def _read(place, folds, row):
    """Return whether each image is right: dict of arrays of bool by row and answers, fewer of a changed recipe."""
    import numpy as np

    files = [np.load(place / f"fold-{number}" / ANSWERS) for number in range(1, folds + 1)]
    names = COLUMNS if row == PLAIN else CHANGED
    return {(row, name): np.concatenate([each[name].argmax(1) == each["labels"] for each in files]) for name in names}


if __name__ == "__main__":
    main(__doc__, define, run)
