"""Time `keras-effconv serve` under load, next to calls of the same export in this process.

python scripts/benchmarks/serving.py --model=serving/flowers --images=photos --clients=1,4,16,64 --rounds=5

Each client sends its next request when it has its answer. Calls in this process and numbers of clients take turns, so
that what else the machine does falls on all of them; so do the servers of several --checkouts. Every tenth answer is
compared with the export's.
"""

import csv
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from keras_effconv.cli.command import main
from keras_effconv.cli.flags import flags_only

COLUMNS = "{:24} {:>7} {:>6} {:>7} {:>8} {:>8} {:>8} {:>8} {:>10} {:>9} {:>8}"
HEADINGS = (
    "",
    "clients",
    "n",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "p99/p50",
    "images/s",
    "rows/batch",
    "of calls",
    "over ms",
)


def define(flags):
    """Define the flags."""
    flags.string("model", None, "Folder of an export, or of its versions.", required=True)
    flags.string("images", None, "Folder of image files to send, each alone in a request.", required=True)
    flags.list("clients", ["1", "4", "16", "64"], "Numbers of clients.")
    flags.integer("batch_size", 16, "Images of a call that throughput is compared with.", 1)
    flags.float("seconds", 4.0, "Of each measurement.", 0.1)
    flags.integer("rounds", 5, "Measurements of each kind.", 1)
    flags.list("checkouts", ["."], "Folders of the code, to compare several.")
    flags.string("csv", None, "File to write the table to, too.")
    flags.list("serve", [], "Flags of the server besides, such as --serve=--streams=2.")


def run(flags, words):
    """Measure, and print the table."""
    flags_only(words)
    import serving_load

    from keras_effconv.serving import Versions

    paths = [path for path in sorted(Path(flags.images).iterdir()) if path.suffix.lower() in (".jpg", ".jpeg", ".png")]
    files = [path.read_bytes() for path in paths]
    signature = Versions(flags.model).get()[1].signatures["serving_default"]
    wanted = [signature.run(_rows([file]))["probabilities"][0] for file in files]
    calls = {f"calls of {size}": size for size in (1, flags.batch_size)}
    servers = {each: serving_load.Server(each, flags.model, flags.serve) for each in flags.checkouts}
    measured, load = {}, []
    try:
        for _ in range(flags.rounds):
            load.append(os.getloadavg()[0])
            for name, size in calls.items():
                _add(measured, (name, ""), _calls(signature, files, size, flags.seconds))
            for count in map(int, flags.clients):
                for name, server in servers.items():
                    _add(measured, (name, count), serving_load.closed_loop(server, files, wanted, count, flags.seconds))
    finally:
        for server in servers.values():
            server.close()
    table = list(_table(measured))
    print(f"{_processor()}, {os.cpu_count()} cores; load average {statistics.mean(load):.1f}\n")
    for row in [HEADINGS, *table]:
        print(COLUMNS.format(*row))
    answers, wrong = (sum(sum(each[i] for each in rounds) for rounds in list(measured.values())[2:]) for i in (1, 4))
    print(f"\n{answers} answers, {wrong} wrong")
    if flags.csv:
        with open(flags.csv, "w", newline="") as file:
            csv.writer(file).writerows([HEADINGS, *table])


def _rows(files):
    return np.array([*files, None], object)[:-1]


def _calls(signature, files, size, seconds):
    """Call the export for some time: (seconds of each call, images, seconds, rows of a batch, wrong answers)."""
    times, begun, start = [], time.perf_counter(), 0
    while (now := time.perf_counter()) < begun + seconds:
        signature.run(_rows([files[(start + i) % len(files)] for i in range(size)]))
        start += size
        times.append(time.perf_counter() - now)
    return times, len(times) * size, time.perf_counter() - begun, float(size), 0


def _add(measured, key, result):
    measured.setdefault(key, []).append(result)


def _table(measured):
    """Yield a row for each kind. Ratios are medians over rounds, each of measurements next to each other."""
    single, batches = list(measured.values())[:2]
    for (name, count), rounds in measured.items():
        times = 1e3 * np.concatenate([each[0] for each in rounds])
        half, most, nearly = np.percentile(times, (50, 95, 99))
        rate = sum(each[1] for each in rounds) / sum(each[2] for each in rounds)
        ratio = statistics.median(_rate(each) / _rate(other) for each, other in zip(rounds, batches))
        over = statistics.median(
            1e3 * (np.median(each[0]) - np.median(other[0])) for each, other in zip(rounds, single)
        )
        cells = f"{half:.1f}", f"{most:.1f}", f"{nearly:.1f}", f"{nearly / half:.1f}", f"{rate:.1f}"
        rows = f"{statistics.mean(each[3] for each in rounds):.1f}"
        yield name[-24:], count, len(times), *cells, rows, f"{ratio:.2f}", f"{over:.1f}" if count else ""


def _rate(result):
    return result[1] / result[2]


def _processor():
    with open("/proc/cpuinfo") as file:
        return next(
            (line.split(": ")[1].strip() for line in file if line.startswith("model name")), "unknown processor"
        )


if __name__ == "__main__":
    main(__doc__, define, run)
