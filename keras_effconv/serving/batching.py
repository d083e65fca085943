"""Requests that arrive at the same time are computed together, by one thread or a few."""

import collections
import concurrent.futures
import contextlib
import dataclasses
import itertools
import threading
import time

import numpy as np

from keras_effconv.serving.signatures import Signature


class Full(Exception):
    """The queue is full, or closed."""


@dataclasses.dataclass(eq=False)
class Job:
    """A request that waits, or is computed in part.

    Attributes:
        signature: `Signature` to run.
        rows: array (n, ...), its input.
        future: `concurrent.futures.Future` of the outputs.
        begun: int, rows that were taken into batches.
        outputs: dict of start -> outputs of the rows from there.
    """

    signature: Signature
    rows: np.ndarray
    future: concurrent.futures.Future = dataclasses.field(default_factory=concurrent.futures.Future)
    begun: int = 0
    outputs: dict = dataclasses.field(default_factory=dict)

    def take(self, most):
        """Return a slice of the next rows."""
        start, self.begun = self.begun, min(self.begun + most, len(self.rows))
        return slice(start, self.begun)

    def add(self, start, outputs):
        """Keep the outputs of some rows; those of all rows are the result."""
        self.outputs[start] = outputs
        if sum(len(next(iter(part.values()))) for part in self.outputs.values()) == len(self.rows):
            parts = [self.outputs[each] for each in sorted(self.outputs)]
            joined = {name: np.concatenate([part[name] for part in parts]) for name in outputs}
            self.future.set_result(joined if len(parts) > 1 else outputs)


class Batcher:
    """Run signatures in threads, on the rows of several requests at a time.

    A batch is computed as soon as a thread is free; meanwhile others gather. It waits for requests that are announced,
    at most `max_delay` seconds. It also waits for as many more as were answered just before, since their clients may
    ask again: no longer after the answers than a batch costs besides its rows (`Signature.overhead`), and `max_delay`
    seconds after the last one that came. Only requests for the same signature of the same version are joined, in
    the order in which they arrived. A request with more rows than a batch goes to the end of the queue after each of
    its batches, so that others are not held up. The rest of a cancelled one is not computed.

    Args:
        max_batch: int, rows that are computed at a time. Default 16.
        max_delay: float, seconds. Default 0.005.
        max_queue: int, requests that may wait. Default 128.
        streams: int, threads; each computes a batch. Default 1.

    Attributes:
        counts: `collections.Counter` of `requests`, `batches` and `rows` that were computed.

    Example:

    >>> double = Signature(None, (), lambda rows: {"twice": 2 * rows})
    >>> batcher = Batcher()
    >>> batcher.submit(double, np.arange(3)).result()["twice"].tolist()
    [0, 2, 4]
    >>> batcher.close()
    """

    def __init__(self, max_batch=16, max_delay=0.005, max_queue=128, streams=1):
        self.max_batch, self.max_delay, self.max_queue = max_batch, max_delay, max_queue
        self.counts = collections.Counter()
        self._jobs, self._changed, self._closed = collections.deque(), threading.Condition(), False
        self._announced, self._returning, self._answered, self._latest = 0, 0, 0.0, 0.0
        self._threads = [threading.Thread(target=self._work, name=f"batcher {i}") for i in range(streams)]
        for thread in self._threads:
            thread.start()

    @contextlib.contextmanager
    def announced(self):
        """Let a batch wait for a request that is about to be submitted, or refused, when the block ends."""
        with self._changed:
            self._announced += 1
            self._returning = max(0, self._returning - 1)
            self._latest = time.monotonic()
        try:
            yield
        finally:
            with self._changed:
                self._announced -= 1
                self._changed.notify_all()

    def submit(self, signature, rows):
        """Queue rows for a signature.

        Args:
            signature: `Signature`.
            rows: array (n, ...).

        Returns:
            A `concurrent.futures.Future` of the outputs. If it is cancelled, what is left of it is not computed.

        Raises:
            Full: too many requests wait, or the batcher is closed.
        """
        job = Job(signature, rows)
        with self._changed:
            if not self._closed and len(self._jobs) >= self.max_queue:
                self._forget_cancelled()
            if self._closed or len(self._jobs) >= self.max_queue:
                raise Full(f"at most {self.max_queue} requests may wait")
            self._jobs.append(job)
            self._changed.notify_all()
        return job.future

    def waiting(self):
        """Return the number of requests that wait."""
        return len(self._jobs)

    def works(self):
        """Return whether all threads run."""
        return all(thread.is_alive() for thread in self._threads)

    def close(self):
        """Compute what waits, and end the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self):
        while self._worked():  # which holds nothing when it returns, so that a version that is gone can be unloaded
            pass

    def _worked(self):
        batch = self._next()
        if batch:
            self._compute(batch)
        return bool(batch)

    def _next(self):
        """Return the (job, slice) pairs of a batch; none when the batcher is closed and nothing waits."""
        begun = None
        with self._changed:
            while True:
                self._forget_cancelled()
                if not self._jobs:
                    if self._closed:
                        return []
                    begun = None
                    self._changed.wait()
                    continue
                now = time.monotonic()
                begun = begun or now
                batch, complete = self._first()
                left = self._until(begun) - now
                if complete or self._closed or left <= 0:
                    return self._taken(batch)
                self._changed.wait(left)

    def _until(self, begun):
        """Return until when a batch that waits since `begun` waits for more."""
        until = begun + self.max_delay if self._announced else begun
        if not self._returning:
            return until
        return max(until, min(self._latest + self.max_delay, self._answered + self._jobs[0].signature.overhead))

    def _forget_cancelled(self):
        self._jobs = collections.deque(job for job in self._jobs if not job.future.done())

    def _first(self):
        """Return what is computed next, as (job, number of rows) pairs, and whether the batch is full.

        Only a job that is larger than a batch is computed in parts; it takes what room is left.
        """
        batch, room = [], self.max_batch
        for job in self._jobs:
            if job.signature is self._jobs[0].signature:
                size = len(job.rows) - job.begun
                if size > room and len(job.rows) <= self.max_batch:
                    return batch, True
                batch.append((job, min(size, room)))
                room -= min(size, room)
                if not room:
                    return batch, True
        return batch, False

    def _taken(self, batch):
        """Take rows of jobs off the queue; what is left of a job goes to its end. Return (job, slice) pairs."""
        taken = {id(job) for job, _ in batch}
        self._jobs = collections.deque(job for job in self._jobs if id(job) not in taken)
        slices = [(job, job.take(size)) for job, size in batch]
        self._jobs.extend(job for job, _ in batch if job.begun < len(job.rows))
        return slices

    def _compute(self, batch):
        """Compute a batch; if that fails, each request alone, so that only the one at fault gets the error."""
        try:
            rows = np.concatenate([job.rows[part] for job, part in batch])
            outputs = batch[0][0].signature.run(rows)
            parts = _split(outputs, [part.stop - part.start for _, part in batch])
        except Exception as error:
            if len(batch) > 1:
                for each in batch:
                    self._compute([each])
            else:
                self._settle(batch[0][0].future.set_exception, error)
            return
        ended = sum(part.stop == len(job.rows) for job, part in batch)
        self.counts.update(batches=1, rows=len(rows), requests=ended)
        with self._changed:  # ahead of the answers: who has one may ask again at once
            self._returning = ended
            self._answered = self._latest = time.monotonic()
        for (job, part), outputs in zip(batch, parts):
            try:
                self._settle(job.add, part.start, outputs)
            except Exception as error:  # such as of memory, where parts are joined
                self._settle(job.future.set_exception, error)

    def _settle(self, act, *arguments):
        with self._changed, contextlib.suppress(concurrent.futures.InvalidStateError):  # it was given up meanwhile
            act(*arguments)


def _split(outputs, sizes):
    """Return the outputs of each request, of a batch of so many rows of each."""
    wrong = [name for name, values in outputs.items() if len(values) != sum(sizes)]
    if wrong:
        raise ValueError(f"`run` must return {sum(sizes)} rows. Received: {len(outputs[wrong[0]])} of {wrong[0]!r}")
    ends = list(itertools.accumulate(sizes))
    return [{name: values[end - size : end] for name, values in outputs.items()} for end, size in zip(ends, sizes)]
