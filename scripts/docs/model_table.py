"""Write the table of networks x kinds (README.md) and its picture (docs/macs.png), or check them with --check.

python scripts/docs/model_table.py
"""

import os
import re
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cli
from absl import flags

FLAGS = flags.FLAGS
ROOT = Path(__file__).parents[2]

flags.DEFINE_boolean("check", False, "Compare with README.md and write nothing.")

NETWORKS = (
    *("EfficientNetB0", "EfficientNetB3", "EfficientNetB7", "EfficientNetLite0", "MobileNet", "MobileNetV2"),
    *("ResNet18", "ResNet50", "ResNet50V2", "ResNet152", "ResNeXt50", "VGG16", "VGG19", "ResNet20", "VGG16CIFAR"),
)
KINDS = ("Conv()", "OctConv(alpha=0.25)", "OctConv(alpha=0.5)", "HetConv(parts=4)", "HetConv(parts=32)")
MARKERS = re.compile(r"(<!-- models -->\n).*?(<!-- /models -->)", re.DOTALL)


def counts():
    """{network: (image size, [(parameters, MACs) of each kind])}."""
    import keras_effconv as ke

    table = {}
    for name in NETWORKS:
        models = [ke.applications.get(name)(weights=None, conv=kind) for kind in KINDS]
        rows = [ke.count(model) for model in models]
        table[name] = (models[0].input_shape[1], [(row.trainable_params, row.macs) for row in rows])
    return table


def markdown(table):
    """The table as text."""
    lines = ["| network | pixels | " + " | ".join(f"`{kind}`" for kind in KINDS) + " |"]
    lines.append("|---" * (len(KINDS) + 2) + "|")
    for name, (size, cells) in table.items():
        row = [f"{params / 1e6:.2f}M, {macs / 1e9:.3f}G" for params, macs in cells]
        lines.append(f"| {name} | {size} | " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def picture(table, path):
    """MACs of each kind over those of the plain network, as bars; PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(KINDS)
    for i, kind in enumerate(KINDS):
        ratios = [cells[i][1] / cells[0][1] for _, cells in table.values()]
        axes.bar([x + i * width for x in range(len(table))], ratios, width * 0.92, label=kind)
    axes.set_xticks([x + 0.4 - width / 2 for x in range(len(table))], list(table), rotation=30, ha="right")
    axes.axhline(1, color="grey", linewidth=0.8)
    axes.set(ylabel="multiply-accumulates, plain = 1", title="The same network, another convolution")
    axes.legend(fontsize=8, ncols=2)
    figure.savefig(path, dpi=110)


def main(argv):
    cli.flags_only(argv)
    table = counts()
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    updated = MARKERS.sub(lambda found: found[1] + markdown(table) + found[2], text)
    if FLAGS.check:
        sys.exit(updated != text)
    (ROOT / "README.md").write_text(updated, encoding="utf-8")
    picture(table, ROOT / "docs" / "macs.png")
    print(markdown(table))


if __name__ == "__main__":
    cli.run(main)
