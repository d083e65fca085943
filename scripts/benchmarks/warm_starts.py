"""Pour trained plain networks into other kinds, and write the accuracy right after to docs/zoo.md.

python scripts/benchmarks/warm_starts.py --data_dir=cifar10 --weights=resnet20-12fca82f.th,resnet56-4bfd9763.th
"""

import os
import re
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.append(str(Path(__file__).parents[1] / "docs"))  # where sections.py lies

from sections import replace_section

from keras_effconv.cli.command import main
from keras_effconv.cli.flags import flags_only

RULES = ("center", "sum", "correlated")  # of HetConv's 1 x 1
PAGE = Path(__file__).parents[2] / "docs" / "zoo.md"


def define(flags):
    """Define the flags."""
    flags.string("data_dir", None, "Folder of train*.npz and test*.npz.", required=True)
    flags.list("weights", None, "Files; the name of each begins with its network's, such as resnet20.", required=True)
    flags.list("kinds", ["HetConv(parts=2)", "HetConv(parts=4)", "OctConv(alpha=0.25)", "OctConv(alpha=0.5)"], "Kinds.")
    flags.list("rules", list(RULES), "What HetConv's kernels are made by; also fit and convert.")
    flags.integer("fit_images", 512, "Training images for the least-squares fit and for batch statistics.", 1)
    flags.integer("limit", 1000, "Most test images per class.", 1)
    flags.boolean("write", True, "Write the table to docs/zoo.md.")


HEAD = "| network | kind | rule | top-1 % | with batch statistics measured again |\n" + "|---" * 5 + "|\n"


def run(flags, words):
    """Pour and evaluate, and write the table."""
    flags_only(words)
    begun = time.perf_counter()
    table = HEAD + "".join(rows(flags))
    if flags.write:
        replace_section(PAGE, "warm starts", table)
    print(f"{time.perf_counter() - begun:.0f} s")


def rows(flags):
    """Yield lines of the table, printed as they come."""
    import numpy as np

    import keras_effconv as ke
    from keras_effconv import data, training, zoo
    from keras_effconv.converting.transferring import transfer

    images = data.from_archives(flags.data_dir, 32, limit=flags.limit)
    for path in flags.weights:
        build = ke.applications.get(re.match(r"[a-zA-Z]+\d+", Path(path).name)[0])
        teacher = build(weights=path)
        prepare = ke.preprocessing_for(teacher)
        drawn = images.train.take(np.random.default_rng(0).permutation(len(images.train))[: flags.fit_images])
        sample = np.asarray(prepare(drawn.images))
        statistics = [(sample[i : i + 128], None) for i in range(0, len(sample), 128)]
        test = np.asarray(prepare(images.validation.images))

        def top1(model, test=test):
            scores = model.predict(test, batch_size=250, verbose=0)
            return 100 * float((scores.argmax(1) == images.validation.labels).mean())

        yield line(teacher.name, "Conv()", "", top1(teacher), None)
        for kind in flags.kinds:
            others = ["", *(["convert"] if "convert" in flags.rules else [])]
            for rule in flags.rules if kind.startswith("HetConv") else others:
                if rule == "convert":
                    model = transfer(teacher, ke.kinds.get(kind), [sample]).model
                else:
                    model = build(weights=None, conv=kind)
                    ke.load_weights(model, path, pointwise=rule if rule in RULES else "correlated")
                if rule == "fit":
                    zoo.fit(model, teacher, sample)
                right_after = top1(model)
                training.recalibrate(model, statistics)
                yield line(teacher.name, kind, rule, right_after, top1(model))


def line(*cells):
    """A row of Markdown."""
    shown = [
        f"{cell:.1f}" if isinstance(cell, float) else (f"`{cell}`" if "(" in str(cell) else cell or "")
        for cell in cells
    ]
    text = "| " + " | ".join(shown) + " |\n"
    print(text, end="", flush=True)
    return text


if __name__ == "__main__":
    main(__doc__, define, run)
