"""A server in a process of its own, asked by a real client."""

import base64
import gzip
import json
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor as pools

import httpx
import numpy as np
import pytest
from served import FORMATS, LABELS, SIZE, b64, declared, decoded, eventually, expected, png

pytestmark = pytest.mark.process
LIMIT = 1 << 20


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_files_get_the_answers_of_the_keras_model(server, name):
    files = [png(seed) for seed in range(3)]
    wanted = expected(server.models[0], decoded(files))
    answer = server.post(name, {"instances": [{"image_bytes": b64(file)} for file in files]})
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    rows = answer.json()["predictions"]
    np.testing.assert_allclose([row["probabilities"] for row in rows], wanted, atol=1e-5)
    for row, probabilities in zip(rows, wanted):
        order = np.argsort(-probabilities)[: len(row["labels"])]
        assert row["labels"] == [LABELS[i] for i in order] and row["error"] == ""
        np.testing.assert_allclose(row["scores"], probabilities[order], atol=1e-5)
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    for values in ([b64(file) for file in files], {"image_bytes": [b64(file) for file in files]}):
        found = server.post(name, {"inputs": values}).json()["outputs"]
        assert found.keys() == columns.keys() and found["labels"] == columns["labels"]
        np.testing.assert_allclose(found["probabilities"], columns["probabilities"], atol=1e-6)
    assert server.post(name, {"instances": [b64(files[0])]}).json()["predictions"][0]["error"] == ""


@pytest.mark.parametrize("name", FORMATS)
def test_numbers_get_the_answers_of_the_keras_model(server, name):
    images = np.random.default_rng(0).integers(0, 255, (11, SIZE, SIZE, 3))  # more than a batch
    wanted = expected(server.models[0], images.astype("float32"))
    request = {"signature_name": "float_images", "instances": images.tolist()}
    rows = server.post(name, request, end="/versions/1:predict").json()["predictions"]
    np.testing.assert_allclose([row["probabilities"] for row in rows], wanted, atol=1e-5)
    assert rows[0].keys() == {"labels", "scores", "probabilities"}


def test_features_of_a_saved_model(server):
    request = {"signature_name": "features", "inputs": [b64(png(0)), b64(b"no")]}
    outputs = server.post("saved_model", request).json()["outputs"]
    assert np.shape(outputs["features"]) == (2, 4) and not any(outputs["features"][1])


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_no_image_is_the_error_of_its_row(server, name):
    files = [b"no image", png(0), png(0)[:60], declared(30000, 30000), b""]
    rows = server.post(name, {"instances": [b64(file) for file in files]}).json()["predictions"]
    assert [bool(row["error"]) for row in rows] == [True, False, True, True, True]
    assert "pixels" in rows[3]["error"]
    for row in (rows[0], *rows[2:]):
        assert set(row["labels"]) == {""} and not any(row["scores"]) and not any(row["probabilities"])
    np.testing.assert_allclose(rows[1]["probabilities"], expected(server.models[0], decoded([png(0)]))[0], atol=1e-5)


@pytest.mark.parametrize("name", FORMATS)
def test_status_and_metadata(server, name):
    ready = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    assert server.client.get(f"/v1/models/{name}/versions/1").json() == {"model_version_status": [ready]}
    assert ready in server.client.get(f"/v1/models/{name}").json()["model_version_status"]
    told = server.client.get(f"/v1/models/{name}/versions/1/metadata").json()
    assert told["model_spec"] == {"name": name, "signature_name": "", "version": "1"}
    signature = told["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"]["image_bytes"]["dtype"] == "DT_STRING"
    assert signature["inputs"]["image_bytes"]["tensor_shape"] == {
        "dim": [{"size": "-1", "name": ""}],
        "unknown_rank": False,
    }
    outputs = {key: [d["size"] for d in value["tensor_shape"]["dim"]] for key, value in signature["outputs"].items()}
    top = "2" if name == "saved_model" else "3"
    assert outputs == {"labels": ["-1", top], "scores": ["-1", top], "probabilities": ["-1", "3"], "error": ["-1"]}
    if name == "saved_model":
        assert signature["inputs"]["image_bytes"]["name"] == "serving_default_image_bytes:0"
        assert "__saved_model_init_op" in told["metadata"]["signature_def"]["signature_def"]
    assert server.client.get("/healthz").status_code == 200


# --- mistakes --------------------------------------------------------------------------------------------------------

GOOD = {"instances": [{"b64": ""}]}


def test_what_is_not_there_is_404(server):
    get, post = server.client.get, server.post
    for answer, status, message in [
        (get("/v1/models/tulips"), 404, "Could not find any versions of model tulips"),
        (get("/v1/models/onnx/versions/9"), 404, "Could not find version 9 of model onnx"),
        (post("tulips", GOOD), 404, "Servable not found for request: Latest(tulips)"),
        (post("onnx", GOOD, "/labels/old:predict"), 400, "Unrecognized servable version label: old"),
        (get("/v1/../etc/passwd"), 404, "Not Found"),
        (server.client.put("/v1/models/onnx", content=b""), 400, "Malformed request: PUT /v1/models/onnx"),
    ]:
        assert answer.status_code == status and message in answer.json()["error"], answer.text


def test_what_clients_of_tensorflow_serving_send(server):
    """A label, base64 with line breaks, gzip, the origin of a web page, and Prometheus."""
    wrapped = {"b64": base64.encodebytes(png(0)).decode()}
    content = gzip.compress(json.dumps({"instances": [wrapped]}).encode())
    headers = {"Content-Encoding": "gzip", "Origin": "http://shop.example"}
    answer = server.client.post("/v1/models/onnx/labels/stable:predict", content=content, headers=headers)
    assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == "*"
    (row,) = answer.json()["predictions"]
    np.testing.assert_allclose(row["probabilities"], expected(server.models[0], decoded([png(0)]))[0], atol=1e-5)
    page = server.client.get("/monitoring/prometheus/metrics").text
    assert ':tensorflow:serving:request_count{model_name="onnx",status="OK"}' in page
    assert server.client.head("/v1/models/onnx").status_code == 400


def test_a_body_that_is_too_large_is_413(server):
    large = b'{"instances": ["' + b"A" * LIMIT + b'"]}'
    assert server.post("onnx", large).status_code == 413
    parts = (large[i : i + 50_000] for i in range(0, len(large), 50_000))  # without a declared length
    answer = server.client.post("/v1/models/onnx:predict", content=parts)
    assert answer.status_code == 413 and str(LIMIT) in answer.json()["error"]
    assert server.metrics()["held_bytes"] == 0


def test_slow_clients_are_cut_off_and_others_answered(server):
    head = b"POST /v1/models/onnx:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
    begun, slow = time.monotonic(), [server.connect() for _ in range(24)]
    for i, connection in enumerate(slow):  # headers, or a body, that never end; or nothing
        connection.sendall((head, head + b'\r\n{"instances', b"")[i % 3])
    trickle = 0
    while time.monotonic() < begun + 1.5:
        for i, connection in enumerate(slow):
            connection.sendall((b"X", b" ", b"")[i % 3])
        trickle += 1
        assert server.post("onnx", {"instances": [b64(png(trickle))]}).status_code == 200
    endings = []
    for connection in slow:
        with connection:
            try:
                endings.append(connection.recv(1000)[:12])
            except ConnectionResetError:
                endings.append(b"")
    assert trickle > 1 and set(endings[1::3]) == {b"HTTP/1.1 408"}
    assert set(endings[0::3]) | set(endings[2::3]) == {b""}


def test_who_sends_requests_without_end_and_reads_no_answer_is_cut_off(server):
    with server.connect() as connection, pytest.raises(ConnectionError):
        for _ in range(10_000):  # the answers would be gigabytes
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
    assert server.client.get("/healthz").status_code == 200


# --- load and versions -----------------------------------------------------------------------------------------------


def test_requests_at_the_same_time_are_computed_together_and_right(server):
    files = [png(seed) for seed in range(64)]
    wanted, before = expected(server.models[0], decoded(files)), server.metrics()

    def ask(i):
        answer = server.post(FORMATS[i % 2], {"instances": [b64(files[i])]}, "/versions/1:predict")
        return answer.json()["predictions"][0]["probabilities"]

    with pools(16) as pool:
        found = list(pool.map(ask, range(64)))
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    made = {name: count - before.get(name, 0) for name, count in server.metrics().items()}
    assert made["computed_requests_total"] == made["computed_rows_total"] == 64
    assert 64 / 8 <= made["computed_batches_total"] <= 40


def test_a_new_version_is_picked_up_and_a_broken_one_passed_over(server):
    image, folder = png(5), server.folder / "onnx"
    request = {"instances": [b64(image)]}
    wanted = [expected(model, decoded([image]))[0] for model in server.models]

    def numbers():
        states = server.client.get("/v1/models/onnx").json()["model_version_status"]
        return {each["version"]: each["state"] for each in states}

    def probabilities(end=":predict"):
        return server.post("onnx", request, end).json()["predictions"][0]["probabilities"]

    shutil.copytree(server.next, folder / ".2")
    os.rename(folder / ".2", folder / "2")
    eventually(lambda: numbers() == {"1": "AVAILABLE", "2": "AVAILABLE"})
    np.testing.assert_allclose(probabilities(), wanted[1], atol=1e-5)
    np.testing.assert_allclose(probabilities("/versions/1:predict"), wanted[0], atol=1e-5)
    assert np.abs(wanted[0] - wanted[1]).max() > 1e-3
    shutil.copytree(server.next, folder / ".3")
    (folder / ".3" / "model.onnx").write_bytes(b"half a file")
    os.rename(folder / ".3", folder / "3")
    eventually(lambda: numbers() == {"1": "AVAILABLE", "2": "AVAILABLE", "3": "END"})
    np.testing.assert_allclose(probabilities(), wanted[1], atol=1e-5)
    shutil.copy(server.next / "model.onnx", folder / "3")
    everything = dict.fromkeys("123", "AVAILABLE")  # version 1 has a label
    eventually(lambda: numbers() == everything)
    shutil.rmtree(folder / "3")
    eventually(lambda: numbers() == {**everything, "3": "END"})


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs /proc")
def test_memory_does_not_grow_with_requests(server):
    def resident():
        with open(f"/proc/{server.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024

    request = {"instances": [b64(png(1, 100))] * 2}

    def ask(i):
        assert server.post(FORMATS[i % 2], request).status_code == 200

    with pools(8) as pool:
        list(pool.map(ask, range(50)))
        before = resident()
        list(pool.map(ask, range(300)))
    assert resident() < before + 40, (before, resident())
    assert server.metrics()["held_bytes"] == 0


# --- the process -----------------------------------------------------------------------------------------------------


def test_sigterm_under_load_answers_what_was_accepted_and_exits_0(server):
    """The last test: it ends the server."""
    before = server.metrics()["accepted_requests_total"]
    request = {"instances": [b64(png(0))]}
    clients = [httpx.Client(base_url=server.address, timeout=60, trust_env=False) for _ in range(32)]

    def ask(client):
        return client.post("/v1/models/saved_model:predict", json=request)

    with pools(len(clients)) as pool:
        answers = [pool.submit(ask, client) for client in clients]
        eventually(lambda: server.metrics()["accepted_requests_total"] >= before + 8)
        accepted = server.metrics()["accepted_requests_total"] - before
        server.process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        assert server.process.wait(timeout=20) == 0
        taken = time.monotonic() - begun
        errors = [answer.exception(timeout=20) for answer in answers]
    for client in clients:
        client.close()
    whole = [answer.result() for answer, error in zip(answers, errors) if error is None]
    assert len(whole) >= accepted and {answer.status_code for answer in whole} == {200}
    # The others came too late: they found no one who listens, or a connection that was closed before they were read.
    assert all(isinstance(error, httpx.TransportError) for error in errors if error is not None), errors
    assert taken < 15
    printed = server.stderr()
    assert not [word for word in ("Traceback", "Exception", "never retrieved", "ERROR:") if word in printed], printed
    with pytest.raises(OSError):
        server.connect()
