"""Print the recipes of keras_effconv.training.RECIPES, and write them to docs/training.md.

python scripts/docs/recipe_table.py
"""

import os
import re
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cli
from absl import flags

FLAGS = flags.FLAGS
ROOT = Path(__file__).parents[2]
MARKERS = re.compile(r"(<!-- recipes -->\n).*?(<!-- /recipes -->)", re.DOTALL)

flags.DEFINE_boolean("write", True, "Write the table to docs/training.md.")


def main(argv):
    cli.flags_only(argv)
    text = table()
    print(text, end="")
    if FLAGS.write:
        page = ROOT / "docs" / "training.md"
        old = page.read_text(encoding="utf-8")
        page.write_text(MARKERS.sub(lambda found: found[1] + text + found[2], old), encoding="utf-8")


def table():
    """A row per recipe: what it does otherwise than the default one, and where the numbers come from."""
    from keras_effconv.training.recipes import RECIPES, differences

    lines = ["| recipe | otherwise than the defaults | from |", "|---|---|---|"]
    for name, recipe in RECIPES.items():
        other = ", ".join(f"{field} {_short(value)}" for field, value in differences(recipe).items())
        lines.append(f"| `{name}` | {other or 'nothing'} | {recipe.source} |")
    return "\n".join(lines) + "\n"


def _short(value):
    return f"{value:g}" if isinstance(value, float) else f"`{value}`"


if __name__ == "__main__":
    cli.run(main)
