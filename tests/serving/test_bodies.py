"""Bodies: base64 as clients write it, and gzip."""

import base64
import gzip
import json
import tracemalloc
import zlib

import numpy as np
import pytest
from fake_format import ask
from raw_http import Threaded, answers, head
from raw_http import request as floats_request
from served import eventually

from keras_effconv import serving
from keras_effconv.serving.encodings import INPUT, PIECE, decoder_of
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


def test_a_bomb_is_413_and_takes_no_more_than_the_limit(versions):
    """50 MB that would be sent as a few KB: at most one piece more than the limit is made of it."""
    bomb, limit = gzip.compress(bytes(50 << 20), 1), 1 << 20
    limits = serving.Limits(max_body=limit, max_held=2 * limit)
    *found, metrics = posted(versions, ("gzip", bomb), ("gzip", gzip.compress(bytes(limit))), limits=limits)
    assert [answer.status_code for answer in found] == [413, 400]  # the second one is of the size that is allowed
    assert str(limit) in found[0].json()["error"]
    assert "keras_effconv_held_bytes 0\n" in metrics.text
    tracemalloc.start()
    try:
        with pytest.raises(Refused):
            decoder_of("gzip")(bomb, limit)
        assert tracemalloc.get_traced_memory()[1] < 3 * limit + 4 * PIECE
    finally:
        tracemalloc.stop()


SIZES = [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE]


@pytest.mark.parametrize("noise", [0, 100])
@pytest.mark.parametrize("size", SIZES)
def test_gzip_of_any_size_and_number_of_members(size, noise):
    """Also where the packed bytes are as many as are read at a time, and where they are far fewer."""
    data = (np.random.default_rng(0).bytes(noise * 1000) or bytes(1)) * (size // max(1, noise * 1000) + 1)
    data, decode = data[:size], decoder_of("gzip")
    for cut in {0, 1, size // 2, size}:
        packed = gzip.compress(data[:cut]) + gzip.compress(data[cut:])
        assert decode(packed, size) == data
        with pytest.raises(Refused):
            decode(packed[:-1], size)
        if size:
            with pytest.raises(Refused):
                decode(packed, size - 1)
    with pytest.raises(Refused):
        decode(b"", size)


@pytest.mark.parametrize("size", [INPUT - 1, INPUT, INPUT + 1])
def test_a_member_may_end_where_a_piece_ends(size):
    for packed in (gzip.compress(np.random.default_rng(0).bytes(n), 0) for n in range(size - 40, size - 10)):
        assert decoder_of("gzip")(packed * 2, 1 << 20) == gzip.decompress(packed) * 2


@pytest.mark.parametrize("junk", [b"\0", b"\n", b"\x1f", b"\x1f\x8b", b"\x1f\x8bjunk", b"\x1f text", bytes(1 << 20)])
def test_what_follows_the_last_member_is_ignored(junk):
    assert decoder_of("gzip")(gzip.compress(BODY) + junk, len(BODY)) == BODY


ENCODINGS = {
    "identity": BODY,
    "gzip": gzip.compress(bytes(1 << 20)),
    "x-gzip": gzip.compress(bytes(1 << 20)) * 9,
    "br": BODY,
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_unfinished_bodies_hold_what_was_sent(versions, request, encoding):
    """However far they would inflate, they keep no one else out."""
    server = Threaded({"gate": versions}, max_body=1 << 20, max_held=2 << 20)
    request.addfinalizer(server.close)
    sent = ENCODINGS[encoding]
    clients = [server.connect() for _ in range(20)]
    for client in clients:
        request.addfinalizer(client.close)
        client.sendall(head(len(sent) + 1, PATH, f"Content-Encoding: {encoding}") + sent)
    eventually(lambda: server.service.bodies.held == len(clients) * len(sent))
    with server.connect() as good:
        good.sendall(floats_request(1))
        assert answers(good)[0][0] == 200
    assert server.service.bodies.held == len(clients) * len(sent)
