"""Classes of two places, such as a model and a folder, matched by their names."""

import unicodedata

from keras_effconv.utils.suggestions import did_you_mean

MOST = 20  # names in a message


def match(names, known, what):
    """Return the position of each name among the known ones.

    Two spellings of the same characters (composed and decomposed, as macOS writes file names) are one name. Upper and
    lower case are not.

    Args:
        names: sequence of str.
        known: sequence of str.
        what: str, of whom the known names are, such as "the model", for the message.

    Returns:
        list of ints.

    Raises:
        ValueError: names are unknown, or stand for several known ones; the message lists them.

    Example:

    >>> match(["dog", "cat"], ["bird", "cat", "dog"], "the model")
    [2, 1]
    """
    places = {}
    for place, name in enumerate(known):
        places.setdefault(_composed(name), []).append(place)
    wrong = [name for name in names if len(places.get(_composed(name), ())) != 1]
    if wrong:
        listed = ", ".join(f"{name!r}{_hint(name, places)}" for name in wrong[:MOST])
        more = f" and {len(wrong) - MOST} more" if len(wrong) > MOST else ""
        raise ValueError(
            f"The classes must be classes of {what}, by name. Received: {len(wrong)} of {len(names)} that it does not "
            f"know: {listed}{more}"
        )
    return [places[_composed(name)][0] for name in names]


def others(names, known):
    """Return the known names that are not among `names`: list of str."""
    present = set(map(_composed, names))
    return [name for name in known if _composed(name) not in present]


def in_short(names, most=10):
    """Return names as text: the first ones, and how many more there are.

    >>> in_short(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _composed(name):
    return unicodedata.normalize("NFC", str(name))


def _hint(name, places):
    several = len(places.get(_composed(name), ())) > 1
    hint = "; several classes have this name" if several else did_you_mean(name, places)
    return f" ({hint.removeprefix('; ')})" if hint else ""
