"""Below HTTP: clients that end one side, run ahead, declare too much, send nonsense, or are too many."""

import collections
import gzip
import json
import re
import socket
import struct
import threading
import time

import numpy as np
import pytest
from fake_format import Gate
from raw_http import PATH, Threaded, answers, chunked, chunks, head, request
from served import eventually

from keras_effconv import serving
from keras_effconv.serving import encodings


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        gate = Gate(tmp_path_factory.mktemp("gates") / "gate", patch)
        gate.write(1)
        gate.versions = serving.Versions(gate.folder)
        yield gate


@pytest.fixture
def started(gate, request):
    def start(**options):
        server = Threaded({"gate": gate.versions}, **options)
        request.addfinalizer(server.close)
        request.addfinalizer(gate.may.set)
        return server

    return start


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


@pytest.mark.parametrize("path", [PATH, "/v1/models/none:predict"])
@pytest.mark.parametrize("size", [1, 2, 16, 64, 4096])
def test_chunks_of_any_size_leave_others_their_answers(started, size, path):
    """Those of one byte are 40,000 in a read. Bodies in tiny chunks end with an answer that can be read."""
    server, part, found, times = started(), chunks(bytes(1 << 16), size) * 8, [], []

    def flood():
        with server.connect() as client:
            for data in (chunked(path), *[part] * 4):
                client.sendall(data)
            found.extend(answers(client) if size < 64 or path != PATH else [])

    with server.connect() as other:
        thread = threading.Thread(target=flood)
        thread.start()
        while thread.is_alive() or not times:
            begun = time.monotonic()
            other.sendall(head(0, "/healthz", method="GET"))
            assert answers(other)[0][0] == 200
            times.append(time.monotonic() - begun)
    assert max(times) < 0.5
    assert {status for status, _, _ in found} <= {400, 404} and (found or size >= 64)


@pytest.mark.parametrize("size", [64, 4096])
def test_a_large_body_may_come_in_chunks(started, size):
    whole = request(1)
    body = whole[whole.index(b"\r\n\r\n") + 4 :] + b" " * (1 << 20)
    with started().connect() as client:
        client.sendall(chunked() + chunks(body, size) + b"0\r\n\r\n")
        assert answers(client)[0][0] == 200


BROKEN = {
    "no HTTP": b"BLA\r\n\r\n",
    "a length that is none": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "a chunk that is none": chunked() + b"5\r\nabcde\r\nZZ\r\n",
    "tiny chunks": chunked() + chunks(bytes(1000), 1),
    "two lengths": head(9, PATH, "Transfer-Encoding: chunked") + b"0\r\n\r\n" + head(0, "/metrics", method="GET"),
    "a head without end": b"GET / HTTP/1.1\r\nX: " + b"x" * 200_000,
}


METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "ANY"]


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_http_is_400_without_a_line_in_the_log(started, name, capfd, caplog):
    """An answer each, counted once; that to HEAD has no body if the head could be read."""
    server, statuses = started(), collections.Counter()
    for method in METHODS:
        with server.connect() as client:
            client.sendall(re.sub(b"^(GET|POST) ", f"{method} ".encode(), BROKEN[name]))
            found = answers(client, 2)
        ((status, headers, body),) = found
        assert status in (400, 431) and headers["content-type"] == "application/json", (method, found)
        assert json.loads(body).keys() == {"error"} if body else method == "HEAD", method
        statuses[status] += 1
    eventually(lambda: not server.server.server_state.tasks)
    assert not capfd.readouterr().err and not caplog.records
    assert server.service.codes == statuses


@pytest.mark.parametrize("path", [PATH, "/v1/models/gate:classify", "/v1/models/none:predict"])
@pytest.mark.parametrize("rest", [b"5\r\nabcde\r\nZZ\r\n", b"5\r\nab", b""])
def test_each_request_is_counted_once(started, rest, path):
    """With the status that was sent, though the rest of its body is wrong, or does not come."""
    server = started()
    with server.connect() as client:
        client.sendall(chunked(path))
        if path == PATH:
            eventually(lambda: server.server.server_state.tasks)
        client.sendall(rest)
        client.shutdown(socket.SHUT_WR)
        ((status, _, _),) = answers(client, 2)
    eventually(lambda: not server.server.server_state.tasks)
    assert dict(server.service.codes) == {status: 1} and status in (400, 404)
    assert sum(server.service.monitor._counts.values()) <= 1


EMPTY = [b"\r\n", b"\n", b"\r\n\r\n", b"\r\n" * 10_000]


@pytest.mark.parametrize("empty", EMPTY)
def test_empty_lines_around_requests_are_dropped(started, empty):
    """Section 2.2 of RFC 9112, whichever way they are cut into packets."""
    with started().connect() as client:
        client.sendall(empty + request(1) + empty + request(2))
        assert [status for status, _, _ in answers(client, 2)] == [200] * 2
        client.sendall(empty[:1])
        time.sleep(0.05)
        client.sendall(empty[1:] + request(3))
        time.sleep(0.05)
        client.sendall(empty)
        assert [status for status, _, _ in answers(client)] == [200]
        client.sendall(empty + request(4, extra=["Connection: close"]) + empty)
        assert [status for status, _, _ in answers(client, 2)] == [200]


@pytest.mark.parametrize("host", ["http://x", "HTTP://x:8501", "https://user@[::1]:80"])
def test_a_target_may_have_a_host(started, host):
    """Section 3.2.2 of RFC 9112: as proxies send it."""
    with started().connect() as client:
        for path, status in (("/v1/models/gate", 200), ("/healthz?x=http://y/", 200), ("", 404), ("?a", 404)):
            client.sendall(head(0, host + path, method="GET"))
            found = answers(client)
            assert found[0][0] == status, (path, found)
        whole = request(1)
        client.sendall(whole.replace(PATH.encode(), f"{host}{PATH}".encode()))
        assert answers(client)[0][0] == 200


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
        for body in (request(1), BROKEN["no HTTP"], head(5) + b"{", b""):
            for _ in range(10):
                with server.connect() as client:
                    client.sendall(body)
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
