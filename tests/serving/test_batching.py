"""Which requests are computed together, and which are not computed at all."""

import dataclasses
import itertools
import threading
import time
import types

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


def asking(batcher, signature, clients, rounds):
    """Let clients ask again as soon as they have their answers; return the batches of the later rounds."""
    batches = []

    def run(rows):
        time.sleep(signature.overhead + 0.01 * len(rows))
        batches.append(len(rows))
        return {"twice": 2 * rows}

    costly = dataclasses.replace(signature, run=run)

    def ask():
        for _ in range(rounds):
            with batcher.announced():
                future = batcher.submit(costly, np.array([1]))
            future.result(20)

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return batches[2:-2]


def test_clients_that_ask_again_are_waited_for_where_a_batch_costs_much_besides_its_rows(runs, request):
    """Else half of them wait while the batch of the other half is computed."""
    batcher = batcher_of(request, max_delay=0.1)
    together = asking(batcher, dataclasses.replace(runs.signature, overhead=0.15), clients=4, rounds=6)
    apart = asking(batcher, runs.signature, clients=4, rounds=6)
    assert np.mean(together) > 3.5 and np.mean(apart) < 3


def test_clients_that_do_not_ask_again_are_not_waited_for_long(runs, request):
    batcher, signature = batcher_of(request, max_delay=20), dataclasses.replace(runs.signature, overhead=0.2)
    for pause in (0.0, 0.4):  # right behind the answers, and later
        runs.may.clear()
        busy = batcher.submit(signature, np.array([0]))
        eventually(lambda: not batcher.waiting())
        futures = [batcher.submit(signature, np.array([i])) for i in range(3)]
        runs.may.set()
        for future in (busy, *futures):
            future.result(20)
        time.sleep(pause)
        begun = time.monotonic()
        with batcher.announced():
            last = batcher.submit(signature, np.array([9]))
        last.result(20)
        assert time.monotonic() - begun < (5 if not pause else 0.15)


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


def _too_few(rows):
    return {"twice": rows[1:]}


def _no_arrays(rows):
    return {"twice": 3}


def _nothing(rows):
    return None


@pytest.mark.parametrize("run", [_too_few, _no_arrays, _nothing])
@pytest.mark.parametrize("size", [1, 3, 9])
def test_wrong_outputs_are_errors_of_their_requests(runs, request, run, size):
    batcher = batcher_of(request, max_batch=4)
    futures = [batcher.submit(Signature(None, (), run), np.arange(size)) for _ in range(3)]
    for future in futures:
        assert isinstance(future.exception(20), Exception)
    assert batcher.submit(runs.signature, np.array([2])).result(20)["twice"].tolist() == [4] and batcher.works()


@pytest.mark.parametrize("call", range(8))
def test_memory_that_runs_out_is_the_error_of_one_request(runs, request, monkeypatch, call):
    """Wherever arrays are joined: rows of a batch, and parts of a large request."""
    calls, real = itertools.count(), np.concatenate

    def concatenate(*arguments):
        if next(calls) == call:
            raise MemoryError("Unable to allocate")
        return real(*arguments)

    monkeypatch.setattr("keras_effconv.serving.batching.np", types.SimpleNamespace(concatenate=concatenate))
    batcher = batcher_of(request, max_batch=4)
    requests = [np.arange(size) for size in (1, 9, 2, 9, 3)]
    futures = [batcher.submit(runs.signature, rows) for rows in requests]
    failed = [isinstance(future.exception(20), MemoryError) for future in futures]
    assert sum(failed) <= 1 and batcher.works()
    for rows, future, error in zip(requests, futures, failed):
        assert error or future.result()["twice"].tolist() == (2 * rows).tolist()


def test_a_thread_that_has_ended_is_told(request):
    batcher = Batcher()
    assert batcher.works()
    batcher.close()
    assert not batcher.works()
