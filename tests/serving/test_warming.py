"""The first runs of a version, and what they find out."""

import time

import numpy as np
import pytest

from keras_effconv.serving.signatures import FLOAT, STRING, Signature, Tensor
from keras_effconv.serving.warming import SIZES, warmed


class Runtime:
    """Doubles rows, in so many seconds by their number; strings become their lengths."""

    def __init__(self, seconds):
        self.seconds, self.sizes = seconds, []

    def __call__(self, rows):
        self.sizes.append(len(rows))
        time.sleep(self.seconds.get(len(rows), 0))
        twice = np.array([len(row) for row in rows]) if rows.dtype == object else 2 * rows
        return {"twice": twice, "size": np.full(len(rows), len(rows))}


def served(runtime, dtype=FLOAT, shape=(-1, 3)):
    return warmed({"serving_default": Signature(Tensor("rows", dtype, shape), (), runtime)})["serving_default"]


@pytest.mark.parametrize(
    ("seconds", "size"), [({1: 0.04, 2: 0.01}, 2), ({1: 0.01, 2: 0.02}, 1), ({1: 0.02, 2: 0.02}, 1)]
)
def test_one_row_is_computed_next_to_an_empty_one_where_two_are_faster(seconds, size):
    runtime = Runtime(seconds)
    signature = served(runtime)
    assert set(SIZES) <= set(runtime.sizes)
    for count in (1, 2, 3):
        rows = np.arange(3.0 * count).reshape(count, 3)
        found = signature.run(rows)
        np.testing.assert_array_equal(found["twice"], 2 * rows)
        assert found["size"].tolist() == [size if count == 1 else count] * count


@pytest.mark.parametrize(("fixed", "each"), [(0.04, 0.002), (0.0, 0.004)])
def test_what_a_batch_costs_besides_its_rows_is_measured(fixed, each):
    signature = served(Runtime({size: fixed + each * size for size in range(1, 17)}))
    assert signature.overhead == pytest.approx(fixed, abs=0.01)


def test_files_are_rows_too():
    signature = served(Runtime({1: 0.03}), STRING, (-1,))
    assert signature.run(np.array([b"four"], object))["twice"].tolist() == [4]


def test_what_cannot_run_is_not_served():
    def broken(rows):
        raise ValueError("no such operation")

    with pytest.raises(ValueError, match="no such operation"):
        served(broken)
