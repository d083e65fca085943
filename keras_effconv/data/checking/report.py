"""The report of a check: as text, as JSON, and with a picture in a folder."""

import dataclasses
import os
from pathlib import Path

from keras_effconv.data.checking import contact_sheet
from keras_effconv.data.checking.findings import ELONGATED, IMBALANCE, SMALL, Finding
from keras_effconv.data.checking.near import BOUND, CORRELATION
from keras_effconv.data.checking.summary import SplitSummary
from keras_effconv.data.sources.messages import counted, escaped, printable
from keras_effconv.utils.files import write_json
from keras_effconv.utils.text_table import aligned

MOST_CLASSES = 20  # rows of the table of classes
SHOWN, MOST_EXAMPLES = 3, 1000  # of a finding, in the text and in the file
JSON, PICTURE = "check.json", "contact_sheet.png"
BOUNDS = {
    "imbalance": IMBALANCE,
    "small_side": SMALL,
    "elongated": ELONGATED,
    "near_bits_of_256": BOUND,
    "near_correlation": CORRELATION,
}


@dataclasses.dataclass(frozen=True, eq=False)
class CheckReport:
    """What `check` has found. `print` shows it.

    Args:
        name: str, of the data set.
        splits: `{split: SplitSummary}`.
        findings: `Finding`s, the harmful ones first.
        left_out: `{extension: files}` that are no images.
        samples: `{class name: paths}` of some training images.
        white: int, what is white in files of 16 bits a channel, as in `Dataset`.
    """

    name: str
    splits: dict[str, SplitSummary]
    findings: tuple[Finding, ...]
    left_out: dict[str, int]
    samples: dict[str, list[str]] = dataclasses.field(default_factory=dict, repr=False)
    white: int | None = None

    @property
    def problems(self) -> tuple[Finding, ...]:
        """The findings that harm training, or make its numbers wrong."""
        return tuple(finding for finding in self.findings if finding.harmful)

    def __str__(self):
        notes = [finding for finding in self.findings if not finding.harmful]
        parts = [aligned(_split_rows(self.splits), right=range(1, 6), rule=True)]
        parts += [_class_table(self.splits), aligned(_kind_rows(self.splits), right=range(1, 4), rule=True)]
        for noun, findings in (("problem", self.problems), ("note", notes)):
            first = counted(len(findings), noun) if findings else f"no {noun}s"
            parts.append("\n".join([first, *map(_lines, findings)]))
        return "\n\n".join(parts)

    def as_dict(self) -> dict:
        """Return the report as JSON has it; of each finding at most 1,000 examples."""
        return {
            "name": printable(self.name),
            "bounds": BOUNDS,
            "splits": {
                split: {"images": summary.images, "imbalance": summary.imbalance, **dataclasses.asdict(summary)}
                for split, summary in self.splits.items()
            },
            "left_out": {printable(extension): count for extension, count in self.left_out.items()},
            "findings": [
                {
                    **dataclasses.asdict(finding),
                    "count": len(finding.examples),
                    "examples": finding.examples[:MOST_EXAMPLES],
                }
                for finding in self.findings
            ],
        }

    def save(self, folder: str | os.PathLike):
        """Write `check.json` and `contact_sheet.png`.

        Args:
            folder: str or path, made if need be.

        Raises:
            OSError: it cannot be written to.
            ImportError: matplotlib or Pillow is not installed.
        """
        folder = Path(folder)
        contact_sheet.draw(self.samples, self.splits, folder / PICTURE, printable(self.name), self.white)
        write_json(folder / JSON, self.as_dict())


def _lines(finding):
    """A finding, and a few of its examples below it."""
    shown, more = finding.examples[:SHOWN], len(finding.examples) - SHOWN
    lines = [f"- {finding.text}", *(f"    {example}" for example in shown)]
    return "\n".join(map(escaped, lines)) + (f"\n    and {more:,} more" if more > 0 else "")


def _split_rows(splits):
    """A table of splits: classes and sizes."""
    yield "split", "images", "unreadable", "classes", "smallest class", "largest", "min", "median", "max pixels"
    for split, summary in splits.items():
        ends = [f"{pick(summary.classes.values(), default=0):,}" for pick in (min, max)]
        sizes = ["x".join(map(str, summary.sizes[name])) if summary.sizes else "" for name in ("min", "median", "max")]
        yield split, f"{summary.images:,}", f"{summary.unreadable:,}", f"{len(summary.classes):,}", *ends, *sizes


def _class_table(splits):
    """The table of classes; of many the first."""
    names = sorted({name for summary in splits.values() for name in summary.classes})
    rows = [("class", *splits)]
    for name in names[:MOST_CLASSES]:
        rows.append((escaped(name), *(f"{summary.classes.get(name, 0):,}" for summary in splits.values())))
    table = aligned(rows, right=range(1, 4), rule=True)
    more = len(names) - MOST_CLASSES
    return table + (f"\n... and {counted(more, 'class')} more, all in {JSON}" if more > 0 else "")


def _kind_rows(splits):
    """A table of formats, and of what is special about images."""
    yield "format", *splits
    formats = dict.fromkeys(name for summary in splits.values() for name in summary.formats)
    for name in formats:
        yield name, *(f"{summary.formats.get(name, 0):,}" for summary in splits.values())
    for trait in dict.fromkeys(trait for summary in splits.values() for trait in summary.traits):
        yield f"  {trait}", *(f"{summary.traits.get(trait, 0):,}" for summary in splits.values())
