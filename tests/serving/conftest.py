"""The server that the tests of a file share."""

import pytest
from served import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    started = Server(tmp_path_factory.mktemp("served"))
    try:
        assert started.address, started.stderr()
        yield started
    finally:
        started.close()
