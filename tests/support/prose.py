"""The rule card of CONTRIBUTING.md, as far as a pattern can tell."""

import re

import pages

INSTEAD = {  # what no page says -> what it says instead
    r"\bgo(?:es)? on\b": "resume, continue",
    r"\bbeside\b": "next to",
    r"\bis named\b": "is reported",
    r"\bof (?:which|whom)\b": "a sentence of its own",
    r"\bwhere there (?:is|are)\b": "if",
    r"\btoday\b": "a date in docs/verified.md",
    r"\bnot (?:measured|run) here\b": "a row in docs/verified.md",
    r"\bscripts/(?:finetune|train)\.py\b": "the installed command",
}
LONGEST = 40  # words of a sentence


def sentences(text):
    """Return the sentences of a page, without its code, tables and headings."""
    text = pages.FENCE.sub("", pages.BLOCK.sub("", text))
    text = re.sub(r"^(?:\||    |#|<!--).*$", "", text, flags=re.MULTILINE)
    parts = re.split(r"(?<=[.:;])\s+|\n\n|\n\s*(?:[-*]|\d+\.) ", text)
    return [" ".join(part.split()) for part in parts if part.strip()]


def faults(text):
    """Return the sentences of a text that the card rules out, or that are too long."""
    said = sentences(text)
    ruled_out = [(pattern, line) for line in said for pattern in INSTEAD if re.search(pattern, line, re.IGNORECASE)]
    return [*ruled_out, *(("too long", line) for line in said if len(line.split()) > LONGEST)]
