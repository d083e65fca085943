"""The Python blocks of the pages run as they are printed, in order, in a folder with stand-ins for a user's files."""

import contextlib

import keras
import pages
import pytest
import stand_ins

WITH_BLOCKS = [page for page in pages.PAGES if pages.blocks(pages.read(page))]
LONG = ("README.md", "docs/converting.md", "docs/serving.md", "docs/zoo.md")  # many networks, an export, a fit
NOT_RUN = 8  # blocks in all pages that need a download, a checkpoint or a server


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with stand-ins."""
    monkeypatch.chdir(tmp_path)
    for prepare in (stand_ins.photo, stand_ins.flowers, stand_ins.cifar10):
        prepare(tmp_path)
    return tmp_path


def in_full():
    """Each page; one that trains is also run without a stand-in for training, which takes a minute."""
    for page in WITH_BLOCKS:
        yield pytest.param(page, False, id=page, marks=[pytest.mark.long] if page in LONG else [])
        if "= train(" in pages.read(page):
            yield pytest.param(page, True, id=f"{page}-in-full", marks=pytest.mark.slow)


@pytest.mark.grid
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="pages are written for the default backend")
@pytest.mark.parametrize(("page", "full"), list(in_full()))
def test_the_blocks_of_a_page_run(page, full, folder, monkeypatch):
    text, namespace = pages.read(page), {}
    with contextlib.ExitStack() as stack:
        if page == "docs/serving.md":
            stack.enter_context(stand_ins.server(folder, monkeypatch))
        elif "= train(" in text and not full:
            stand_ins.training(folder, monkeypatch)
        else:
            stand_ins.finetuned(folder)
        if "resnet50.pth" in text or "resnet20.th" in text:
            stand_ins.weights(folder)
        namespace["images"] = stand_ins.images(32 if page == "docs/zoo.md" else stand_ins.SIZE)
        pages.run_blocks(text, page, namespace)


def test_few_blocks_are_not_run_and_each_says_why():
    skipped = [(page, block.line, block.reason) for page in WITH_BLOCKS for block in pages.blocks(pages.read(page))]
    skipped = [entry for entry in skipped if entry[2] is not None]
    print(*skipped, sep="\n")
    assert len(skipped) <= NOT_RUN


def test_a_block_that_is_out_of_date_fails():
    text = pages.read("docs/scaling.md")
    stale = text.replace("ke.compound(1)", "ke.compounded(1)")
    with pytest.raises(AttributeError, match="compounded"):
        pages.run_blocks(stale, "docs/scaling.md", {})
    with pytest.raises(SyntaxError):  # also in a block that is not run
        pages.run_blocks("<!-- not run: a download -->\n```python\nx = = 1\n```\n", "page.md", {})
