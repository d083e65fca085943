"""Bodies that a client has compressed: inflated piece by piece, so that a small body cannot become a large one."""

import zlib

from keras_effconv.serving.refused import Refused

PIECE = 1 << 18  # bytes that are inflated at a time
GZIP = 16 + zlib.MAX_WBITS
MAGIC = b"\x1f\x8b"


def decoder_of(encoding):
    """Return the decoder of a `Content-Encoding`.

    Args:
        encoding: str, the header; empty without one.

    Returns:
        `Plain` or `Gzip`, ready for one body.

    Raises:
        Refused: 415 for any other encoding.

    Example:

    >>> import gzip
    >>> b"".join(decoder_of("gzip").pieces(gzip.compress(b"abc")))
    b'abc'
    """
    name = encoding.strip().lower()
    if name not in DECODERS:
        raise Refused(415, f"Content-Encoding must be gzip, or left out. Received: {encoding[:100]}")
    return DECODERS[name]()


class Plain:
    """A body as it is."""

    def pieces(self, part):
        """Yield what a part of the body holds."""
        yield part

    def finish(self):
        """Check that the body is whole."""


class Gzip:
    """A body by gzip: one member, or several in a row. What follows the last one is ignored, as by `gzip`."""

    def __init__(self):
        self._inflater, self._ended = zlib.decompressobj(GZIP), False

    def pieces(self, part):
        """Yield what a part of the body holds, in pieces of at most `PIECE` bytes.

        Raises:
            Refused: 400 if it is not gzip.
        """
        piece = b""
        try:
            while (part or len(piece) == PIECE) and not self._ended:  # zlib may have more, though it has read all
                piece = self._inflater.decompress(part, PIECE)
                part = self._inflater.unconsumed_tail
                if self._inflater.eof:
                    part = self._inflater.unused_data
                    self._ended = bool(part) and not part.startswith(MAGIC[: len(part)])
                    if part and not self._ended:
                        self._inflater = zlib.decompressobj(GZIP)
                yield piece
        except zlib.error as error:
            raise Refused(400, f"the body must be gzip, as Content-Encoding says. Received: {error}") from None

    def finish(self):
        """Check that the body is whole.

        Raises:
            Refused: 400 if its end is missing.
        """
        if not self._inflater.eof:
            raise Refused(400, "the body must be gzip, as Content-Encoding says. Received: its beginning only")


DECODERS = {"": Plain, "identity": Plain, "gzip": Gzip, "x-gzip": Gzip}
