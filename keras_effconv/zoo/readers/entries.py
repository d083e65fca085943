"""The state dicts of a torch checkpoint: among counters, arguments, optimizers and whole modules."""

import re
from collections.abc import Callable, Iterable, Mapping

from keras_effconv.zoo.readers.errors import ContentError, check_names
from keras_effconv.zoo.readers.foreign import Foreign
from keras_effconv.zoo.readers.tensors import Tensor

MAX_VISITS = 100_000  # of dicts: those of a module may be in another many times
MAX_DEPTH = 64
ARRAYS = ("numpy._core.multiarray _reconstruct", "numpy.core.multiarray _reconstruct")
STATE = re.compile(r"(.*_)?(optim\w*|opt|(lr_)?schedulers?|scaler|grads?)")  # of training, not of a network

# From the names of each entry to the full names ("entry.name") that are to be read.
Choose = Callable[[Mapping[str, tuple[str, ...]]], Iterable[str]]


def joined(entry, name):
    """Return the full name of a tensor: its entry may be the checkpoint itself.

    >>> joined("state_dict", "conv.weight"), joined("", "conv.weight")
    ('state_dict.conv.weight', 'conv.weight')
    """
    return f"{entry}.{name}" if entry else name


def entries(content):
    """Return the dicts of a checkpoint that have tensors.

    The state of optimizers is passed over. A pickled module is what its `state_dict()` was.

    Args:
        content: object that `unpickle` returned.

    Returns:
        dict of the path of an entry ("state_dict", "model.backbone"; "" for the checkpoint itself) -> dict of name ->
        `Tensor`.

    Raises:
        FormatError: when there is none.
    """
    found, seen, visits, strange, passed = {}, set(), 0, None, []
    todo = [("", "", content, 0)]
    while todo:
        entry, prefix, node, depth = todo.pop()
        if depth > MAX_DEPTH or (id(node) in seen and not prefix):  # a module may be there under two names
            continue
        seen.add(id(node))
        visits += 1
        if visits > MAX_VISITS:
            raise ContentError(f"at most {MAX_VISITS:,} dicts", "more")
        strange = strange or (node if isinstance(node, Foreign) else None)
        members, children, module = _members(node)
        tensors = {prefix + name: value for name, value in members.items() if _is_named(name, value, Tensor)}
        check_names([joined(entry, name) for name in tensors])
        if tensors:
            found.setdefault(entry, {}).update(tensors)
        for name, child in reversed(children.items()):
            if not _is_named(name, child, dict | list | tuple | Foreign):
                continue
            if STATE.fullmatch(name):
                passed.append(name)
            else:
                below = (entry, f"{prefix}{name}.") if module else (joined(entry, name), "")
                todo.append((*below, child, depth + 1))
    if not found:
        raise ContentError("a dict of tensors", _cause(content, strange, passed))
    return found


def _cause(content, strange, passed):
    """Say what a checkpoint without tensors has."""
    if content == {}:
        return "an empty one"
    if passed:
        return f"the state of training alone: {', '.join(dict.fromkeys(passed))}"
    if strange and strange.kind in ARRAYS:
        return "NumPy arrays, not tensors: save them as safetensors, or as torch.from_numpy makes them tensors"
    return strange.reference() if strange else f"{type(content).__name__} without any"


def _is_named(name, value, kind):
    return isinstance(name, str) and isinstance(value, kind)


def _members(node):
    """Return what a node has under its name, what is below it, and whether it is a module."""
    if isinstance(node, dict):
        return node, node, False
    if isinstance(node, list | tuple):  # of state dicts; tensors in it have no names
        inner = ((i, child) for i, child in enumerate(node) if isinstance(child, dict | list | tuple | Foreign))
        return {}, {str(i): child for i, child in inner}, False
    state = _dict(node.state) if isinstance(node, Foreign) else {}
    if isinstance(state.get("_modules"), dict):  # of torch.nn.Module
        return {**_dict(state.get("_parameters")), **_dict(state.get("_buffers"))}, state["_modules"], True
    every = {**state, **node.items} if isinstance(node, Foreign) else {}
    return every, every, False


def _dict(value):
    return value if isinstance(value, dict) else {}


def select(found, choose: Choose | None):
    """Return the tensors that are wanted.

    Args:
        found: as `entries` returns it.
        choose: `Choose`, or `None` for those of the one entry, by their own names, without the prefix `module.` of
            data-parallel training.

    Returns:
        dict of name -> checked `Tensor`.

    Raises:
        FormatError: when no choice is given and there are several entries, or a tensor is damaged.
    """
    if choose is None:
        if len(found) > 1:
            raise ContentError("one dict of tensors", f"{', '.join(map(repr, found))}: choose one of them")
        (tensors,) = found.values()
        parallel = all(name.startswith("module.") for name in tensors)
        tensors = {name.removeprefix("module.") if parallel else name: tensor for name, tensor in tensors.items()}
    else:
        every = {joined(entry, name): tensor for entry, names in found.items() for name, tensor in names.items()}
        tensors = {name: every[name] for name in choose({entry: tuple(names) for entry, names in found.items()})}
    for name, tensor in tensors.items():
        _check(name, tensor)
        tensor.storage.users += 1
    return tensors


def _check(name, tensor):
    try:
        tensor.check()
    except ContentError as error:
        raise ContentError(error.content, f"{name[:80]}: {error.received}") from None
