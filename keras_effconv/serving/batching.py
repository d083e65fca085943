"""Requests that arrive at the same time are computed together, by one thread."""

import collections
import concurrent.futures
import threading
import time
from typing import NamedTuple

import numpy as np

from keras_effconv.serving.signatures import Signature


class Full(Exception):
    """The queue is full, or closed."""


class Job(NamedTuple):
    """A request that waits.

    Attributes:
        signature: `Signature` to run.
        rows: array (n, ...), its input.
        future: `concurrent.futures.Future` of the outputs.
        arrived: float, seconds of the monotonic clock.
    """

    signature: Signature
    rows: np.ndarray
    future: concurrent.futures.Future
    arrived: float


class Batcher:
    """Run signatures in a thread, on the rows of several requests at a time.

    A batch is closed when it has `max_batch` rows, or when its first request has waited for `max_delay` seconds. Only
    requests for the same signature of the same version are joined, in the order in which they arrived.

    Args:
        max_batch: int, rows that are computed at a time; a request with more is computed in parts. Default 16.
        max_delay: float, seconds. Default 0.005.
        max_queue: int, requests that may wait. Default 128.

    Attributes:
        counts: `collections.Counter` of `requests`, `batches` and `rows` that were computed.

    Example:

    >>> double = Signature(None, (), lambda rows: {"twice": 2 * rows})
    >>> batcher = Batcher()
    >>> batcher.submit(double, np.arange(3)).result()["twice"].tolist()
    [0, 2, 4]
    >>> batcher.close()
    """

    def __init__(self, max_batch=16, max_delay=0.005, max_queue=128):
        self.max_batch, self.max_delay, self.max_queue = max_batch, max_delay, max_queue
        self.counts = collections.Counter()
        self._jobs, self._changed, self._closed = collections.deque(), threading.Condition(), False
        self._thread = threading.Thread(target=self._work, name="batcher")
        self._thread.start()

    def submit(self, signature, rows):
        """Queue rows for a signature.

        Args:
            signature: `Signature`.
            rows: array (n, ...).

        Returns:
            A `concurrent.futures.Future` of the outputs. If it is cancelled in time, nothing is computed.

        Raises:
            Full: too many requests wait, or the batcher is closed.
        """
        job = Job(signature, rows, concurrent.futures.Future(), time.monotonic())
        with self._changed:
            if self._closed or len(self._jobs) >= self.max_queue:
                raise Full(f"at most {self.max_queue} requests may wait")
            self._jobs.append(job)
            self._changed.notify()
        return job.future

    def waiting(self):
        """Return the number of requests that wait."""
        return len(self._jobs)

    def close(self):
        """Compute what waits, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self):
        while jobs := self._next():
            jobs = [job for job in jobs if job.future.set_running_or_notify_cancel()]
            if jobs:
                self._compute(jobs)

    def _next(self):
        """Return the jobs of a batch; none when the batcher is closed and nothing waits."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._closed)
            if not self._jobs:
                return []
            until = self._jobs[0].arrived + self.max_delay
            batch, complete = self._first()
            while not complete and not self._closed and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
                batch, complete = self._first()
            taken = set(map(id, batch))
            self._jobs = collections.deque(job for job in self._jobs if id(job) not in taken)
            return batch

    def _first(self):
        """Return the jobs that are computed with the oldest one, and whether the batch is full."""
        batch, rows = [], 0
        for job in self._jobs:
            if job.signature is self._jobs[0].signature:
                if batch and rows + len(job.rows) > self.max_batch:
                    return batch, True
                batch.append(job)
                rows += len(job.rows)
        return batch, rows >= self.max_batch

    def _compute(self, jobs):
        try:
            outputs = self._run(jobs[0].signature, np.concatenate([job.rows for job in jobs]))
        except Exception as error:
            if len(jobs) == 1:
                jobs[0].future.set_exception(error)
            else:  # only the request that failed gets the error
                for job in jobs:
                    self._compute([job])
            return
        self.counts["requests"] += len(jobs)
        start = 0
        for job in jobs:
            end = start + len(job.rows)
            job.future.set_result({name: rows[start:end] for name, rows in outputs.items()})
            start = end

    def _run(self, signature, rows):
        parts = []
        for start in range(0, len(rows), self.max_batch):
            part = rows[start : start + self.max_batch]
            parts.append(signature.run(part))
            self.counts["batches"] += 1
            self.counts["rows"] += len(part)
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
