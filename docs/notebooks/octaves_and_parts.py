# %% [markdown]
# # Octaves and parts: OctConv and HetConv explained
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/{repository}/blob/main/docs/notebooks/octaves_and_parts.ipynb)
#
# Two layers replace the convolution. [OctConv](https://arxiv.org/abs/1904.05049) keeps some channels at half the resolution.
# [HetConv](https://arxiv.org/abs/1903.04120) gives each filter large kernels on some channels, and 1 x 1 kernels on the
# others. This notebook shows both on a real photo, and counts and measures what they save.

# %% tags=["install"]
# %pip install -q "keras-effconv[lite,train] @ git+https://github.com/{repository}"

# %%
# %matplotlib inline
import time

import keras
import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_sample_image

import keras_effconv as ke
from keras_effconv import visualize
from keras_effconv.explaining import feature_map

photo = load_sample_image("china.jpg")[:424, 100:524]
grey = photo.mean(2) / 255

# %% [markdown]
# ## A photo in two bands
#
# The mean of each 8 x 8 pixels keeps what changes slowly: the sky, the water, the shape of the palace. The rest is what
# changes fast: edges and leaves. The two add up to the photo, and the slow part needs few pixels.

# %%
low = grey.reshape(53, 8, 53, 8).mean((1, 3))
high = grey - low.repeat(8, 0).repeat(8, 1)

figure = Figure((6, 2.25), layout="constrained")
for ax, (name, each) in zip(figure.subplots(1, 3), {"photo": grey, "slow": low, "fast": high}.items()):
    ax.imshow(each, cmap="gray")
    ax.set_title(f"{name}, {each.shape[0]} x {each.shape[1]}", fontsize=10)
    ax.set_axis_off()
figure

# %% [markdown]
# `plot_spectrum` shows the frequencies that a picture holds. A frequency of 0.5 is a pattern that changes with every pixel.
# The slow part ends where its pixels are too large for the pattern.

# %%
visualize.plot_spectrum({"photo": grey, "fast": high, "slow": low})

# %% [markdown]
# ## A feature map in two bands
#
# `OctConv2D` does that with the channels of a feature map. A share `alpha` of them is the low band, at half the rows and
# columns. The layer has one kernel, cut in four: each band is computed from both bands.

# %%
layer = ke.layers.OctConv2D(16, 3, alpha=0.25)
bands = layer(photo[None].astype("float32") / 255)
{band: tuple(each.shape[1:]) for band, each in bands.items()}

# %% [markdown]
# In a network, the bands pass from layer to layer. The next picture shows a map of EfficientNet-Lite0 with the weights of
# the plain network. Each band is shown by its four strongest channels, and the curves are of all channels.

# %%
model = ke.EfficientNetLite0(weights="imagenet", conv="OctConv(alpha=0.25)")
maps = feature_map(model, ke.preprocessing_for(model)(photo[None]), "block2b_add")
visualize.plot_bands(maps)

# %% [markdown]
# The high band holds frequencies up to 0.5 cycles a pixel. The low band has half the pixels a side, so it cannot hold more
# than 0.25. In return, a position of it stands for four of the high band.
#
# Grad-CAM can be drawn for each band. The picture is of the class "palace", which is number 698 of ImageNet. The network was
# not fine-tuned since its weights were put into bands, so its probability is no answer yet. The places are those of the
# palace nevertheless.

# %%
figure = Figure((6.6, 2.5), layout="constrained")
for ax, band in zip(figure.subplots(1, 3), (None, "high", "low")):
    visualize.plot_grad_cam(model, photo, "block5c_add", class_index=698, band=band, ax=ax)
figure

# %% [markdown]
# ## What a filter sees of its channels
#
# A plain filter of 3 x 3 has nine weights for each channel of its input. `HetConv2D` divides the channels into P parts. A
# filter has nine weights for each channel of its own part, and one for each other channel.

# %%
visualize.plot_parts(parts=4)

# %% [markdown]
# With more parts, the share of the weights falls from 1 towards a ninth. `parts=1` is the plain convolution.

# %%
visualize.plot_parts_sweep()

# %% [markdown]
# The same pattern on the photo: the first 16 channels of a feature map pass through a `HetConv2D`, and its dense kernel
# shows the zeros around the 1 x 1 weights.

# %%
layer = ke.layers.HetConv2D(16, 3, parts=4)
layer(maps["high"][..., :16])
kernel = np.abs(keras.ops.convert_to_numpy(layer.dense_kernel()))
held = (kernel > 0).sum((0, 1))
print("weights of filter 1, by channel:", held[:, 0].tolist())
print(f"weights in all: {held.sum()} of {16 * 16 * 9}")

# %% [markdown]
# ## MACs and milliseconds
#
# Multiply-accumulates (MACs) are counted, times are measured. One layer of 128 channels at 56 x 56 positions, for four
# images at a time:


# %%
def bands_input(channels):
    """Return the input of a layer: one map, or the maps of two bands."""
    if isinstance(channels, int):
        return keras.Input((56, 56, channels))
    return {"high": keras.Input((56, 56, channels["high"])), "low": keras.Input((28, 28, channels["low"]))}


def milliseconds(model, turns=30):
    """Return the time of the fastest call with four images: what else the machine does only adds to it."""
    images = {name: np.ones((4, *shape[1:]), "float32") for name, shape in shapes(model).items()}
    images = images if len(images) > 1 else images["high"]
    seconds = []
    for _ in range(turns):
        begun = time.perf_counter()
        model.predict_on_batch(images)
        seconds.append(time.perf_counter() - begun)
    return 1000 * min(seconds)


def shapes(model):
    """Return the shape of each band that a model reads."""
    return dict(zip(("high", "low"), (each.shape for each in model.inputs)))


LAYERS = {
    "Conv": (keras.layers.Conv2D(128, 3, padding="same"), 128),
    "OctConv, alpha=0.25": (ke.layers.OctConv2D(128, 3, alpha=0.25), {"high": 96, "low": 32}),
    "OctConv, alpha=0.5": (ke.layers.OctConv2D(128, 3, alpha=0.5), {"high": 64, "low": 64}),
    "HetConv, P=4": (ke.layers.HetConv2D(128, 3, parts=4), 128),
    "HetConv, P=16": (ke.layers.HetConv2D(128, 3, parts=16), 128),
}
rows = []
for name, (layer, channels) in LAYERS.items():
    image = bands_input(channels)
    model = keras.Model(image, layer(image))
    rows.append((name, ke.count(model).macs / 1e6, milliseconds(model)))
for name, macs, ms in rows:
    print(f"{name:20} {macs:6.1f} million MACs, {macs / rows[0][1]:4.0%} | {ms:6.1f} ms, {ms / rows[0][2]:4.0%}")

# %% [markdown]
# The times are those of the machine that ran the notebook, with TensorFlow on its processors. They are rarely as small as
# the MACs promise: several small convolutions and the sums between them use a processor less well than one large
# convolution. [benchmarks.md](../benchmarks.md) has the times of whole networks in several runtimes.

# %%
figure = Figure((7, 3), layout="constrained")
left, right = figure.subplots(1, 2, sharey=True)
names = [name for name, _, _ in rows]
left.barh(names, [macs / rows[0][1] for _, macs, _ in rows], color="#0072B2")
right.barh(names, [ms / rows[0][2] for _, _, ms in rows], color="#D55E00")
left.invert_yaxis()
left.set_xlabel("MACs, share of Conv")
right.set_xlabel("milliseconds, share of Conv")
figure
