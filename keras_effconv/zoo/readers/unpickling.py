"""Reads the pickle of a torch file as data: what a state dict is made of, and nothing else.

A pickle is a program for a small stack machine. `pickle` runs such a program, imports what it names and calls what it
says. The machine here is another one. It knows the opcodes that tensors and plain containers need, the handful of
names in `KNOWN`, and refuses every other one; so a file can neither import nor call anything, and the memory that a
few bytes can claim is bounded.
"""

import pickletools

from keras_effconv.zoo.readers.errors import ContentError
from keras_effconv.zoo.readers.tensors import STORAGES, Storage, Tensor

MAX_STEPS = 1_000_000  # thirty to a tensor


def _ordered_dict(pairs=()):
    return {_key(name): value for name, value in pairs}


def _tensor(storage, offset, shape, strides, *_):
    return Tensor(storage, offset, shape, strides)


def _parameter(tensor, *_):
    return tensor


# What a program may name. A storage's class stands for itself; the others may be called.
CALLABLE = {
    "collections OrderedDict": _ordered_dict,
    "torch._utils _rebuild_tensor_v2": _tensor,
    "torch._utils _rebuild_tensor": _tensor,
    "torch._utils _rebuild_parameter": _parameter,
}
KNOWN = {*CALLABLE, *(f"torch {name}" for name in STORAGES)}


class Reference(str):
    """A name that the program may use: "module name"."""


def _global(name):
    if name not in KNOWN:
        name = ".".join(str(name)[:200].split())
        raise ContentError("tensors only", f"a reference to {name}; nothing was executed")
    return Reference(name)


def _key(key):
    # Hashing a tuple of tuples of tuples can take forever.
    if not isinstance(key, (str, int, float, bytes, type(None))):
        raise ContentError("names as the keys of a dict", type(key).__name__)
    return key


# Opcodes that push what stands behind them, that push a constant, that say nothing about the content.
ARGUMENTS = {
    *("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE"),
    *("BINBYTES", "SHORT_BINBYTES"),
}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
IGNORED = {"PROTO", "FRAME", "STOP"}


class _Machine:
    """The stack, the memo and the storages of one program."""

    def __init__(self):
        self.stack, self.marks, self.memo, self.storages, self.steps = [], [], {}, {}, 0

    def run(self, file):
        for opcode, argument, _ in pickletools.genops(file):
            self.spend(1)
            if opcode.name in ARGUMENTS:
                self.stack.append(argument)
            elif opcode.name in CONSTANTS:
                self.stack.append(CONSTANTS[opcode.name])
            elif opcode.name not in IGNORED:
                step = getattr(self, f"do_{opcode.name.lower()}", None)
                if step is None:
                    raise ContentError("tensors only", f"the step {opcode.name}; nothing was executed")
                step(argument)
        return self.stack.pop()

    def spend(self, steps):
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise ContentError(f"a pickle of at most {MAX_STEPS:,} steps", "a longer one")

    def since_mark(self):
        position = self.marks.pop()
        items = self.stack[position:]
        del self.stack[position:]
        return items

    def last(self, count):
        if len(self.stack) < count:
            raise ContentError("a whole pickle", "a damaged one")
        items = self.stack[-count:]
        del self.stack[-count:]
        return items

    def top(self, kind):
        if not isinstance(self.stack[-1], kind):
            raise ContentError(f"a {kind.__name__} to fill", type(self.stack[-1]).__name__)
        return self.stack[-1]

    def update(self, items):
        self.top(dict).update((_key(name), value) for name, value in zip(items[::2], items[1::2], strict=True))

    def do_mark(self, _):
        self.marks.append(len(self.stack))

    def do_empty_dict(self, _):
        self.stack.append({})

    def do_empty_list(self, _):
        self.stack.append([])

    def do_tuple(self, _):
        self.stack.append(tuple(self.since_mark()))

    def do_tuple1(self, _):
        self.stack.append(tuple(self.last(1)))

    def do_tuple2(self, _):
        self.stack.append(tuple(self.last(2)))

    def do_tuple3(self, _):
        self.stack.append(tuple(self.last(3)))

    def do_list(self, _):
        self.stack.append(self.since_mark())

    def do_dict(self, _):
        items = self.since_mark()
        self.stack.append({})
        self.update(items)

    def do_append(self, _):
        (item,) = self.last(1)
        self.top(list).append(item)

    def do_appends(self, _):
        items = self.since_mark()
        self.top(list).extend(items)

    def do_setitem(self, _):
        self.update(self.last(2))

    def do_setitems(self, _):
        self.update(self.since_mark())

    def do_put(self, index):
        self.memo[index] = self.stack[-1]

    do_binput = do_long_binput = do_put

    def do_memoize(self, _):
        self.memo[len(self.memo)] = self.stack[-1]

    def do_get(self, index):
        self.stack.append(self.memo[index])

    do_binget = do_long_binget = do_get

    def do_global(self, name):
        self.stack.append(_global(name))

    def do_stack_global(self, _):
        self.stack.append(_global(" ".join(self.last(2))))

    def do_reduce(self, _):
        name, arguments = self.last(2)
        if not isinstance(name, Reference) or name not in CALLABLE or not isinstance(arguments, tuple):
            raise ContentError("tensors only", f"a call of {type(name).__name__}; nothing was executed")
        self.spend(sum(len(a) for a in arguments if isinstance(a, list | tuple)))  # a list may be given many times
        self.stack.append(CALLABLE[name](*arguments))

    def do_build(self, _):
        # A state dict carries `_metadata` as an attribute: dropped.
        self.last(1)
        self.top(dict)

    def do_binpersid(self, _):
        """Push a storage: ("storage", class, key, device, size), in legacy files also its place in another, or None."""
        (saved,) = self.last(1)
        if not isinstance(saved, tuple) or len(saved) not in (5, 6) or saved[0] != "storage":
            raise ContentError("the description of a storage", type(saved).__name__)
        _, name, key, _, size, *view = saved
        known = isinstance(name, Reference) and name not in CALLABLE and view in ([], [None])
        if not known or type(size) is not int or size < 0:
            raise ContentError("a storage of numbers with a size", "another one")
        if not isinstance(key, (str, int)):
            raise ContentError("a storage with a key", type(key).__name__)
        self.stack.append(self.storages.setdefault(key, Storage(STORAGES[name.split()[1]], size)))


def unpickle(file):
    """Read one pickle as data.

    Args:
        file: a binary file whose reads are bounded, such as a `Region` or a `BytesIO`; left behind the pickle.

    Returns:
        The object, of `Tensor`s and plain Python, and a dict of storage key -> `Storage`.

    Raises:
        FormatError: when the pickle is more than that. A damaged one can end in another exception, too.

    Example:

    >>> import io, pickle
    >>> unpickle(io.BytesIO(pickle.dumps({"epoch": 3}, protocol=2)))
    ({'epoch': 3}, {})
    """
    machine = _Machine()
    return machine.run(file), machine.storages
