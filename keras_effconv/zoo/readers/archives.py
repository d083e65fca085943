"""Members of zip and tar files as regions of the file: nothing is unpacked, and nothing can grow."""

import contextlib
import io
import struct
import tarfile
import zipfile
import zlib

from keras_effconv.zoo.readers.errors import ContentError
from keras_effconv.zoo.readers.region import Region

CHUNK = 1 << 20
MAX_READ = 16 << 20  # bytes at a time: only a header can make `tarfile` read more
MAX_MEMBERS = 10_000


class StoredZip:
    """The members of a zip file, of which those that are read must be stored as they are.

    Args:
        file: an open binary file.

    Raises:
        FormatError: when members are there twice, or state more bytes than the file has.
        zipfile.BadZipFile: when it is not a zip file.

    Example:

    >>> import io
    >>> buffer = io.BytesIO()
    >>> with zipfile.ZipFile(buffer, "w") as archive:
    ...     archive.writestr("folder/a", b"one")
    >>> StoredZip(buffer).bytes("folder/a")
    b'one'
    """

    def __init__(self, file):
        self._file = file
        whole = Region(file).size
        with contextlib.closing(zipfile.ZipFile(file)) as archive:
            infos = archive.infolist()
        self.infos = {info.filename: info for info in infos}
        if len(self.infos) < len(infos) or sum(info.compress_size for info in infos) > whole:
            raise ContentError(f"members of {whole:,} bytes at most, each once", "others")

    def region(self, name):
        """Return the bytes of a member as a `Region`; see `check`.

        Raises:
            FormatError: when there is none, or it is compressed.
        """
        if name not in self.infos:
            raise ContentError(f"a member {name!r:.80} in the zip file", "one without it")
        info = self.infos[name]
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size or info.flag_bits & 1:
            raise ContentError("members stored as they are", f"{name!r:.80} compressed")
        header = Region(self._file)
        header.seek(info.header_offset)
        fields = struct.unpack("<4s22xHH", header.take(30))
        if fields[0] != b"PK\3\4":
            raise ContentError(f"a member at {info.header_offset:,}", "a damaged zip file")
        return Region(self._file, header.tell() + fields[1] + fields[2], info.file_size)

    def bytes(self, name, most=1 << 28):
        """Read a checked member whole."""
        region = self.region(name)
        if region.size > most:
            raise ContentError(f"at most {most:,} bytes in {name!r:.80}", f"{region.size:,}")
        content = region.take(region.size)
        self.check(name, content)
        return content

    def check(self, name, content=None):
        """Compare a member with the checksum of the archive.

        Args:
            name: str.
            content: bytes or array, what was read of it. Default: it is read once, piece by piece.

        Raises:
            FormatError: when it differs.
        """
        region, crc = self.region(name), 0
        pieces = iter(lambda: region.read(CHUNK), b"") if content is None else (content,)
        for piece in pieces:
            crc = zlib.crc32(piece, crc)
        if crc != self.infos[name].CRC:
            raise ContentError(f"the checksum {self.infos[name].CRC:08x} of {name!r:.80}", f"{crc:08x}")


@contextlib.contextmanager
def opened_tar(file):
    """Open a tar file as an iterable of its members, of which `tarfile` checks neither sizes nor places.

    Args:
        file: an open binary file, which may be the stream of a compressed one.

    Yields:
        (`tarfile.TarFile`, iterable of `tarfile.TarInfo`).

    Raises:
        FormatError: for members without end, sizes below 0, and headers of many megabytes.
        tarfile.TarError: when it is no tar file.

    Example:

    >>> buffer = io.BytesIO()
    >>> with tarfile.open(fileobj=buffer, mode="w") as archive:
    ...     archive.addfile(tarfile.TarInfo("empty"))
    >>> with opened_tar(io.BytesIO(buffer.getvalue())) as (archive, members):
    ...     print([member.name for member in members])
    ['empty']
    """
    with tarfile.open(fileobj=_Pieces(file), mode="r:") as archive:
        yield archive, _members(archive)


def _members(archive):
    end = 0
    for count, member in enumerate(archive, 1):
        if count > MAX_MEMBERS or member.size < 0 or member.offset_data < end:  # backwards, it would never end
            raise ContentError(f"at most {MAX_MEMBERS:,} members, one behind the other", "others")
        end = member.offset_data
        yield member


class _Pieces(io.RawIOBase):
    """A file from which a piece can be read, and not all at once."""

    def __init__(self, file):
        super().__init__()
        self._file = file

    def read(self, count=-1):
        if not 0 <= count <= MAX_READ:
            raise ContentError(f"headers of at most {MAX_READ:,} bytes", f"one of {count:,}")
        return self._file.read(count)

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self._file.tell()

    def seek(self, offset, whence=io.SEEK_SET):
        return self._file.seek(offset, whence)
