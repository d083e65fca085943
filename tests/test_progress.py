"""Long work shows how far it is: a bar where somebody watches, a line every half minute in a log."""

import io
import sys
import types

import keras
import numpy as np
import pytest

from keras_effconv.training.callbacks import EpochProgress
from keras_effconv.utils import progress as progress_module
from keras_effconv.utils.progress import is_watched, progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when the test says so."""
    now = types.SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now.seconds)
    return now


def watch(monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def test_a_log_has_a_line_every_half_minute(monkeypatch, clock):
    log = watch(monkeypatch, io.StringIO())
    with progress(None, "mimicking", 400) as bar:
        for _ in range(100):
            clock.seconds += 1
            bar.set_postfix(loss="0.50", refresh=False)
            bar.update(4)
    assert log.getvalue().splitlines() == [
        "mimicking: 120 of 400, 00:30, 01:10 left, loss=0.50",
        "mimicking: 240 of 400, 01:00, 00:40 left, loss=0.50",
        "mimicking: 360 of 400, 01:30, 00:10 left, loss=0.50",
        "mimicking: 400 of 400, 01:40, 00:00 left, loss=0.50",
    ]
    assert "\r" not in log.getvalue()


def test_time_left_does_not_count_what_was_done_before(monkeypatch, clock):
    log = watch(monkeypatch, io.StringIO())
    bar = progress(None, "resumed", 100, initial=40)
    clock.seconds = 30
    bar.update(30)
    assert log.getvalue() == "resumed: 70 of 100, 00:30, 00:30 left\n"


def test_an_iterable_counts_itself_and_its_length(monkeypatch, clock):
    log = watch(monkeypatch, io.StringIO())

    def work():
        for number in range(3):
            clock.seconds += 20
            yield number

    assert list(progress(work(), "images", 3, unit="image")) == [0, 1, 2]
    assert log.getvalue().splitlines() == ["images: 2 of 3, 00:40, 00:20 left", "images: 3 of 3, 01:00, 00:00 left"]
    assert list(progress([5, 6], "reading")) == [5, 6]
    clock.seconds += 5  # and is over before there is anything to say
    assert len(log.getvalue().splitlines()) == 2


def test_work_that_fails_ends_its_lines(monkeypatch, clock):
    log = watch(monkeypatch, io.StringIO())
    with pytest.raises(KeyError), progress(None, "fitting", 5) as bar:
        clock.seconds = 31
        bar.update()
        raise KeyError
    assert log.getvalue().count("\n") == 1


def test_a_terminal_has_a_bar_that_leaves_nothing(monkeypatch):
    terminal = watch(monkeypatch, Terminal())
    assert is_watched()
    assert list(progress("abc", "reading", unit="letter")) == ["a", "b", "c"]
    assert "reading" in terminal.getvalue() and "0/3" in terminal.getvalue() and "\n" not in terminal.getvalue()


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_what_is_not_shown_writes_nothing(stream, monkeypatch, clock):
    stream = watch(monkeypatch, stream())
    for _ in progress(range(3), "reading", shown=False):
        clock.seconds += 100
    assert stream.getvalue() == ""


def test_a_process_without_stderr_goes_on(monkeypatch, clock):
    watch(monkeypatch, None)
    assert not is_watched()
    with progress(None, "fitting", 5) as bar:
        clock.seconds = 31
        bar.update()


def test_an_epoch_is_shown_as_other_long_work_is(monkeypatch):
    terminal = watch(monkeypatch, Terminal())
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((6, 2)), np.ones((6, 1)), batch_size=2, epochs=2, verbose=0, callbacks=[EpochProgress()])
    shown = terminal.getvalue()
    assert "epoch 1:" in shown and "epoch 2:" in shown and "/3 [" in shown
    assert shown.endswith("\r")  # the bar is gone


def test_each_stream_is_watched_by_itself(monkeypatch):
    """`command > log` leaves stderr to the terminal: what is written to stdout has no reader there."""
    watch(monkeypatch, Terminal())
    assert is_watched() and not is_watched(io.StringIO())
    watch(monkeypatch, io.StringIO())
    assert is_watched(Terminal()) and not is_watched()


def test_notebooks_are_watched_and_consoles_of_ipython_only_if_they_are_terminals(monkeypatch):
    watch(monkeypatch, io.StringIO())
    for shell, expected in ((types.SimpleNamespace(kernel=None), True), (object(), False), (None, False)):
        module = types.SimpleNamespace(get_ipython=lambda shell=shell: shell, display=object())
        monkeypatch.setitem(sys.modules, "IPython", module)
        assert is_watched() == expected
