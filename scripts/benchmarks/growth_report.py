"""The tables and the picture of scripts/benchmarks/growth.py."""

from pathlib import Path

from sections import replace_section

from keras_effconv.training.reporting.environment import device as first_device
from keras_effconv.utils.extras import require
from keras_effconv.utils.files import replacing, write_json
from keras_effconv.utils.text_table import markdown

PAGE, SECTION = Path(__file__).parents[2] / "docs" / "growth.md", "growth"
STEPS = ("import", "load", "first answer")
PICTURE = "growth.png"


def write(found, folder, command=None):
    """Print the tables and write `growth.json` and `growth.png`.

    Args:
        found: dict of what growth.py measured: `model`, and `speed`, `memory`, `disk`, `start` by runtime or format.
        folder: Path.
        command: str, the command line, with which all that is put into docs/growth.md. Default: it is not.
    """
    from machine import described
    from runs import machine_peak

    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "growth.json", found)
    machine = described(first_device()[1], machine_peak())
    text = "\n".join(f"{title}\n\n{markdown(rows)}\n" for title, rows in tables(found))
    print(f"{machine}.\n\n{text}")
    for place in (folder, *([PAGE.parent] if command else [])):
        with replacing(place / PICTURE) as temporary:
            drawn(found).savefig(temporary, dpi=110)
    if command:
        picture = f"![Speed, memory, size on disk, start and latency]({PICTURE})"
        replace_section(PAGE, SECTION, f"\n```bash\n{command}\n```\n\n{machine}.\n\n{picture}\n\n{text}\n")


def tables(found):
    """Yield the title and the rows of each table."""
    for cores, speeds in found["speed"].items():
        batches = list(next(iter(speeds.values())))
        rows = [(name, *(f"{known[batch]:.1f}" for batch in batches)) for name, known in speeds.items()]
        yield f"Images a second with {cores} {_cores(cores)}, by images per call:", [("runtime", *batches), *rows]
    sizes = list(next(iter(found["memory"].values())))
    rows = [(name, *(f"{known[size] / 2**20:.0f}" for size in sizes)) for name, known in found["memory"].items()]
    yield "MiB of memory at the peak, four images per call, by pixels of a side:", [("runtime", *sizes), *rows]
    rows = [(*name.split(), f"{size / 1e6:.1f}") for name, size in found["disk"].items()]
    yield "MB on disk:", [("format", "precision", "MB"), *rows]
    rows = [(name.split()[0], *(f"{each:.2f}" for each in seconds)) for name, seconds in found["start"].items()]
    yield "Seconds from the start of a process to its first answer:", [("format", *STEPS), *rows]
    if found["serving"]:
        rows = [(clients, *(f"{ms:.1f}" for ms in each)) for clients, each in found["serving"].items()]
        yield "Milliseconds until the server answers, by clients:", [("clients", "median", "99th percentile"), *rows]


def _cores(number):
    return "core" if int(number) == 1 else "cores"


def drawn(found):
    """Return the figure, a panel for each question."""
    figure = require("matplotlib.figure").Figure((12.5, 12), layout="constrained")
    (speed, memory), (disk, start), (server, unused) = figure.subplots(3, 2)
    unused.set_visible(False)
    server.set_visible(bool(found["serving"]))
    _draw_serving(server, found["serving"])
    _draw_speed(speed, found["speed"])
    _draw_memory(memory, found["memory"])
    _draw_disk(disk, found["disk"])
    _draw_start(start, found["start"])
    for axes in (speed, memory, disk, start, server):
        axes.grid(alpha=0.3)
    return figure


def _draw_speed(axes, speeds):
    for style, (cores, known) in zip(("--", "-", ":"), speeds.items()):
        for number, (name, points) in enumerate(known.items()):
            label = f"{name}, {cores} {_cores(cores)}"
            axes.plot(list(map(int, points)), list(points.values()), f"o{style}", color=f"C{number}", label=label)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    most = max(speed for known in speeds.values() for points in known.values() for speed in points.values())
    axes.set(title="Speed", xlabel="images per call", ylabel="images a second", ylim=(0, 1.4 * most))
    axes.legend(fontsize=8, ncols=len(speeds), loc="upper left")  # above all lines


def _draw_memory(axes, memory):
    for number, (name, points) in enumerate(memory.items()):
        pixels = [4 * int(size) ** 2 / 1e6 for size in points]
        axes.plot(pixels, [bytes_ / 2**20 for bytes_ in points.values()], "o-", color=f"C{number}", label=name)
    axes.set(title="Memory", xlabel="million pixels per call (four images)", ylabel="MiB at the peak", ylim=(0, None))
    axes.legend(fontsize=8)


def _draw_disk(axes, disk):
    names = list(disk)[::-1]
    axes.barh(names, [disk[name] / 1e6 for name in names], color="C0")
    axes.set(title="Size on disk", xlabel="MB")


def _draw_start(axes, start):
    names, left = list(start)[::-1], [0.0] * len(start)
    for number, step in enumerate(STEPS):
        seconds = [start[name][number] for name in names]
        axes.barh([name.split()[0] for name in names], seconds, left=left, color=f"C{number}", label=step)
        left = [a + b for a, b in zip(left, seconds)]
    axes.set(title="From the start of a process to its first answer", xlabel="seconds")
    axes.legend(fontsize=8)


def _draw_serving(axes, served):
    clients = list(map(int, served))
    for number, name in enumerate(("median", "99th percentile")):
        axes.plot(clients, [each[number] for each in served.values()], "o-", color=f"C{number}", label=name)
    axes.set(title="Latency of the server", xlabel="clients", ylabel="ms until the answer", ylim=(0, None))
    axes.legend(fontsize=8)
