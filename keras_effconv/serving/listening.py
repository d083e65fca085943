"""The socket that a server listens at."""

import socket


def bound(host: str, port: int) -> socket.socket:
    """Take a port, before models are loaded for it. Clients are refused until `serve` listens.

    Args:
        host: str, the address to listen at.
        port: int; 0 for any that is free.

    Returns:
        A `socket.socket` for `serve`.

    Raises:
        OSError: the address cannot be taken; the message names it.

    Example:

    >>> with bound("127.0.0.1", 0) as listener:
    ...     listener.getsockname()[0]
    '127.0.0.1'
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, asyncio sends answers at once, without waiting for more to send.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise _taken(host, port, error) from None
    return listener


def listen(listener):
    """Listen. Two processes may have bound one port; only the first may listen at it.

    Args:
        listener: `socket.socket` of `bound`.

    Raises:
        OSError: another one listens; the message names the port.
    """
    try:
        listener.listen()
    except OSError as error:
        raise _taken(*listener.getsockname()[:2], error) from None


def _taken(host, port, error):
    return OSError(f"`host` and `port` must be free. Received: host={host!r}, port={port}: {error.strerror or error}")


def room(connections, spare=256):
    """Let this process open as many files as connections need, or return how many connections it has room for.

    Args:
        connections: int.
        spare: int, files for all else: models, sockets that are accepted and not yet counted. Default 256.

    Returns:
        int, at most `connections`.

    Example:

    >>> room(10)
    10
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < connections + spare:
        soft = connections + spare if hard == resource.RLIM_INFINITY else min(hard, connections + spare)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(connections, max(soft - spare, soft // 2, 1))
