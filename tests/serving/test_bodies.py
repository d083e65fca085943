"""Bodies: base64 as clients write it, and gzip."""

import base64
import gzip
import json
import zlib

import numpy as np
import pytest
from fake_format import Gate, ask

from keras_effconv import serving
from keras_effconv.serving.encodings import PIECE, decoder_of
from keras_effconv.serving.refused import Refused
from keras_effconv.serving.values import unescaped

PATH = "/v1/models/gate:predict"
IMAGE = {"signature_name": "float_images", "instances": [[[[0, 0, 0]]]]}
BODY = json.dumps(IMAGE).encode()


@pytest.mark.parametrize("size", range(1, 8))
def test_base64_with_line_breaks_or_without_padding(size):
    data = np.random.default_rng(size).bytes(size * 50)[: size * 49 + size % 3]
    for write in (base64.b64encode, base64.encodebytes):
        text = write(data).decode()
        for variant in (text, text.replace("=", ""), f" \t{text}\r\n\v\f", text.replace("=", ".")):
            assert unescaped(variant) == data


@pytest.mark.parametrize(
    "text", ["A", "AB=", "AB===", "ABC==", "ABCD=", "=", "AB=C", "A*BC", "é", "-_-_", "AB==AB==", "\0"]
)
def test_what_is_no_base64(text):
    with pytest.raises(ValueError):
        unescaped(text)


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        gate = Gate(tmp_path_factory.mktemp("gates") / "gate", patch)
        gate.write(1)
        yield serving.Versions(gate.folder)


def posted(versions, *contents, limits=None):
    requests = [
        ("POST", PATH, {"content": content, "headers": {"Content-Encoding": encoding}})
        for encoding, content in contents
    ]
    return ask({"gate": versions}, *requests, ("GET", "/metrics", {}), limits=limits)


def test_a_gzip_body_is_inflated(versions):
    packed = gzip.compress(BODY)
    *found, _ = posted(
        versions,
        ("gzip", packed),
        ("GZip ", gzip.compress(BODY[:20]) + gzip.compress(BODY[20:])),
        ("x-gzip", packed + b"\0\0"),
        ("identity", BODY),
        ("", BODY),
    )
    assert [answer.status_code for answer in found] == [200] * 5


def test_other_encodings_are_415_and_what_is_no_gzip_is_400(versions):
    packed = gzip.compress(BODY)
    *found, _ = posted(
        versions,
        ("deflate", zlib.compress(BODY)),
        ("br", BODY),
        ("gzip, gzip", gzip.compress(packed)),
        ("gzip", BODY),
        ("gzip", packed[:-6]),
        ("gzip", b""),
    )
    assert [answer.status_code for answer in found] == [415, 415, 415, 400, 400, 400]
    assert "gzip" in found[0].json()["error"] and "deflate" in found[0].json()["error"]


def test_a_bomb_is_413_before_it_is_inflated(versions):
    """A megabyte that would be a gigabyte: at most one piece more than the limit is made of it."""
    bomb = gzip.compress(bytes(50 << 20), 1)
    limits = serving.Limits(max_body=1 << 20, max_held=2 << 20)
    *found, metrics = posted(versions, ("gzip", bomb), ("gzip", gzip.compress(bytes(1 << 20))), limits=limits)
    assert [answer.status_code for answer in found] == [413, 400]  # the second one is of the size that is allowed
    assert str(1 << 20) in found[0].json()["error"]
    assert "keras_effconv_held_bytes 0\n" in metrics.text
    inflated = decoder_of("gzip").pieces(bomb)
    assert len(next(inflated)) == PIECE


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
@pytest.mark.parametrize("step", [7, 1000, 1 << 20])
def test_parts_of_any_size(size, step):
    data = np.random.default_rng(0).bytes(100) * (size // 100 + 1)
    packed, decoder, found = gzip.compress(data[:size]), decoder_of("gzip"), b""
    for start in range(0, len(packed), step):
        found += b"".join(decoder.pieces(packed[start : start + step]))
    decoder.finish()
    assert found == data[:size]
    with pytest.raises(Refused):
        decoder_of("gzip").finish()
