"""Files of JSON: any parser reads them, whatever the numbers are."""

import json
import math
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_effconv.utils.files import read_json, write_json

NUMBERS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = st.recursive(
    NUMBERS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner), max_leaves=20
)
Pair = namedtuple("Pair", "low high")


def refuse(constant):
    raise ValueError(constant)


def without(value):
    """The definition: each number that is not finite is `None`."""
    if isinstance(value, dict):
        return {key: without(each) for key, each in value.items()}
    if isinstance(value, list):
        return [without(each) for each in value]
    return value if not isinstance(value, float) or value - value == 0 else None


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("json") / "value.json"


@given(value=st.dictionaries(st.text(max_size=5), VALUES))
def test_files_are_json_and_hold_the_value(path, value):
    write_json(path, value)
    found = json.loads(path.read_text("utf-8"), parse_constant=refuse)
    assert found == without(value) == read_json(path)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, np.float64("nan"), np.float64("inf")])
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [x], lambda x: (x, 1.0), lambda x: Pair(x, 1.0)])
def test_what_is_not_finite_is_null(path, number, wrap):
    write_json(path, {"a": wrap(number)})
    found = json.loads(path.read_text("utf-8"), parse_constant=refuse)["a"]
    assert (found[0] if isinstance(found, list) else found) is None
