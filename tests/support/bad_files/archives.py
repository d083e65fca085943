"""Archives: torch's zip files, NumPy's, safetensors, MXNet's lists and tar files."""

import io
import json
import pickle
import struct
import zipfile

import numpy as np
import weight_files

from bad_files.case import Case, Member, content, cuts, raw_zip, tar_header, zip_bomb

PICKLE = weight_files.torch_pickle({"a": ((4,), "FloatStorage")})
STORAGE = Member("a/data/0", bytes(16))
TORCH = {
    "compressed": zip_bomb("a/data.pkl", 700),
    "a compressed storage": zip_bomb("a/data/0", 700, Member("a/data.pkl", PICKLE)),
    "a size beyond the file": raw_zip([Member("a/data.pkl", PICKLE), STORAGE._replace(size=1 << 31, packed=1 << 31)]),
    "zip64 without its sizes": raw_zip(
        [Member("a/data.pkl", PICKLE), STORAGE._replace(size=2**32 - 1, packed=2**32 - 1)]
    ),
    "a member twice": raw_zip([Member("a/data.pkl", PICKLE), STORAGE, STORAGE]),
    "members in the same place": raw_zip(
        [Member("a/data.pkl", PICKLE), *(STORAGE._replace(name=f"a/data/{i}", at=0) for i in range(200))]
    ),
    "two pickles": raw_zip([Member("a/data.pkl", PICKLE), Member("b/data.pkl", PICKLE), STORAGE]),
    "a member behind the end": raw_zip([Member("a/data.pkl", PICKLE), STORAGE._replace(at=1 << 30)]),
    "a wrong checksum": raw_zip([Member("a/data.pkl", PICKLE), STORAGE._replace(crc=1)]),
    "encrypted": raw_zip([Member("a/data.pkl", PICKLE, flags=1), STORAGE]),
    "big-endian": raw_zip([Member("a/data.pkl", PICKLE), Member("a/byteorder", b"big"), STORAGE]),
    "no storage": raw_zip([Member("a/data.pkl", PICKLE)]),
    "a storage elsewhere": raw_zip([Member("a/data.pkl", PICKLE), STORAGE._replace(name="../../a/data/0")]),
    "more members than there are": raw_zip([Member("a/data.pkl", PICKLE)], count=60_000),
    "no members": raw_zip([]),
    "50,000 members": raw_zip([Member("a/data.pkl", PICKLE), *(Member(f"a/{i}", b"") for i in range(50_000))]),
}


def safetensors(header, data=bytes(64), length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def numbers(shape=(4,), offsets=(0, 16), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


SAFETENSORS = {
    "a header beyond the file": safetensors({"a": numbers()}, length=1 << 40),
    "a header of 2^63": safetensors({"a": numbers()}, length=1 << 63),
    "no data": safetensors({"a": numbers()}, b""),
    "overlapping tensors": safetensors({"a": numbers(), "b": numbers()}),
    "a hole": safetensors({"a": numbers(), "b": numbers(offsets=(32, 48))}),
    "a tensor twice": safetensors(b'{"a":%s,"a":%s}' % ((json.dumps(numbers()).encode(),) * 2), bytes(16)),
    "deep JSON": safetensors(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "deep metadata": safetensors(b'{"__metadata__":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}"),
    "an unknown type": safetensors({"a": numbers(dtype="F3")}),
    "a size below 0": safetensors({"a": numbers(shape=(-4,))}),
    "a shape that overflows": safetensors({"a": numbers(shape=(1 << 40, 1 << 40))}),
    "a huge shape of nothing": safetensors({"a": numbers(shape=(0, 1 << 62), offsets=(0, 0))}, b""),
    "offsets that go back": safetensors({"a": numbers(offsets=(16, 0))}),
    "no tensors": safetensors({}, b""),
    "a list": safetensors(b"[]", b""),
    "no UTF-8": safetensors(b'{"\xff":1}'),
}
ARRAY = weight_files.mxnet_params({"a.params": np.ones((2, 2), "f4")})
TARS = {
    "a size below 0": tar_header("a.params", -1024) + ARRAY,
    "a size beyond the file": tar_header("a.params", 1 << 40) + ARRAY,
    "an attribute below 0": tar_header("x", -512, b"x") + bytes(512) + tar_header("a.params", 0),
    "an attribute without end": tar_header("x", 1 << 33, b"x") + bytes(1024),
    "a name without end": tar_header("x", 1 << 33, b"L") + bytes(1024),
    "names of names": tar_header("x", 512, b"L") + bytes(512),
    "a chain of names": (tar_header("x", 1, b"L") + bytes(512)) * 3000,
    "a link": tar_header("a.params", 0, b"2", "/etc/passwd"),
    "a hard link": tar_header("a.params", 0, b"1", "/etc/passwd"),
    "a device": tar_header("a.params", 0, b"3"),
    "a pipe": tar_header("a.params", 0, b"6"),
    "a sparse file": tar_header("a.params", 512, b"S") + bytes(512),
    "a size of sparse numbers": tar_header("x", 30, b"x")
    + b"30 GNU.sparse.major=1\n".ljust(512, b"\0")
    + tar_header("a", 0),
    "20,000 members": tar_header("a", 0) * 20_000,
}


def mxnet(*numbers, kinds="QQQ", rest=b""):
    return struct.pack(f"<{kinds}", *numbers) + rest


MXNET = {
    "2^60 arrays": mxnet(0x112, 0, 1 << 60, rest=bytes(100)),
    "a shape of 2^60": mxnet(0x112, 0, 1, 0xF993FAC9, 0, 1, 1 << 60, 1, 0, 0, kinds="QQQIiIqiii", rest=bytes(64)),
    "a shape that overflows": mxnet(
        0x112, 0, 1, 0xF993FAC9, 0, 2, 1 << 32, 1 << 32, 1, 0, 0, kinds="QQQIiIqqiii", rest=bytes(64)
    ),
    "a size below 0": mxnet(0x112, 0, 1, 0xF993FAC9, 0, 1, -1, 1, 0, 0, kinds="QQQIiIqiii", rest=bytes(64)),
    "a thousand dimensions": mxnet(0x112, 0, 1, 1000, kinds="QQQI", rest=bytes(8000)),
    "a type of 99": mxnet(0x112, 0, 1, 0xF993FAC9, 0, 1, 1, 1, 0, 99, kinds="QQQIiIqiii", rest=bytes(64)),
    "a name without end": ARRAY[:-16] + struct.pack("<Q", 1 << 60) + b"a.params",
}


def npy(header, data=b"", version=1):
    text = (header if isinstance(header, bytes) else repr(header).encode()) + b"\n"
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + data


def described(descr="<f4", shape=(4,), fortran=False):
    return {"descr": descr, "fortran_order": fortran, "shape": shape}


NPY = {
    "a shape without values": npy(described(shape=(1 << 30,))),
    "a shape that overflows": npy(described(shape=(1 << 40, 1 << 40)), bytes(64)),
    "sizes below 0": npy(described(shape=(-2, -2)), bytes(16)),
    "too many values": npy(described(), bytes(64)),
    "a fraction": npy(described(shape=(2.5,)), bytes(16)),
    "objects": npy(described("|O"), pickle.dumps([1, 2, 3, 4])),
    "records": npy(described([("a", "<f4")]), bytes(16)),
    "nested records": npy(
        b"{'descr':" + b"[('a'," * 300 + b"'<f4'" + b")]" * 300 + b",'fortran_order':False,'shape':()}"
    ),
    "texts of 2^30": npy(described("<U1073741824", (1,))),
    "dates": npy(described("<M8[s]"), bytes(32)),
    "an unknown type": npy(described("<q7"), bytes(64)),
    "a program": npy(b"__import__('os').system('true')"),
    "an expression": npy(b"{'descr':'<f4','fortran_order':False,'shape':(10**10,)}"),
    "deep brackets": npy(b"(" * 9000 + b")" * 9000, version=2),
    "a long header": npy(b"{" + b" " * 1_000_000 + b"}", version=2),
    "version 9": npy(described(), bytes(16), version=9),
    "no array": b"text",
    "nothing": b"",
}


def npz_of(array):
    """An archive whose members are all this one array."""
    names = ("images", "labels", "outputs", "progress", "00000")
    return raw_zip([Member(f"{name}.npy", array) for name in names])


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def npz_bomb(megabytes):
    head = npy(described("|u1", ((megabytes << 20) - 1024,)))
    head = npy(described("|u1", ((megabytes << 20) - len(head),)))
    assert len(head) < 1024
    return zip_bomb("images.npy", megabytes, *(Member(f"{name}.npy", head) for name in ("labels", "progress")))


IMAGES, LABELS = np.zeros((4, 8, 8, 3), "u1"), np.array([0, 1, 0, 1])
NPZ = {
    "a bomb": lambda: npz_bomb(900),
    "a member twice": lambda: raw_zip([Member("labels.npy", npy(described(), bytes(16)))] * 2),
    "an unknown compression": lambda: raw_zip([Member("labels.npy", b"x", method=zipfile.ZIP_LZMA)]),
    "a wrong checksum": lambda: raw_zip(
        [Member(f"{n}.npy", npy(described(), bytes(16)), crc=1) for n in ("labels", "progress", "images")]
    ),
    "no zip file": lambda: b"PK\3\4" + bytes(100),
    "an array alone": lambda: npy(described(), bytes(16)),
    "a pickle": lambda: pickle.dumps({"labels": [1]}),
    "other arrays": lambda: npz(a=IMAGES),
}
DATA = {
    "a label of two milliards": npz(images=IMAGES, labels=np.array([0, 1, 2**31 - 1, 0])),
    "a label below 0": npz(images=IMAGES, labels=np.array([0, -1, 0, 1])),
    "labels of texts": npz(images=IMAGES, labels=np.array(list("abcd"))),
    "labels of two dimensions": npz(images=IMAGES, labels=np.zeros((4, 4), int)),
    "labels without a number": npz(images=IMAGES, labels=np.array([0, np.nan, 1, 1])),
    "one label": npz(images=IMAGES, labels=np.array(1)),
    "images of nothing": npz(images=np.zeros((4, 0, 0, 3), "u1"), labels=LABELS),
    "images of one channel": npz(images=np.zeros((4, 8, 8), "u1"), labels=LABELS),
    "offsets beyond the end": npz(jpeg=np.zeros(4, "u1"), offsets=np.array([0, 1, 2, 3, 1 << 40]), labels=LABELS),
    "offsets that go back": npz(jpeg=np.zeros(4, "u1"), offsets=np.array([0, 3, 1, 3, 4]), labels=LABELS),
    "fractions as offsets": npz(jpeg=np.zeros(4, "u1"), offsets=np.arange(5) / 2, labels=LABELS),
    "no image that is one": npz(jpeg=np.zeros(4, "u1"), offsets=np.arange(5), labels=LABELS),
    "one class name": npz(images=IMAGES, labels=LABELS, class_names=np.array("a")),
}


def data_set(name, data):
    def write(folder):
        for part in ("train", "test"):
            (folder / f"{part}.npz").write_bytes(data() if callable(data) else data)
        return folder

    return Case(f"data.npz: {name}", "data", write)


def checkpoint(name, data):
    def write(folder):
        (folder / "checkpoint.npz").write_bytes(data() if callable(data) else data)
        return folder

    return Case(f"checkpoint.npz: {name}", "checkpoint", write)


def cases():
    arrays = {**NPZ, **{name: npz_of(array) for name, array in NPY.items()}}
    progress = np.frombuffer(b'{"epoch": {}, "steps": 1}', "u1")
    return [
        *(content(f"torch zip: {name}", "weights", data) for name, data in TORCH.items()),
        *(content(f"safetensors: {name}", "weights", data) for name, data in SAFETENSORS.items()),
        *(content(f"MXNet: {name}", "weights", data) for name, data in MXNET.items()),
        *(content(f"MXNet's tar: {name}", "weights", data) for name, data in TARS.items()),
        *cuts("safetensors", "weights", safetensors({"a": numbers()}, bytes(16))),
        *cuts("MXNet", "weights", ARRAY),
        *(data_set(name, data) for name, data in {**arrays, **DATA}.items()),
        *(checkpoint(name, data) for name, data in {**arrays, "another record": npz(progress=progress)}.items()),
        *(content(f"outputs.npz: {name}", "outputs", data) for name, data in list(arrays.items())[::3]),
    ]
