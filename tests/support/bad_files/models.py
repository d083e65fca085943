"""Whole models: `.keras` archives, and the HDF5 files of older versions of Keras."""

import functools
import io
import json
import tempfile
from pathlib import Path

import h5py
import keras
import numpy as np

from bad_files import hdf5_files
from bad_files.case import Member, content, cuts, members_of, raw_zip, stored, zip_bomb

CONFIG, WEIGHTS = "config.json", "model.weights.h5"


@functools.cache
def whole(suffix=".keras"):
    """The bytes of a model of a few weights."""
    keras.utils.set_random_seed(0)
    image = keras.Input((4, 4, 3), name="image")
    x = keras.layers.Conv2D(2, 3, name="conv")(image)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.UpSampling2D(1, name="up")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(image, keras.layers.Dense(2, activation="softmax", name="predictions")(x), name="net")
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder, f"a{suffix}"))
        return Path(folder, f"a{suffix}").read_bytes()


def config():
    return json.loads(members_of(whole())[CONFIG])


def archive(**changed):
    """The archive with other members, by `config`, `weights` or `metadata`; `None` leaves one out."""
    members = members_of(whole())
    for key, value in changed.items():
        name = {"config": CONFIG, "weights": WEIGHTS, "metadata": "metadata.json"}[key]
        if value is None:
            del members[name]
        else:
            members[name] = value if isinstance(value, bytes) else json.dumps(value).encode()
    return stored(members)


def with_layer(name, **settings):
    """The archive in whose configuration a layer has other settings."""
    changed = config()
    layer = next(each for each in changed["config"]["layers"] if each["name"] == name)
    layer["config"] |= settings
    return archive(config=changed)


def with_class(name, **described):
    """The archive in whose configuration a layer is of another class."""
    changed = config()
    layer = next(each for each in changed["config"]["layers"] if each["name"] == name)
    layer |= described
    return archive(config=changed)


def described(class_name, **config):
    """A layer of Keras, as a configuration has it."""
    return {"module": "keras.layers", "class_name": class_name, "registered_name": None, "config": config}


def of_keras(class_name, **config):
    """The archive in whose configuration a layer is another one of Keras."""
    return with_class("up", **described(class_name, name="up", **config))


def sequential(count, *inside):
    """A sequential model of many layers; Keras builds all of them again for each."""
    layers = [described("Activation", name=f"a{i}", activation="relu") for i in range(count)]
    first = described("InputLayer", name="in", batch_shape=[None, 4])
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": [first, *inside, *layers]}}


def lambda_layer():
    code = {"class_name": "__lambda__", "config": {"value": ["4wEAAAAAAAAA", None, None]}}
    settings = {"name": "up", "trainable": True, "dtype": "float32", "function": code}
    return with_class("up", class_name="Lambda", module="keras.layers", config=settings)


def named_function(module, name):
    function = {"class_name": "function", "module": module, "config": name, "registered_name": name}
    return with_layer("predictions", activation=function)


def nested(depth):
    """A model in a model in a model ..."""
    inner = b'{"module":"keras","class_name":"Sequential","config":{"name":"a","layers":['
    return archive(config=inner * depth + b"]}}" * depth)


def layer_alone():
    return archive(config={"module": "keras.layers", "class_name": "Dense", "config": {"units": 2}})


def weights(change):
    """The archive whose weights `change` has changed, an open HDF5 file."""
    buffer = io.BytesIO(members_of(whole())[WEIGHTS])
    with h5py.File(buffer, "r+") as file:
        change(file)
    return archive(weights=buffer.getvalue())


def conv_of(file):
    return file["layers/conv2d/vars"]


def replaced(harm):
    def change(file):
        del conv_of(file)["0"]
        harm(conv_of(file))

    return weights(change)


def legacy(change=lambda file: None):
    buffer = io.BytesIO(whole(".h5"))
    with h5py.File(buffer, "r+") as file:
        change(file)
    return buffer.getvalue()


def legacy_config(old, new):
    def change(file):
        text = file.attrs["model_config"]
        text = text.decode() if isinstance(text, bytes) else text
        assert old in text
        file.attrs["model_config"] = text.replace(old, new, 1)

    return legacy(change)


def members(*more, **options):
    every = [Member(name, data) for name, data in members_of(whole()).items()]
    return raw_zip([*every, *more], **options)


TABLE = {"max_tokens": 10**12, "num_oov_indices": 10**9, "output_mode": "multi_hot"}
NOT_ARCHIVES = {
    "nothing": b"",
    "text": b"text",
    "a page": b"<!DOCTYPE html><html></html>",
    "an empty archive": raw_zip([]),
    "another archive": stored({"a": b"text"}),
    "HDF5": lambda: whole(".h5"),
    "an archive behind HDF5": lambda: whole(".h5") + whole(),
    "a pickle": b"\x80\x04cos\nsystem\n.",
}
ARCHIVES = {
    "weights that unpack to 7 GB": lambda: zip_bomb(WEIGHTS, 7000 // 8, Member(CONFIG, members_of(whole())[CONFIG])),
    "a configuration that unpacks": lambda: zip_bomb(CONFIG, 900, Member(WEIGHTS, members_of(whole())[WEIGHTS])),
    "an asset that unpacks": lambda: zip_bomb("assets/a", 900, *(Member(*i) for i in members_of(whole()).items())),
    "no configuration": lambda: archive(config=None),
    "no weights": lambda: archive(weights=None),
    "a member twice": lambda: members(Member(CONFIG, b"{}")),
    "a member elsewhere": lambda: members(Member("../../evil", b"x")),
    "a member at the root": lambda: members(Member("/tmp/evil", b"x")),
    "50,000 members": lambda: members(*(Member(f"assets/{i}", b"") for i in range(50_000))),
    "a wrong checksum": lambda: raw_zip([Member(n, d, crc=1) for n, d in members_of(whole()).items()]),
    "encrypted": lambda: raw_zip([Member(n, d, flags=1) for n, d in members_of(whole()).items()]),
    "sizes that lie": lambda: raw_zip([Member(n, d, size=10, packed=10) for n, d in members_of(whole()).items()]),
}
CONFIGS = {
    "no JSON": lambda: archive(config=b"{"),
    "a list": lambda: archive(config=[1]),
    "an empty object": lambda: archive(config={}),
    "deep JSON": lambda: archive(config=b"[" * 200_000 + b"]" * 200_000),
    "a huge number": lambda: archive(config=b'{"class_name": ' + b"9" * 100_000 + b"}"),
    "17 MB": lambda: archive(config=b'{"class_name": "' + b"a" * (17 << 20) + b'"}'),
    "no UTF-8": lambda: archive(config=b'{"class_name": "\xff"}'),
    "300 models in models": lambda: nested(300),
    "100,000 models in models": lambda: nested(100_000),
    "a layer alone": layer_alone,
    "a class that is not there": lambda: with_class("up", class_name="Nothing", module="nowhere"),
    "a class of the system": lambda: with_class("up", class_name="Popen", module="subprocess"),
    "a class that is a number": lambda: with_class("up", class_name=7),
    "a lambda": lambda_layer,
    "os.system": lambda: named_function("os", "system"),
    "a function of NumPy": lambda: named_function("numpy", "load"),
    "a SavedModel": lambda: with_class(
        "up", class_name="TFSMLayer", module="keras.layers", config={"filepath": "/tmp"}
    ),
    "10^9 units": lambda: with_layer("predictions", units=10**9),
    "10^9 filters": lambda: with_layer("conv", filters=10**9),
    "a kernel of 10^5 x 10^5": lambda: with_layer("conv", kernel_size=[4, 10**5], padding="same"),
    "10^30 units": lambda: with_layer("predictions", units=10**30),
    "units below 0": lambda: with_layer("predictions", units=-1),
    "units that are a text": lambda: with_layer("predictions", units="2"),
    "other units than the weights'": lambda: with_layer("predictions", units=3),
    "an image of 10^5 x 10^5": lambda: with_layer("image", batch_shape=[None, 10**5, 10**5, 3]),
    "a batch of 10^9": lambda: with_layer("image", batch_shape=[10**9, 4, 4, 3]),
    "a map of 10^10": lambda: with_layer("up", size=[10**4, 10**5]),
    "an embedding of 10^9": lambda: with_class(
        "up", class_name="Embedding", config={"input_dim": 10**9, "output_dim": 64}
    ),
    "images of 10^9 pixels": lambda: with_class(
        "up",
        class_name="ImagePreprocessing",
        module=None,
        registered_name="keras_effconv>ImagePreprocessing",
        config={"name": "up", "size": 10**9},
    ),
    "a table of 10^9 numbers": lambda: of_keras("IntegerLookup", **TABLE, vocabulary=[1]),
    "a table of 10^9 texts": lambda: of_keras("StringLookup", **TABLE, vocabulary=["a"]),
    "a table in a wrapper": lambda: of_keras("TimeDistributed", layer=described("IntegerLookup", **TABLE)),
    "a table by another path": lambda: with_class(
        "up", class_name="IndexLookup", module="keras.src.layers.preprocessing.index_lookup", config=TABLE
    ),
    "a vocabulary of the system's": lambda: of_keras("StringLookup", vocabulary="/etc/passwd"),
    "an endless vocabulary": lambda: of_keras("TextVectorization", vocabulary="/dev/zero"),
    "2,000 layers one behind the other": lambda: archive(config=sequential(2000)),
    "sequential models in sequential models": lambda: archive(config=sequential(150, sequential(150))),
    "a filter bank of 2^30": lambda: of_keras("MelSpectrogram", fft_length=2**30, num_mel_bins=10**6),
    "an image of 10,000 sides": lambda: with_layer("image", batch_shape=[None] + [1] * 10_000),
    "a permutation of 100,000": lambda: of_keras("Permute", dims=[1] * 100_000),
    "a module of torch": lambda: of_keras("TorchModuleWrapper", module="AAAA"),
    "a function of JAX": lambda: of_keras("JaxLayer", call_fn="os.system"),
    "an unknown activation": lambda: with_layer("predictions", activation="evil"),
    "an unknown type": lambda: with_layer("predictions", dtype="float9"),
    "no classifier": lambda: with_class("pool", class_name="Rescaling", config={"name": "pool", "scale": 1.0}),
}
WEIGHTS_OF = {
    **{name: lambda h=harm: replaced(h) for name, harm in list(hdf5_files.DATASETS.items())},
    "another shape": lambda: replaced(lambda g: g.__setitem__("0", np.ones(3, "f4"))),
    "no kernel": lambda: replaced(lambda g: None),
    "no layers": lambda: weights(lambda file: file.__delitem__("layers")),
    "no HDF5": lambda: archive(weights=b"text"),
    "half of it": lambda: archive(weights=members_of(whole())[WEIGHTS][:9000]),
    "one text for all elements": lambda: archive(
        weights=hdf5_files.one_text(hdf5_files.keras_3(hdf5_files.many_texts))
    ),
}
LEGACY = {
    "weights alone": lambda: legacy(lambda file: file.attrs.__delitem__("model_config")),
    "no JSON": lambda: legacy_config("{", "["),
    "10^9 units": lambda: legacy_config('"units": 2', '"units": 1000000000'),
    "10^9 filters": lambda: legacy_config('"filters": 2', '"filters": 1000000000'),
    "a class that is not there": lambda: legacy_config('"UpSampling2D"', '"Evil"'),
    "a lambda": lambda: legacy_config('"UpSampling2D"', '"Lambda"'),
    "a table": lambda: legacy_config('"UpSampling2D"', '"StringLookup"'),
    "a configuration in a list": lambda: legacy(lambda file: file.attrs.__setitem__("model_config", "[]")),
    "a map of 10^10": lambda: legacy_config('"size": [1, 1]', '"size": [100000, 100000]'),
    "no weights": lambda: legacy(lambda file: file.__delitem__("model_weights")),
}


def cases():
    named = [
        *((f".keras: {name}", data) for name, data in NOT_ARCHIVES.items()),
        *((f".keras: {name}", data) for name, data in ARCHIVES.items()),
        *((f"configuration: {name}", data) for name, data in CONFIGS.items()),
        *((f"weights of a model: {name}", data) for name, data in WEIGHTS_OF.items()),
    ]
    return [
        *(content(name, "model", data, "model.keras") for name, data in named),
        *(content(f"whole model of HDF5: {name}", "model", data, "model.h5") for name, data in LEGACY.items()),
        *cuts(".keras", "model", whole, "model.keras"),
        *cuts("whole model of HDF5", "model", lambda: whole(".h5"), "model.h5"),
    ]
