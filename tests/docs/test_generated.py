"""Generated parts of the pages are what their scripts write now."""

import data_table
import model_table
import pages
import paper_tables
import pytest
import recipe_table
import sections
from paper_rows import ROWS
from paths import ROOT
from PIL import Image

CHEAP = {"data": data_table, "recipes": recipe_table}
SMALL = ("ResNet20",)


@pytest.mark.parametrize("script", CHEAP.values(), ids=CHEAP)
def test_a_table_is_current(script):
    assert not sections.replace_section(ROOT / script.PAGE, script.NAME, script.table(), check=True)


@pytest.mark.parametrize("script", CHEAP.values(), ids=CHEAP)
def test_a_stale_table_is_told_and_written(script, tmp_path):
    page = tmp_path / "page.md"
    text = pages.read(script.PAGE)
    line = sections.read_section(ROOT / script.PAGE, script.NAME).splitlines()[3]
    page.write_text(text.replace(line, line.replace("|", "| stale", 1)), encoding="utf-8")
    changed = page.read_text(encoding="utf-8")
    assert sections.replace_section(page, script.NAME, script.table(), check=True)
    assert page.read_text(encoding="utf-8") == changed
    assert sections.replace_section(page, script.NAME, script.table())
    assert page.read_text(encoding="utf-8") == text


def missing(page, name, text):
    """Return the lines of a text that a section of a page lacks."""
    return [line for line in text.splitlines() if line not in sections.read_section(page, name).splitlines()]


@pytest.mark.long
def test_small_networks_in_the_table_of_models_are_current(tmp_path):
    text = model_table.markdown(model_table.counts(SMALL))
    assert not missing(ROOT / model_table.PAGE, model_table.NAME, text)
    stale = tmp_path / "README.md"
    stale.write_text(pages.read("README.md").replace("0.27M, 0.041G", "0.27M, 0.042G"), encoding="utf-8")
    assert len(missing(stale, model_table.NAME, text)) == 1


@pytest.mark.long
def test_small_rows_of_the_papers_are_current(tmp_path):
    rows = [row for row in ROWS if row.model == "ResNet56"]
    text = paper_tables.text(rows)
    assert rows and not missing(ROOT / paper_tables.PAGE, paper_tables.NAME, text)
    stale = tmp_path / "tables.md"
    stale.write_text(pages.read(paper_tables.PAGE).replace("857,082", "857,083"), encoding="utf-8")
    assert len(missing(stale, paper_tables.NAME, text)) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "make"),
    [(model_table, lambda: model_table.markdown(model_table.counts())), (paper_tables, paper_tables.text)],
    ids=["models", "papers"],
)
def test_a_table_of_large_networks_is_current(script, make):
    assert make().splitlines() == sections.read_section(ROOT / script.PAGE, script.NAME).splitlines()


def test_every_row_of_the_tables_is_of_something_that_is_counted():
    text = sections.read_section(ROOT / model_table.PAGE, model_table.NAME)
    assert [line.split("|")[1].strip() for line in text.splitlines()[2:]] == list(model_table.NETWORKS)
    text = sections.read_section(ROOT / paper_tables.PAGE, paper_tables.NAME)
    lines = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|") and "---" not in line]
    assert [line for line in lines if line != "row"] == [row.label.strip() for row in ROWS]


def test_the_picture_is_of_the_tables_numbers():
    with Image.open(model_table.PICTURE) as picture:
        drawn = picture.text["Description"]
    assert drawn.count("\n") > len(model_table.SHOWN)
    assert not missing(ROOT / model_table.PAGE, model_table.NAME, drawn)


def test_a_section_that_a_page_lacks_is_one_line(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- a -->\n1\n<!-- /a -->\n<!-- b.c -->\n<!-- /b.c -->\n")
    assert sections.read_section(page, "a") == "1\n"
    assert sections.replace_section(page, "b.c", "2\n")
    assert sections.read_section(page, "b.c") == "2\n"
    with pytest.raises(
        ValueError, match=r"`section` must be one of a, b\.c, once in the page\. Received: section='bxc'"
    ):
        sections.read_section(page, "bxc")


def test_check_ends_with_status_1_if_a_section_is_out_of_date(tmp_path, monkeypatch, capsys):
    (tmp_path / "page.md").write_text("<!-- a -->\n1\n<!-- /a -->\n")
    monkeypatch.setattr(sections, "ROOT", tmp_path)
    for text, status in (("1\n", 0), ("2\n", 1)):
        with pytest.raises(SystemExit) as end:
            sections.write_or_check("page.md", "a", lambda text=text: text, ["--check"])
        assert end.value.code == status
    assert "OUT OF DATE" in capsys.readouterr().out
    sections.write_or_check("page.md", "a", lambda: "2\n", [])
    assert sections.read_section(tmp_path / "page.md", "a") == "2\n"
