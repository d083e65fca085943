"""The servers that the tests of a file share."""

import pytest
from fake_format import Gate
from raw_http import Threaded
from served import Server

from keras_effconv import serving


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    started = Server(tmp_path_factory.mktemp("served"))
    try:
        assert started.address, started.stderr()
        yield started
    finally:
        started.close()


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    """A format that computes when it may, and its `versions`."""
    with pytest.MonkeyPatch.context() as patch:
        gate = Gate(tmp_path_factory.mktemp("gates") / "gate", patch)
        gate.write(1)
        gate.versions = serving.Versions(gate.folder)
        yield gate


@pytest.fixture(scope="module")
def versions(gate):
    return gate.versions


@pytest.fixture
def started(gate, request):
    """Start servers of `gate` in threads, with options of `Threaded`."""

    def start(**options):
        server = Threaded({"gate": gate.versions}, **options)
        request.addfinalizer(server.close)
        request.addfinalizer(gate.may.set)
        return server

    return start
