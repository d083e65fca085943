"""The configuration of a whole model that nobody vouches for: what costs memory or time before a layer has weights."""

import re

from keras_effconv.zoo.readers.errors import ContentError

# They make tables of the size that their settings say, and open the files that these name.
TABLES = {"StringLookup", "IntegerLookup", "IndexLookup", "TextVectorization"}
MOST = 40_000  # layers that Keras builds for the sequential models of a file: each `add` builds all of them again


def check_config(config: dict) -> None:
    """Check the configuration of a model before Keras makes its layers.

    Args:
        config: dict, as the JSON of a file has it.

    Raises:
        FormatError: (a ValueError) for layers that look texts or numbers up in tables, and for sequential models of so
            many layers that they take minutes.

    Example:

    >>> check_config({"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "config": {}}]}})
    """
    if (built := _count(config)[1]) > MOST:
        raise ContentError("sequential models of at most some 200 layers", f"{built:,} layers to build")


def _count(node):
    """Return how many layers are below a node, and how many are built for the sequential models among them."""
    children = node.values() if isinstance(node, dict) else node
    counts = [_count(child) for child in children if isinstance(child, dict | list)]
    layers, built = (sum(each) for each in zip(*counts)) if counts else (0, 0)
    if not isinstance(node, dict):
        return layers, built
    name = node.get("class_name")
    if isinstance(name, str) and name in TABLES:
        raise ContentError("layers of images", f"a layer {name}")
    own = node.get("layers")
    layers += len(own) if isinstance(own, list) else 0
    if name == "Sequential" and isinstance(node.get("config"), dict):
        direct = node["config"].get("layers")
        built += len(direct) * layers if isinstance(direct, list) else 0
    return layers, built


def cause_of(error: Exception) -> str:
    """Return in one line what Keras says went wrong, without what it always says.

    >>> cause_of(ValueError("<class 'A'> could not be deserialized properly. Exception encountered: No layer 'B'."))
    "No layer 'B'."
    """
    text = re.sub(r"\x1b\[\d*m", "", str(error))
    text = text.rpartition("Exception encountered: ")[2] or text
    return " ".join(text.split()) or type(error).__name__
