"""How long work takes, by the wall clock."""

import time


def seconds(work):
    """Return the seconds that a function without arguments takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
