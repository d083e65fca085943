"""A converted network learns from the dense one, on images without labels."""

import functools
import hashlib
import json
import math
import os
import time
from collections.abc import Collection
from typing import NamedTuple

import keras
import numpy as np

from keras_effconv.converting.mimicking.images import Images
from keras_effconv.converting.mimicking.places import WAYS, find_places
from keras_effconv.converting.mimicking.rate import find_rate, schedule
from keras_effconv.converting.mimicking.state import load_state, save_state
from keras_effconv.converting.mimicking.trainer import Mimic, RelativeAdam, units_of
from keras_effconv.converting.mimicking.twin import Twin, fastest_policy
from keras_effconv.graph import check_functional
from keras_effconv.utils.arguments import one_of, positive, positive_number
from keras_effconv.utils.progress import progress

RATE = 0.02  # of a weight's size: the highest that is tried
FEWEST, MOST, PIXELS = 16, 64, 64**3  # images of a step, and pixels of all of them
JUDGED = 128  # images that a loss is of: ahead of the first step, behind the last, and around a trial
TRIAL, FEWEST_TRIED, MOST_TRIED = 0.03, 16, 128  # of the steps, and bounds: steps of a rate's trial
SAMPLE = 256  # images that the variances of the teacher's maps are of
SAME = 1e-8  # a loss at which there is nothing to learn
PLAIN = (bool, int, float, str, type(None))  # fields of a layer that tell it from another one
SMOOTHED = 20  # steps that a loss of the progress bar is the mean of


class MimicReport(NamedTuple):
    """What `mimic` has done.

    Attributes:
        steps: int.
        images: int, seen in training, each as often as it was.
        places: tuple of str, the teacher's layers whose maps were compared.
        loss_before, loss_after: floats, of the same images ahead of the first step and behind the last.
        losses: list of floats, one for each step.
        seconds: float, of this call.
        learning_rate: float, the highest; `None` if no step was taken.
    """

    steps: int
    images: int
    places: tuple
    loss_before: float
    loss_after: float
    losses: list
    seconds: float
    learning_rate: float | None = None


def mimic(
    student: keras.Model,
    teacher: keras.Model,
    images,
    steps: int = 1000,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    seed: int = 0,
    folder: str | os.PathLike | None = None,
    along: str = "blocks",
    head_weight: float = 1.0,
    flip: bool = True,
    shift: float = 0.125,
    dtype: str | None = "auto",
    checkpoint_seconds: float = 120.0,
    verbose: bool = True,
    moved: Collection[str] = (),
) -> MimicReport:
    """Train a student to compute its teacher's maps and outputs. Images need no labels.

    The maps at some places along the way are compared channel by channel, in units of the variance of the teacher's
    channel; the outputs by their divergence, where they are probabilities, and in units of their variance elsewhere.
    Batch statistics stay as they are: normalization is folded into the convolutions for training, and the student gets
    kernels and offsets back. Depthwise kernels stay as fitted: that learns more, and in three fifths of the time. Steps
    are those of Adam, in units of each weight's size, and end at 0 by a cosine. A student that computes what the
    teacher does is left as it is.

    Args:
        student: `keras.Model` with a functional graph; changed. It should have been fitted before.
        teacher: `keras.Model` likewise, with the same inputs; its layers have the student's names without the bands'.
        images: array (n, h, w, c), as both networks read them; or a sequence of batches, such as a
            `keras.utils.PyDataset`; or a callable (number) -> batch.
        steps: int. Default 1000.
        batch_size: int, images of a step. Default: 64, and fewer of more than 64 x 64 pixels, at least 16.
        learning_rate: float, the highest, in units of each weight's size. Default: 0.02, or the first
            of 0.4 of it, 0.4 of that and so on, that a short run on trial does not suffer from.
        seed: int, of the order, the flips and the shifts. Default 0.
        folder: path for the state, `mimic.npz`: a run that was interrupted resumes from it and ends with the weights of
            the uninterrupted one. Default `None`: none is written.
        along: str, where maps are compared: `"blocks"`, `"layers"` or `"last"`, as of `find_places`. Default
            `"blocks"`.
        head_weight: float, of the outputs' loss next to the mean loss of the maps. Default 1.
        flip: bool, whether half of the images are mirrored. Default `True`.
        shift: float, most of a side that an image is moved by. Default 0.125.
        dtype: str, the dtype policy in which both networks compute; the student's weights keep their type. `"auto"`:
            `"mixed_bfloat16"` on TensorFlow if the processor has matrix units for it. `None`: their own. Default
            `"auto"`.
        checkpoint_seconds: float, between states that are written. Default 120.
        verbose: bool, whether to show a progress bar. Default `True`.
        moved: names of layers whose channels the student has in another order than the teacher; their maps are not
            compared. Default: none.

    Returns:
        A `MimicReport`.

    Raises:
        ValueError: a model has no graph, an argument is not as above, or the state is another run's.

    Example:

    >>> import keras_effconv as ke
    >>> small = {"weights": None, "width": 0.25, "depth": 0.3}
    >>> teacher, student = ke.ResNet20(**small), ke.ResNet20(**small, conv="HetConv(parts=2)")
    >>> images = np.random.default_rng(0).normal(size=(8, 32, 32, 3)).astype("float32")
    >>> report = mimic(student, teacher, images, steps=2, batch_size=4, verbose=False)
    >>> report.images, report.places
    (8, ('conv2_block1_out', 'conv3_block1_out', 'conv4_block1_out'))
    """
    begun = time.perf_counter()
    for model in (student, teacher):
        check_functional(model)
    one_of("along", along, WAYS)
    rate = None if learning_rate is None else positive_number("learning_rate", learning_rate)
    batch_size = _batch_size(student) if batch_size is None else batch_size
    feed, steps = Images(images, batch_size, seed, flip, shift), positive("steps", steps)
    places, dtype = find_places(teacher, student, along, moved), fastest_policy() if dtype == "auto" else dtype
    twin = Twin(student, [name for place in places for name in place.student], dtype)
    trainer = _trainer(twin, teacher, places, feed, head_weight, dtype)
    names = tuple(place.name for place in places)
    trainer.compile()
    start = _loss(trainer, feed)
    if start < SAME:
        return MimicReport(0, 0, names, 0.0, 0.0, [], time.perf_counter() - begun)
    run = {"steps": steps, "batch_size": batch_size, "learning_rate": rate, "seed": seed, "along": along}
    run |= {"head_weight": head_weight, "flip": flip, "shift": shift, "dtype": dtype, "student": student.name}
    if folder is not None:
        run["networks"] = _digest(student, teacher, feed.plain(0))
    with twin.without_depthwise():
        _compile(trainer)
        losses, seen, rate = _train(trainer, feed, folder, run, checkpoint_seconds, verbose)
    twin.give_back()
    ends = start, _loss(trainer, feed)
    return MimicReport(steps, seen, names, *ends, losses, time.perf_counter() - begun, rate)


def _digest(student, teacher, batch):
    """Return what tells a run from one of other networks or images: str."""
    digest = hashlib.sha256(batch.round(3).tobytes())
    for layer in (*student.layers, *teacher.layers):
        plain = {name: value for name, value in layer.get_config().items() if isinstance(value, PLAIN)}
        plain.pop("name", None)  # a process counts them
        digest.update(json.dumps([type(layer).__name__, plain], sort_keys=True).encode())
    for weight in teacher.get_weights():  # in any order of channels
        digest.update(np.sort(np.asarray(weight, "float32"), axis=None).tobytes())
    return digest.hexdigest()[:16]


def _batch_size(model):
    """Return how many images a step has: more steps on fewer images learn more in the same time."""
    height, width = model.inputs[0].shape[1:3]
    return max(FEWEST, min(MOST, PIXELS // ((height or 1) * (width or 1))))


def _trainer(twin, teacher, places, feed, head_weight, dtype):
    """Return the `Mimic` of two networks, its units measured on the first images."""
    watched = Twin(teacher, [place.name for place in places], dtype).network
    heads = len(teacher.outputs)
    sample, number = [], 0
    while sum(map(len, sample)) < SAMPLE:
        sample.append(feed.plain(number))
        number += 1
    outputs = [_arrays(watched, batch) for batch in sample]
    outputs = [np.concatenate(parts)[:SAMPLE] for parts in zip(*outputs)]
    variances = [each.var(axis=(0, 1, 2)) for each in outputs[heads:]]
    spreads = [None if _are_probabilities(x) else float(x.var()) + 1e-12 for x in outputs[:heads]]
    return Mimic(twin.network, watched, places, variances, head_weight, spreads)


def _are_probabilities(x):
    return bool((x >= 0).all() and np.allclose(x.sum(-1), 1, atol=0.02))  # in bfloat16 about


def _arrays(network, batch):
    return [np.asarray(x).astype("float32") for x in keras.tree.flatten(network.predict_on_batch(batch))]


def _compile(trainer):
    optimizer = RelativeAdam(0.0, units_of(trainer.student))
    trainer.compile(optimizer, jit_compile="auto" if _is_jax() else False)
    trainer.build(None)
    optimizer.build(trainer.trainable_variables)


def _loss(trainer, feed, number=0):
    """Return the mean loss of some images, changed as in training: those of batch `number` and the next ones."""
    losses = []
    while len(losses) < JUDGED:
        losses += trainer.predict_on_batch(feed.batch(number)).tolist()
        number += 1
    return float(np.mean(losses))


def _is_jax():
    return keras.backend.backend() == "jax"


def _train(trainer, feed, folder, run, checkpoint_seconds, verbose):
    """Take the steps that are left; return the losses of all, the images that were seen, and the highest rate."""
    steps, variables = run["steps"], [*trainer.student.variables, *trainer.optimizer.variables]

    def take_step(number, rate):
        trainer.optimizer.learning_rate = rate
        return float(trainer.train_on_batch(feed.batch(number)))

    done, losses, rate = load_state(folder, variables, run) if folder else (0, [], None)
    if rate is None:
        tried = min(steps, max(FEWEST_TRIED, min(round(TRIAL * steps), MOST_TRIED)))
        measure = functools.partial(_loss, trainer, feed, tried)
        rate = run["learning_rate"] or find_rate(take_step, measure, variables, RATE, tried, verbose)
    saved = time.monotonic()
    bar = progress(range(done, steps), "mimicking", steps, initial=done, shown=verbose, leave=True)
    for step in bar:
        losses.append(take_step(step, rate * schedule(step, steps)))
        if not math.isfinite(losses[-1]):
            raise ValueError(f"`learning_rate` must be lower: the loss is no number any more. Received: {run}")
        bar.set_postfix(loss=f"{np.mean(losses[-SMOOTHED:]):.4f}", refresh=False)
        if folder and (step + 1 == steps or time.monotonic() - saved >= checkpoint_seconds):
            save_state(folder, variables, losses, rate, run)
            saved = time.monotonic()
    return losses, steps * len(feed.plain(0)), rate
