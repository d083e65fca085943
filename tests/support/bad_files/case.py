"""What a case is, and containers that are written byte by byte, since their libraries write no lies."""

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from typing import NamedTuple


class Case(NamedTuple):
    """A bad file.

    Args:
        name: str, unique.
        entry: str, which of the runner's entries it is given to.
        write: callable of a new, empty folder, which writes the file there and returns what to open.
        harmless: bool, whether it may also be read as far as it goes: a damaged image can still be one.
    """

    name: str
    entry: str
    write: Callable
    harmless: bool = False


def content(name, entry, data, file="file", harmless=False):
    """A case of one file with this content."""

    def write(folder):
        (folder / file).write_bytes(data() if callable(data) else data)
        return folder / file

    return Case(name, entry, write, harmless)


def cuts(name, entry, data, file="file", parts=(0.1, 0.5, 0.9, 0.99), harmless=False):
    """Cases of a file that is cut short."""

    def cut(part):
        whole = data() if callable(data) else data
        return whole[: max(1, int(len(whole) * part))]

    return [content(f"{name}, cut at {part}", entry, lambda part=part: cut(part), file, harmless) for part in parts]


def bomb(megabytes):
    """Zeros as raw deflate: a megabyte, many times."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * megabytes + b"\x03\x00"


def zeros_crc(megabytes):
    crc, block = 0, bytes(1 << 20)
    for _ in range(megabytes):
        crc = zlib.crc32(block, crc)
    return crc


class Member(NamedTuple):
    """A member of a zip file, as it says it is."""

    name: str
    data: bytes
    size: int | None = None
    method: int = zipfile.ZIP_STORED
    crc: int | None = None
    flags: int = 0
    packed: int | None = None
    at: int | None = None


def raw_zip(members, comment=b"", count=None):
    """A zip file of `Member`s, none of whose statements is checked."""
    out, entries = bytearray(), bytearray()
    for m in members:
        name, crc = m.name.encode(), zlib.crc32(m.data) if m.crc is None else m.crc
        size, packed = len(m.data) if m.size is None else m.size, len(m.data) if m.packed is None else m.packed
        fields = (20, m.flags, m.method, 0, 0x21, crc, packed, size, len(name), 0)
        place = len(out) if m.at is None else m.at
        out += struct.pack("<4s5H3L2H", b"PK\3\4", *fields) + name + m.data
        entries += struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, *fields, 0, 0, 0, 0, place) + name
    count = len(members) if count is None else count
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(entries), len(out), len(comment))
    return bytes(out + entries + end + comment)


def zip_bomb(name, megabytes, *others):
    """A zip file with a member that unpacks to many megabytes."""
    packed = bomb(megabytes)
    member = Member(name, packed, megabytes << 20, zipfile.ZIP_DEFLATED, zeros_crc(megabytes))
    return raw_zip([*others, member])


def members_of(data):
    """The content of a zip file: dict of name -> bytes."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def stored(members):
    """A zip file of name -> bytes."""
    return raw_zip([Member(name, data) for name, data in members.items()])


def tar_header(name, size, kind=b"0", link=""):
    """A header of a tar file; a size below 0 is written as GNU tar would."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    head = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    number = b"%011o\0" % size if 0 <= size < 8**11 else b"\xff" + (size % 256**11).to_bytes(11, "big")
    head[124:136] = number
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)
