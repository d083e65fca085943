"""Small weight files of every format, each from its own producer or written here from the format's description."""

import io
import json
import math
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from safetensors.numpy import save_file

from keras_effconv.layers import HetConv2D, OctConv2D
from keras_effconv.zoo.readers import torch_legacy

FIXTURES = Path(__file__).parents[1] / "fixtures"
TYPES = ("f4", "f8", "f2", "u1", "i4", "i1", "i8")


def keras_model():
    """Every class whose variables have names, and a model in a model, none with the name that Keras would give it."""
    inputs = keras.Input((8, 8, 16), name="images")
    x = layers.Normalization(name="rescale")(inputs)
    x = layers.Conv2D(8, 3, padding="same", name="stem")(x)
    x = layers.BatchNormalization(name="stem_bn")(x)
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="spread")(x)
    x = layers.BatchNormalization(scale=False, center=False, name="plain_bn")(x)
    x = layers.SeparableConv2D(16, 3, padding="same", name="both")(x)
    x = HetConv2D(8, 3, padding="same", parts=2, name="het")(x)
    x = HetConv2D(8, 3, padding="same", parts=1, use_bias=True, name="whole")(x)
    x = OctConv2D(8, 3, padding="same", alpha=0.5, name="oct")(x)["high"]
    inner = keras.Input((8, 8, 4))
    nested = layers.Conv2D(4, 1, name="inside")(layers.Conv2D(8, 1, name="before")(inner))
    x = keras.Model(inner, nested, name="nested")(x)
    x = layers.Dropout(0.5, seed=1)(x)
    model = keras.Model(inputs, layers.Dense(3, name="head")(layers.GlobalAveragePooling2D()(x)))
    rng = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(rng.integers(1, 100, variable.shape))
    return model


def keras_variables(model):
    """What a reader should find: "layer/variable" -> array, with the layers of nested models among the others."""
    found = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found |= keras_variables(layer)
        elif not isinstance(layer, layers.Dropout):
            found |= {f"{layer.name}/{v.name}": keras.ops.convert_to_numpy(v) for v in layer.weights}
    return found


def arrays():
    """Arrays of every type that MXNet and safetensors share."""
    rng = np.random.default_rng(1)
    return {f"layer{i}.weight": rng.integers(0, 100, (i + 1, 2, 3)).astype(kind) for i, kind in enumerate(TYPES)}


def mxnet_params(content, version=2, storage=0):
    """The bytes of an MXNet list of arrays, of version 0 (no magic number), 1, 2 or 3."""
    out = [struct.pack("<QQQ", 0x112, 0, len(content))]
    for value in content.values():
        if version:
            out.append(struct.pack("<I", 0xF993FAC7 + version))
        if version >= 2:
            out.append(struct.pack("<i", storage))
        out.append(struct.pack("<I", value.ndim))
        out.append(struct.pack(f"<{value.ndim}{'q' if version else 'I'}", *value.shape))
        out += [struct.pack("<iii", 1, 0, TYPES.index(value.dtype.str[1:])), value.tobytes()]
    out.append(struct.pack("<Q", len(content)))
    out += [struct.pack("<Q", len(name.encode())) + name.encode() for name in content]
    return b"".join(out)


def tar(members):
    """The bytes of a tar file of (name, bytes)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def symbol_tar(content, prefix="model"):
    named = {("aux:" if "moving" in name else "arg:") + name: value for name, value in content.items()}
    return tar([(f"{prefix}-symbol.json", b"{}"), (f"{prefix}-0000.params", mxnet_params(named))])


def averaged_checkpoint(folder):
    """A checkpoint as TensorFlow 1 wrote it: averages of everything, slots of the optimizer, a counter."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, value in {
            "net/conv2d/kernel": np.ones((3, 3, 2, 4), "f4"),
            "net/conv2d/kernel/ExponentialMovingAverage": np.full((3, 3, 2, 4), 2, "f4"),
            "net/conv2d/kernel/RMSProp": np.zeros((3, 3, 2, 4), "f4"),
            "net/conv2d/kernel/RMSProp_1": np.zeros((3, 3, 2, 4), "f4"),
            "net/conv2d/kernel/Adam": np.zeros((3, 3, 2, 4), "f4"),
            "net/bn/moving_mean": np.ones(4, "f4"),
            "net/bn/moving_mean/ExponentialMovingAverage": np.full(4, 3, "f4"),
            "net/bn/moving_mean/Momentum": np.zeros(4, "f4"),
            "net/dense/bias": np.arange(4, dtype="f4"),
            "beta1_power": np.float32(1),
            "global_step": np.int64(7),
        }.items():
            tf.compat.v1.get_variable(name, initializer=tf.constant(value), use_resource=True)
        session.run(tf.compat.v1.global_variables_initializer())
        return tf.compat.v1.train.Saver().save(session, str(folder / "model.ckpt"), global_step=7)


def torch_pickle(tensors, view=b""):
    """The pickle of a state dict of tensors, dict of name -> (shape, storage class), in raw opcodes."""

    def number(value):
        return b"J" + struct.pack("<i", value)

    def text(value):
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    def numbers(values):
        return b"(" + b"".join(map(number, values)) + b"t"

    out = b"\x80\x02}("
    for key, (name, (shape, storage)) in enumerate(tensors.items()):
        size = math.prod(shape)
        strides = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
        out += text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n(("
        out += text("storage") + f"ctorch\n{storage}\n".encode() + text(str(key)) + text("cpu") + number(size) + view
        out += b"tQ" + number(0) + numbers(shape) + numbers(strides) + b"\x89}tR"
    return out + b"u."


def write_torch(path, arrays):
    """A `.pth` file, as torch writes them since 1.6, of float32 and int64 arrays."""
    storages = {"<f4": "FloatStorage", "<i8": "LongStorage"}
    with zipfile.ZipFile(path, "w") as archive:
        described = {name: (value.shape, storages[value.dtype.str]) for name, value in arrays.items()}
        archive.writestr("a/data.pkl", torch_pickle(described))
        for key, value in enumerate(arrays.values()):
            archive.writestr(f"a/data/{key}", value.tobytes())


def write_large(path, name):
    """A file of 8 MiB of numbers, in two arrays."""
    values = {"a": np.ones(1 << 20, "f4"), "b": np.ones(1 << 20, "f4")}
    sizes = {key: (value.shape, "FloatStorage") for key, value in values.items()}
    raw = [value.tobytes() for value in values.values()]
    if name == "torch_zip":
        write_torch(path, values)
    elif name == "torch_legacy":
        head = b"".join(pickle.dumps(value, 2) for value in (torch_legacy.MAGIC, torch_legacy.PROTOCOL, {}))
        sized = [struct.pack("<q", 1 << 20) + content for content in raw]
        path.write_bytes(head + torch_pickle(sizes, b"N") + pickle.dumps(["0", "1"], 2) + b"".join(sized))
    elif name == "mxnet":
        path.write_bytes(mxnet_params(values))
    elif name == "safetensors":
        save_file(values, path)
    else:
        inputs = keras.Input((1 << 10,))
        model = keras.Model(inputs, layers.Dense(1 << 11, use_bias=False)(inputs))
        suffix = {"keras_v3": ".weights.h5", "keras_h5": ".h5", ".keras": ".keras"}[name]
        (model.save_weights if name == "keras_v3" else model.save)(path.with_suffix(suffix))
        path.with_suffix(suffix).rename(path)


def write_shards(folder, tensors, name="model", kind="safetensors", count=3, write=save_file):
    """A folder of shards and their index, as Hugging Face's tools write a large model."""
    folder.mkdir(exist_ok=True)
    names, weight_map = sorted(tensors), {}
    for i in range(count):
        file = f"{name}-{i + 1:05}-of-{count:05}.{kind}"
        write({each: tensors[each] for each in names[i::count]}, folder / file)
        weight_map |= dict.fromkeys(names[i::count], file)
    index = {"metadata": {"total_size": 1}, "weight_map": weight_map}
    (folder / f"{name}.{kind}.index.json").write_text(json.dumps(index))
    return folder


def write_keras_shards(folder, model):
    """A folder of shards and their index, as Keras writes them."""
    folder.mkdir()
    model.save_weights(folder / "model.weights.json", max_shard_size=0.00001)
    return folder


def write_all(folder):
    """One file of every format in a folder: dict of format -> paths."""
    model = keras_model()
    for name in ("model.keras", "legacy.h5"):
        model.save(folder / name)
    model.save_weights(folder / "model.weights.h5")
    save_file(arrays(), folder / "a.safetensors")
    (folder / "a.params").write_bytes(mxnet_params(arrays()))
    (folder / "a.tar").write_bytes(symbol_tar(arrays()))
    (folder / "tf").mkdir()
    averaged_checkpoint(folder / "tf")
    return {
        "torch_zip": [FIXTURES / "torch_zip_state.pt", FIXTURES / "torch_zip_checkpoint.pt"],
        "torch_legacy": [FIXTURES / "torch_legacy_state.pt", FIXTURES / "torch_legacy_checkpoint.pt"],
        "keras_v3": [folder / "model.keras", folder / "model.weights.h5"],
        "keras_h5": [folder / "legacy.h5"],
        "safetensors": [folder / "a.safetensors"],
        "mxnet": [folder / "a.params", folder / "a.tar"],
        "tf_checkpoint": [folder / "tf"],
        "shards": [write_shards(folder / "shards", arrays())],
        "keras_shards": [write_keras_shards(folder / "keras_shards", model)],
    }
