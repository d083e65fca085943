"""What a file says of itself, besides its arrays: which network it is of, and what it calls its variables."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_effconv import kinds
from keras_effconv.network_info import FACTS, facts_from
from keras_effconv.preprocessing import Preprocessing

LIMIT = 1 << 16  # bytes


class Told(NamedTuple):
    """What is known of a file.

    Attributes:
        conv: str, the kind of its network, as its repr; `None` if it does not say.
        octaves: bool; whether a name says that it was trained in two bands.
        preprocessing: `Preprocessing` that it states; `None` if it states none.
        theirs: dict of our name -> the file's.
        infer: callable, a list of our names that the file lacks -> dict of what it would call them.
    """

    conv: str | None = None
    octaves: bool = False
    preprocessing: Preprocessing | None = None
    theirs: Mapping[str, str] = {}
    infer: Callable[[Sequence[str]], Mapping[str, str]] = dict.fromkeys

    def names(self, ours):
        """Return what the file calls variables, or would call them: a list."""
        lacking = [name for name in ours if name not in self.theirs]
        inferred = self.infer(lacking) if lacking else {}
        return [self.theirs.get(name) or inferred.get(name) or name for name in ours]


NOTHING = Told()


def kind_of(conv):
    """Return a kind in its simplest form, so `Conv()` if it changes nothing; `None` if there is no such kind here.

    >>> kind_of("HetConv(parts=1)"), kind_of("OctConv(alpha=0.5)"), kind_of("Mine()")
    (Conv(), OctConv(alpha=0.5), None)
    """
    try:
        return kinds.get(conv).reduced() if conv else None
    except ValueError:
        return None


def take_facts(variables: dict[str, Any], path):
    """Take what a file of this package says of its network out of its variables.

    Args:
        variables: dict of name -> array; the entry of the facts is removed.
        path: str, for messages.

    Returns:
        A pair: the `Design` of the network, and the `Preprocessing`; `None`, both, if it does not say.

    Raises:
        ValueError: if the facts are damaged.
    """
    key = next((name for name in variables if name.rpartition("/")[2] == FACTS), None)
    if key is None:
        return None, None
    value = np.asarray(variables.pop(key))
    try:
        if value.dtype != np.uint8 or value.size > LIMIT:
            raise ValueError("no text")
        return facts_from(json.loads(value.tobytes()))
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"`path` must state its network in {key!r} as this package does. Received: {path} ({error!s:.80})"
        ) from None
