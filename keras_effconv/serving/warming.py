"""The first runs of a version: so that no user waits for them, and to see what a row and a batch cost."""

import dataclasses
import statistics
import time

import numpy as np

from keras_effconv.serving.signatures import STRING

SIZES = MOST, _ = 15, 1  # rows: together all sizes that a runtime prepares for
CALLS = 3
GAIN = 0.8  # of the time of one row: what two rows must take at most


def warmed(signatures):
    """Run each signature, so that a version that cannot run is not served.

    A runtime may have a slow path for one row: without AVX-512, oneDNN takes twice as long for a convolution with ReLU6
    on one image as on two. Where two rows are faster than one, a single one is computed next to an empty one. The
    `overhead` is what two rows and many leave of a line through both at no rows.

    Args:
        signatures: dict of str -> `Signature`.

    Returns:
        dict of the same names.

    Raises:
        Exception: what the runtime raises.
    """
    return {name: _warmed(signature) for name, signature in signatures.items()}


def _warmed(signature):
    kind, value = (object, b"") if signature.input.dtype == STRING else ("float32", 0)
    rows = {size: np.full((size, *signature.input.shape[1:]), value, kind) for size in (*SIZES, 2)}
    for batch in rows.values():
        signature.run(batch)
    one, two, most = (_seconds(signature.run, rows[size]) for size in (1, 2, MOST))
    own = {"run": _single_as_pair(signature.run, rows[1])} if two < GAIN * one else {}
    return dataclasses.replace(signature, overhead=max(0.0, (MOST * two - 2 * most) / (MOST - 2)), **own)


def _seconds(run, rows):
    times = []
    for _ in range(CALLS):
        begun = time.perf_counter()
        run(rows)
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def _single_as_pair(run, empty):
    def paired(rows):
        if len(rows) > 1:
            return run(rows)
        return {name: values[:1] for name, values in run(np.concatenate([rows, empty])).items()}

    return paired
