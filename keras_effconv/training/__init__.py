"""Fine-tuning: recipes as data, two phases, checkpoints and reports."""

from keras_effconv.training.finetune import Result, fine_tune
from keras_effconv.training.network import blocks, unfreeze
from keras_effconv.training.recalibrate import recalibrate
from keras_effconv.training.recipe import FineTune
from keras_effconv.training.report import Evaluation, evaluate

__all__ = ["Evaluation", "FineTune", "Result", "blocks", "evaluate", "fine_tune", "recalibrate", "unfreeze"]
