"""Requests that are wrong: one line, and 400."""

import json
import tracemalloc

import pytest
from fake_format import Gate, ask

from keras_effconv import serving
from keras_effconv.serving import wire
from keras_effconv.serving.refused import Refused

GOOD = {"instances": [{"b64": ""}]}
FLOATS = {"signature_name": "float_images"}
IMAGE = [[[0, 0, 0]]]
BAD = {
    "JSON Parse error": [b"{", b"\xff\xfe", b"[" * 3000 + b" " * 30_000, b'{"instances": [' + b"1" * 5000 + b"]}"],
    "[ may be in": [b'{"instances": [' + b"[]," * 5000 + b"[]]}", b"[" * 100_000],
    "{ may be in": [b'{"instances": [' + b"{}," * 5000 + b"{}]}"],
    ": may be in": [b'{"instances": {' + b'"a": 1,' * 5000 + b'"b": 2}}'],
    "The document is empty": [b"", b" \n"],
    "Is not object": [b"[]", b"3"],
    "Missing 'inputs' or 'instances' key": [{}, {"instance": []}],
    "only one of": [{"inputs": [], **GOOD}],
    "No values in 'instances' array": [{"instances": []}],
    "Expecting 'instances' to be an list/array": [{"instances": 3}, {"instances": {"image_bytes": []}}],
    "at least one row": [{"inputs": {"b64": ""}}, {"inputs": []}],
    "not found in signature def": [{**GOOD, "signature_name": "train"}],
    "'signature_name' key must be a string value.": [{**GOOD, "signature_name": 3}],
    "Unable to base64 decode": [{"instances": [{"b64": "*"}]}, {"instances": [{"b64": "é"}]}],
    'must be {"b64"': [{"instances": [3]}, {"instances": [None]}, {"inputs": [["x"]]}],
    "does not have named input": [
        *({"instances": [each]} for each in ({"image": ""}, {"b64": 1}, {"image_bytes": "", "b": 1})),
    ],
    "keys must be equal to: image_bytes": [{"instances": [{}]}],
    "Missing named input: image_bytes in 'inputs' object.": [{"inputs": {}}, {"inputs": {"image": [""]}}],
    "Expecting object but got list at item 1": [{"instances": [{"image_bytes": ""}, ""]}],
    "Expecting value/list but got object at item 1": [{"instances": [{"b64": ""}, {"image_bytes": ""}]}],
    "must be numbers": [
        {**FLOATS, "instances": values}
        for values in ([1], [[1, 2], [3]], ["1"], [{"images": [[[1, 2]]]}], [True], [None], [[]], [[[[0, 0, "1"]]]])
    ],
    "finite": [
        json.dumps({**FLOATS, "instances": [IMAGE]}).replace("0", number, 1).encode()
        for number in ("NaN", "1e39", "1" * 400)
    ],
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        gate = Gate(tmp_path_factory.mktemp("gates") / "gate", patch)
        gate.write(1)
        yield {"gate": serving.Versions(gate.folder)}


@pytest.mark.parametrize("message", BAD)
def test_a_bad_request_is_one_line_and_400(models, message):
    contents = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in BAD[message]]
    answers = ask(models, *(("POST", "/v1/models/gate:predict", {"content": content}) for content in contents))
    for answer, content in zip(answers, contents, strict=True):
        assert answer.status_code == 400, (content, answer.text)
        assert answer.json().keys() == {"error"} and message in answer.json()["error"], answer.text
        assert "\n" not in answer.json()["error"] and len(answer.text) < 600


def test_too_many_rows_are_413(models):
    contents = [json.dumps({**FLOATS, "instances": [IMAGE] * count}) for count in (8, 9)]
    requests = [("POST", "/v1/models/gate:predict", {"content": content}) for content in contents]
    good, bad = ask(models, *requests, limits=serving.Limits(max_rows=8))
    assert good.status_code == 200 and bad.status_code == 413
    assert bad.json() == {"error": "a request must have at most 8 rows. Received: 9"}


@pytest.mark.parametrize("size", [10_000, 100_000])
def test_a_string_among_numbers_takes_no_memory(models, size):
    """As an array, each number would take the bytes of the string."""
    signatures = models["gate"].get()[1].signatures
    body = json.dumps({**FLOATS, "instances": ["x" * size] + [0] * (size // 10)}).encode()
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="must be numbers"):
            wire.parse(body, signatures, max_rows=size)
        assert tracemalloc.get_traced_memory()[1] < 10 * len(body) + 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("item", [b"[],", b"{},", b"[[]],", b'{"a":1},', b"1,", b'"ab",', b"[0,0,0],", b"1.5,"])
def test_what_is_parsed_takes_a_bounded_multiple_of_the_body(models, item):
    check_memory(models, b'{"instances": [' + item * (500_000 // len(item)) + b"0]}")


@pytest.mark.parametrize("item", ['"{:x}":1,', '"{:x}":1.5,', '"{:x}":"ab",', '"":1,', '"ж",'])
@pytest.mark.parametrize("start", ["{", '{"instances": {', '{"x": "😀", "instances": {'])
def test_keys_and_letters_take_a_bounded_multiple_too(models, item, start):
    start = start if ":" in item else '{"x": "😀", "instances": ['
    check_memory(models, (start + "".join(item.format(number) for number in range(50_000))).encode())


def check_memory(models, body):
    signatures = models["gate"].get()[1].signatures
    tracemalloc.start()
    try:
        with pytest.raises((ValueError, Refused)):
            wire.parse(body, signatures)
        assert tracemalloc.get_traced_memory()[1] < 21 * len(body), body[:50]
    finally:
        tracemalloc.stop()
