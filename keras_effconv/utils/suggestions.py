"""What a wrong name was probably meant to be."""

import difflib


def did_you_mean(name, known):
    """Return the end of an error's line: up to three known names like a wrong one, in any case; else nothing.

    Args:
        name: the wrong name; of any type.
        known: iterable of str.

    Returns:
        str, which begins with "; " unless it is empty.

    Example:

    >>> did_you_mean("efficientnet-b0", ["EfficientNetB0", "VGG16"]), did_you_mean("yolo", ["EfficientNetB0", "VGG16"])
    ('; did you mean EfficientNetB0?', '')
    """
    spelled = {each.lower(): each for each in known}
    near = difflib.get_close_matches(str(name).lower(), spelled, n=3)
    return f"; did you mean {' or '.join(spelled[each] for each in near)}?" if near else ""
