# %% [markdown]
# # Compound scaling and the papers' curves, from counts
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/{repository}/blob/main/docs/notebooks/compound_scaling.ipynb)
#
# Three papers argue with curves of cost: EfficientNet's compound scaling, the share of the low band in OctConv, and the
# number of parts in HetConv. The costs in them are counts, so that this notebook can draw them without training anything.

# %% tags=["install"]
# %pip install -q "keras-effconv[lite,train] @ git+https://github.com/{repository}"

# %%
# %matplotlib inline
import keras
from matplotlib.figure import Figure

import keras_effconv as ke
from keras_effconv import visualize

BLUE, ORANGE, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"

# %% [markdown]
# ## One dimension at a time, or all three
#
# A network becomes larger with more layers (depth), more channels (width) or larger images (resolution). EfficientNet
# scales all three at once: by 1.2, 1.1 and 1.15 to the power of phi, which about doubles the multiply-accumulates (MACs)
# with each step of phi.

# %%
[{name: round(value, 2) for name, value in ke.compound(phi).items()} for phi in range(4)]


# %%
def cost(**scale):
    """Return parameters and MACs of MobileNetV2 at a scale, in millions."""
    counted = ke.count(ke.MobileNetV2(weights=None, **scale))
    return counted.params / 1e6, counted.macs / 1e6


WAYS = {
    "depth": [{"depth": d} for d in (1, 1.5, 2, 3)],
    "width": [{"width": w} for w in (1, 1.2, 1.4, 1.7)],
    "resolution": [{"resolution": r} for r in (1, 1.2, 1.4, 1.7)],
    "compound": [ke.compound(phi) for phi in (0, 0.5, 1, 1.5)],
}
curves = {way: [cost(**scale) for scale in scales] for way, scales in WAYS.items()}

# %%
figure = Figure((6, 3.8), layout="constrained")
ax = figure.subplots()
for (way, points), colour, mark in zip(curves.items(), (BLUE, ORANGE, GREEN, PINK), "osD^"):
    params, macs = zip(*points)
    ax.plot(macs, params, color=colour, marker=mark, label=way)
ax.set(xlabel="MACs, in millions", ylabel="parameters, in millions", title="MobileNetV2, scaled in four ways")
ax.grid(color="#d9dee5")
ax.legend(frameon=False)
figure

# %% [markdown]
# Resolution adds MACs and no parameters. Width adds both with its square. Compound scaling lies between.
#
# ## EfficientNet's curve
#
# The list of published weights has the accuracy on ImageNet that their authors report, and MACs that this package counts.
# It is a table in the package, so nothing is downloaded. The two together are the curve of figure 1 of the
# [EfficientNet paper](https://arxiv.org/abs/1905.11946), with MACs in place of parameters.


# %%
def published(pattern, label):
    """Return a point for each network with published weights of the tag `imagenet`."""
    records = [r for r in ke.zoo.list(pattern, kind="Conv", tag="^imagenet$") if r.include_top and r.top1]
    return [
        visualize.Point(label, "Conv()", r.macs / 1e9, r.top1 / 100, r.top1 / 100, r.top1 / 100)
        for r in sorted(records, key=lambda r: r.macs)
    ]


families = {
    "EfficientNet": published("^EfficientNetB", "EfficientNet"),
    "ResNet": published("^ResNet(50|101|152)$", "ResNet"),
    "VGG": published("^VGG1[69]$", "VGG"),
}
{name: len(points) for name, points in families.items()}

# %%
figure = visualize.plot_accuracy([point for points in families.values() for point in points])
for text in list(figure.axes[0].texts):
    text.remove()
for points, colour in zip(families.values(), visualize.COLOURS):
    line = [(point.cost, 100 * point.accuracy) for point in points]
    figure.axes[0].plot(*zip(*line), color=colour, lw=1)
figure.axes[0].set_ylabel("published top-1 on ImageNet, %")
figure

# %% [markdown]
# ## OctConv: the low band
#
# A position of the low band stands for four of the high band. If a share alpha of all channels is low, three of the four
# paths of a layer are computed at the low resolution. The [paper](https://arxiv.org/abs/1904.05049) gives the share of the
# MACs that remains as 1 - 3/4 alpha (2 - alpha). The counts agree.


# %%
def octave_macs(alpha):
    """Return the MACs of a layer of 64 channels at 32 x 32 positions."""
    low = int(64 * alpha)
    image = (
        {"high": keras.Input((32, 32, 64 - low)), "low": keras.Input((16, 16, low))}
        if low
        else keras.Input((32, 32, 64))
    )
    return ke.count(keras.Model(image, ke.layers.OctConv2D(64, 3, alpha=alpha)(image))).macs


alphas = [0, 0.125, 0.25, 0.375, 0.5, 0.75]
octave = [octave_macs(alpha) / octave_macs(0) for alpha in alphas]
for alpha, share in zip(alphas, octave):
    print(f"alpha={alpha:<6} counted {share:.4f}, formula {1 - 0.75 * alpha * (2 - alpha):.4f}")

# %% [markdown]
# ## HetConv: the number of parts
#
# With P parts, a filter of k x k has k x k weights on 1/P of the channels and one weight on each other channel. The
# [paper](https://arxiv.org/abs/1903.04120) gives the share of the MACs that remains as 1/P + (1 - 1/P) / k^2.


# %%
def het_macs(parts):
    """Return the MACs of a layer of 64 channels at 32 x 32 positions."""
    image = keras.Input((32, 32, 64))
    return ke.count(keras.Model(image, ke.layers.HetConv2D(64, 3, parts=parts)(image))).macs


parts = [1, 2, 4, 8, 16, 32, 64]
het = [het_macs(each) / het_macs(1) for each in parts]
for each, share in zip(parts, het):
    print(f"P={each:<3} counted {share:.4f}, formula {1 / each + (1 - 1 / each) / 9:.4f}")

# %%
figure = Figure((8, 3.4), layout="constrained")
left, right = figure.subplots(1, 2, sharey=True)
left.plot(alphas, octave, color=ORANGE, marker="^")
left.set(xlabel="alpha", ylabel="share of the MACs", ylim=(0, 1.05), title="OctConv")
right.plot(parts, het, color=GREEN, marker="s")
right.axhline(1 / 9, color="#5c6675", ls=":", label="1 x 1 kernels alone")
right.set(xlabel="parts", xscale="log", title="HetConv of 3 x 3")
right.set_xticks(parts, parts)
right.minorticks_off()
right.legend(frameon=False)
for ax in (left, right):
    ax.grid(color="#d9dee5")
figure
