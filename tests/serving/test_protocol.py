"""Below HTTP: clients that end one side, run ahead, declare too much, or are too many."""

import gzip
import json
import socket
import struct
import threading
import time

import numpy as np
import pytest
from raw_http import PATH, answers, head, request
from served import eventually

from keras_effconv.serving import encodings


def test_answers_are_sent_at_once(started):
    """Without waiting for the client's delayed acknowledgement, which takes 40 ms."""
    with started().connect() as client:
        times = []
        for _ in range(10):
            begun = time.monotonic()
            client.sendall(request(1))
            ((status, _, _),) = answers(client)
            times.append(time.monotonic() - begun)
    assert status == 200 and min(times) < 0.03


@pytest.mark.parametrize("count", [1, 3])
def test_who_ends_its_side_after_its_requests_gets_the_answers(started, count):
    with started().connect() as client:
        client.sendall(request(1) * count)
        client.shutdown(socket.SHUT_WR)
        assert [status for status, _, _ in answers(client, count + 1)] == [200] * count


def test_who_ends_its_side_within_a_request_gets_an_error(started):
    server = started()
    with server.connect() as client:
        client.sendall(head(1000) + b"{")
        client.shutdown(socket.SHUT_WR)
        ((status, headers, body),) = answers(client, 2)
    assert status == 400 and json.loads(body) == {"error": "the body ended early"}
    assert headers["connection"] == "close" and headers["content-type"] == "application/json"


@pytest.mark.parametrize("how", ["reset", "close"])
def test_who_goes_away_is_not_computed_for(started, gate, how):
    server = started(max_batch=1)
    gate.may.clear()
    gate.runs.clear()
    client = server.connect()
    client.sendall(request(*[1] * 500))
    eventually(lambda: server.service.accepted == 1)
    if how == "reset":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    eventually(lambda: server.service.codes[499] == 1)
    gate.may.set()
    with server.connect() as other:
        other.sendall(request(2))
        assert answers(other)[0][0] == 200
    assert len(gate.runs) <= 3


def test_who_waits_long_with_its_side_ended_is_asked_and_answered(started, gate):
    server = started()
    gate.may.clear()
    with server.connect() as client:
        client.sendall(request(1))
        client.shutdown(socket.SHUT_WR)
        threading.Timer(2.5, gate.may.set).start()
        statuses = [status for status, _, _ in answers(client, 10)]
    assert statuses[-1] == 200 and set(statuses[:-1]) == {100}


def test_requests_that_are_sent_ahead_are_answered_in_order(started):
    """Megabytes of them: the server does not read on until it has answered."""
    server, values = started(), range(60)
    padding = " " * 200_000
    with server.connect() as client:

        def send():
            for value in values:
                body = json.dumps({"signature_name": "float_images", "inputs": [[[[0, 0, 0]]]] * (value + 1)}) + padding
                client.sendall(head(len(body)) + body.encode())

        threading.Thread(target=send).start()
        found = answers(client, len(values))
    assert [status for status, _, _ in found] == [200] * len(values)
    assert [len(json.loads(body)["outputs"]["scores"]) for _, _, body in found] == [value + 1 for value in values]


@pytest.mark.parametrize("extra", [(), ("Connection: close",), ("Expect: 100-continue",)])
def test_a_body_that_is_declared_too_large_is_refused_unread(started, extra):
    server = started(max_body=1 << 20)
    size = (1 << 20) * 19 // 10
    with server.connect() as client:
        client.sendall(head(size, PATH, *extra))
        if "Expect" not in str(extra):
            client.sendall(bytes(size))  # all of it, before the answer is read
        ((status, _, body),) = answers(client)
    assert status == 413 and "1048576" in json.loads(body)["error"]


def test_who_expects_to_continue_may(started):
    with started().connect() as client:
        whole = request(1, extra=["Expect: 100-continue"])
        end = whole.index(b"\r\n\r\n") + 4
        client.sendall(whole[:end])
        assert answers(client)[0][0] == 100
        client.sendall(whole[end:])
        assert answers(client)[0][0] == 200


def test_when_too_much_is_held_the_refusal_arrives(started):
    server = started(max_body=2 << 20, max_held=3 << 20)
    first, second = server.connect(), server.connect()
    with first, second:
        first.sendall(head(2 << 20) + bytes((2 << 20) - 1))
        eventually(lambda: server.service.bodies.held == (2 << 20) - 1)
        second.sendall(head(2 << 20) + bytes(2 << 20))
        ((status, _, body),) = answers(second)
    assert status == 503 and "at the same time" in json.loads(body)["error"]
    eventually(lambda: server.service.bodies.held == 0)


def test_connections_are_limited_and_the_idle_make_room(started, gate):
    server = started(max_connections=4)
    idle = [server.connect() for _ in range(20)]
    eventually(lambda: len(server.server.server_state.connections) == 4)
    with server.connect() as client:
        client.sendall(request(1))
        assert answers(client)[0][0] == 200
    gate.may.clear()
    busy = [server.connect() for _ in range(4)]
    for i, client in enumerate(busy):
        client.sendall(request(1))
        eventually(lambda count=i + 2: server.service.accepted == count)
    with server.connect() as client:
        ((status, _, body),) = answers(client)
    assert status == 503 and json.loads(body) == {"error": "at most 4 connections may be open"}
    gate.may.set()
    assert [answers(client)[0][0] for client in busy] == [200] * 4
    for client in (*idle, *busy):
        client.close()


def test_the_last_answers_say_that_the_connection_ends(started, gate):
    server = started()
    gate.may.clear()
    with server.connect() as client, server.connect() as resting:
        client.sendall(request(1))
        eventually(lambda: server.service.accepted == 1)
        server.end()
        assert resting.recv(10) == b""
        gate.may.set()
        ((status, headers, _),) = answers(client, 2)
    assert status == 200 and headers["connection"] == "close"


def test_an_end_does_not_wait_for_clients(started, gate):
    """Uploads that never end, answers that nobody takes, and computations that take long: all within the time."""
    server = started(shutdown_timeout=2, max_batch=1)
    gate.runs.clear()
    upload, deaf, patient = clients = [server.connect() for _ in range(3)]
    gate.may.clear()
    upload.sendall(head(1000) + b"{")
    deaf.sendall(head(0, "/metrics", method="GET") * 2)
    patient.sendall(request(*[1] * 200))
    eventually(lambda: server.service.accepted == 1)
    begun = time.monotonic()
    server.end()
    for client in (upload, patient):
        ((status, _, body),) = answers(client)
        assert status == 503 and json.loads(body) == {"error": "the server ends"}
    gate.may.set()
    server.thread.join(20)
    assert time.monotonic() - begun < 2.5 and len(gate.runs) < 100
    for client in clients:
        client.close()


def test_threads_and_descriptors_are_level(started):
    import os

    server = started()
    counts = []

    def is_level():
        return len(counts) > 2 and all(np.ptp(each) <= 2 for each in zip(*counts[-2:]))

    while not is_level() and len(counts) < 8:  # on a busy machine, the threads that are kept become more at first
        for body in (request(1), b"BLA\r\n\r\n", head(5) + b"{", b""):
            for _ in range(10):
                with server.connect() as client:
                    client.sendall(body)
        with server.connect() as client:  # those before it are accepted by then
            client.sendall(request(1))
            answers(client)
        eventually(lambda: not server.server.server_state.connections, 40)
        counts.append((len(os.listdir("/proc/self/fd")), threading.active_count()))
    assert is_level() and counts[-1][0] - counts[0][0] <= 2, counts


@pytest.mark.parametrize("action", ["predict", "classify"])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_the_time_of_a_request_counts_while_it_waits_for_the_parser(started, monkeypatch, action, encoding):
    """It is answered in time, and not parsed any more, as is the one of who has gone."""
    server, may, parsed = started(request_timeout=0.5), threading.Event(), []
    server.service.parser.submit(may.wait, 30)
    monkeypatch.setitem(encodings.DECODERS, encoding, lambda body, limit: parsed.append(body))
    path, large = f"/v1/models/gate:{action}", b" " * (1 << 20)
    sent = gzip.compress(large) if encoding == "gzip" else large
    try:
        with server.connect() as client, server.connect() as leaving:
            for each in (client, leaving):
                each.sendall(head(len(sent), path, f"Content-Encoding: {encoding}") + sent)
            eventually(lambda: server.service.bodies.held == 2 * len(sent))
            leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            leaving.close()
            eventually(lambda: server.service.codes[499] == 1)
            ((status, _, body),) = answers(client)
        assert status == 504 and json.loads(body) == {"error": "not computed within 0.5 seconds"}
        assert server.service.bodies.held == 0
    finally:
        may.set()
    server.service.parser.submit(int).result(30)
    assert not parsed
