"""The download of weights, against a server on this machine that misbehaves as told."""

import concurrent.futures
import contextlib
import errno
import hashlib
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import keras_effconv as ke
from keras_effconv.zoo.fetching import download, hashes, transfer
from keras_effconv.zoo.fetching.download import WeightsUnavailable, fetch

BODY = bytes(range(256)) * 4000  # a megabyte: many blocks
OTHER = BODY[::-1]
MD5, SHA256 = hashlib.md5(BODY).hexdigest(), hashlib.sha256(BODY).hexdigest()
HALF = len(BODY) // 2
PAGE = b"\xef\xbb\xbf \n<!DOCTYPE html><title>Sign in to the wireless network</title>"


# --- the server -----------------------------------------------------------------------------------------------------


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        site = self.server
        site.requests.append((self.path, dict(self.headers)))
        with contextlib.suppress(ConnectionError):
            (site.script.pop(0) if site.script else serve)(self)

    def log_message(self, *args):
        pass


def answer(handler, status, body=b"", **headers):
    handler.send_response(status)
    for name, value in {"Content_Length": len(body), **headers}.items():
        if value is not None:
            handler.send_header(name.replace("_", "-"), str(value))
    handler.end_headers()
    handler.wfile.write(body)


def serve(handler, body=BODY, tag='"1"', until=None, ranges=True, **headers):
    """As a well-behaved server does, up to the byte `until`, where the connection dies."""
    asked, wanted = handler.headers.get("Range"), handler.headers.get("If-Range")
    headers = {"ETag": tag, **headers}
    start, status = 0, 200
    if asked and ranges and wanted in (None, tag):
        start, status = int(asked.removeprefix("bytes=").removesuffix("-")), 206
        if start >= len(body):
            return answer(handler, 416, Content_Range=f"bytes */{len(body)}")
        headers["Content_Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
    return answer(handler, status, body[start:until], **{"Content_Length": len(body) - start, **headers})


def act(function, *args, **options):
    return lambda handler: function(handler, *args, **options)


def dies(until=HALF, **options):
    return act(serve, until=until, **options)


@pytest.fixture
def site():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests, server.script = [], []
        server.base = f"http://127.0.0.1:{server.server_port}"
        server.address = f"{server.base}/models/net.h5"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """An empty cache, no mirror, no proxy and no waits."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("KERAS_EFFCONV_ZOO", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(transfer, "WAITS", (0, 0, 0))
    return tmp_path / "keras" / "models"


def names(cache):
    return sorted(path.name for path in cache.iterdir()) if cache.exists() else []


def ranges(site):
    return [headers.get("Range") for _, headers in site.requests]


def one_line(caught):
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- the usual ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hash", [MD5, SHA256, SHA256.upper()])
def test_a_file_is_fetched_once(site, cache, hash):
    for _ in range(2):
        path = fetch(site.address, hash)
        assert path == cache / "net.h5"
        assert path.read_bytes() == BODY
    assert names(cache) == ["net.h5"]
    assert len(site.requests) == 1


def test_a_name_of_ones_own(site, cache):
    assert fetch(site.address + "?v=1", MD5).name == "net.h5"
    assert fetch(site.address, MD5, file="a b.h5") == cache / "a b.h5"
    assert names(cache) == ["a b.h5", "net.h5"]


def test_the_cache_of_the_user(monkeypatch, tmp_path, site):
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert fetch(site.address, MD5) == tmp_path / ".keras" / "models" / "net.h5"


def test_a_file_that_keras_has_fetched_serves(site, cache):
    cache.mkdir(parents=True)
    (cache / "net.h5").write_bytes(BODY)
    assert fetch(site.address, MD5) == cache / "net.h5"
    assert site.requests == []


def test_the_hash_is_computed_once_per_state_of_the_file(tmp_path, monkeypatch):
    path, calls, digest = tmp_path / "net.h5", [], hashlib.file_digest
    monkeypatch.setattr(hashes.hashlib, "file_digest", lambda *args: calls.append(1) or digest(*args))
    path.write_bytes(BODY)
    os.utime(path, (1e9, 1e9))
    assert {hashes.file_hash(path) for _ in range(3)} == {SHA256}
    assert len(calls) == 1
    path.write_bytes(OTHER)
    assert {hashes.file_hash(path) for _ in range(3)} == {hashlib.sha256(OTHER).hexdigest()}
    assert len(calls) == 4  # changed just now, so it may change again unseen: nothing is remembered


def test_a_damaged_cache_is_fetched_again(site, cache):
    path = fetch(site.address, MD5)
    damaged = bytearray(BODY)
    damaged[HALF] ^= 1
    path.write_bytes(damaged)
    site.script = [act(answer, 404)]
    with pytest.raises(WeightsUnavailable, match=r"HTTP 404.*net\.h5 is there, with another hash"):
        fetch(site.address, MD5)
    assert path.read_bytes() == damaged
    assert fetch(site.address, MD5).read_bytes() == BODY
    assert names(cache) == ["net.h5"]


def test_the_bar_counts_bytes(site, monkeypatch):
    bars, shown = [], transfer.show_progress

    def spy(iterable, label, total, **options):
        bars.append((options["initial"], total, options["unit"], options["shown"]))
        return shown(iterable, label, total, **options)

    monkeypatch.setattr(transfer, "show_progress", spy)
    site.script = [dies()]
    fetch(site.address, MD5)
    fetch(site.address, MD5, file="quiet.h5", progress=False)
    assert bars == [(0, len(BODY), "B", True), (HALF, len(BODY), "B", True), (0, len(BODY), "B", False)]


# --- connections that break -----------------------------------------------------------------------------------------


def test_it_goes_on_where_the_server_died_twice(site, cache):
    site.script = [dies(1000), dies(HALF)]
    assert fetch(site.address, MD5).read_bytes() == BODY
    assert ranges(site) == [None, "bytes=1000-", f"bytes={HALF}-"]
    assert [headers.get("If-Range") for _, headers in site.requests] == [None, '"1"', '"1"']
    assert names(cache) == ["net.h5"]


def test_it_goes_on_in_the_next_call(site, cache):
    site.script = [dies(1000 * (n + 1)) for n in range(4)]
    with pytest.raises(WeightsUnavailable, match=rf"ended after 4000 of {len(BODY)} bytes \(attempt 4 of 4\)"):
        fetch(site.address, MD5)
    assert names(cache) == ["net.h5.part", "net.h5.part.json"]
    fetch(site.address, MD5)
    assert ranges(site)[4:] == ["bytes=4000-"]
    assert names(cache) == ["net.h5"]


def test_a_part_that_is_whole_is_not_fetched_again(site, cache):
    cache.mkdir(parents=True)
    (cache / "net.h5.part").write_bytes(BODY)
    (cache / "net.h5.part.json").write_text(json.dumps({"address": site.address, "validator": '"1"'}))
    assert fetch(site.address, MD5).read_bytes() == BODY
    assert ranges(site) == [f"bytes={len(BODY)}-"]


@pytest.mark.parametrize("note", ["", "[]", '{"address": "http://elsewhere/net.h5", "validator": "1"}'])
def test_a_part_of_unknown_origin_is_dropped(site, cache, note):
    cache.mkdir(parents=True)
    (cache / "net.h5.part").write_bytes(OTHER[:1000])
    (cache / "net.h5.part.json").write_text(note)
    assert fetch(site.address, MD5).read_bytes() == BODY
    assert ranges(site) == [None]


@pytest.mark.parametrize("hash", [MD5, None])
@pytest.mark.parametrize(
    "second",
    [
        act(serve, ranges=False),
        act(serve, tag='"2"'),
        act(answer, 416),
        act(answer, 206, BODY[HALF:], Content_Range=f"bytes {HALF}-{len(BODY) - 1}/{len(BODY)}", ETag='"2"'),
        act(answer, 206, BODY[HALF:], Content_Range=f"bytes 7-{len(BODY) - 1}/{len(BODY)}"),
        act(answer, 206, BODY[HALF:]),
    ],
    ids=["no ranges", "changed", "416", "changed, in spite of If-Range", "another range", "no range told"],
)
def test_what_cannot_be_continued_is_begun_again(site, cache, second, hash):
    site.script = [dies(body=OTHER if hash is None else BODY), second]
    assert fetch(site.address, hash).read_bytes() == BODY


def test_pieces_of_two_versions_are_fetched_once_more(site, cache):
    site.script = [dies(body=OTHER), act(serve)]  # a server that forgets to change its ETag
    assert fetch(site.address, MD5).read_bytes() == BODY
    assert ranges(site) == [None, f"bytes={HALF}-", None]
    assert names(cache) == ["net.h5"]


def test_pieces_that_stay_wrong_are_an_error(site, cache):
    site.script = [dies(body=OTHER), act(serve)] * 2
    with pytest.raises(ValueError, match=rf"must have the hash {MD5}\. Received: .*\(hash "):
        fetch(site.address, MD5)
    assert len(site.requests) == 4
    assert names(cache) == []


def test_without_hash_and_validator_nothing_is_continued(site):
    site.script = [dies(tag=None), act(serve, tag=None)]
    assert fetch(site.address).read_bytes() == BODY
    assert ranges(site) == [None, None]


def test_a_weak_tag_is_no_validator(site):
    since = "Sat, 01 Jan 2000 00:00:00 GMT"
    site.script = [dies(tag='W/"1"', Last_Modified=since), act(serve, tag=since)]
    fetch(site.address, MD5)
    assert site.requests[1][1]["If-Range"] == since


@pytest.mark.parametrize(
    "status, requests", [(503, 4), (500, 4), (429, 4), (404, 1), (403, 1), (401, 1), (410, 1), (204, 1), (206, 1)]
)
def test_an_error_of_the_server(site, cache, status, requests):
    site.script = [act(answer, status)] * 4
    with pytest.raises(WeightsUnavailable, match=f"HTTP {status}") as caught:
        fetch(site.address, MD5)
    for part in (site.address, MD5, str(cache / "net.h5"), "KERAS_EFFCONV_ZOO"):
        assert part in one_line(caught)
    assert len(site.requests) == requests
    assert names(cache) == []


def test_an_error_that_passes(site, monkeypatch):
    waits = []
    monkeypatch.setattr(transfer, "WAITS", (1, 2, 4))
    monkeypatch.setattr(transfer.time, "sleep", waits.append)
    site.script = [act(answer, 503), act(answer, 429), lambda handler: handler.connection.shutdown(socket.SHUT_RDWR)]
    assert fetch(site.address, MD5).read_bytes() == BODY
    assert waits == [1, 2, 4]


def test_a_server_that_falls_silent(site, monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(transfer, "TIMEOUT", 0.2)
    site.script = [lambda handler: released.wait(10), lambda handler: (serve(handler, until=HALF), released.wait(10))]
    try:
        assert fetch(site.address, MD5).read_bytes() == BODY
    finally:
        released.set()
    assert ranges(site)[:2] == [None, None]


def test_nobody_listens(cache):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(WeightsUnavailable, match=r"ConnectionRefusedError.*\(attempt 4 of 4\)"):
        fetch(f"http://127.0.0.1:{port}/net.h5", MD5)
    assert names(cache) == []


def test_chunks(site):
    def chunked(handler, end):
        handler.protocol_version = "HTTP/1.1"
        answer(handler, 200, Content_Length=None, Transfer_Encoding="chunked")
        for start in range(0, len(BODY), 100_000):
            block = BODY[start : start + 100_000]
            handler.wfile.write(f"{len(block):x}\r\n".encode() + block + b"\r\n")
        handler.wfile.write(end)
        handler.close_connection = True

    site.script = [act(chunked, b""), act(chunked, b"0\r\n\r\n")]
    assert fetch(site.address).read_bytes() == BODY
    assert len(site.requests) == 2


# --- files that are not what they should be -------------------------------------------------------------------------


def test_another_file(site, cache):
    site.script = [act(serve, OTHER)]
    with pytest.raises(ValueError, match="nothing of it was kept") as caught:
        fetch(site.address, MD5)
    for part in (site.address, MD5, hashlib.md5(OTHER).hexdigest()):
        assert part in one_line(caught)
    assert names(cache) == []
    assert len(site.requests) == 1


def test_a_page_instead_of_a_file(site, cache):
    site.script = [act(serve, PAGE, Content_Type="text/html; charset=utf-8"), act(serve, PAGE), act(serve, PAGE)]
    for _ in range(2):
        with pytest.raises(WeightsUnavailable, match="an HTML page"):
            fetch(site.address)
    with pytest.raises(ValueError, match=r"must have the hash .*, an HTML page\);"):
        fetch(site.address, MD5)
    assert names(cache) == []


def test_without_a_hash_the_end_must_be_known(site, cache):
    site.script = [act(serve, Content_Length=None), act(serve, Content_Length=None)]
    with pytest.raises(WeightsUnavailable, match="an answer without a length"):
        fetch(site.address)
    assert fetch(site.address, MD5).read_bytes() == BODY
    assert names(cache) == ["net.h5"]


def test_an_encoding_that_was_not_asked_for(site):
    site.script = [act(serve, Content_Encoding="gzip")]
    with pytest.raises(WeightsUnavailable, match="the content encoding gzip"):
        fetch(site.address, MD5)


def test_a_hash_that_no_source_publishes_is_recorded(site, cache):
    path = fetch(site.address)
    assert names(cache) == ["net.h5", "net.h5.sha256"]
    assert (cache / "net.h5.sha256").read_text() == f"{SHA256}  net.h5\n"
    fetch(site.address)
    assert len(site.requests) == 1
    path.write_bytes(BODY[:-1])
    assert fetch(site.address).read_bytes() == BODY
    path.unlink()
    site.script = [act(serve, OTHER), act(serve, OTHER)]
    with pytest.raises(ValueError, match=r"recorded in .*net\.h5\.sha256: delete it") as caught:
        fetch(site.address)
    assert SHA256 in one_line(caught)
    assert names(cache) == ["net.h5.sha256"]
    (cache / "net.h5.sha256").unlink()
    assert fetch(site.address).read_bytes() == OTHER


def test_a_file_put_by_hand_is_recorded_too(site, cache):
    cache.mkdir(parents=True)
    (cache / "net.h5").write_bytes(BODY)
    fetch(site.address)
    assert (cache / "net.h5.sha256").read_text().split() == [SHA256, "net.h5"]
    (cache / "net.h5.sha256").write_text("what")
    with pytest.raises(ValueError, match=r"must be a sha256\. Received: .*net\.h5\.sha256 \('what'\)"):
        fetch(site.address)
    assert site.requests == []


# --- addresses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "ftp://host/net.h5", "net.h5", "data:,x", "http:///net.h5", "http://h/a\nb"]
)
def test_other_addresses_are_refused(address):
    with pytest.raises(ValueError, match=r"`address` must be of http or https\. Received: address="):
        fetch(address, MD5)


@pytest.mark.parametrize(
    "options",
    [{"hash": "abc"}, {"hash": "g" * 32}, {"file": ""}, {"file": "../net.h5"}, {"file": ".."}, {"file": "a\0"}],
    ids=str,
)
def test_arguments_are_checked(site, options):
    with pytest.raises(ValueError, match=f"`{next(iter(options))}` must be"):
        fetch(site.address, **options)
    with pytest.raises(ValueError, match=r"`file` must be the name of a file\. Received: file=''"):
        fetch(site.base + "/", MD5)
    assert site.requests == []


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/net.h5", "data:,x"])
def test_redirects_elsewhere_are_refused(site, cache, target):
    site.script = [act(answer, 302, Location=target)]
    with pytest.raises(WeightsUnavailable, match=r"302.*not allowed"):
        fetch(site.address, MD5)
    assert len(site.requests) == 1
    assert names(cache) == []


def test_from_https_there_is_no_redirect_to_http():
    request = transfer.urllib.request.Request("https://example.org/net.h5")
    with pytest.raises(transfer.urllib.error.HTTPError, match="not allowed"):
        transfer._WebOnly().redirect_request(request, None, 302, "Found", {}, "http://example.org/net.h5")


def test_a_redirect_is_followed_and_continued(site):
    site.script = [act(answer, 302, Location="/other/net.h5"), dies(), act(answer, 307, Location="/other/net.h5")]
    assert fetch(site.address, MD5).read_bytes() == BODY
    assert [path for path, _ in site.requests] == ["/models/net.h5", "/other/net.h5"] * 2
    assert ranges(site)[2:] == [f"bytes={HALF}-"] * 2


# --- mirrors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["", "/"])
def test_a_mirror_by_address(site, monkeypatch, end):
    monkeypatch.setenv("KERAS_EFFCONV_ZOO", f"{site.base}/mirror{end}")
    assert fetch("https://example.invalid/a%20b.h5", MD5).name == "a b.h5"
    assert [path for path, _ in site.requests] == ["/mirror/a%20b.h5"]


def test_a_mirror_is_asked_alone(site, monkeypatch):
    monkeypatch.setenv("KERAS_EFFCONV_ZOO", f"{site.base}/mirror")
    site.script = [act(answer, 404)]
    with pytest.raises(WeightsUnavailable, match=r"mirror/net\.h5 .*KERAS_EFFCONV_ZOO is set, so .* was not tried"):
        fetch(site.address, MD5)
    assert len(site.requests) == 1


@pytest.mark.parametrize("hash", [MD5, None])
def test_a_mirror_by_folder_is_used_in_place(site, cache, monkeypatch, tmp_path, hash):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "net.h5").write_bytes(BODY)
    monkeypatch.setenv("KERAS_EFFCONV_ZOO", str(folder))
    for _ in range(2):
        assert fetch(site.address, hash) == folder / "net.h5"
    assert names(cache) == ([] if hash else ["net.h5.sha256"])
    (folder / "net.h5").write_bytes(OTHER)
    with pytest.raises(ValueError, match=r"must have the hash .*Received: .*site/net\.h5 \("):
        fetch(site.address, hash)
    assert names(folder) == ["net.h5"]
    (folder / "net.h5").unlink()
    with pytest.raises(WeightsUnavailable, match=r"no file there;"):
        fetch(site.address, hash)
    folder.rmdir()
    with pytest.raises(WeightsUnavailable, match="no file there, and no such folder"):
        fetch(site.address, hash)
    assert site.requests == []


def test_a_mirror_of_another_scheme(monkeypatch):
    monkeypatch.setenv("KERAS_EFFCONV_ZOO", "file:///srv/models")
    with pytest.raises(
        ValueError, match=r"KERAS_EFFCONV_ZOO must be an address of http or https, or the path of a folder\. Received: "
    ):
        fetch("https://example.invalid/net.h5", MD5)


def test_a_constructor_fetches_from_the_mirror(site, monkeypatch):
    monkeypatch.setenv("KERAS_EFFCONV_ZOO", site.base)
    with pytest.raises(ValueError, match="must have the hash 902e53a9"):
        ke.EfficientNetB0()
    assert [path for path, _ in site.requests] == ["/efficientnetb0.h5"]


# --- disks ----------------------------------------------------------------------------------------------------------


def test_a_cache_that_cannot_be_written(site, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file"))
    with pytest.raises(WeightsUnavailable, match="Not a directory"):
        fetch(site.address, MD5)
    assert site.requests == []


def test_a_cache_that_can_only_be_read_serves(site, cache, monkeypatch):
    cache.mkdir(parents=True)
    (cache / "net.h5").write_bytes(BODY)

    def refuse(path, lines):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(hashes, "write_lines", refuse)
    assert fetch(site.address) == cache / "net.h5"
    assert names(cache) == ["net.h5"]


def test_too_little_space_is_told_before(site, cache, monkeypatch):
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda path: type("usage", (), {"free": 10}))
    with pytest.raises(WeightsUnavailable, match=f"{len(BODY)} bytes for 10 bytes of free space in "):
        fetch(site.address, MD5)
    assert names(cache) == []


def test_a_disk_that_fills_up_is_not_asked_again(site, monkeypatch):
    class Full:
        def __init__(self, *given, **options): ...
        def __enter__(self): ...
        def __exit__(self, *args): ...
        def update(self, n):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(transfer, "show_progress", Full)
    with pytest.raises(WeightsUnavailable, match="No space left on device"):
        fetch(site.address, MD5)
    assert len(site.requests) == 1


# --- several at once, and interruptions -----------------------------------------------------------------------------

PACKAGE = str(Path(ke.__file__).parent)
# The package without its `__init__`, which would import TensorFlow.
CHILD = f"""
import signal, sys, types
signal.signal(signal.SIGINT, signal.default_int_handler)
for name, folder in (("keras_effconv", {PACKAGE!r}), ("keras_effconv.zoo", {PACKAGE + "/zoo"!r})):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [folder]
from keras_effconv.zoo.fetching.download import fetch
print(fetch(sys.argv[1], sys.argv[2]))
"""


@contextlib.contextmanager
def child(site):
    command = [sys.executable, "-c", CHILD, site.address, MD5]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def slowly(handler):
    for start in range(0, len(BODY), HALF // 2):
        if not start:
            serve(handler, until=HALF // 2)
        else:
            time.sleep(0.05)
            handler.wfile.write(BODY[start : start + HALF // 2])


@pytest.mark.parametrize("locks", [True, False])
def test_threads_that_want_the_same_file(site, cache, monkeypatch, locks):
    if not locks:
        monkeypatch.setattr(download, "fcntl", None)
    site.script = [slowly] * 6
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        paths = list(pool.map(lambda _: fetch(site.address, MD5), range(6)))
    assert {path.read_bytes() == BODY for path in paths} == {True}
    assert len(site.requests) == 1 or not locks
    assert names(cache) == ["net.h5"]


def test_file_systems_without_locks(site, cache, monkeypatch):
    def refuse(file, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(download.fcntl, "flock", refuse)
    site.script = [dies()]
    assert fetch(site.address, MD5).read_bytes() == BODY
    site.script = [act(answer, 404)]
    with pytest.raises(WeightsUnavailable):
        fetch(site.address, SHA256, file="other.h5")
    assert names(cache) == ["net.h5"]


def test_threads_that_are_refused_in_turn(site, cache):
    """Each takes over a part file that the one before has deleted."""
    site.script = [act(answer, 404)] * 5
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        results = [pool.submit(fetch, site.address, MD5) for _ in range(6)]
        errors = [result.exception() for result in results]
    assert sum(isinstance(error, WeightsUnavailable) for error in errors) == 5
    assert names(cache) == ["net.h5"]


def test_who_waited_holds_the_file_that_has_the_name_now(tmp_path):
    part, inside = tmp_path / "net.h5.part", []
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        with download._claimed(part):

            def wait():
                with download._claimed(part):
                    inside.append(part.exists())

            waiting = pool.submit(wait)
            time.sleep(0.1)
            assert not waiting.done()
            part.rename(tmp_path / "net.h5")
        waiting.result(timeout=10)
    assert inside == [True]
    assert names(tmp_path) == ["net.h5"]


def test_who_is_done_leaves_the_part_of_the_next(tmp_path):
    part = tmp_path / "net.h5.part"
    first, second = download._claimed(part), download._claimed(part)
    first.__enter__()
    part.rename(tmp_path / "net.h5")
    with second:
        first.__exit__(None, None, None)
        assert part.exists()
    assert names(tmp_path) == ["net.h5"]


def test_processes_that_want_the_same_file(site, cache):
    site.script = [slowly] * 3
    with child(site) as first, child(site) as second, child(site) as third:
        for process in (first, second, third):
            out, err = process.communicate(timeout=30)
            assert process.returncode == 0, err
            assert out.split() == [str(cache / "net.h5")]
    assert len(site.requests) == 1
    assert names(cache) == ["net.h5"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interruption_leaves_the_part(site, cache, how):
    released = threading.Event()
    site.script = [lambda handler: (serve(handler, until=HALF), released.wait(30))]
    part, deadline = cache / "net.h5.part", time.monotonic() + 20
    with child(site) as process:
        while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(how)
        _, err = process.communicate(timeout=20)
    released.set()
    assert process.returncode != 0
    assert "KeyboardInterrupt" in err or how == signal.SIGKILL
    assert names(cache) == ["net.h5.part", "net.h5.part.json"]
    have = part.stat().st_size
    assert fetch(site.address, MD5).read_bytes() == BODY
    assert ranges(site) == [None, f"bytes={have}-"]
    assert names(cache) == ["net.h5"]
