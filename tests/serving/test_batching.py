"""Which requests are computed together, and which are not computed at all."""

import threading
import time

import numpy as np
import pytest
from served import eventually

from keras_effconv.serving.batching import Batcher
from keras_effconv.serving.signatures import Signature


class Runs:
    """A signature that computes when it may, and keeps the rows of each batch."""

    def __init__(self):
        self.may, self.begun, self.batches = threading.Event(), threading.Event(), []
        self.may.set()
        self.signature = Signature(None, (), self.run)

    def run(self, rows):
        self.begun.set()
        assert self.may.wait(30)
        self.batches.append(rows.tolist())
        return {"twice": 2 * rows}


@pytest.fixture
def runs():
    return Runs()


def batcher_of(request, **options):
    batcher = Batcher(**options)
    request.addfinalizer(batcher.close)
    return batcher


def test_a_single_client_does_not_wait_for_others(runs, request):
    batcher = batcher_of(request, max_delay=30)
    begun = time.monotonic()
    for i in range(3):
        assert batcher.submit(runs.signature, np.array([i])).result(20)["twice"].tolist() == [2 * i]
    assert time.monotonic() - begun < 10


def test_who_comes_while_a_batch_is_computed_is_in_the_next_one(runs, request):
    batcher = batcher_of(request, max_batch=4)
    runs.may.clear()
    futures = [batcher.submit(runs.signature, np.array([0]))]
    eventually(lambda: not batcher.waiting())
    futures += [batcher.submit(runs.signature, np.array([i])) for i in range(1, 7)]
    runs.may.set()
    assert [future.result(20)["twice"].tolist() for future in futures] == [[2 * i] for i in range(7)]
    assert runs.batches == [[0], [1, 2, 3, 4], [5, 6]]


def test_a_batch_waits_for_who_is_announced(runs, request):
    batcher = batcher_of(request, max_delay=30)
    with batcher.announced():
        first = batcher.submit(runs.signature, np.array([1]))
        time.sleep(0.1)
        assert not first.done()
        batcher.submit(runs.signature, np.array([2]))
    assert first.result(20)["twice"].tolist() == [2] and runs.batches == [[1, 2]]
    batcher.max_delay = 0.05
    with batcher.announced():  # who does not come is not waited for
        assert batcher.submit(runs.signature, np.array([3])).result(20)["twice"].tolist() == [6]


def test_a_large_request_lets_others_through(runs, request):
    batcher = batcher_of(request, max_batch=4)
    runs.may.clear()
    large = batcher.submit(runs.signature, np.arange(10))
    assert runs.begun.wait(20)
    small = [batcher.submit(runs.signature, np.array([value])) for value in (100, 101)]
    runs.may.set()
    assert large.result(20)["twice"].tolist() == [2 * i for i in range(10)]
    assert [each.result(20)["twice"].tolist() for each in small] == [[200], [202]]
    assert [len(batch) for batch in runs.batches] == [4, 4, 4] and 100 in runs.batches[1] + runs.batches[2]


def test_the_rest_of_a_request_that_was_given_up_is_not_computed(runs, request):
    batcher = batcher_of(request, max_batch=4)
    runs.may.clear()
    large = batcher.submit(runs.signature, np.arange(400))
    assert runs.begun.wait(20)
    assert large.cancel()
    runs.may.set()
    assert batcher.submit(runs.signature, np.array([7])).result(20)["twice"].tolist() == [14]
    assert [len(batch) for batch in runs.batches] == [4, 1]


def test_streams_compute_at_the_same_time(request):
    together = threading.Barrier(2)

    def run(rows):
        together.wait(20)
        return {"twice": 2 * rows}

    batcher, signature = batcher_of(request, max_batch=1, streams=2), Signature(None, (), run)
    assert batcher.submit(signature, np.arange(6)).result(20)["twice"].tolist() == [0, 2, 4, 6, 8, 10]
