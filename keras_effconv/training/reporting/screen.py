"""What a run says on the screen, ahead of training and at its end."""

from keras_effconv.data.sources.messages import counted, printable
from keras_effconv.training.checks import known_labels
from keras_effconv.training.reporting import evaluation, outputs
from keras_effconv.training.reporting.summary import summarized, told
from keras_effconv.utils.paths import quoted


def opening(recipe, dataset):
    """Return one line: the images, the classes and the network."""
    several = ""
    if dataset.multi_label:
        several = f"; multi-label: {known_labels(dataset.train).sum(1).mean():.1f} labels an image"
    test = "" if dataset.test is None else f", {len(dataset.test)} test images for the end"
    return (
        f"{printable(dataset.name)}: {len(dataset.train)} training and {len(dataset.validation)} validation images"
        f"{test}, {counted(len(dataset.class_names), 'class')}{several}; {recipe.model}, {recipe.conv}"
    )


def final_numbers(result):
    """Return what a tracker shows of a finished run: dict of floats by name."""
    name = result.evaluation.metric
    numbers = {name: result.evaluation.score, "kept_epoch": float(result.kept), "seconds": result.seconds}
    return numbers if result.test is None else {**numbers, f"test_{name}": result.test.score}


def closing(result, recipe, dataset):
    """Return what a run came to, and where it is: the table of classes, the headlines, the files, a next command."""
    lines = ["", *evaluation.table(result.evaluation), ""]
    lines += told(summarized(result, recipe, dataset), result.seconds)
    lines.append(f"written to {result.folder}: {' '.join(outputs.files(result.folder))}")
    model = result.folder / "model.keras"
    return [*lines, f"next: {quoted(['keras-effconv', 'predict', 'IMAGE', f'--model={model}'])}"]
