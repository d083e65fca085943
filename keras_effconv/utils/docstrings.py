"""What a docstring says of each argument."""

import inspect
import re


def arguments_of(thing):
    """Return the entries of the "Args:" of a docstring, each on one line; those of a class' bases first.

    Args:
        thing: class or function with a docstring in Google style.

    Returns:
        dict of name -> str.

    Example:

    >>> arguments_of(arguments_of)
    {'thing': 'class or function with a docstring in Google style.'}
    """
    classes = reversed(thing.__mro__) if inspect.isclass(thing) else (thing,)
    entries = {}
    for each in classes:
        text = inspect.cleandoc(each.__doc__ or "")
        section = re.search(r"^Args:\n((?:    .*\n?|\n)+)", text, re.MULTILINE)
        matches = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", section[1], re.MULTILINE) if section else ()
        entries.update({name: " ".join(words.split()) for name, words in matches})
    return entries
