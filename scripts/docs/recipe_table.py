"""Write the table of recipes in docs/training.md.

python scripts/docs/recipe_table.py           # --check compares and writes nothing
"""

from sections import markdown_table, write_or_check

PAGE, NAME = "docs/training.md", "recipes"


def table():
    """Return a row per recipe: how it differs from the default one, and the source of its numbers."""
    from keras_effconv.training.recipes import RECIPES, differences

    rows = []
    for name, recipe in RECIPES.items():
        fields = ", ".join(f"{field} {_short(value)}" for field, value in differences(recipe).items())
        rows.append((f"`{name}`", fields or "nothing", recipe.source))
    return markdown_table(("recipe", "fields that differ from the defaults", "source"), rows)


def _short(value):
    return f"{value:g}" if isinstance(value, float) else f"`{value}`"


if __name__ == "__main__":
    write_or_check(PAGE, NAME, table)
