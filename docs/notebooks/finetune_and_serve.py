# %% [markdown]
# # Fine-tune on a folder, and serve the model
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/{repository}/blob/main/docs/notebooks/finetune_and_serve.ipynb)
#
# This notebook starts from a folder of images with a folder for each class. It fine-tunes a pretrained network, reads the
# report, exports the model, and asks a server that runs it. Replace the folder by your own photos.

# %% tags=["install"]
# %pip install -q "keras-effconv[lite,train,serve] @ git+https://github.com/{repository}"

# %%
# %matplotlib inline
import base64
import json
import subprocess
import sys
import urllib.request
from pathlib import Path

from IPython.display import Image, Markdown
from PIL import Image as Pillow
from sklearn.datasets import load_digits

import keras_effconv as ke
from keras_effconv import visualize

# %% [markdown]
# ## The folder
#
# The digits that come with scikit-learn are images of 8 x 8 pixels. Twenty of each class are enough for a first run.

# %%
digits = load_digits()
for label in range(10):
    folder = Path("digits", f"digit {label}")
    folder.mkdir(parents=True, exist_ok=True)
    for number, pixels in enumerate(digits.images[digits.target == label][:20]):
        image = Pillow.fromarray((pixels * 15.9).astype("uint8")).convert("RGB")
        image.resize((64, 64), Pillow.Resampling.BICUBIC).save(folder / f"{number}.png")
sorted(path.name for path in Path("digits").iterdir())

# %% [markdown]
# ## Fine-tune
#
# `finetune` divides the images, fits a classifier on the features of the pretrained network, and trains the last blocks.
# Two epochs at a small rate suit so few images. The curves grow while it runs. It prints what came out, and writes everything
# to `output`.

# %%
result = ke.finetune("digits", model="EfficientNetLite0", epochs=2, lr=1e-4, image_size=64, output="runs/plain")

# %% [markdown]
# ## Read the report
#
# `report.html` has the accuracy, the classes that are confused, and the worst mistakes. `report.json` has the same numbers
# for a program.

# %%
report = json.loads(Path("runs/plain/report.json").read_text())
low, high = report["accuracy_interval"]
Markdown(
    f"{report['accuracy']:.1%} of {report['validation_images']} validation images are right; "
    f"the 95 % interval is {low:.1%} to {high:.1%}."
)

# %%
Image("runs/plain/confusion.png", width=480)

# %% [markdown]
# ## See what the run cost
#
# `plot_accuracy` reads the folders of runs, and draws the accuracy over the multiply-accumulates. The bar is the 95 %
# interval: with so few images, it is wide. Train again with `conv="OctConv(alpha=0.25)"` and another `output`, and add its
# folder to the list, to compare the two.

# %%
visualize.plot_accuracy(["runs/plain"])

# %% [markdown]
# ## Export
#
# `export` writes a SavedModel that takes image files and answers with the names of the classes. It compares the export
# with the model before the folder appears.

# %%
names = Path("runs/plain/labels.txt").read_text().splitlines()
ke.export(ke.deploy(result.model), "serving/digits", labels=names)

# %% [markdown]
# ## Serve
#
# In a terminal, the command is `keras-effconv serve --model=serving/digits`. The notebook starts the same command, and
# reads the address that it prints.

# %%
command = [sys.executable, "-m", "keras_effconv", "serve", "--model=serving/digits", "--port=0"]
server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
address = server.stdout.readline().strip()
address.rpartition("/")[2]

# %% [markdown]
# A client sends the bytes of an image file.

# %%
image = base64.b64encode(Path("digits/digit 3/0.png").read_bytes()).decode()
request = json.dumps({"instances": [{"image_bytes": {"b64": image}}]}).encode()
with urllib.request.urlopen(f"{address}:predict", request) as response:
    answer = json.load(response)["predictions"][0]
[(label, round(score, 3)) for label, score in zip(answer["labels"], answer["scores"])][:3]

# %%
server.terminate()
server.wait(timeout=30)
server.stdout.close()
