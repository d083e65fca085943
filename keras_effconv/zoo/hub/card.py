"""The model card of a repository: what the hub searches, in YAML, and what a reader wants to know."""

import re
from pathlib import PurePath

from keras_effconv.counting import count
from keras_effconv.network_info import info_of
from keras_effconv.utils.extras import require
from keras_effconv.utils.text_table import markdown_cell, markdown_code
from keras_effconv.zoo.records import RECORDS

TASK = "image-classification"
TEXT = """---
{data}
---

# {model} on {dataset}

| | |
|---|---|
| network | `{model}`, convolution `{conv}`, {params:.2f}M parameters, {macs:.3f}G multiply-accumulates |
| weights it began with | {weights} |
| images | RGB, 0..255, {size} x {size} pixels; preprocessing is inside |
| output | probabilities of {classes} classes: {names} |
| trained on | {train} images of {dataset} |
| validation | {validation} images: top-1 {top1}{top5} |

## Use

    pip install "keras-effconv[hub]"
    keras-effconv predict photo.jpg --model=hf://{repository}

```python
import keras_effconv as ke

model = ke.{model}(weights="hf://{repository}", {arguments})
```

## What to know

- {chosen}. The accuracy says nothing of images of another kind.
- {calibration}; an image of none of the classes gets one of them all the same.
- Licences of the data and of the weights that it began with apply to what is made of them.
"""


def card(repository, model, labels, report, record, license=None):
    """Return the text of a model card.

    Args:
        repository: str, `"user/name"`.
        model: the classifier.
        labels: sequence of str.
        report: dict, the numbers of the run.
        record: dict, `run.json` of the run.
        license: str, as the hub spells it. Default: that of the weights that the run began with.

    Returns:
        str, Markdown that begins with YAML.
    """
    hub, info, counted = require("huggingface_hub", "hub"), info_of(model), count(model)
    dataset = PurePath(str(record["data"])).name
    weights = _weights(record.get("weights"))
    scores = {"top-1": report["accuracy"], "top-5": report.get("top5") if len(labels) > 5 else None}
    results = [
        hub.EvalResult(TASK, _identity(dataset), dataset, "accuracy", value, metric_name=name)
        for name, value in scores.items()
        if value is not None
    ]
    data = hub.ModelCardData(
        license=license or _license(info.design.name, record.get("weights")),
        library_name="keras",
        tags=["keras", "keras-effconv", TASK, info.design.name.lower()],
        pipeline_tag=TASK,
        datasets=[_identity(dataset)],
        metrics=["accuracy"],
        model_name=repository.split("/")[1],
        eval_results=results,
    )
    size, shown = model.input_shape[1], list(map(markdown_cell, labels[:10]))
    return TEXT.format(
        data=data.to_yaml(),
        repository=repository,
        model=info.design.name,
        conv=info.conv,
        dataset=markdown_cell(dataset),
        params=counted.params / 1e6,
        macs=counted.macs / 1e9,
        weights=markdown_code(weights) if weights else "none: random",
        size=size,
        classes=len(labels),
        names=", ".join(shown) + (", ..." if len(labels) > 10 else ""),
        train=record.get("training_images", "?"),
        validation=report.get("validation_images", "?"),
        top1=f"{report['accuracy']:.1%}{_interval(report.get('accuracy_interval'))}",
        chosen=_chosen(report),
        calibration=calibration_told(report.get("calibration")),
        top5=f", top-5 {report['top5']:.1%}" if len(labels) > 5 and report.get("top5") is not None else "",
        arguments=_arguments(info, size, len(labels)),
    )


def _chosen(report):
    """Return in words which epoch's weights a model has, and whether the validation images chose it."""
    selected, epochs = report.get("selected_on_validation"), report.get("epochs")
    if selected is None:
        return "The run does not say whether the validation images chose the epoch of the weights"
    if selected:
        return (
            "The weights are those of the epoch with the best accuracy on the validation images, so that accuracy is a "
            "little\n  optimistic for other images of the same kind"
        )
    if epochs == 0:
        return "No epochs were trained: the validation images selected nothing"
    share = report.get("trained_share") or 1
    mean = f", {share:.0%} of them, and those that training began with" if share < 1 else ""
    return f"The weights are those of the last epoch{mean}: the validation images selected nothing"


def calibration_told(measured):
    """Return the beginning of a sentence on the probabilities of a model.

    Args:
        measured: dict, what `report.json` has of the calibration, or `None`.

    Example:

    >>> calibration_told({"applied": None})
    'Probabilities are not calibrated'
    """
    if not measured or measured.get("applied") is None:
        return "Probabilities are not calibrated"
    return f"Probabilities are calibrated by a temperature of {measured['applied']:.2f}, found on the validation images"


def _interval(ends):
    return "" if ends is None else f" (95% interval: {ends[0]:.1%} to {ends[1]:.1%})"


def _arguments(info, size, classes):
    """Return the constructor's other arguments, as Python: with the top if the network's own is that of a fine-tune."""
    top = f"classes={classes}" if info.architecture.head == ("predictions",) else 'include_top=False, pooling="avg"'
    others = [f"{name}={value!r}" for name, value in info.design.changes.items()]
    conv = [] if info.conv == "Conv()" else [f'conv="{info.conv}"']
    return ", ".join([top, f"input_shape=({size}, {size}, 3)", *conv, *others])


def _weights(weights):
    """Return what a run began with, without the folders of this machine."""
    if weights is None or "://" in weights or not re.search(r"[/\\]", weights):
        return weights
    return weights if any(record.tag == weights for record in RECORDS) else re.split(r"[/\\]", weights)[-1]


def _license(model, weights):
    """Return the licence of a set as the hub spells it; `"unknown"` for what is no set."""
    licences = {record.licence for record in RECORDS if (record.model, record.tag) == (model, weights)}
    return licences.pop().lower() if len(licences) == 1 else "unknown"


def _identity(dataset):
    """Return a name that can be an identifier of the hub.

    >>> _identity("My photos (2024)")
    'my-photos-2024'
    """
    return re.sub(r"[^a-z0-9._-]+", "-", dataset.lower()).strip("-.") or "unknown"
