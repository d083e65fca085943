"""Files that are rewritten ahead of the network: next to other requests, for who waits, and within bounds."""

import asyncio
import json
import socket
import struct
import time

import numpy as np
import pytest
from raw_http import Threaded, answers, head, request
from sample_images import encoded, gradient
from served import b64, eventually, png

from keras_effconv.data.images import convert
from keras_effconv.serving.conversion import Converter, foreign

TIFF = b"II*\0" + bytes(80)


@pytest.fixture
def slow(versions, monkeypatch, request):
    """Start a server that rewrites a file in a tenth of a second, to a PNG."""
    begun = []

    def readable(file, most):
        begun.append(file)
        time.sleep(0.1)
        return png(0)

    monkeypatch.setattr(convert, "readable", readable)

    def start(**limits):
        server = Threaded({"gate": versions}, **limits)
        request.addfinalizer(server.close)
        server.begun = begun
        return server

    return start


def posted(*files):
    body = json.dumps({"instances": [b64(file) for file in files]}).encode()
    return head(len(body)) + body


def test_others_are_answered_while_files_are_rewritten(slow):
    server, times = slow(max_delay=0.2), []
    with server.connect() as client, server.connect() as other:
        client.sendall(posted(*[TIFF] * 20, png(1)))
        eventually(lambda: server.begun)
        for _ in range(10):
            begun = time.monotonic()
            other.sendall(request(1))
            assert answers(other)[0][0] == 200
            times.append(time.monotonic() - begun)
        assert len(server.begun) < 20 and sorted(times)[5] < 0.1  # nobody waits for who is not about to be computed
        ((status, _, body),) = answers(client)
    assert status == 200 and [row["error"] for row in json.loads(body)["predictions"]] == [""] * 21


def test_requests_take_turns(slow):
    server = slow()
    with server.connect() as large, server.connect() as small:
        large.sendall(posted(*[TIFF] * 30))
        eventually(lambda: server.begun)
        small.sendall(posted(TIFF))
        assert answers(small)[0][0] == 200
        assert len(server.begun) < 10


@pytest.mark.parametrize("how", ["reset", "close", "late"])
def test_files_are_not_rewritten_for_who_does_not_wait(slow, how):
    server = slow(request_timeout=0.5 if how == "late" else 60)
    with server.connect() as client:
        client.sendall(posted(*[TIFF] * 100))
        eventually(lambda: server.begun)
        if how == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if how != "late":
            client.close()
        eventually(lambda: server.service.codes[504 if how == "late" else 499] == 1, 10)
        count = len(server.begun)
        time.sleep(0.3)
        assert len(server.begun) <= count + 1 < 50 and server.service.accepted == 0 == server.service.bodies.held


def test_what_files_become_is_held(slow):
    sent, file = posted(*[TIFF] * 10), png(0)
    size = len(sent) - sent.index(b"\r\n\r\n") - 4
    server = slow(max_held=size + 5 * len(file))
    with server.connect() as client:
        client.sendall(sent)
        ((status, _, body),) = answers(client)
    assert status == 503 and "at the same time" in json.loads(body)["error"] and len(server.begun) == 6
    assert server.service.bodies.held == 0


@pytest.mark.parametrize("kind", ["TIFF", "JPEG2000"])
def test_the_pixels_of_a_request_are_bounded(kind, monkeypatch):
    """What is beyond them is an error of its row, not decoded; damaged files count, and others do not."""
    pixels = gradient().width * gradient().height
    good = encoded(gradient(), kind)
    cut = good[: len(good) - 200]
    rows = np.array([png(0), good, b"\xff\x0a" + bytes(50), cut, good, png(1), good, b"no"], object)
    places, converter, held = foreign(rows), Converter(4 * pixels - 1), []
    assert places == [1, 2, 3, 4, 6]
    causes = asyncio.run(converter.rewrite(rows, places, held.append))
    converter.close()
    assert list(causes) == [2, 3, 6] and causes[2].startswith(b"JPEG XL cannot")
    assert causes[6].endswith(
        f"more than {pixels - 1:,}, which is left of {4 * pixels - 1:,} for such files of a request".encode()
    )
    assert [row == b"" for row in rows] == [place in causes for place in range(8)]
    assert held == [len(rows[place]) for place in places]
