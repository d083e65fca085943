"""The pages keep to the rule card of CONTRIBUTING.md, as far as a pattern can tell."""

import pages
import prose
import pytest


@pytest.mark.parametrize("page", pages.PAGES)
def test_sentences_of_a_page_are_plain(page):
    assert not prose.faults(pages.read(page))


def test_a_sentence_that_the_card_rules_out_is_found():
    assert [pattern for pattern, _ in prose.faults("It stands beside it. " + "word " * 41)] == [
        r"\bbeside\b",
        "too long",
    ]
