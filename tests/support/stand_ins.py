"""What the blocks of the documentation find in their folder: small photos, data sets, weight files, a trained model."""

import contextlib
import gzip
import inspect
import json
import sys
import threading
import time
import urllib.parse
import urllib.request
from types import SimpleNamespace

import keras
import numpy as np
import weight_files
from PIL import Image

import keras_effconv as ke
from keras_effconv.training import network

sys.path.append(str(weight_files.FIXTURES))
from deterministic import values

CLASSES = ("daisy", "rose")
SIZE = 224


def noise(seed, size=(60, 80)):
    """Return a picture of coloured noise."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (*size, 3), "uint8"))


def photo(folder):
    for name in ("photo.jpg", "rose.jpg"):
        noise(0).save(folder / name)


def flowers(folder):
    """Write the folder `flowers`, with a folder per class; `photos` and `photos.csv` are the same images."""
    rows = ["path,label"]
    for name in ("flowers", "photos"):
        for number, label in enumerate(CLASSES):
            (folder / name / label).mkdir(parents=True)
            for i in range(5):
                noise(10 * number + i).save(folder / name / label / f"{i}.jpg")
                rows += [f"photos/{label}/{i}.jpg,{label}"] if name == "photos" else []
    (folder / "photos.csv").write_text("\n".join(rows) + "\n")


def cifar10(folder):
    """Write archives of pixels, in ten classes."""
    (folder / "cifar10").mkdir()
    rng = np.random.default_rng(0)
    for name in ("train", "test"):
        labels = np.repeat(np.arange(10), 2)
        np.savez(folder / "cifar10" / name, images=rng.integers(0, 255, (20, 32, 32, 3), "uint8"), labels=labels)


def weights(folder):
    """Write `resnet50.pth` and `resnet20.th`, in the names of their producers."""
    for file, record in (("resnet50.pth", "torchvision-resnet50-65"), ("resnet20.th", "akamaster-resnet20-32")):
        recorded = weight_files.FIXTURES / "producers" / f"{record}.json.gz"
        known = json.loads(gzip.decompress(recorded.read_bytes()))
        arrays = {key: values(key, tuple(shape), dtype, known["gain"]) for key, shape, dtype in known["variables"]}
        weight_files.write_torch(folder / file, {key: np.asarray(value) for key, value in arrays.items()})


def finetuned(folder):
    """Write what `keras-effconv finetune` leaves, of a network of one layer, and return the model."""
    image = keras.Input((SIZE, SIZE, 3))
    x = ke.ImagePreprocessing(SIZE, crop=None, mean=(127.0,) * 3, std=(128.0,) * 3, name="preprocessing")(image)
    x = keras.layers.Conv2D(4, 3, strides=4, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(len(CLASSES), activation="softmax")(x))
    (folder / "outputs" / "finetune").mkdir(parents=True, exist_ok=True)
    model.save(folder / "outputs" / "finetune" / "model.keras")
    (folder / "outputs" / "finetune" / "labels.txt").write_text("".join(f"{name}\n" for name in CLASSES))
    return model


def training(folder, patch):
    """Replace `keras_effconv.training.train` by a function that checks its arguments and trains nothing."""
    from keras_effconv import training

    signature, model = inspect.signature(training.train), finetuned(folder)

    def train(*arguments, **keywords):
        bound = signature.bind(*arguments, **keywords).arguments
        network.check(bound["recipe"])
        assert bound["dataset"].train.images.shape[1] == network.preprocessing(bound["recipe"]).size
        return SimpleNamespace(model=model)

    patch.setattr(training, "train", train)


def images(size):
    return np.random.default_rng(0).integers(0, 255, (4, size, size, 3)).astype("float32")


@contextlib.contextmanager
def server(folder, patch):
    """Run a server of `serving/flowers`, which `urllib.request.urlopen` finds at any address."""
    import uvicorn

    from keras_effconv.serving import Versions
    from keras_effconv.serving.app import app

    ke.export(finetuned(folder), folder / "serving" / "flowers", labels=CLASSES)
    models = {"flowers": Versions(folder / "serving" / "flowers")}
    running = uvicorn.Server(uvicorn.Config(app(models), port=0, ws="none", log_level="warning"))
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        while not running.started:
            time.sleep(0.05)
        address = "http://{}:{}".format(*running.servers[0].sockets[0].getsockname())
        urlopen = urllib.request.urlopen
        path = urllib.parse.urlsplit
        patch.setattr(urllib.request, "urlopen", lambda url, data: urlopen(address + path(url).path, data, timeout=60))
        yield
    finally:
        running.should_exit = True
        thread.join()
