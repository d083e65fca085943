"""The model card of a run: what the model is, what it was trained on, and what it does (arXiv:1810.03993, in short)."""

from keras_effconv.data.sources.messages import printable
from keras_effconv.training.class_names import in_short
from keras_effconv.training.headline import in_words
from keras_effconv.training.recipes import differences
from keras_effconv.training.reporting import thresholds
from keras_effconv.training.reporting.summary import measured
from keras_effconv.utils.paths import one_line
from keras_effconv.utils.text_table import markdown_cell, markdown_code
from keras_effconv.zoo.hub.card import calibration_told

CARD = """# {model} on {data}

| | |
|---|---|
| network | `{model}`, convolution `{conv}`, {params:.2f}M parameters, {macs:.3f}G multiply-accumulates |
| weights it began with | {weights} |
| images | RGB, 0..255, {size} x {size} pixels, {crop}; preprocessing is inside |
| output | {output} |
| trained on | {train} images of {data} |
| validation | {validation} |
| test | {test} |
| written | {files} |

## Made by

    {command}

Recipe: {recipe}

keras-effconv {version}, Keras {keras} on {backend}, commit {commit}, {time}.

## What to know

- {weights_of}. The {metric} says nothing of images of another kind.{honest}
- {calibration}{none}
- Classes without a validation image: {absent}.
- Images left out of the data since they could not be read: {unreadable}.
- Licences of the data and of the weights that it began with apply to what is made of them.
"""

HONEST = """
  The test images were looked at once, after training, and nothing was selected by them."""


def card(model, recipe, dataset, summary, environment, files):
    """Return the text of a model card.

    Args:
        model: the classifier.
        recipe: `Recipe`.
        dataset: `Dataset`.
        summary: dict of the run's numbers.
        environment: dict, see `environment.environment`.
        files: sequence of str.

    Returns:
        str, Markdown.
    """
    names = dataset.class_names
    changed = ", ".join(f"`{name}={value!r}`" for name, value in differences(recipe).items())
    text = CARD.format(
        model=recipe.model,
        conv=recipe.conv,
        data=markdown_cell(dataset.name),
        params=summary["params"] / 1e6,
        macs=summary["macs"] / 1e9,
        weights=markdown_code(str(recipe.weights)) if recipe.weights else "none: random",
        size=model.input_shape[1],
        crop=f"the central {recipe.crop:.0%}" if recipe.crop else "the whole image, squeezed to a square",
        output=_output(summary, names),
        metric=in_words(summary["metric"]),
        none=_none(summary),
        train=len(dataset.train),
        validation=_measured(summary, "", summary["validation_images"], len(names)),
        test=_measured(summary, "test_", summary["test_images"], len(names)),
        honest=HONEST if summary["test_images"] else "",
        absent=in_short([*map(markdown_cell, summary["classes_without_validation_images"])]) or "none",
        files=", ".join(files),
        command=one_line(environment["command"]),
        recipe=changed or "the defaults",
        version=environment["packages"]["keras-effconv"],
        keras=environment["packages"]["keras"],
        backend=environment["backend"],
        commit=environment["commit"] or "unknown",
        time=environment["time"],
        weights_of=_weights_of(summary),
        calibration=calibration_told(summary["calibration"]),
        unreadable=len(dataset.unreadable),
    )
    return printable(text)  # names of folders may be any bytes


def _weights_of(summary):
    if summary["selected_on_validation"]:
        return (
            f"The weights are those of the epoch with the best {in_words(summary['metric'])} on the validation images "
            f"({summary['kept_epoch']}), so that\n  it is a little optimistic for other images of the same kind"
        )
    if not summary["epochs"]:
        return "No epochs were trained: the validation images selected nothing"
    share = summary["trained_share"]
    mean = f", {share:.0%} of them,\n  and those that training began with" if share < 1 else ""
    return f"The weights are those of the last epoch{mean}: the validation images selected nothing"


def _measured(summary, prefix, images, classes):
    if not images:
        return "no images"
    if summary.get(f"{prefix}f1") is not None:
        f1, chosen = summary[f"{prefix}f1"], summary[f"{prefix}thresholds_chosen"]
        name = in_words(summary["metric"])
        return f"{images} images: {name} {measured(summary, prefix)}; F1 {f1:.1%} at thresholds chosen {chosen}"
    top5 = f", top-5 {summary[f'{prefix}top5']:.1%}" if classes > 5 else ""
    return f"{images} images: top-1 {measured(summary, prefix)}{top5}"


def _output(summary, names):
    shown = ", ".join(map(markdown_cell, names[:10])) + (", ..." if len(names) > 10 else "")
    if "thresholds" in summary:
        return f"a probability for each of {len(names)} classes: {shown}; each is said from its threshold on"
    return f"probabilities of {len(names)} classes: {shown}"


def _none(summary):
    """Say what becomes of an image of none of the classes."""
    if "thresholds" not in summary:
        return "; an image of none of the classes gets one of them all the same."
    return f"; `{thresholds.FILE}` has the threshold of each class, which may be edited."
