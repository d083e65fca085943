"""HDF5 files of weights: chunks, filters, links, texts and types that take memory, or lead elsewhere."""

import io
import struct
import zlib

import h5py
import numpy as np

from bad_files.case import content, cuts

GCOL = b"GCOL"


def keras_3(fill):
    """The bytes of a file in the layout of Keras 3 whose group of variables `fill` has filled."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        group = file.create_group("layers/dense/vars")
        group.attrs["name"] = "predictions"
        group["1"] = np.ones(3, "f4")
        fill(group)
    return buffer.getvalue()


def keras_2(fill):
    """The same in the layout of old versions: attributes name the layers and their variables."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["layer_names"] = np.array([b"predictions"])
        group = file.create_group("predictions")
        group.attrs["weight_names"] = np.array([b"0"])
        fill(group)
    return buffer.getvalue()


def one_chunk(group):
    """The case of the table: one chunk of 3 GB, of which nothing is stored but its zeros."""
    group.create_dataset("0", (10,), "f4", maxshape=(None,), chunks=(750_000_000,), compression="gzip")
    chunk_of(group, "0", zlib.compress(bytes(40)))


def chunk_of(group, name, stored, mask=0):
    group[name].id.write_direct_chunk((0,), stored, mask)


def inflating(group):
    """A small chunk, of which 300 MB are stored."""
    group.create_dataset("0", (256,), "f4", chunks=(256,), compression="gzip")
    packer = zlib.compressobj(9)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    chunk_of(group, "0", block + rest * 300)


def unknown_filter(group, code=32015):
    space, plan = h5py.h5s.create_simple((256,)), h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((256,))
    plan.set_filter(code, h5py.h5z.FLAG_OPTIONAL, (1,))
    h5py.h5d.create(group.id, b"0", h5py.h5t.IEEE_F32LE, space, plan)
    chunk_of(group, "0", bytes(2000))


def virtual(group):
    layout = h5py.VirtualLayout((1 << 20,), "f4")
    layout[:] = h5py.VirtualSource("/dev/zero", "x", (1 << 20,))
    group.create_virtual_dataset("0", layout)


def cycle(group):
    group["0"] = np.ones(2, "f4")
    group.parent.parent["again"] = group.parent.parent


def deep(group):
    for _ in range(3000):
        group = group.create_group("layers/a")
    group.create_group("vars")["0"] = np.ones(2, "f4")


def many_texts(group):
    """One text of a megabyte, to which 4000 elements of an attribute lead."""
    group.attrs.create("name", ["x" * (1 << 20)] + ["y"] * 3999, dtype=h5py.string_dtype())
    group["0"] = np.ones(2, "f4")


def one_text(data):
    """Let all elements of the attribute lead to the first."""
    first = data.index(struct.pack("<I", 1 << 20))  # length, address of the heap, index
    pointer = data[first : first + 16]
    return data[: first + 16] + pointer * 3999 + data[first + 16 * 4000 :]


DATASETS = {
    "one giant chunk": one_chunk,
    "a small chunk that inflates": inflating,
    "zeros by gzip": lambda g: g.create_dataset("0", data=np.zeros(1 << 24, "f4"), chunks=(1 << 22,), compression=9),
    "no values by gzip": lambda g: g.create_dataset("0", (1 << 40,), "f4", chunks=(1 << 20,), compression="gzip"),
    "no values": lambda g: g.create_dataset("0", (1 << 40,), "f4"),
    "sizes that overflow": lambda g: g.create_dataset("0", (1 << 31, 1 << 31), "f4", chunks=(1, 1)),
    "an unknown filter": unknown_filter,
    "the filter nbit": lambda g: unknown_filter(g, h5py.h5z.FILTER_NBIT),
    "scale and offset": lambda g: g.create_dataset("0", data=np.zeros(256, "i4"), chunks=(256,), scaleoffset=1),
    "lzf": lambda g: g.create_dataset("0", data=np.zeros(4096, "f4"), chunks=(4096,), compression="lzf"),
    "a virtual dataset": virtual,
    "values in a device": lambda g: g.create_dataset("0", (1 << 28,), "f4", external=[("/dev/zero", 0, 1 << 30)]),
    "values in another file": lambda g: g.create_dataset("0", (4,), "f4", external=[("/etc/passwd", 0, 16)]),
    "a link to a file": lambda g: g.__setitem__("0", h5py.ExternalLink("/etc/passwd", "/")),
    "a link": lambda g: g.__setitem__("0", h5py.SoftLink("/layers/dense/vars/1")),
    "a link to itself": lambda g: g.__setitem__("0", h5py.SoftLink("0")),
    "a link to nothing": lambda g: g.__setitem__("0", h5py.SoftLink("/nothing")),
    "a group": lambda g: g.create_group("0"),
    "a type": lambda g: g.__setitem__("0", np.dtype("f4")),
    "references": lambda g: g.create_dataset("0", (3,), h5py.ref_dtype),
    "regions": lambda g: g.create_dataset("0", (3,), h5py.regionref_dtype),
    "a compound": lambda g: g.create_dataset("0", data=np.zeros(3, [("a", "f4"), ("b", "i4")])),
    "texts": lambda g: g.create_dataset("0", data=["text"]),
    "lists": lambda g: g.create_dataset("0", (3,), h5py.vlen_dtype("f4")),
    "giant elements": lambda g: g.create_dataset("0", (2,), np.dtype((np.void, 1 << 30)), chunks=(1,)),
    "complex numbers": lambda g: g.create_dataset("0", data=np.zeros(3, "c16")),
    "nothing": lambda g: g.create_dataset("0", data=h5py.Empty("f4")),
}
ATTRIBUTES = {
    "a name of a list": lambda g: g.attrs.create(
        "name", np.array([np.arange(2, dtype="i4"), None], object)[:1], dtype=h5py.vlen_dtype("i4")
    ),
    "a name of references": lambda g: g.attrs.create("name", g.ref, dtype=h5py.ref_dtype),
    "a name of a megabyte": lambda g: g.attrs.create("name", "x" * (1 << 20)),
    "a name of bytes": lambda g: g.attrs.create("name", np.array([b"\xff\xfe"])),
    "a name of numbers": lambda g: g.attrs.create("name", np.ones(3)),
    "a cycle": cycle,
    "a deep tree": deep,
}


def with_values(harm):
    def fill(group):
        group["0"] = np.ones((2, 3), "f4")
        harm(group)

    return fill


def cases():
    every = [content(f"HDF5: {name}", "weights", lambda h=harm: keras_3(h)) for name, harm in DATASETS.items()]
    every += [content(f"old HDF5: {name}", "weights", lambda h=harm: keras_2(h)) for name, harm in DATASETS.items()]
    for name, harm in ATTRIBUTES.items():
        fill = harm if name == "a cycle" else with_values(harm)
        every.append(content(f"HDF5: {name}", "weights", lambda f=fill: keras_3(f)))
    whole = keras_3(with_values(lambda group: None))
    old = keras_2(lambda group: group.create_dataset("0", data=np.ones((2, 3), "f4")))
    return [
        *every,
        content("HDF5: one text for all elements", "weights", lambda: one_text(keras_3(many_texts))),
        content("HDF5: a heap of no size", "weights", heap_of_zeros(whole)),
        content("HDF5: offsets of 4 bytes", "weights", whole[:13] + b"\4\4" + whole[15:]),
        content("HDF5: no superblock", "weights", whole[:8] + bytes(200)),
        content("HDF5: behind a block of the user's", "weights", bytes(512) + whole),
        content("old HDF5: no names", "weights", old.replace(b"weight_names", b"weight_nemas")),
        content("old HDF5: names of another layer", "weights", old.replace(b"predictions", b"prodictions", 1)),
        *cuts("HDF5", "weights", whole),
        *cuts("old HDF5", "weights", old),
    ]


def heap_of_zeros(data):
    place = data.index(GCOL)
    return data[: place + 16] + bytes(16) + data[place + 32 :]
