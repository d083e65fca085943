"""The parts of a server, with a runtime that waits for a signal; and the formats that test_serve.py does not serve."""

import asyncio
import dataclasses
import threading

import numpy as np
import pytest
from fake_format import Gate, client_of
from served import LABELS, decoded, eventually, expected, floats, png, small
from starlette.requests import ClientDisconnect

import keras_effconv as ke
from keras_effconv import exporting, serving
from keras_effconv.serving.batching import Batcher, Full
from keras_effconv.serving.waiting import awaited


@pytest.fixture
def gate(tmp_path, monkeypatch):
    gate = Gate(tmp_path / "gate", monkeypatch)
    gate.write(1)
    return gate


async def reached(condition, seconds=30):
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.01)


async def too_many_and_too_long(gate, versions, client):
    async def ask(*values):
        return await client.post("/v1/models/gate:predict", json=floats(*values))

    async def reported(line):
        return line in (await client.get("/metrics")).text

    gate.may.clear()
    first = asyncio.create_task(ask(1))
    await reached(lambda: reported("accepted_requests_total 1\n"))
    await reached(lambda: reported("waiting_requests 0\n"))
    second = asyncio.create_task(ask(2))
    await reached(lambda: reported("waiting_requests 1\n"))
    assert (await ask(3)).status_code == 503  # the queue is full
    assert (await ask(*[4] * 100)).status_code == 503  # too many bytes
    gate.write(2)
    threading.Timer(0.2, gate.may.set).start()
    await asyncio.to_thread(versions.refresh)
    with pytest.raises(KeyError):
        versions.get(1)
    for answer in (await first, await second):  # they began with version 1, which is gone
        assert answer.json()["outputs"]["probabilities"] == [[1, 1]]
    assert (await ask(5)).json()["outputs"]["probabilities"] == [[2, 2]]
    gate.may.clear()
    assert (await ask(6)).status_code == 504
    gate.may.set()
    answer = await ask(255)
    assert (answer.status_code, answer.json()) == (500, {"error": "RuntimeError"})


@pytest.mark.long
def test_too_many_and_too_long_are_refused_and_what_runs_is_finished(gate):
    versions = serving.Versions(gate.folder, count=1)
    limits = serving.Limits(max_batch=1, max_queue=1, request_timeout=3, max_held=500, poll=60)

    async def story():
        async with client_of({"gate": versions}, limits) as client:
            await too_many_and_too_long(gate, versions, client)

    asyncio.run(story())


def test_who_sends_what_cannot_be_computed_is_alone_with_it(gate):
    signature = serving.Versions(gate.folder).get()[1].signatures["float_images"]
    batcher = Batcher(max_batch=4, max_delay=5)
    gate.runs.clear()
    futures = [batcher.submit(signature, np.full((1, 1, 1, 3), value, "float32")) for value in (1, 255, 2, 3)]
    assert [future.exception(30) is None for future in futures] == [True, False, True, True]
    batcher.close()
    assert gate.runs == [1, 1, 1]
    with pytest.raises(Full):
        batcher.submit(signature, np.zeros((1, 1, 1, 3), "float32"))


def test_a_batch_holds_one_signature_and_what_was_given_up_is_not_computed(gate):
    signature = serving.Versions(gate.folder).get()[1].signatures["float_images"]
    other = dataclasses.replace(signature)  # as of another version
    batcher = Batcher(max_batch=4, max_delay=0)
    gate.runs.clear()
    gate.may.clear()
    image = np.zeros((1, 1, 1, 3), "float32")
    busy = batcher.submit(signature, image)
    eventually(lambda: not batcher.waiting())
    given = ((signature, 1), (other, 1), (signature, 1), (other, 7), (signature, 2))
    futures = [batcher.submit(each, np.concatenate([image] * rows)) for each, rows in given]
    assert futures[2].cancel()
    gate.may.set()
    assert [len(f.result(30)["scores"]) for f in futures if not f.cancelled()] == [1, 1, 7, 2]
    batcher.close()
    assert gate.runs == [1, 1 + 2, 1 + 3, 4] and busy.done()


def test_the_server_is_not_healthy_without_a_thread_that_computes(gate):
    async def story():
        async with client_of({"gate": serving.Versions(gate.folder)}) as client:
            before = await client.get("/healthz")
            service = client._transport.app.state.service
            service.batcher.close()
            return before, await client.get("/healthz")

    before, after = asyncio.run(story())
    assert (before.status_code, before.json()) == (200, {"status": "ok"})
    assert (after.status_code, after.json()) == (503, {"error": "a thread that computes has ended"})


@pytest.mark.parametrize("steps", range(4))
def test_who_leaves_when_the_answer_is_there_is_no_fault(steps, caplog):
    class Leaving:
        async def receive(self):
            return {"type": "http.disconnect"}

    async def story():
        try:
            async with awaited(Leaving(), 60):
                for _ in range(steps):
                    await asyncio.sleep(0)
        except ClientDisconnect:
            pass
        await asyncio.sleep(0.01)

    asyncio.run(story())
    assert not caplog.records


@pytest.mark.slow
@pytest.mark.parametrize("name", ["openvino", "litert"])
def test_the_other_formats_answer_the_same(name, tmp_path):
    pytest.importorskip(exporting.FORMATS[name].modules[-1])
    model, files = small(1), [png(0), b"no", png(1)]
    folder = ke.export(model, tmp_path / name, name, labels=LABELS)
    for rows in [files, files[:1], files]:
        outputs = serving.Versions(folder).get()[1].signatures["serving_default"].run(np.array(rows, object))
        assert [bool(error) for error in outputs["error"]] == [file == b"no" for file in rows]
        good = [i for i, file in enumerate(rows) if file != b"no"]
        wanted = expected(model, decoded([rows[i] for i in good]))
        np.testing.assert_allclose(outputs["probabilities"][good], wanted, atol=1e-5)
