"""Every number of the papers: the exact integers, and the digits that are printed."""

import json
import re

import paper_tables as tables
import pytest
from paper_rows import ROWS
from paths import ROOT

import keras_effconv as ke

GOLDEN = ROOT / "tests" / "golden" / "paper_tables.json"
EXPECTED = {row["id"]: row for row in json.loads(GOLDEN.read_text())}


def marks(row):
    """Rows of the largest networks wait for the slow tests; smaller ones of each table stay."""
    large = re.search("b[4-7]$|152|101|200|densenet|nasnet|inception|_d4|compound", row.id)
    return [pytest.mark.slow] if large else []


def test_no_row_is_missing():
    assert set(EXPECTED) == {row.id for row in ROWS}


@pytest.mark.grid
@pytest.mark.parametrize("row", [pytest.param(row, id=row.id, marks=marks(row)) for row in ROWS])
def test_a_row_of_the_papers(row):
    counts, expected = ke.count(tables.build(row)), EXPECTED[row.id]
    known, normalization = expected["model_counts"], 7 * row.model.startswith("EfficientNet")
    assert counts.macs == known["macs"]
    assert counts.trainable_params == known.get("params_trainable", counts.trainable_params)
    total = known.get("params_total")
    assert total is None or counts.params == known.get("params_total_keras", total + normalization)
    assert counts.macs_executed == known.get("macs_unmasked_gwc_plus_pwc", counts.macs_executed)
    assert not counts.uncounted
    for i, name in enumerate(("params", "flops")):
        value, printed = tables.under(row, counts)[i], row[3 + i]
        assert expected[f"paper_{name}"] in (None, value)
        assert printed == (expected[f"printed_{name}"] or "")
        if expected[f"{name}_print_reproduced"]:
            assert tables.as_printed(value, printed) == printed
