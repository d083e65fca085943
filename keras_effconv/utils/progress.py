"""How far long work is: a bar where somebody watches, and else a line now and then, since logs are read later."""

import sys
import time

from keras_effconv.utils.extras import require

EVERY = 30.0  # seconds between two lines
LINE = "{desc}: {n_fmt} of {total_fmt}, {elapsed}, {remaining} left{postfix}"


def progress(iterable=None, label="", total=None, unit="step", initial=0, shown=True, leave=False, unit_scale=False):
    """Return what shows how far work is: an iterable and a context manager, with the methods of `tqdm.tqdm`.

    In a terminal or a notebook it is a bar. Elsewhere a line is written to stderr every 30 seconds.

    Args:
        iterable: what is worked through. Default: nothing; `update` tells the progress.
        label: str, what the work is.
        total: int. Default: the length of `iterable`, if it has one.
        unit: str, what is counted, in the singular. Default `"step"`.
        initial: int, what was done before. Default 0.
        shown: bool, whether to show anything. Default `True`.
        leave: bool, whether the bar stays when the work has ended. Default `False`.
        unit_scale: bool, whether large numbers are written with k, M and G. Default `False`.

    Raises:
        ImportError: tqdm is not installed.

    Example:

    >>> list(progress("abc", "reading"))
    ['a', 'b', 'c']
    """
    tqdm = require("tqdm").tqdm
    total = len(iterable) if total is None and hasattr(iterable, "__len__") else total
    options = {"desc": label, "total": total, "unit": unit, "initial": initial, "unit_scale": unit_scale}
    if is_watched() or not shown:
        return tqdm(iterable, leave=leave, dynamic_ncols=True, disable=not shown, **options)
    return _Lines(iterable, label, total, initial, unit_scale, tqdm.format_meter)


def is_watched(stream=None) -> bool:
    """Return whether somebody watches what is written: in a terminal or in a notebook.

    Args:
        stream: file that it is written to. Default: `sys.stderr`.
    """
    stream = sys.stderr if stream is None else stream
    return notebook_display() is not None or (stream is not None and stream.isatty())


def notebook_display():
    """Return the module `IPython.display` in a notebook; elsewhere `None`."""
    module = sys.modules.get("IPython")
    return module.display if module is not None and hasattr(module.get_ipython(), "kernel") else None


class _Lines:
    """What of `tqdm.tqdm` this package calls, for a log; work that takes less than 30 seconds has no line."""

    def __init__(self, iterable, label, total, initial, unit_scale, format_meter):
        self.iterable, self.label, self.total, self.n = iterable, label, total, initial
        self.initial, self.unit_scale, self.format_meter = initial, unit_scale, format_meter
        self.postfix, self.begun = "", time.monotonic()
        self.last, self.written = self.begun, None

    def __iter__(self):
        with self:
            for each in self.iterable:
                yield each
                self.update()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def update(self, n=1):
        self.n += n
        if time.monotonic() - self.last >= EVERY:
            self._write()

    def set_postfix(self, refresh=True, **values):
        del refresh
        self.postfix = ", ".join(f"{name}={value}" for name, value in values.items())

    def set_postfix_str(self, text, refresh=True):
        del refresh
        self.postfix = text

    def close(self):
        """Write the last line, if there are others."""
        if self.written not in (None, self.n):
            self._write()

    def _write(self):
        self.last, self.written = time.monotonic(), self.n
        options = {"prefix": self.label, "unit_scale": self.unit_scale, "postfix": self.postfix}
        elapsed = self.last - self.begun
        line = self.format_meter(self.n, self.total, elapsed, bar_format=LINE, initial=self.initial, unit="", **options)
        if sys.stderr is not None:
            print(line, file=sys.stderr, flush=True)
