"""A whole run of a recipe: the head on frozen features, then the network phase by phase, then what the run writes."""

import dataclasses
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import keras

from keras_effconv.data import Dataset
from keras_effconv.policies import default_policy
from keras_effconv.training import checkpoint
from keras_effconv.training.blending import blend, starting_weights
from keras_effconv.training.budget import Budget, Deadline, fitting_epochs
from keras_effconv.training.callbacks import Patience, Speed
from keras_effconv.training.checkpoint import best_epoch, restore, restore_best
from keras_effconv.training.checks import check_phases, check_run
from keras_effconv.training.devices import Devices
from keras_effconv.training.half_precision import finished, training_policy
from keras_effconv.training.head import features, fit_head
from keras_effconv.training.headline import IN_FOLDS
from keras_effconv.training.input_pipeline import feed
from keras_effconv.training.keeping import Checkpoint
from keras_effconv.training.network import backbone, classifier
from keras_effconv.training.optimization.rates import asks, highest_rate, trained_share
from keras_effconv.training.phase_runner import PhaseRunner
from keras_effconv.training.rate_finder import found_rate
from keras_effconv.training.recipe import Recipe
from keras_effconv.training.reporting import mislabelled
from keras_effconv.training.reporting.environment import check_folder
from keras_effconv.training.reporting.evaluation import evaluate
from keras_effconv.training.reporting.outputs import check_outputs, logging, write_outputs
from keras_effconv.training.reporting.run_record import check_same, described, identity, standing, write_record
from keras_effconv.training.result import Result
from keras_effconv.training.step_memory import divided, parts_needed
from keras_effconv.training.task import task_of
from keras_effconv.training.warm_start import warm_start

NAME = "network"


def train(
    recipe: Recipe,
    dataset: Dataset,
    folder: str | os.PathLike,
    resume: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    devices: Devices | None = None,
    checkpoint_seconds: float = 600.0,
    outputs: bool = True,
    begun: float | None = None,
) -> Result:
    """Train a classifier on a data set as a recipe says.

    Killed at any moment and called again with `resume`, it ends with the numbers of the uninterrupted run.

    Args:
        recipe: `Recipe`.
        dataset: `Dataset`, its images of the size of `network.preprocessing(recipe)`; its `white` goes into the model.
        folder: path to write to: checkpoints and `run.json`; with `outputs` also what `keras-effconv finetune` leaves:
            `model.keras`, `labels.txt`, `report.html`, `report.json`, metrics, plots, a model card, TensorBoard logs
            and a SavedModel.
        resume: bool, whether to continue from the checkpoint in the folder; without one, the run starts anew and says
            so. Default `False`.
        callbacks: Keras callbacks of the network's epochs.
        devices: `Devices`. Default: one.
        checkpoint_seconds: float, between checkpoints within an epoch. Default 600.
        outputs: bool, whether to evaluate the model and write more than checkpoints. Default `True`.
        begun: float, `time.perf_counter()` when the work began, such as reading the data, for the seconds in the
            report. Default: now.

    Returns:
        A `Result`.

    Raises:
        ValueError: a part of the recipe does not fit the network, the data or the teacher, or the checkpoint is another
            run's.
        OSError: the folder or a checkpoint cannot be written; the checkpoint before is whole.
        ImportError: a package that the run needs is missing.

    Example:

    >>> import tempfile
    >>> from keras_effconv import data
    >>> recipe = Recipe(model="ResNet20", weights=None, image_size=32, head_c=0, epochs=0)
    >>> train(recipe, data.digits(32, limit=2), tempfile.mkdtemp(), outputs=False).model.output_shape
    (None, 10)
    """
    begun = time.perf_counter() if begun is None else begun
    folder, devices = Path(folder).expanduser(), devices or Devices()
    dataset, teacher = check_run(recipe, dataset, devices)
    record = described(recipe, dataset)
    if resume:
        check_same(folder, record)
    resume, text = standing(folder, resume, record)
    if devices.writer:
        print(text, end="\n" if text else "")
        if outputs:
            check_outputs(folder)
        writing = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: write_record(folder, record))
        callbacks = [writing, *(logging(folder, resume) if outputs else ()), *callbacks]
    run = Run(recipe, dataset, folder, resume, devices, teacher, identity(record), outputs and devices.writer, begun)
    result = _trained(run, callbacks, checkpoint_seconds)
    if not outputs or not devices.writer:
        return result
    return write_outputs(result, recipe, dataset, record, begun)


class Run(NamedTuple):
    """What a run is given, checked."""

    recipe: Recipe
    dataset: Dataset
    folder: Path
    resume: bool
    devices: Devices
    teacher: object
    identity: str
    reports: bool
    begun: float


def _trained(run, callbacks, checkpoint_seconds):
    recipe, dataset, folder, devices = run.recipe, run.dataset, run.folder, run.devices
    keras.utils.set_random_seed(recipe.seed)
    progress = restore(folder) if run.resume else checkpoint.Progress()
    with default_policy(training_policy(recipe.dtype)):
        network, progress, report = _prepared(run, progress._replace(run=run.identity))
        recipe = divided(recipe, progress.parts)
        start = starting_weights(run, network, resumed=progress.arrays is not None)
        peak = highest_rate(recipe, report, progress.head)
        runner = PhaseRunner(recipe, dataset, network, peak, devices, run.teacher)
        place, size = folder if devices.writer else None, (len(dataset.train), recipe.batch_size)
        if recipe.find_lr and recipe.epochs:
            runner.peak = found_rate(run, runner, resumed=progress.arrays is not None)
        if recipe.minutes and recipe.epochs:
            progress, deadline = _in_time(run, runner, progress)
            recipe, callbacks = runner.recipe, [deadline, *callbacks]
        weights = runner.network, recipe.selects, runner.average
        keeper = Checkpoint(place, runner.variables, *weights, progress, *size, checkpoint_seconds)
        speed, patience = Speed(len(dataset.train) / runner.steps), Patience(recipe.patience, keeper)
        if progress.step or not patience.is_over(progress.epoch):
            runner.run(progress, keeper, [keeper, speed, patience, *callbacks])
        if not recipe.selects:
            keeper.swap()
    model = devices.gather(runner.network)
    if keeper.has_best:
        restore_best(folder, model, run.identity)
    curves, head = keeper.curves, keeper.head
    metric = f"val_{task_of(dataset).metric}"
    seen = [head[metric][-1] if head else None, *curves.get(metric, ())]
    kept = best_epoch(curves, head) if recipe.selects else len(seen) - 1
    score, share = seen[kept], 1.0 if start is None else trained_share(recipe, head)
    if start is not None:
        blend(model, start, share)
        score = evaluate(model, dataset.validation, dataset.class_names, recipe.batch_size).score
    model = finished(model, recipe.dtype)
    made = kept, score, recipe.epochs, speed.images_per_second, folder
    return Result(model, report, seen[0], head, curves, *made, trained_share=share)


def _in_time(run, runner, progress):
    """Give a runner as many epochs as its time allows; return the progress that says so, and what ends it in time."""
    budget = Budget(60 * run.recipe.minutes, run.begun)
    if progress.arrays is None:
        epochs, budget = fitting_epochs(runner, budget)
        progress = progress._replace(epochs=epochs)
    runner.recipe = dataclasses.replace(runner.recipe, epochs=progress.epochs)
    return progress, Deadline(budget)


def _prepared(run, progress):
    """Return the classifier with its weights and, if the run begins, a head fitted to frozen features."""
    recipe, dataset, task = run.recipe, run.dataset, task_of(run.dataset)
    base = backbone(recipe, dataset.white)
    model = classifier(base, len(dataset.class_names), recipe.dropout, NAME, task.activation)
    needed = check_phases(recipe, model)
    if run.devices.writer:
        check_folder(run.folder, needed)
    if progress.arrays is None and run.devices.on_main_memory:
        progress = progress._replace(parts=parts_needed(recipe, model))
    recipe = divided(recipe, progress.parts)
    if progress.arrays is not None:
        last = recipe.epochs if progress.epochs is None else progress.epochs
        place = f"at epoch {progress.epoch + 1} of {last}, batch {progress.step}"
        print(f"resuming {place if progress.epoch < last else 'after the last epoch'}")
        return model, progress, base.load_report
    if base.load_report is not None:
        print(base.load_report)
        if base.load_report.approximate:
            warm_start(base, recipe, dataset)
    if not recipe.head_c:
        return model, progress, base.load_report
    mirror = dataset.flip and recipe.augmentation != "none"
    print("features of the frozen network, once")
    batches = feed(dataset.train, recipe)
    train = features(base, batches, mirror)
    validation = features(base, feed(dataset.validation, recipe))
    head = fit_head(model, recipe, train, validation, task)
    if run.reports or asks(recipe):
        search = task.search(*train, dataset, recipe, mirror, batches.batch_size)
        if search.score is not None:
            head[f"{IN_FOLDS}{task.metric}"] = [search.score]
        elif asks(recipe):
            print("it is not known how much there is to learn: the rate and the trained share are the highest")
        if run.reports:
            mislabelled.write(run.folder, search, run.identity)
    return model, progress._replace(head=head), base.load_report
