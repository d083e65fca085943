"""What a server accepts."""

import dataclasses

MAX_ROWS = 1024


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a server accepts.

    Attributes:
        max_batch: int, rows that are computed at a time.
        max_delay: float, seconds that a request waits for others that have arrived, to be computed together; and for
            the next one of the clients that were answered just before.
        max_queue: int, requests that wait; more are refused with status 503.
        max_rows: int, rows of a request; more are refused with status 413.
        max_connections: int, connections; for a further one, the longest idle one is closed, or it gets status 503.
        streams: int, batches that are computed at the same time.
        max_body: int, bytes of a request; larger ones are refused with status 413.
        max_held: int, bytes of all requests that are read or computed at the same time; then status 503.
        read_timeout: float, seconds in which a request must arrive, and its answer be read.
        request_timeout: float, seconds from the arrival of a whole request to its outputs; then status 504.
        poll: float, seconds between two searches for new versions.
    """

    max_batch: int = 16
    max_delay: float = 0.005
    max_queue: int = 128
    max_rows: int = MAX_ROWS
    max_connections: int = 512
    streams: int = 1
    max_body: int = 32 << 20
    max_held: int = 256 << 20
    read_timeout: float = 30.0
    request_timeout: float = 60.0
    poll: float = 2.0
