"""A server in a thread, and clients that write bytes as no library would."""

import contextlib
import json
import socket
import threading

from served import floats

from keras_effconv import serving
from keras_effconv.serving.listening import bound, listen
from keras_effconv.serving.server import server_of

PATH = "/v1/models/gate:predict"


class Threaded:
    """A server of models in a thread of this process.

    Attributes:
        port: int.
        server: `keras_effconv.serving.server.Server`.
    """

    def __init__(self, models, shutdown_timeout=5, **limits):
        started, self.ports = threading.Event(), []
        self.listener = bound("127.0.0.1", 0)
        listen(self.listener)

        def on_start(port):
            self.ports.append(port)
            started.set()

        self.server = server_of(models, serving.Limits(**limits), shutdown_timeout, on_start, False)
        self.service = self.server.config.app.state.service
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listener]})
        self.thread.start()
        assert started.wait(30)
        (self.port,) = self.ports

    def connect(self, timeout=20):
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def end(self):
        """Ask it to end, as a signal would."""
        self.server.should_exit = True

    def close(self):
        self.end()
        self.thread.join(20)
        self.listener.close()
        assert not self.thread.is_alive()


def head(length, path=PATH, *extra, method="POST"):
    """Return the head of a request, with these lines besides."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {length}", *extra]
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


def chunked(path=PATH, method="POST"):
    """Return the head of a request whose body comes in chunks."""
    return head(0, path, method=method).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")


def chunks(data, size):
    """Return bytes as chunks of a size, without the end."""
    parts = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


def request(*values, extra=()):
    """Return the bytes of a good request."""
    body = json.dumps(floats(*values)).encode()
    return head(len(body), PATH, *extra) + body


def answers(connection, count=1):
    """Read answers: a list of (status, headers, body); fewer if the connection ends."""
    found = []
    with connection.makefile("rb") as file, contextlib.suppress(ConnectionError):
        while len(found) < count and (line := file.readline()):
            headers = {}
            while (row := file.readline().decode().strip().lower()) != "":
                name, _, value = row.partition(": ")
                headers[name] = value
            found.append((int(line.split()[1]), headers, file.read(int(headers.get("content-length", 0)))))
    return found
