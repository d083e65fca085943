"""Write the table of networks x kinds in README.md, and its picture, docs/macs.png.

python scripts/docs/model_table.py            # --check compares the table and writes nothing
"""

import functools
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from sections import ROOT, write_or_check

from keras_effconv.utils import text_table

PAGE, NAME = "README.md", "models"
PICTURE = ROOT / "docs" / "macs.png"
NETWORKS = (
    *("EfficientNetB0", "EfficientNetB3", "EfficientNetB7", "EfficientNetLite0", "MobileNet", "MobileNetV2"),
    *("ResNet18", "ResNet50", "ResNet50V2", "ResNet152", "ResNeXt50", "VGG16", "VGG19", "ResNet20", "VGG16CIFAR"),
)
KINDS = ("Conv()", "OctConv(alpha=0.25)", "OctConv(alpha=0.5)", "HetConv(parts=4)", "HetConv(parts=32)")
HEAD = ("network", "pixels", *(f"`{kind}`" for kind in KINDS))
SHOWN = ("VGG16", "ResNet50", "MobileNet", "EfficientNetB0")  # in the picture
COLORS = {"OctConv(alpha=0.25)": "#9ecae1", "OctConv(alpha=0.5)": "#3182bd", "HetConv(parts=4)": "#e6842a"}


@functools.cache
def counts(networks=NETWORKS):
    """Return {network: (image size, [(parameters, MACs) of each kind])}."""
    import keras

    import keras_effconv as ke

    table = {}
    for name in networks:
        keras.backend.clear_session()
        models = [ke.applications.get(name)(weights=None, conv=kind) for kind in KINDS]
        rows = [ke.count(model) for model in models]
        table[name] = (models[0].input_shape[1], [(row.trainable_params, row.macs) for row in rows])
    return table


def markdown(table):
    """Return the table as text."""
    rows = [HEAD]
    for name, (size, cells) in table.items():
        rows.append((name, size, *(f"{params / 1e6:.2f}M, {macs / 1e9:.3f}G" for params, macs in cells)))
    return text_table.markdown(rows) + "\n"


def picture(table, path):
    """Draw the MACs of some kinds over those of the plain network, as labelled bars, and write a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 4.4), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(COLORS)
    for i, (kind, color) in enumerate(COLORS.items()):
        ratios = [table[name][1][KINDS.index(kind)][1] / table[name][1][0][1] for name in SHOWN]
        places = [x + (i - (len(COLORS) - 1) / 2) * width for x in range(len(SHOWN))]
        bars = axes.bar(places, ratios, width * 0.94, label=f'conv="{kind}"', color=color)
        axes.bar_label(bars, [f"{ratio:.2f}" for ratio in ratios], padding=2, fontsize=11)
    plain = axes.axhline(1, color="#444444", linewidth=1.2, linestyle="--", label="the plain network")
    plain.set_zorder(0)
    sizes = [f"{name}\n{table[name][1][0][1] / 1e9:.2f} GMACs" for name in SHOWN]
    axes.set_xticks(range(len(SHOWN)), sizes, fontsize=12)
    axes.set_title("Multiply-accumulates per image, relative to the plain network", fontsize=13, pad=12)
    axes.tick_params(axis="y", labelsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=11, frameon=False, loc="upper left")
    lines = markdown({name: table[name] for name in SHOWN})  # so that a test can tell a picture of other numbers
    figure.savefig(path, dpi=110, metadata={"Description": lines})


if __name__ == "__main__":
    write_or_check(PAGE, NAME, lambda: markdown(counts()))
    picture(counts(), PICTURE)
