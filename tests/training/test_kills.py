"""`kill -9`, ten times in one run at moments that nobody chose: the run ends with the numbers of one left alone."""

import json
import os
import random
import re
import signal
import subprocess
import time

import pytest
from commands import command_line
from paths import ROOT

# A head, two sizes of the image, momentum, an average, and all that draws: mixing, dropout, windows. A checkpoint is
# written after every batch, so that a good part of the time goes into writing.
FLAGS = (
    *("--dataset=digits", "--recipe=digits-smoke", "--limit=40", "--image_size=32", '--options={"depth": 0.3}'),
    *("--epochs=6", "--batch_size=16", "--sizes=24,32", "--head_c=0.03", "--optimizer=nesterov", "--ema=0.9"),
    *("--augmentation=pad-crop", "--mixup=0.2", "--cutmix=1", "--dropout=0.2", "--checkpoint_minutes=0"),
)
STATE, BEGUN, WRITING, ENDING = "checkpoint.npz", "run.json", ".checkpoint.npz.*/*", "labels.txt"
TIMEOUT = 300


class Running:
    """The command in a process of its own; `seconds` since its start."""

    def __init__(self, folder, log):
        command = command_line("train", *FLAGS, f"--output={folder}", "--resume")
        self.folder, self.log, self.begun = folder, log, time.monotonic()
        self.before, self.clock = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}, time.time_ns()
        with log.open("w") as stream:
            output = {"stdout": stream, "stderr": subprocess.STDOUT}
            self.process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONUNBUFFERED": "1"}, **output)

    @property
    def seconds(self):
        return time.monotonic() - self.begun

    def wait_for(self, pattern):
        """Whether a file was written by this process before it ended; returns as soon as it is there."""
        while self.process.poll() is None and self.seconds < TIMEOUT:
            if any(self.before.get(path) != _written(path) for path in self.folder.glob(pattern)):
                return True
            time.sleep(0.001)
        return False

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        return self.process.wait()

    def finish(self):
        """The metrics and the report of a run that ends by itself."""
        status = self.process.wait(TIMEOUT)
        assert status == 0, self.log.read_text()[-3000:]
        metrics = json.loads((self.folder / "metrics.json").read_text())
        return metrics, json.loads((self.folder / "report.json").read_text())


def _written(path):
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:  # it was a temporary one
        return None


def moments(rng, start, training):
    """What to wait for and the seconds after it, ten times; `start` and `training`: seconds of a run left alone.

    Four processes live for up to a quarter of the training after their first checkpoint, an eighth in the mean: so most
    of it is seen, and it does not end before the last kill.
    """
    yield None, rng.uniform(0, start)  # among imports and data
    yield BEGUN, rng.uniform(0, 2)  # while the first graph is made
    drawn = [(STATE, rng.uniform(0, training / 4)) for _ in range(4)]  # batches, ends of epochs, the next stage
    drawn += [(WRITING, 0.0), (WRITING, rng.uniform(0, 0.01)), (None, rng.uniform(0, 1.5 * start))]
    yield from rng.sample(drawn, len(drawn))
    yield ENDING, rng.uniform(0, 1)  # pictures, export


@pytest.mark.slow
def test_a_run_killed_ten_times_ends_as_one_left_alone(tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    alone = Running(tmp_path / "whole", tmp_path / "whole.log")
    assert alone.wait_for(STATE), alone.log.read_text()[-3000:]
    start = alone.seconds
    assert alone.wait_for(ENDING)
    training = alone.seconds - start
    metrics, report = alone.finish()
    landed = []
    for number, (pattern, seconds) in enumerate(moments(random.Random(0), start, training)):
        run = Running(tmp_path / "killed", tmp_path / f"{number}.log")
        assert pattern is None or run.wait_for(pattern), (landed, run.log.read_text()[-3000:])
        time.sleep(seconds)
        status, lived = run.kill(), run.seconds
        landed.append(f"{pattern or 'start'} + {seconds:.3f} s, alive {lived:.1f} s, {_place(run)}")
        assert status == -signal.SIGKILL, landed
    last = Running(tmp_path / "killed", tmp_path / "last.log")
    last_metrics, last_report = last.finish()
    landed.append(_place(last))
    story = "\n".join(landed)
    print(f"start {start:.1f} s, training {training:.1f} s\n{story}")
    assert len(metrics["val_accuracy"]) == 6
    assert not list(last.folder.glob(".checkpoint.npz.*")), story
    for name in ("head", "val_accuracy", "val_loss", "val_top5"):
        assert last_metrics[name] == metrics[name], f"{name}\n{story}"
    for name in ("accuracy", "top5", "head_accuracy", "last_accuracy", "best_epoch", "confusion"):
        assert last_report[name] == report[name], f"{name}\n{story}"


def _place(run):
    """Where a process began, and what it left half done."""
    resumed = re.search(r"resuming .*", run.log.read_text())
    partial = sorted(path.name for path in run.folder.glob(".*"))  # of this process, and pictures of earlier ones
    said = resumed[0] if resumed else "from the beginning, or killed before it said"
    return f"{said}; unfinished: {', '.join(partial) or 'nothing'}"
