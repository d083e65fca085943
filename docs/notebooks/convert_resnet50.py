# %% [markdown]
# # Convert ResNet50, and see what it costs
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/{repository}/blob/main/docs/notebooks/convert_resnet50.ipynb)
#
# `convert` turns a trained network into one with cheaper convolutions that answers much as before. It needs a few images
# without labels. This notebook converts `keras.applications.ResNet50`, and a small network that it trains itself.

# %% tags=["install"]
# %pip install -q "keras-effconv[lite,train] @ git+https://github.com/{repository}"

# %%
# %matplotlib inline
import keras
import numpy as np
from sklearn.datasets import load_digits, load_sample_images

import keras_effconv as ke
from keras_effconv import visualize

# %% [markdown]
# ## ResNet50 of keras.applications
#
# The notebook must run without a network, so `weights=None`: the weights are random, and the answers mean nothing. The
# costs are those of the trained network. With `weights="imagenet"`, all cells are the same. The images have 96 x 96 pixels
# to save time.

# %%
dense = keras.applications.ResNet50(weights=None, input_shape=(96, 96, 3))
visualize.plot_architecture(dense)

# %% [markdown]
# The images are pieces of scikit-learn's two photos. A hundred photos of your own are better.

# %%
photos = np.stack(load_sample_images().images).astype("float32")
rng = np.random.default_rng(0)
corners = [(rng.integers(2), rng.integers(331), rng.integers(544)) for _ in range(12)]
pieces = np.stack([photos[i, top : top + 96, left : left + 96] for i, top, left in corners])
images = keras.applications.resnet.preprocess_input(pieces)
images.shape

# %% [markdown]
# `order=False` and `fit=False` leave out what only trained weights gain from: the order of the channels, and the fit of the
# kernels.

# %%
octave = ke.convert(dense, "OctConv(alpha=0.25)", images, order=False, fit=False, measure=False, verbose=False)
visualize.plot_architecture(octave)

# %% [markdown]
# The stages are the same, and a quarter of the channels has half the resolution. With HetConv, the kernels are smaller
# instead.

# %%
het = ke.convert(dense, "HetConv(parts=4)", images, order=False, fit=False, measure=False, verbose=False)
before = ke.count(dense)
for name, model in {"OctConv(alpha=0.25)": octave, "HetConv(parts=4)": het}.items():
    now = ke.count(model)
    print(f"{name:20} {now.macs / before.macs:.0%} of the MACs, {now.params / before.params:.0%} of the weights")

# %% [markdown]
# ## A network that is trained
#
# Whether a conversion keeps the answers can be seen on a trained network only. A small one learns scikit-learn's digits in
# seconds.

# %%
keras.utils.set_random_seed(0)
digits = load_digits()
pixels, labels = digits.images[..., None].astype("float32") / 16, digits.target
train, test = slice(0, 1200), slice(1200, None)


def block(x, filters, name):
    """Return two convolutions with normalization, which is what `convert` meets in larger networks."""
    for i in (1, 2):
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"{name}_{i}")(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))
    return x


image = keras.Input((8, 8, 1))
x = keras.layers.MaxPooling2D()(block(image, 32, "first"))
x = keras.layers.GlobalAveragePooling2D()(block(x, 64, "second"))
small = keras.Model(image, keras.layers.Dense(10, activation="softmax")(x))
small.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
small.fit(pixels[train], labels[train], batch_size=50, epochs=6, verbose=0)
print(f"accuracy of the dense network: {small.evaluate(pixels[test], labels[test], verbose=0)[1]:.1%}")

# %% [markdown]
# The kernels of the new network are fitted, layer after layer, to what the dense network computes. The images are those of
# training, without their labels. "explained" is the share of the variance of the dense network's values that a layer keeps.

# %%
cheaper = ke.convert(small, "HetConv(parts=4)", pixels[train], measure=False, verbose=False)
print(cheaper.convert_report)


# %%
def accuracy(model):
    """Return the share of the test images that a model names rightly."""
    return (model.predict(pixels[test], verbose=0).argmax(1) == labels[test]).mean()


poured = ke.convert(small, "HetConv(parts=4)", pixels[train], fit=False, measure=False, verbose=False)
for name, model in {"dense": small, "weights put in": poured, "fitted": cheaper}.items():
    print(f"{name:15} {accuracy(model):.1%} right, {ke.count(model).macs / 1e6:.2f} million MACs")

# %% [markdown]
# The same from a terminal, with a model file and a folder of photos, is
# `keras-effconv convert --model=model.keras --conv="OctConv(alpha=0.25)" --data_dir=photos`.
# [converting.md](../converting.md) says more, and has measured accuracies of trained networks.
