"""The model card of a converted network: from what it was made, how, and what it keeps."""

from pathlib import Path

from keras_effconv.counting import count
from keras_effconv.data.sources.messages import printable
from keras_effconv.network_info import preprocessing_for
from keras_effconv.utils.paths import one_line
from keras_effconv.utils.text_table import markdown, markdown_text

CARD = """# {source}, converted to {short}

{numbers}

{picture}## What stays dense

{dense}

## Made by

    {command}

{steps}

keras-effconv {version}, Keras {keras} on {backend}, commit {commit}, {time}.

## What to know

- The network was made to answer as the dense one does. It was not trained on labels, and has the dense network's
  mistakes, too. Fine-tuning starts from it as from any other weights.
- The images that the same class was measured on are of the kind that it was fitted to. On images of another kind, the
  two networks may differ more often.
- Times are of one machine and one runtime.
- Licences of the dense network and of the images apply to what is made of them.
"""
SHORT = 60  # characters of a kind in the heading
STEPS = {
    "select": "a kind was chosen for each layer",
    "order": "channels were put in order",
    "order and fit": "channels were put in order, and kernels fitted layer after layer",
    "mimic": "the network learned from the dense one by gradient steps",
}


def card(model, report, source, data, environment, files, labels=None, accuracy=None):
    """Return the text of a model card; the arguments are those of `outputs.write`, and the names of the files.

    Returns:
        str, Markdown.
    """
    rows = _rows(model, report, source, data, labels, accuracy)
    short = report.conv if len(report.conv) <= SHORT else report.conv.partition("(")[0]
    packages = environment["packages"]
    steps = "; ".join(f"{STEPS.get(name, name)} ({seconds:.0f} s)" for name, seconds in report.seconds.items())
    text = CARD.format(
        source=markdown_text(_short_name(source)),
        short=short,
        numbers=markdown([("", ""), *rows, ("written", ", ".join(files))]),
        picture="![Variance explained and multiply-accumulates, layer by layer](explained.png)\n\n"
        if "explained.png" in files
        else "",
        dense=_dense(report),
        command=one_line(environment["command"]),
        steps=f"In order: {steps}." if steps else "",
        version=packages["keras-effconv"],
        keras=packages["keras"],
        backend=environment["backend"],
        commit=environment["commit"] or "unknown",
        time=environment["time"],
    )
    return printable(text)  # names of folders may be any bytes


def _rows(model, report, source, data, labels, accuracy):
    counted = count(model)
    rows = [
        ("made from", f"`{source}`"),
        ("convolution", f"`{report.conv}`"),
        ("size", f"{counted.params / 1e6:.2f}M parameters, {_share(report.macs, report.macs_before)}"),
        ("images", _images(model)),
        ("fitted to", f"{report.images} images of {markdown_text(data)}, without labels"),
    ]
    if labels is not None:
        shown = ", ".join(map(markdown_text, labels[:10])) + (", ..." if len(labels) > 10 else "")
        rows.insert(4, ("output", f"{len(labels)} classes: {shown}"))
    if report.agreement is not None:
        rows.append(("same class as the dense network", f"{report.agreement:.1%} of {report.held} images held back"))
    rows.append(("variance of the outputs explained", f"{report.explained:.1%}, on the same images"))
    if accuracy is not None:
        rows.append(
            (
                "accuracy",
                f"{accuracy['accuracy']:.1%} on {accuracy['images']} validation images; dense network "
                f"{accuracy['accuracy_before']:.1%}",
            )
        )
    if report.ms is not None:
        ratio = f"{report.ms / report.ms_before:.2f} of the dense network's"
        rows.append(("time", f"{report.ms:.3g} ms, {ratio} ({report.runtime})"))
    return rows


def _share(macs, before):
    return f"{macs / 1e9:.3f}G multiply-accumulates, {macs / max(before, 1):.2f} of the dense network's"


def _images(model):
    try:
        steps = preprocessing_for(model).preprocessing
    except ValueError:
        return "as the dense network reads them"
    where = "inside" if steps.inside else "`keras_effconv.preprocessing_for(model)`"
    return f"RGB, 0..255, {steps.size} x {steps.size} pixels; preprocessing: {where}"


def _dense(report):
    """Return the layers that stay dense, grouped by their reason."""
    reasons = {}
    for layer in report.layers:
        if layer.kind == "dense":
            reasons.setdefault(layer.reason or "the kind leaves such layers as they are", []).append(layer.name)
    for name, reason in report.left.items():
        names = reasons.setdefault(reason, [])
        if name not in names:
            names.append(name)
    lines = [f"- {reason}: {', '.join(f'`{name}`' for name in names)}" for reason, names in reasons.items()]
    return "\n".join(lines) or "Nothing."


def _short_name(source):
    """Return a network's name, or the last two parts of a path."""
    return "/".join(Path(source).parts[-2:])
