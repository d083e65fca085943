"""Requests as HTTP allows them, and what is none: each gets its answer, and no line in the log."""

import collections
import json
import re
import socket
import threading
import time

import pytest
from raw_http import PATH, answers, chunked, chunks, head, request
from served import eventually


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
