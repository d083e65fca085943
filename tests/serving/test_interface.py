"""The REST interface as clients of TensorFlow Serving use it; texts and rules are those of its source."""

import json
import threading

import numpy as np
import pytest
from fake_format import Gate, ask
from served import b64, eventually, floats, png

from keras_effconv import serving
from keras_effconv.serving import answers

MODEL = "/v1/models/gate"
IMAGE = {"signature_name": "float_images", "instances": [[[[0, 0, 0]]]]}


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    """Versions 1 and 2 of a model, of which the first has a label though one version is served."""
    with pytest.MonkeyPatch.context() as patch:
        gate = Gate(tmp_path_factory.mktemp("gates") / "gate", patch)
        for number in (1, 2):
            gate.write(number)
        yield serving.Versions(gate.folder, count=1, labels={"stable": 1, "canary": 2})


def answered(versions, *requests, **options):
    return ask({"gate": versions}, *requests, **options)


def get(path):
    return "GET", path, {}


def post(path, **content):
    return "POST", path, content


def version(answer):
    """Return the number of the version that answered."""
    return answer.json()["predictions"][0]["probabilities"][0]


def test_rows_and_columns_with_and_without_names(gate):
    images = [[[[0, 0, 0]]], [[[1, 1, 1]]]]
    requests = [
        {"instances": images},
        {"instances": [{"images": each} for each in images]},
        {"inputs": images},
        {"inputs": {"images": images, "another": "key"}},
    ]
    found = answered(gate, *(post(f"{MODEL}:predict", json={**IMAGE, **each}) for each in requests[:2]))
    for answer in found:
        rows = answer.json()["predictions"]
        assert [row["probabilities"] for row in rows] == [[2, 2]] * 2 and set(rows[0]) >= {"labels", "scores"}
    columns = answered(
        gate, *(post(f"{MODEL}:predict", json={"signature_name": "float_images", **each}) for each in requests[2:])
    )
    assert [answer.json()["outputs"]["probabilities"] for answer in columns] == [[[2, 2]] * 2] * 2
    files = {"instances": [{"image_bytes": b64(png(0))}, {"image_bytes": b64(b"no")}]}
    (answer,) = answered(gate, post(f"{MODEL}:predict", json=files))
    assert [bool(row["error"]) for row in answer.json()["predictions"]] == [False, True]


def test_the_first_object_of_a_body_is_the_request(gate):
    """Of equal keys the first counts, and what follows the object is ignored: by RapidJSON's rules."""
    body = json.dumps(IMAGE)
    twice = body[:-1] + ', "instances": 3, "signature_name": 4}'
    for text in (f"\n {body} and more", f"{body}{body}", f"\ufeff{body}", twice):
        (answer,) = answered(gate, post(f"{MODEL}:predict", content=text.encode()))
        assert answer.status_code == 200 and version(answer) == 2, text


def test_numbers_have_the_digits_of_float32():
    values = np.array([0.59005111, 0.1, 1, 2e-7, 16777216, np.nan, -np.inf], "float32")
    wanted = ["0.590051115", "0.1", "1.0", "2e-07", "16777216.0", "NaN", "-Infinity"]
    assert answers.numbers(values) == wanted
    rng = np.random.default_rng(0)
    many = np.concatenate([rng.random(2000), rng.lognormal(0, 20, 2000)]).astype("float32")
    np.testing.assert_array_equal(np.array(answers.numbers(many), "float64").astype("float32"), many)
    text = answers.text({"a_bytes": np.array([b"\xff"], object), "b": many[:4].reshape(1, 2, 2)}, by_row=True)
    ((row,),) = json.loads(text).values()
    assert row["a_bytes"] == {"b64": "/w=="} and np.shape(row["b"]) == (2, 2)


@pytest.mark.parametrize("count", [1, 1000])
@pytest.mark.parametrize("padding", [0, 400_000])
def test_requests_of_any_length_get_the_same_answers(gate, count, padding):
    """Short and long ones are parsed and written by other threads."""
    body = json.dumps({**IMAGE, "instances": IMAGE["instances"] * count}) + " " * padding
    (answer,) = answered(gate, post(f"{MODEL}:predict", content=body.encode()))
    row = {"labels": ["a", "b"], "scores": [2.0, 2.0], "probabilities": [2.0, 2.0]}
    assert answer.status_code == 200 and answer.json() == {"predictions": [row] * count}


def test_labels_of_versions(gate):
    paths = [f"{MODEL}/labels/{label}:predict" for label in ("stable", "canary", "nightly")]
    stable, canary, nightly, other, told, status = answered(
        gate,
        *(post(path, json=IMAGE) for path in paths),
        post("/v1/models/tulips/labels/stable:predict", json=IMAGE),
        get(f"{MODEL}/labels/stable/metadata"),
        get(f"{MODEL}/labels/stable"),
    )
    assert (version(stable), version(canary)) == (1, 2)
    assert nightly.status_code == other.status_code == 400
    assert nightly.json() == {"error": "Unrecognized servable version label: nightly"}
    assert told.json()["model_spec"]["version"] == "1"
    assert len(status.json()["model_version_status"]) == 2  # the status takes no label


def test_a_version_with_a_label_is_served_whatever_its_age(gate):
    assert {number: state.name for number, state in gate.states().items()} == {2: "AVAILABLE", 1: "AVAILABLE"}
    assert gate.get()[0] == 2 and gate.get(1)[0] == 1
    gate.labels["next"] = 3
    try:
        with pytest.raises(ValueError, match=r"`labels` must be of versions that exist. Received: 'next': 3, not in"):
            gate.check_labels()
    finally:
        del gate.labels["next"]


def test_cors_is_off_unless_asked_for(gate):
    allow = "access-control-allow-origin"
    requests = [
        ("OPTIONS", f"{MODEL}:predict", {"headers": {"Origin": "https://shop.example"}}),
        ("OPTIONS", f"{MODEL}:predict", {}),
        post(f"{MODEL}:predict", json=IMAGE),
        get("/v1/models/tulips"),
    ]
    for cors in (False, True):
        found = answered(gate, *requests, cors=cors)
        assert [answer.status_code for answer in found] == [200, 400, 200, 404]
        assert found[0].content == b""
        assert found[1].json() == {"error": "Origin header is missing in CORS preflight"}
        for answer in found:
            assert answer.headers.get(allow) == ("*" if cors else None)
            assert answer.headers.get("access-control-allow-methods") == ("POST, GET" if cors else None)
            assert answer.headers.get("access-control-allow-headers") == ("Content-Type" if cors else None)


PATHS = [
    ("GET", "/v1/models", 400, "Missing model name in request."),
    ("GET", "/v1/models/versions/1", 400, "Missing model name in request."),
    ("POST", MODEL, 400, f"Malformed request: POST {MODEL}"),
    ("POST", f"{MODEL}/versions/1", 400, f"Malformed request: POST {MODEL}/versions/1"),
    ("POST", f"{MODEL}:PREDICT", 400, f"Malformed request: POST {MODEL}:PREDICT"),
    ("POST", f"{MODEL}/versions/x:predict", 400, "Malformed request"),
    ("GET", f"{MODEL}:predict", 400, f"Malformed request: GET {MODEL}:predict"),
    ("GET", f"{MODEL}/versions/{2**63}", 400, f"Failed to convert version: {2**63} to numeric."),
    ("GET", f"{MODEL}/versions/{2**63 - 1}", 404, f"Could not find version {2**63 - 1} of model gate"),
    ("GET", f"{MODEL}/versions/9/metadata", 404, "Servable not found for request: Specific(gate, 9)"),
    ("GET", "/V1/Models/tulips", 404, "Could not find any versions of model tulips"),
    ("GET", "/v1/models/Gate", 404, "Could not find any versions of model Gate"),
    ("POST", "/v1/models/tulips:predict", 404, "Servable not found for request: Latest(tulips)"),
    *((method, MODEL, 400, f"Malformed request: {method} {MODEL}") for method in ("PUT", "DELETE", "PATCH", "HEAD")),
    ("GET", "/v1/other", 400, "Malformed request: GET /v1/other"),
    ("GET", "/v1", 404, "Not Found: GET /v1"),
    ("GET", "/", 404, "Not Found: GET /"),
]


def test_paths_and_methods(gate):
    found = answered(gate, *((method, path, {}) for method, path, _, _ in PATHS))
    for answer, (method, path, status, message) in zip(found, PATHS, strict=True):
        assert answer.status_code == status, (method, path, answer.text)
        assert method == "HEAD" or message in answer.json()["error"], (method, path, answer.text)
    good, shouted = answered(gate, post("/V1/MODELS/gate/VERSIONS/1:predict", json=IMAGE), get(f"{MODEL}/METADATA"))
    assert version(good) == 1 and "model_version_status" in shouted.json()  # as TensorFlow Serving's own comparison


EXAMPLES = {"examples": [{"x": 1.0}]}


@pytest.mark.parametrize(
    "action, request_, message",
    [
        ("classify", EXAMPLES, "Expected one or two output Tensors, found 4"),
        ("regress", EXAMPLES, "Expected one output Tensor."),
        ("classify", {**EXAMPLES, "signature_name": "no"}, "No signature was found with the name: no"),
        ("classify", {}, "key 'examples' is expected and was not found"),
        ("classify", {"examples": 3}, "Expecting 'examples' value to be an list/array"),
        ("regress", {"examples": []}, "'examples' value is an empty array"),
        ("regress", {**EXAMPLES, "signature_name": 3}, "'signature_name' key must be a string value."),
    ],
)
def test_classify_and_regress_need_another_signature(gate, action, request_, message):
    here, there = answered(
        gate, post(f"{MODEL}:{action}", json=request_), post(f"/v1/models/tulips:{action}", json=request_)
    )
    assert here.status_code == 400 and message in here.json()["error"]
    assert there.status_code == 404 and "Latest(tulips)" in there.json()["error"]


def test_prometheus_reads_tensorflow_servings_numbers(gate):
    *_, page, again = answered(
        gate,
        post(f"{MODEL}:predict", json=IMAGE),
        post(f"{MODEL}:predict", json=IMAGE),
        post(f"{MODEL}:predict", json={}),
        get("/v1/models/tulips"),
        get("/monitoring/prometheus/metrics"),
        get("/metrics"),
    )
    assert page.status_code == 200 and page.text == again.text
    lines = page.text.splitlines()
    assert "# TYPE :tensorflow:serving:request_count counter" in lines
    assert ':tensorflow:serving:request_count{model_name="gate",status="OK"} 2' in lines
    assert ':tensorflow:serving:request_count{model_name="gate",status="INVALID_ARGUMENT"} 1' in lines
    assert ':tensorflow:serving:request_count{model_name="",status="NOT_FOUND"} 1' in lines
    labels = 'model_name="gate",API="predict",entrypoint="REST"'
    limits = [line for line in lines if line.startswith(f":tensorflow:serving:request_latency_bucket{{{labels}")]
    assert [line.split('le="')[1].split('"')[0] for line in limits[:4]] == ["10", "18", "32.4", "58.32"]
    assert len(limits) == 34 and limits[-1].endswith('le="+Inf"} 2')
    assert f":tensorflow:serving:request_latency_count{{{labels}}} 2" in lines
    assert 'keras_effconv_answers_total{code="200"} 2' in lines


def test_states_of_versions_that_come_and_go(tmp_path, monkeypatch):
    gate = Gate(tmp_path / "gate", monkeypatch)
    gate.write(1)
    versions = serving.Versions(gate.folder, count=1)
    held = versions.get()

    def states():
        return {number: state.name for number, state in versions.states().items()}

    gate.loads.clear()
    gate.write(2)
    thread = threading.Thread(target=versions.refresh)
    thread.start()
    eventually(lambda: states() == {2: "LOADING", 1: "AVAILABLE"})
    gate.loads.set()
    thread.join()
    assert states() == {2: "AVAILABLE", 1: "UNLOADING"}
    del held
    assert states() == {2: "AVAILABLE", 1: "END"} and versions.states()[1].code == "OK"
    gate.write(3)
    (gate.folder / "3" / "export.json").write_text("{}")
    versions.refresh()
    assert states() == {3: "END", 2: "AVAILABLE", 1: "END"}
    assert versions.states()[3].code == "INVALID_ARGUMENT" and "has no 'size'" in versions.states()[3].message
    (answer,) = ask({"gate": versions}, get(f"{MODEL}/versions/3"))
    (status,) = answer.json()["model_version_status"]
    assert status["state"] == "END" and status["status"]["error_code"] == "INVALID_ARGUMENT"


def test_one_input_among_columns_is_enough(gate):
    """TensorFlow Serving looks up the inputs that it knows, and leaves the others."""
    request = floats(1)
    request["inputs"] = {"images": request["inputs"], "weights": None}
    (answer,) = answered(gate, post(f"{MODEL}:predict", json=request))
    assert answer.status_code == 200
