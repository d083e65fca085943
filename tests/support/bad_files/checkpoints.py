"""TensorFlow checkpoints, whose index is written here as LevelDB would, and the archives that they come in."""

import gzip
import io
import struct

import numpy as np

from bad_files.archives import TARS
from bad_files.case import Case, content, cuts, tar_header

POLYNOMIAL = 0x82F63B78


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ POLYNOMIAL * (crc & 1)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF  # as TensorFlow masks it


def varint(number):
    out = bytearray()
    number %= 1 << 64
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def block(entries, kind=0):
    body = b"".join(varint(0) + varint(len(k)) + varint(len(v)) + k + v for k, v in entries)
    body += struct.pack("<II", 0, 1)
    return body, body + bytes([kind]) + struct.pack("<I", crc32c(body + bytes([kind])))


def handle(place, size):
    return varint(place) + varint(size)


def table(entries, kind=0, data_at=None):
    """The bytes of a table of (key, value)."""
    body, data = block(entries, kind)
    empty, meta = block([])
    place = (0, len(body)) if data_at is None else data_at
    index_body, index = block([(b"\xff", handle(*place))])
    footer = handle(len(data), len(empty)) + handle(len(data) + len(meta), len(index_body))
    return data + meta + index + footer.ljust(40, b"\0") + bytes.fromhex("57fb808b247547db")


def entry(shape=(4,), dtype=1, offset=0, size=16, shard=0, crc=None, more=b""):
    dims = b"".join(field(2, field(1, n)) for n in shape)
    crc = crc32c(bytes(size)) if crc is None and 0 <= size < 1024 else crc or 0
    fixed = varint(6 << 3 | 5) + struct.pack("<I", crc)
    return field(1, dtype) + field(2, dims) + field(3, shard) + field(4, offset) + field(5, size) + fixed + more


def header(shards=1, order=0):
    return field(1, shards) + field(2, order) + field(3, field(1, 1))


def index(*entries, head=None, **options):
    named = [(f"v{i}".encode(), each) for i, each in enumerate(entries)]
    return table([(b"", header() if head is None else head), *named], **options)


INDICES = {
    "an offset beyond the data": index(entry(offset=1 << 40)),
    "an offset below 0": index(entry(offset=-8)),
    "a size beyond the data": index(entry(shape=(1 << 20,), size=1 << 22)),
    "a size below 0": index(entry(size=-16)),
    "another size than that of the shape": index(entry(shape=(3,))),
    "a shape of 2^60": index(entry(shape=(1 << 60,))),
    "a shape that overflows": index(entry(shape=(1 << 40, 1 << 40))),
    "a dimension below 0": index(entry(shape=(-2, -2))),
    "a dimension of -1": index(entry(shape=(-1,))),
    "300 dimensions": index(entry(shape=(1,) * 300)),
    "an unknown type": index(entry(dtype=99)),
    "a resource": index(entry(dtype=20)),
    "a variant": index(entry(dtype=21)),
    "another data file": index(entry(shard=7)),
    "a data file below 0": index(entry(shard=-1)),
    "2^31 data files": index(entry(), head=header(shards=1 << 31)),
    "the other byte order": index(entry(), head=header(order=1)),
    "a wrong checksum": index(entry(crc=1)),
    "slices": index(entry(more=field(7, field(1, field(1, 0) + field(2, 1 << 40))))),
    "no header": table([(b"v0", entry())]),
    "no entries": table([]),
    "a header of noise": index(entry(), head=b"\xff" * 40),
    "an entry of noise": index(b"\xff" * 40),
    "an unknown compression": index(entry(), kind=9),
    "snappy of noise": index(entry(), kind=1),
    "a block beyond the file": index(entry(), data_at=(1 << 40, 100)),
    "a block of 2^40 bytes": index(entry(), data_at=(0, 1 << 40)),
}


def write_checkpoint(folder, data, values=bytes(16)):
    (folder / "checkpoint").write_text('model_checkpoint_path: "model"\n')
    (folder / "model.index").write_bytes(data)
    (folder / "model.data-00000-of-00001").write_bytes(values)
    return folder


def checkpoint(name, data):
    return Case(f"TensorFlow: {name}", "weights", lambda folder: write_checkpoint(folder, data))


def latest(name, text):
    def write(folder):
        write_checkpoint(folder, index(entry()))
        (folder / "checkpoint").write_bytes(text)
        return folder

    return Case(f"TensorFlow: {name}", "weights", write)


def packed(data):
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as file:
        file.write(data)
    return buffer.getvalue()


def unpacking():
    """Archives; one unpacks to 1.5 GB, of which a header takes all."""
    megabyte = bytes(1 << 20)
    endless = packed(tar_header("x", 1 << 30, b"x") + megabyte) + packed(megabyte) * 300
    member = packed(tar_header("a.data-0", 300 << 20)) + packed(megabyte) * 300
    return {
        "a header of a gigabyte": endless,
        "a name of a gigabyte": packed(tar_header("x", 1 << 30, b"L") + megabyte) + packed(megabyte) * 300,
        "a file of 300 megabytes": member,
        "a file elsewhere": packed(tar_header("../../evil.txt", 4) + b"text".ljust(512, b"\0")),
        "no checkpoint": packed(tar_header("readme", 0) + bytes(1024)),
        "no tar file": packed(b"text"),
        "no gzip": b"text",
        "half a gzip": packed(np.random.default_rng(0).bytes(4096))[:2000],
        **{name: packed(data) for name, data in TARS.items()},
    }


def cases():
    whole = index(entry())
    return [
        *(checkpoint(name, data) for name, data in INDICES.items()),
        *(
            checkpoint(each.name, data)
            for each, data in (
                (c, whole[: len(whole) * i // 9])
                for i, c in enumerate(cuts("index", "", b"x" * 9, parts=[i / 9 for i in range(1, 9)]), 1)
            )
        ),
        latest("a path that leads out", b'model_checkpoint_path: "../../../etc/passwd"'),
        latest("no path", b"\0" * 1000),
        latest("a long path", b'model_checkpoint_path: "' + b"a" * 60_000 + b'"'),
        *(content(f"tar.gz: {name}", "unpack", data, "net.tar.gz") for name, data in unpacking().items()),
    ]
