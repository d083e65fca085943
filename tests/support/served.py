"""A small model, pictures, and a server of both in a process of its own."""

import asyncio
import base64
import io
import json
import socket
import struct
import subprocess
import sys
import time
import zlib

import httpx
import keras
import numpy as np
from paths import ROOT
from PIL import Image

import keras_effconv as ke

SIZE, LABELS = 16, ["rose", "tulip", "Löwenzahn"]
FORMATS = ("saved_model", "onnx")


def small(seed):
    keras.utils.set_random_seed(seed)
    image = keras.Input((SIZE, SIZE, 3))
    x = ke.ImagePreprocessing(SIZE, mean=(127.0,) * 3, std=(40.0,) * 3, name="preprocessing")(image)
    x = keras.layers.Conv2D(4, 3, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(len(LABELS), activation="softmax")(x))


def png(seed, size=40):
    file = io.BytesIO()
    rng = np.random.default_rng(seed)
    flat = np.broadcast_to(rng.integers(0, 255, 3), (size, size, 3)) + rng.integers(-40, 40, (size, size, 3))
    Image.fromarray(flat.clip(0, 255).astype("uint8")).save(file, "png")
    return file.getvalue()


def b64(data):
    return {"b64": base64.b64encode(data).decode()}


class Server:
    """scripts/serve.py of two models, one of each format; `next` is an ONNX export that may become a version."""

    def __init__(self, folder):
        self.models = [small(seed) for seed in (1, 2)]
        ke.export(self.models[0], folder / "saved_model", labels=LABELS, top=2)
        ke.export(self.models[0], folder / "onnx" / "1", "onnx", labels=LABELS)
        self.next = ke.export(self.models[1], folder / "next", "onnx", labels=LABELS)
        self.folder, self.errors = folder, (folder / "stderr").open("w+")
        flags = ["--model=" + ",".join(str(folder / name) for name in FORMATS)]
        flags += ["--port=0", "--poll_seconds=0.1", "--max_body_mb=1", "--read_timeout=2", "--max_delay_ms=100"]
        flags += ["--version_labels=onnx:stable=1", "--enable_cors_support"]
        command = [sys.executable, str(ROOT / "scripts" / "serve.py"), *flags, "--max_batch_size=8"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors, text=True, cwd=ROOT)
        self.address = self.process.stdout.readline().strip().removesuffix("/v1/models/saved_model")
        self.client = httpx.Client(base_url=self.address, timeout=60, trust_env=False)

    def stderr(self):
        self.errors.seek(0)
        return self.errors.read()

    def post(self, name, request, end=":predict"):
        content = request if isinstance(request, bytes) else json.dumps(request).encode()
        return self.client.post(f"/v1/models/{name}{end}", content=content)

    def metrics(self):
        lines = self.client.get("/metrics").text.splitlines()
        own = [line.removeprefix("keras_effconv_").split() for line in lines if line.startswith("keras_effconv_")]
        return {name: float(value) for name, value in own}

    def connect(self):
        return socket.create_connection(("127.0.0.1", int(self.address.rsplit(":", 1)[1])), timeout=20)

    def close(self):
        self.client.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def decoded(files):
    from keras_effconv.data.images.decode_batch import decode_each

    images, errors = decode_each(files, SIZE)
    assert not any(errors.numpy())
    return images.numpy().astype("float32")


def expected(model, images):
    return np.asarray(model(images, training=False))


def computed(signatures, files):
    """Return the outputs of files, as a server computes them."""
    from keras_effconv.serving import wire
    from keras_effconv.serving.conversion import Converter, with_causes

    query = wire.parse(json.dumps({"instances": [b64(file) for file in files]}).encode(), signatures)
    converter = Converter()
    causes = asyncio.run(converter.rewrite(query.rows, query.foreign, lambda size: None))
    converter.close()
    return with_causes(query.signature.run(query.rows), causes)


def eventually(condition, seconds=30):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "did not happen"
        time.sleep(0.05)


def declared(width, height):
    """A PNG of a few bytes that declares a size."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def floats(*values):
    return {"signature_name": "float_images", "inputs": [[[[value] * 3]] for value in values]}
