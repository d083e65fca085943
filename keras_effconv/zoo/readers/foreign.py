"""What the pickle of a torch file may name: tensors, plain containers, and placeholders for all else.

A training checkpoint holds more than tensors: parsed arguments, paths, counters, NumPy scalars, whole modules. Nothing
of it is imported or called. It is a `Foreign` that knows its class by name and keeps what was put into it, because a
module holds its tensors so.
"""

from keras_effconv.zoo.readers.errors import ContentError
from keras_effconv.zoo.readers.tensors import STORAGES, OddTensor, Tensor

MAX_INTEGER = 1 << 12  # bits; a larger one is no counter, and takes time wherever it is hashed


class Foreign:
    """An object of a class that is not known: inert.

    Args:
        kind: str, the name of the class: "argparse Namespace".
    """

    def __init__(self, kind):
        self.kind, self.items, self.state = kind, {}, None

    def reference(self):
        """Say what it is, for a message."""
        return f"a reference to {'.'.join(self.kind.split())}; nothing was executed"


class Reference(str):
    """A name that the program may use: "module name"."""


def _ordered_dict(pairs=()):
    return {as_key(name): value for name, value in pairs}


def _empty_dict(*_):
    return {}


def _tensor(storage, offset, shape, strides, *_):
    return Foreign("tensor") if isinstance(storage, Foreign) else Tensor(storage, offset, shape, strides)


def _parameter(tensor, *_):
    return tensor


def _of_subclass(function, _, arguments, *__):
    """Return a tensor of a subclass of torch's as one."""
    known = isinstance(function, Reference) and function in CALLABLE and function != OF_SUBCLASS
    return CALLABLE[function](*arguments) if known and isinstance(arguments, tuple) else Foreign("tensor")


# What a program may call. A storage's class stands for itself.
OF_SUBCLASS = "torch._tensor _rebuild_from_type_v2"
CALLABLE = {
    "collections OrderedDict": _ordered_dict,
    "collections defaultdict": _empty_dict,
    "torch._utils _rebuild_tensor_v2": _tensor,
    "torch._utils _rebuild_tensor": _tensor,
    "torch._utils _rebuild_parameter": _parameter,
    "torch._utils _rebuild_parameter_with_state": _parameter,
    OF_SUBCLASS: _of_subclass,
}
# Tensors that are no array of numbers, or of types that no network here has; an error only where they are wanted.
ODD = {
    "torch._utils _rebuild_qtensor": "a quantised tensor",
    "torch._utils _rebuild_tensor_v3": "a tensor of a rare type, such as those of quantised networks",
    "torch._utils _rebuild_sparse_tensor": "a sparse tensor",
    "torch._utils _rebuild_sparse_csr_tensor": "a sparse tensor",
    "torch._utils _rebuild_nested_tensor": "a nested tensor",
    "torch._utils _rebuild_meta_tensor_no_storage": "a tensor without values",
    "torch._utils _rebuild_wrapper_subclass": "a tensor of another library, such as those of quantised networks",
}
DICTS = {"collections OrderedDict", "collections defaultdict"}  # which may also be made as objects
KNOWN = {*CALLABLE, *(f"torch {name}" for name in STORAGES), *(f"torch.storage {name}" for name in STORAGES)}


def named(name):
    """Return what stands for a name that a program uses: a `Reference`, or a `Foreign`."""
    return Reference(name) if name in KNOWN else Foreign(" ".join(str(name)[:200].split()))


def call(function, arguments):
    """Return the result of a known function; of another one, a placeholder.

    Raises:
        FormatError: for what is no function, or arguments that are none.
    """
    if isinstance(function, Foreign):
        return OddTensor(ODD[function.kind]) if function.kind in ODD else Foreign(function.kind)
    if not isinstance(function, Reference) or function not in CALLABLE or not isinstance(arguments, tuple):
        raise ContentError("tensors only", f"a call of {type(function).__name__}; nothing was executed")
    return CALLABLE[function](*arguments)


def as_key(key):
    """Return a key of a dict; one whose hash may take for ever, such as a tuple of tuples, becomes a placeholder."""
    return key if isinstance(key, (str, int, float, bytes, type(None))) else Foreign(type(key).__name__)
