"""Write the table of recipes in docs/training.md.

python scripts/docs/recipe_table.py           # --check compares and writes nothing
"""

from sections import write_or_check

from keras_effconv.utils.text_table import markdown

PAGE, NAME = "docs/training.md", "recipes"


def table():
    """Return a row per recipe: how it differs from the default one, and the source of its numbers."""
    from keras_effconv.training.recipes import RECIPES, differences

    rows = [("recipe", "fields that differ from the defaults", "source")]
    for name, recipe in RECIPES.items():
        fields = ", ".join(f"{field} {_short(value)}" for field, value in differences(recipe).items())
        rows.append((f"`{name}`", fields or "nothing", recipe.source))
    return markdown(rows) + "\n"


def _short(value):
    return f"{value:g}" if isinstance(value, float) else f"`{value}`"


if __name__ == "__main__":
    write_or_check(PAGE, NAME, table)
