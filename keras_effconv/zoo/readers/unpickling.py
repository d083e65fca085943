"""Reads the pickle of a torch file as data: tensors, plain containers, and placeholders.

A pickle is a program for a small stack machine. `pickle` runs such a program, imports what it names and calls what it
says. The machine here is another one. It knows the opcodes that containers and objects need. A name that it does not
know becomes a placeholder, and so does whatever is called by that name (`foreign.py`). So a file can neither import nor
call anything, and the memory that a few bytes can claim is bounded.
"""

import pickletools

from keras_effconv.zoo.readers.errors import ContentError
from keras_effconv.zoo.readers.foreign import CALLABLE, DICTS, MAX_INTEGER, Foreign, Reference, as_key, call, named
from keras_effconv.zoo.readers.tensors import STORAGES, Storage, Tensor

MAX_STEPS = 1_000_000  # thirty to a tensor

# Opcodes that push what stands behind them, that push a constant, that say nothing about the content.
ARGUMENTS = {
    *("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
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
            name = getattr(kind, "__args__", (kind,))[0].__name__
            raise ContentError(f"a {name} to fill", type(self.stack[-1]).__name__)
        return self.stack[-1]

    def update(self, items):
        top = self.top(dict | Foreign)
        content = top.items if isinstance(top, Foreign) else top
        content.update((as_key(name), value) for name, value in zip(items[::2], items[1::2], strict=True))

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
        self.extend(self.last(1))

    def do_appends(self, _):
        self.extend(self.since_mark())

    do_additems = do_appends

    def extend(self, items):
        top = self.top(list | Foreign)
        if isinstance(top, list):
            top.extend(items)

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
        self.stack.append(named(name))

    def do_stack_global(self, _):
        self.stack.append(named(" ".join(self.last(2))))

    def do_reduce(self, _):
        self.call(*self.last(2))

    def do_newobj(self, _):
        self.object(self.last(2)[0])

    def do_newobj_ex(self, _):
        self.object(self.last(3)[0])

    def do_inst(self, name):
        self.since_mark()
        self.object(named(name))

    def do_obj(self, _):
        kind, *_ = self.since_mark()
        self.object(kind)

    def call(self, function, arguments):
        if isinstance(arguments, tuple):  # a list may be given many times
            self.spend(sum(len(a) for a in arguments if isinstance(a, list | tuple)))
        self.stack.append(call(function, arguments))

    def object(self, kind):
        """Push a new object: a dict of a known class of dicts, else a placeholder."""
        if not isinstance(kind, Foreign | Reference):
            raise ContentError("tensors only", f"an object of {type(kind).__name__}; nothing was executed")
        name = kind.kind if isinstance(kind, Foreign) else str(kind)
        self.stack.append({} if name in DICTS else Foreign(name))

    def do_build(self, _):
        # A state dict carries `_metadata` as an attribute, and a tensor may carry others: dropped.
        (state,) = self.last(1)
        top = self.top(dict | list | Tensor | Foreign)
        if isinstance(top, Foreign):
            top.state = state

    def do_pop(self, _):
        self.last(1)

    def do_pop_mark(self, _):
        self.since_mark()

    def do_dup(self, _):
        self.stack.append(self.stack[-1])

    def do_empty_set(self, _):
        self.stack.append([])  # nothing here reads a set

    def do_frozenset(self, _):
        self.stack.append(tuple(self.since_mark()))

    def do_bytearray8(self, content):
        self.stack.append(bytes(content))

    def do_long4(self, number):
        self.stack.append(number if number.bit_length() <= MAX_INTEGER else Foreign("int"))

    def do_persid(self, name):
        self.stack.append(Foreign(f"persistent {name}"[:200]))

    def do_binpersid(self, _):
        """Push a storage: ("storage", class, key, device, size), in legacy files also its place in another, or None."""
        (saved,) = self.last(1)
        if isinstance(saved, tuple) and len(saved) > 1 and saved[0] == "module":  # a class, and its source
            self.stack.append(saved[1])
            return
        if not isinstance(saved, tuple) or len(saved) not in (5, 6) or saved[0] != "storage":
            raise ContentError("the description of a storage", type(saved).__name__)
        _, name, key, _, size, *view = saved
        known = isinstance(name, Foreign) or (isinstance(name, Reference) and name not in CALLABLE)
        if not known or view not in ([], [None]) or type(size) is not int or size < 0:
            raise ContentError("a storage of numbers with a size", "another one")
        if not isinstance(key, (str, int)):
            raise ContentError("a storage with a key", type(key).__name__)
        kind = None if isinstance(name, Foreign) else STORAGES[name.split()[1]]
        storage = self.storages.setdefault(key, Storage(kind, size))
        self.stack.append(storage if storage.kind else Foreign("storage"))


def unpickle(file):
    """Read one pickle as data.

    Args:
        file: a binary file whose reads are bounded, such as a `Region` or a `BytesIO`; left behind the pickle.

    Returns:
        The object, of `Tensor`s, plain Python and placeholders, and a dict of storage key -> `Storage`.

    Raises:
        FormatError: when the pickle is no data. A damaged one can end in another exception, too.

    Example:

    >>> import io, pickle
    >>> unpickle(io.BytesIO(pickle.dumps({"epoch": 3}, protocol=2)))
    ({'epoch': 3}, {})
    """
    machine = _Machine()
    return machine.run(file), machine.storages
