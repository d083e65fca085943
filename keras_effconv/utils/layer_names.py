"""Layers and the blocks that they belong to, by name."""


def in_block(layer_name: str, prefix: str) -> bool:
    """Return whether a name is the prefix itself, or begins with it and a `_`.

    >>> in_block("conv2_block1_out", "conv2_block1"), in_block("conv2_block10_out", "conv2_block1")
    (True, False)
    """
    return layer_name == prefix or layer_name.startswith(f"{prefix}_")
