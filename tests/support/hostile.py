"""What bad clients do to a server. Each act returns the statuses that it got, and those that may be."""

import contextlib
import gzip
import io
import json
import socket
import struct
import time

from PIL import Image
from raw_http import answers, head
from served import b64, declared, floats, png

PREDICT = "/v1/models/onnx:predict"
GOOD = json.dumps({"instances": [b64(png(0))]}).encode()
REFUSED = {400, 404, 408, 413, 415, 431}


def _sent(server, data, count=1, then=None):
    """Send bytes, do something with the socket, and return the statuses of the answers."""
    with server.connect() as client, contextlib.suppress(ConnectionError):
        client.settimeout(120)
        client.sendall(data)
        if then:
            then(client)
        if then is _reset:
            return []
        return [status for status, _, _ in answers(client, count)]
    return []


def _posted(body, *extra):
    return head(len(body), PREDICT, *extra) + body


def _half_close(client):
    client.shutdown(socket.SHUT_WR)


def _reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def nonsense(server, rng):
    """No HTTP, or none that is right."""
    chunked = head(0, PREDICT).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    return _sent(
        server,
        rng.choice(
            [
                bytes(rng.randrange(256) for _ in range(300)) + b"\r\n\r\n",
                b"GET /healthz HTTP/1.1\r\n\r\n",
                chunked + b"5\r\nabcde\r\nZZ\r\n\r\n",
                head(9, PREDICT, "Transfer-Encoding: chunked") + b"0\r\n\r\n" + head(0, "/metrics", method="GET"),
                b"GET / HTTP/1.1\r\nX: " + b"x" * 200_000,
            ]
        ),
    ), REFUSED


def wrong_json(server, rng):
    """Bodies that are no request."""
    floats_of = {"signature_name": "float_images"}
    bodies = [
        b"{",
        b"\xff\xfe",
        b"[" * 3000,
        b'{"instances": [' + b"[]," * 300_000 + b"0]}",
        b'{"instances": [' + b"{}," * 300_000 + b"0]}",
        b'{"instances": [' + b"[[[]]]," * 100_000 + b"0]}",
        b'{"instances": [' + b'"ab",' * 200_000 + b"0]}",
        json.dumps({**floats_of, "instances": ["x" * 300_000, *[0] * 1000]}).encode(),
        json.dumps({**floats_of, "instances": ["x" * 300_000] + [0] * 100_000}).encode(),
        b'{"signature_name": "float_images", "instances": [' + b"1" * 4000 + b"]}",
    ]
    return _sent(server, _posted(rng.choice(bodies))), REFUSED


def oversized(server, rng):
    """Too many bytes: as declared, as sent, as inflated; or too many rows."""
    large = b'{"instances": ["' + b"A" * (1 << 20) + b'"]}'
    bomb = gzip.compress(bytes(rng.choice([2, 50, 200]) << 20), 1)
    chunked = head(0, PREDICT).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    return _sent(
        server,
        rng.choice(
            [
                _posted(large),
                _posted(large, "Connection: close"),
                head(4 << 30, PREDICT, "Expect: 100-continue"),
                _posted(bomb, "Content-Encoding: gzip"),
                chunked + b"%x\r\n" % len(large) + large + b"\r\n0\r\n\r\n",
                _posted(json.dumps({"instances": [""] * 5000}).encode()),
            ]
        ),
    ), {413}


def wrong_encoding(server, rng):
    """What is no gzip, or says that it is something else."""
    encoding = rng.choice(["gzip", "br", "deflate"])
    return _sent(server, _posted(GOOD, f"Content-Encoding: {encoding}")), {400, 415}


def bombs(server, rng):
    """Small files of large images."""
    file = io.BytesIO()
    side = rng.choice([3000, 7900])
    Image.new("L", (side, side)).save(file, "png")
    files = [file.getvalue(), declared(60_000, 60_000), declared(7900, 7900)]
    body = json.dumps({"instances": [b64(each) for each in rng.sample(files, rng.randint(1, 3))]}).encode()
    return _sent(server, _posted(body)), {200}


def many_rows(server, rng):
    """As many rows as may be; some clients do not wait for the answer."""
    body = _posted(json.dumps({"instances": [""] * 1000}).encode())
    return _sent(server, body, then=rng.choice([None, _half_close, _reset])), {100, 200}


def half_closed(server, rng):
    """A client that ends its side: after a request, or within it."""
    whole = _posted(GOOD)
    return _sent(server, whole[: rng.choice([len(whole), len(whole) - 9])], 9, _half_close), {100, 200, 400}


def pipelined(server, rng):
    """Requests ahead of their answers, among them wrong ones."""
    count = rng.randint(2, 20)
    one = rng.choice([_posted(GOOD), _posted(json.dumps(floats(1)).encode()), head(0, "/v1/models/no", method="GET")])
    return _sent(server, one * count, count), {200, 400, 404}


def resets(server, rng):
    """Connections that are reset: before, within and after a request."""
    whole = _posted(GOOD)
    for _ in range(5):
        _sent(server, whole[: rng.randint(0, len(whole))], then=_reset)
    return [], set()


def crowd(server, rng):
    """Many connections at the same time, without a request."""
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            stack.enter_context(server.connect())
        time.sleep(0.2)
    return [], set()


def deaf(server, rng):
    """A client that reads no answers."""
    with server.connect() as client, contextlib.suppress(OSError):
        for _ in range(1000):
            client.sendall(head(0, "/metrics", method="GET") * 100)
    return [], set()


def slow(server, rng):
    """A request that does not end: its head, or its body, a byte at a time, until the server has enough."""
    with server.connect() as client, contextlib.suppress(OSError):
        client.settimeout(0.2)
        client.sendall(rng.choice([head(1000, PREDICT), b"GET / HTT", b""]))
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with contextlib.suppress(TimeoutError):
                answer = client.recv(1000)
                return ([int(answer.split()[1])] if answer else []), {400, 408}
            client.sendall(b" ")
        return [599], set()
    return [], set()


ACTS = (nonsense, wrong_json, oversized, wrong_encoding, bombs, many_rows, half_closed, pipelined, resets, crowd, deaf)
