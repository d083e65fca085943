"""Fine-tune a network on a folder of images, a data set by name, or scikit-learn's digits.

    python scripts/finetune.py                                   # EfficientNetLite0 on digits
    python scripts/finetune.py --data_dir=flowers --conv="OctConv(alpha=0.25)"

It ends with a report, `model.keras`, `labels.txt`, pictures, a model card, TensorBoard logs and a SavedModel for
TensorFlow Serving, `serving/1`, in --output. Flags that are not given have the values of --recipe.
"""

import cli
import runs
from absl import logging

runs.define(recipe="finetune", dataset="digits", output="outputs/finetune")
main = runs.main

if __name__ == "__main__":
    logging.set_verbosity(logging.WARNING)
    cli.run(main)
