"""Model cards: names of classes, data and files are read as they are, and stay in their cells, whatever they hold."""

import itertools
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import keras_effconv as ke
from keras_effconv.converting.card import card as converted_card
from keras_effconv.training import Recipe
from keras_effconv.training.reporting.model_card import card as run_card
from keras_effconv.utils.text_table import markdown_cell, markdown_code, markdown_row, markdown_text
from keras_effconv.zoo.hub.card import card as hub_card

markdown_it = pytest.importorskip("markdown_it")
NAMES = (
    "a | b",
    "<b>bold</b>",
    "*x*",
    "_y_",
    "`z",
    "[l](http://x)",
    "&lt;",
    "$5%$",
    "~~s~~",
    "a\\|b",
    "\\",
    "plain_name",
)


def read(text):
    """Return the tokens of Markdown with tables, as the hub reads it."""
    return markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


def cells(text):
    """Return the cells of all tables, each a list of (type, content)."""
    tokens = read(text)
    return [
        [(part.type, part.content) for part in inline.children]
        for cell, inline in itertools.pairwise(tokens)
        if cell.type in ("td_open", "th_open")
    ]


def words(parts):
    return "".join(content for kind, content in parts)


@given(
    st.text(
        st.sampled_from("ab |\\`*_[]()<>&;#~$!-1.\n\t") | st.characters(codec="utf-8", exclude_categories=["C"]),
        max_size=12,
    )
)
def test_a_name_is_read_as_it_is(name):
    expected = " ".join(name.split())
    for row in (markdown_row(("x", markdown_text(name))), f"| x | {markdown_cell(name)} |"):
        *_, second = cells(f"| | |\n|---|---|\n{row}\n")
        assert {kind for kind, _ in second} <= {"text", "text_special"} and words(second) == expected
    *_, second = cells(f"| | |\n|---|---|\n| x | {markdown_code(name)} |\n")
    if expected and "\\" not in expected:  # in code, a backslash ahead of `|` is lost
        assert [kind for kind, _ in second] == ["code_inline"] and words(second) == expected


def check(card, names):
    """Check that each row has two cells, that nothing is HTML, and that all names are in a cell."""
    body = card.rpartition("---\n\n#")[2] if card.startswith("---") else card
    tokens = read(body)
    rows = sum(token.type == "tr_open" for token in tokens)
    assert len(cells(body)) == 2 * rows > 10
    inner = [part for token in tokens for part in token.children or ()]
    assert not [part for part in inner if part.type in ("html_inline", "em_open", "strong_open", "s_open", "link_open")]
    assert not [token for token in tokens if token.type == "html_block"]
    for name in names:
        assert any(name in words(cell) for cell in cells(body)), name


ENVIRONMENT = {
    "command": ["/bin/keras-effconv", "finetune", "--data_dir=a\n\n# b <b>"],
    "packages": {"keras-effconv": "0", "keras": "3"},
    "backend": "tensorflow",
    "commit": None,
    "time": "now",
}


@pytest.mark.parametrize("data", NAMES)
def test_the_card_of_a_run_holds_any_name(data):
    recipe = Recipe(model="ResNet20", weights=f"{data}.keras")
    dataset = SimpleNamespace(name=data, class_names=NAMES[:10], train=[0], unreadable=())
    summary = dict.fromkeys(("validation_images", "test_images", "epochs", "trained_share", "kept_epoch"), 0)
    summary |= {"params": 1, "macs": 1, "metric": "accuracy", "classes_without_validation_images": list(NAMES[:10])}
    summary |= {"selected_on_validation": False, "calibration": None}
    model = SimpleNamespace(input_shape=(None, 32, 32, 3))
    text = run_card(model, recipe, dataset, summary, ENVIRONMENT, ["model.keras"])
    check(text, [*NAMES[:10], data])


@pytest.mark.parametrize("data", NAMES)
def test_the_card_of_a_repository_holds_any_name(data):
    pytest.importorskip("huggingface_hub")
    model = ke.ResNet20(weights=None, width=0.25, depth=0.3)
    record = {"data": data, "weights": f"{data}.keras", "training_images": 1}
    text = hub_card("me/flowers", model, NAMES[:10], {"accuracy": 0.5}, record, "mit")
    check(text, [*NAMES[:10], data])


@pytest.mark.parametrize("data", [*NAMES, "\udcff"])
def test_the_card_of_a_conversion_holds_any_name(data):
    report = SimpleNamespace(conv="HetConv()", seconds={}, layers=[], left={}, images=1, agreement=0.5, held=2)
    vars(report).update(macs=1, macs_before=2, explained=0.5, ms=None)
    model = ke.ResNet20(weights=None, width=0.25, depth=0.3)
    text = converted_card(model, report, f"runs/{data}", data, ENVIRONMENT, ["model.keras"], NAMES[:10])
    text.encode("utf-8")
    check(text, [*NAMES[:10], data if data.isprintable() else "udcff"])
