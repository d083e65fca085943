"""What a split of a data set is like, in numbers."""

import collections
import dataclasses
from collections.abc import Sequence

from keras_effconv.data.checking.findings import imbalance
from keras_effconv.data.checking.picture import Picture
from keras_effconv.data.images.traits import TRAITS
from keras_effconv.data.sources.file_list import class_of


@dataclasses.dataclass(frozen=True)
class SplitSummary:
    """A split in numbers.

    Args:
        images: int, readable images.
        classes: `{class name: readable images}`, sorted by name.
        unreadable: int, files that cannot be read.
        sizes: `{"min", "median", "max": (width, height)}` of the images by area; empty without an image.
        formats: `{format: images}`, the most frequent first.
        traits: `{trait: images}` of the traits that any image has.
    """

    images: int
    classes: dict[str, int]
    unreadable: int
    sizes: dict[str, tuple[int, int]]
    formats: dict[str, int]
    traits: dict[str, int]

    @property
    def imbalance(self) -> float:
        """The ratio of the largest class to the smallest one; 1 without any."""
        return imbalance(self.classes) if self.classes else 1.0


def summary_of(files: Sequence[tuple[str, str]], pictures: dict[str, Picture]) -> SplitSummary:
    """Summarize a split.

    Args:
        files: (label, path) of each file.
        pictures: `{path: Picture}` of those that can be read.
    """
    readable = [(name, pictures[path]) for name, path in files if path in pictures]
    counts = collections.Counter(class_of(readable))
    shapes = sorted(((p.width, p.height) for _, p in readable), key=lambda shape: (shape[0] * shape[1], shape))
    places = {"min": 0, "median": len(shapes) // 2, "max": len(shapes) - 1} if shapes else {}
    traits = collections.Counter(trait for _, picture in readable for trait in picture.traits)
    return SplitSummary(
        images=len(readable),
        classes=dict(sorted(counts.items())),
        unreadable=len(files) - len(readable),
        sizes={name: shapes[place] for name, place in places.items()},
        formats=dict(collections.Counter(picture.format for _, picture in readable).most_common()),
        traits={trait: traits[trait] for trait in TRAITS if trait in traits},
    )
