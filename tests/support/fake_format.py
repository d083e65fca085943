"""A format that computes when it may, and its server in this process."""

import asyncio
import contextlib
import threading

import httpx
import numpy as np

from keras_effconv import exporting, serving
from keras_effconv.exporting import destination
from keras_effconv.exporting.format import Format
from keras_effconv.utils.files import write_json


class Gate:
    """A format that loads and computes when it may, all but white images.

    Its probabilities are the number of the version.
    """

    def __init__(self, folder, monkeypatch):
        self.folder, self.may, self.runs = folder, threading.Event(), []
        self.loads = threading.Event()
        self.may.set()
        self.loads.set()
        monkeypatch.setitem(exporting.FORMATS, "gate", Format("gate", None, self.load, ("numpy",), destination.single))

    def write(self, number):
        record = {"format": "gate", "precision": "float32", "size": 1, "crop": None, "interpolation": "bilinear"}
        (self.folder / str(number)).mkdir(parents=True)
        write_json(self.folder / str(number) / "export.json", {**record, "labels": ["a", "b"]})

    def load(self, folder, precision, threads, streams):
        assert self.loads.wait(30)

        def run(images):
            assert self.may.wait(30)
            if images.max() == 255:
                raise RuntimeError("white")
            self.runs.append(len(images))
            return np.full((len(images), 2), float(folder.name), "float32")

        return run


@contextlib.asynccontextmanager
async def client_of(models, limits=None, **options):
    """Yield a client of an application of models, without a socket between them."""
    application = serving.app(models, limits, **options)
    async with (
        application.router.lifespan_context(application),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=application), base_url="http://server") as client,
    ):
        yield client


def ask(models, *requests, limits=None, **options):
    """Return the answers to requests, each (method, path, keyword arguments of `httpx.AsyncClient.request`)."""

    async def story():
        async with client_of(models, limits, **options) as client:
            return [await client.request(method, path, **rest) for method, path, rest in requests]

    return asyncio.run(story())
