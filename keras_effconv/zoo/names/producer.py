"""What is known of a producer of weight files: how it names variables, and what its networks do otherwise than ours."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from keras_effconv.preprocessing import Preprocessing


class Producer(NamedTuple):
    """A naming of one family's variables.

    A row of `rows` is a regular expression and its replacement, a string or a callable; all are tried, in order, and
    the result is "layer/variable" in the names of the plain network. A callable that raises a `LookupError`, for a
    place that the network has not, leaves the name as it is.
    """

    name: str
    mark: str  # matches the beginning of a name that its files have, and those of no other producer of this family
    rows: Callable[[Any], tuple]  # of the network's `Architecture`
    preprocessing: Preprocessing | None = None  # None: the network's own
    epsilon: float | None = None  # of batch normalisation, where it is not the network's
    options: Mapping[str, Any] | None = None  # of the constructor, where they change what variables mean; None: unknown
    bias: bool = True  # False: its convolutions have none, so ours are 0
    layout: str | None = None  # of its kernels, where it does not follow from the format of the file
    convert: Callable | None = None  # (our name, value after `layouts`, network) -> value

    def names(self, variables):
        """Return whether a file's variables, an iterable of their names, are named as the producer names them."""
        return any(re.match(self.mark, name) for name in variables)


# What torch calls the variables of a layer; the layers of normalisation are known by our names for them.
TORCH = (
    (r"(_bn|_BN|^bn_Conv1)\.weight$", r"\1/gamma"),
    (r"(_bn|_BN|^bn_Conv1)\.bias$", r"\1/beta"),
    (r"\.running_mean$", "/moving_mean"),
    (r"\.running_var$", "/moving_variance"),
    (r"\.weight$", "/kernel"),
    (r"\.bias$", "/bias"),
)


def rename(name, rows):
    """Turn a file's name for a variable into ours: every row is tried, in order.

    >>> rename("stem_bn.weight", TORCH), rename("stem_conv.weight", TORCH)
    ('stem_bn/gamma', 'stem_conv/kernel')
    """
    for pattern, replacement in rows:
        name = re.sub(pattern, _or_unchanged(replacement) if callable(replacement) else replacement, name)
    return name


def _or_unchanged(replacement):
    def replaced(match):
        try:
            return replacement(match)
        except LookupError:
            return match[0]

    return replaced


def numbered(pattern, architecture):
    """Return rows that turn a flat block index into the prefix of the block's layers; `pattern` has a place for it."""
    return tuple((pattern.format(i), f"{block.prefixes[0]}_") for i, block in enumerate(architecture.blocks))


def own_rows(architecture):
    """Return the rows of our names, which are those of the network."""
    del architecture
    return ()


OWN = Producer("keras_effconv", "", own_rows, layout="HWIO")
