"""Pickles in torch files, of both formats."""

import pickle
import struct

import weight_files

from bad_files.case import Member, content, raw_zip
from keras_effconv.zoo.readers import torch_legacy

HEAD, DICT = b"\x80\x04", b"ccollections\nOrderedDict\n"
LAUGHS = b"](K\x01K\x01e\x94" + b"".join(b"](" + b"h" + bytes([i]) + b"h" + bytes([i]) + b"e\x94" for i in range(60))
TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"


def tensor(
    size=b"K\x04", offset=b"K\x00", shape=b"K\x04\x85", strides=b"K\x01\x85", key=b"X\1\0\0\x000", name=b"aX"[1:]
):
    """The pickle of {"a": tensor} with numbers as opcodes."""
    storage = b"(X\7\0\0\0storagectorch\nFloatStorage\n" + key + b"X\3\0\0\0cpu" + size + b"tQ"
    return HEAD + b"}(X\1\0\0\0a" + TENSOR + b"(" + storage + offset + shape + strides + b"\x89}tRu."


PICKLES = {
    "nested tuples": HEAD + b")" + b"\x85" * 200_000 + b".",
    "nested lists": HEAD + b"](" * 100_000 + b"e" * 100_000 + b".",
    "nested dicts as state": HEAD + b"}(X\1\0\0\0a" * 50_000 + b"N" + b"u" * 50_000 + b".",
    "billion laughs": HEAD + LAUGHS + b".",
    "billion laughs as a state": HEAD + b"}(X\1\0\0\0a" + LAUGHS + b"u.",
    "billion laughs as a shape": tensor(shape=LAUGHS),
    "a memo of a million": HEAD + b"N" + b"".join(b"r" + struct.pack("<I", i) for i in range(200_000)) + b".",
    "a huge memo index": HEAD + b"}r\xff\xff\xff\xff.",
    "a text memo index": HEAD + b"Np" + b"9" * 5000 + b"\n.",
    "a huge LONG4": HEAD + b"\x8b\xff\xff\xff\x7f\x01.",
    "a negative LONG4": HEAD + b"\x8b\xff\xff\xff\xff\x01.",
    "a long LONG4": HEAD + b"\x8b" + struct.pack("<i", 1 << 21) + b"\x7f" * (1 << 21) + b".",
    "a long LONG": HEAD + b"L" + b"9" * 1_000_000 + b"L\n.",
    "a long INT": HEAD + b"I" + b"9" * 1_000_000 + b"\n.",
    "a huge BINUNICODE": HEAD + b"X\xff\xff\xff\xffa.",
    "a huge BINUNICODE8": HEAD + b"\x8d" + struct.pack("<Q", 1 << 40) + b"a.",
    "a huge BINBYTES": HEAD + b"B\xff\xff\xff\xffa.",
    "a huge BINBYTES8": HEAD + b"\x8e" + struct.pack("<Q", 1 << 62) + b"a.",
    "a huge BYTEARRAY8": b"\x80\x05\x96" + struct.pack("<Q", 1 << 50) + b"a.",
    "a huge FRAME": HEAD + b"\x95" + struct.pack("<Q", 1 << 50) + b"}.",
    "an endless line": HEAD + b"c" + b"a" * 1_000_000,
    "a call of os.system": HEAD + b"cos\nsystem\n(X\4\0\0\0truetR.",
    "a call by STACK_GLOBAL": HEAD + b"X\x08\0\0\0builtinsX\4\0\0\0eval\x93X\1\0\0\x001\x85R.",
    "a call by INST": b"\x80\x02(X\1\0\0\x001ibuiltins\neval\n.",
    "a call by OBJ": b"\x80\x02(cbuiltins\neval\nX\1\0\0\x001o.",
    "a call by NEWOBJ_EX": HEAD + b"cbuiltins\nint\n)}\x92.",
    "an extension": HEAD + b"\x84\xff\xff\xff\x7f.",
    "a persistent id of text": b"\x80\x02Pevil\n.",
    "no end": HEAD + b"}" * 1000,
    "an empty stack": HEAD + b"\x85.",
    "no mark": HEAD + b"e.",
    "pairs without a value": HEAD + b"}(Nu.",
    "protocol 9": b"\x80\x09}.",
    "invalid text": HEAD + b"X\2\0\0\0\xff\xfe.",
    "a million entries": HEAD + DICT + b"](" + b"N" * 900_000 + b"e\x85R.",
    "a slow key": HEAD + b")\x94" + b"h\x00h\x00\x86q\x00" * 60 + b"}h\x00K\x01s.",
    "a huge storage": tensor(size=b"\x8a\x08" + struct.pack("<q", 1 << 60)),
    "a negative storage": tensor(size=b"J" + struct.pack("<i", -5)),
    "a fraction as a size": tensor(size=b"G" + struct.pack(">d", 1e300)),
    "an offset beyond the storage": tensor(offset=b"M\xff\xff"),
    "a negative offset": tensor(offset=b"J" + struct.pack("<i", -4)),
    "a huge shape without strides": tensor(
        shape=b"\x8a\x08" + struct.pack("<q", 1 << 60) + b"\x85", strides=b"K\x00\x85"
    ),
    "a negative shape": tensor(shape=b"J" + struct.pack("<i", -1) + b"\x85"),
    "a thousand dimensions": tensor(shape=b"(" + b"K\x01" * 1000 + b"t", strides=b"(" + b"K\x01" * 1000 + b"t"),
    "a key that leads out": tensor(key=b"X\x0d\0\0\0../../../evil"),
}


def zipped(program):
    return raw_zip([Member("a/data.pkl", program), Member("a/data/0", bytes(16))])


def legacy(program):
    head = b"".join(pickle.dumps(value, 2) for value in (torch_legacy.MAGIC, torch_legacy.PROTOCOL, {}))
    return head + program + pickle.dumps(["0"], 2) + struct.pack("<q", 4) + bytes(16)


def cases():
    every = [content(f"torch zip: {name}", "weights", zipped(data)) for name, data in PICKLES.items()]
    return (
        every
        + [content(f"torch legacy: {name}", "weights", legacy(data)) for name, data in list(PICKLES.items())[::2]]
        + [
            content("torch legacy: the keys of other storages", "weights", legacy(tensor())[:-40] + bytes(20)),
            content("torch legacy: no storages", "weights", legacy(tensor())[:-60]),
            content(
                "torch zip: storages of another size",
                "weights",
                raw_zip(
                    [
                        Member("a/data.pkl", weight_files.torch_pickle({"a": ((4, 4), "FloatStorage")})),
                        Member("a/data/0", bytes(16)),
                    ]
                ),
            ),
        ]
    )
