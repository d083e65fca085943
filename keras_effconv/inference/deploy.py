"""A model for inference that computes the same with fewer layers."""

import keras

from keras_effconv.inference.compare import difference
from keras_effconv.inference.forms import TARGETS, choose_forms
from keras_effconv.inference.precision import in_float32
from keras_effconv.inference.report import DeployReport
from keras_effconv.inference.rewriting import Graph
from keras_effconv.inference.rules import RULES, reads_pixels
from keras_effconv.policies import half_policy_of
from keras_effconv.utils.arguments import one_of

# The most that half precision may make of a deployed model: so far from float32, or so many times as far as the model.
ROUNDING, WORSE = 0.05, 4
EQUAL, NOISE = 1e-9, 2  # of two models in float64; and in float32, times the model's own distance from float64


def deploy(model: keras.Model, target: str = "auto", tolerance: float = 1e-4) -> keras.Model:
    """Make an equivalent, faster model for inference. The model itself does not change.

    Batch normalization and other scales and shifts are folded into the kernels and biases of the convolutions and dense
    layers next to them. Activations and padding become part of the convolutions; dropout and stochastic depth are
    removed. Nested models become part of one graph. A layer without a rule is copied. Each step is exact in real
    numbers, and the result is compared with the model on random inputs. A model of half precision keeps its policies:
    what is folded is computed in float64, rounded once, and compared in float32.

    A normalization is not folded if it is not next to a convolution (before the activation of a pre-activation ResNet,
    after a sum or a concatenation), if another layer reads the same map, or if its layer is used more than once.

    Args:
        model: `keras.Model`, functional or sequential, built.
        target: str, what will run the model, which decides the form of `HetConv2D` and `OctConv2D`: `"tensorflow"`,
            `"jax"`, `"auto"` (the backend of this process), a format of `export`, or `"dense"`: plain convolutions in
            place of `HetConv2D`, with the zeros, for runtimes whose grouped convolutions are slow. Default `"auto"`.
        tolerance: float, the largest difference that is accepted, relative to the largest output, in float32. A larger
            one is accepted, too, on TensorFlow, if the two models are equal in float64 and the deployed one is about as
            near to that as the model: then it is rounding. Default 1e-4.

    Returns:
        A `keras.Model` that can be saved, exported and counted. Its `deploy_report` (a `DeployReport`) lists the
        changes; the report is not saved with the model.

    Raises:
        ValueError: for a model that is Python code only, or if the outputs differ by more than the tolerance, as
            they do in a model with random numbers at inference; or if half precision rounds the deployed model much
            worse than the model.

    Example:

    >>> import keras_effconv
    >>> model = keras_effconv.ResNet20(weights=None)
    >>> fast = deploy(model)
    >>> len(model.layers), len(fast.layers), fast.deploy_report.max_difference < 1e-4
    (76, 47, True)
    """
    one_of("target", target, ("auto", *TARGETS))
    graph = Graph(model)
    before, pixels = len(graph.steps), reads_pixels(graph)
    done = {name: tuple(line for rule in rules for line in rule(graph)) for name, rules in RULES.items()}
    forms = tuple(choose_forms(graph, keras.backend.backend() if target == "auto" else target))
    deployed = graph.build()
    error, rounding = _compared(model, deployed, graph, pixels, tolerance)
    params = (model.count_params(), deployed.count_params())
    deployed.deploy_report = DeployReport(
        **done,
        forms=forms,
        layers=(before, len(graph.steps)),
        params=params,
        max_difference=error,
        rounding=rounding,
    )
    return deployed


def _compared(model, deployed, graph, pixels, tolerance):
    """Return how far the outputs are from the model's, in float32, and what half precision makes of both.

    Raises:
        ValueError: the difference is larger than the tolerance, or half precision rounds the deployed model worse than
            the model.
    """
    policy = half_policy_of(step.operation for step in graph.steps)
    if policy is None:
        reference, exact = model, deployed
    else:
        reference, exact = in_float32(model), graph.build("float32")
    error = difference(reference, exact, pixels)
    if not (error <= tolerance or _is_rounding(model, graph, reference, exact, pixels)):
        raise ValueError(
            f"`model` must compute the same once deployed, up to tolerance={tolerance:g} of its largest output. "
            f"Received: {model.name!r}, whose outputs differ by {error:.2g}"
        )
    if policy is None:
        return error, None
    rounding = tuple(difference(reference, each, pixels) for each in (model, deployed))
    if not rounding[1] <= max(ROUNDING, tolerance, WORSE * rounding[0]):
        raise ValueError(
            f"`model` must compute about the same once deployed in {policy}: deploy `keras_effconv.in_float32(model)` "
            f"instead. Received: {model.name!r}, which is {rounding[0]:.2g} from float32 before and {rounding[1]:.2g} "
            "after"
        )
    return error, rounding


def _is_rounding(model, graph, reference, exact, pixels):
    """Return whether two models differ by what float32 makes of their numbers, and by nothing else.

    In float64 they must be equal, and the deployed one must not be further from it than the model is. TensorFlow only:
    JAX has no float64 unless the whole process is told to.
    """
    if keras.backend.backend() != "tensorflow":
        return False
    try:
        copied = difference(model, Graph(model).build(), pixels) <= EQUAL  # else a copy in float64 is another model
        before, after = Graph(model).build("float64"), graph.build("float64")
        equal = copied and difference(before, after, pixels) <= EQUAL
    except Exception:  # a layer that cannot compute in float64, which may raise anything
        return False
    if not equal:
        return False
    own, other = (difference(before, each, pixels) for each in (reference, exact))
    return other <= NOISE * own
