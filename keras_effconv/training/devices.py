"""On what a run is computed: one device, several of one host, or several hosts."""

import contextlib
import dataclasses
import math
import os

import keras

from keras_effconv.utils.arguments import one_of

MODES = ("auto", "none", "mirrored", "multi-host")


@dataclasses.dataclass(frozen=True)
class Devices:
    """Where the variables of a run live, and what this process does of it.

    Attributes:
        strategy: a `tf.distribute.Strategy`, or `None`.
        distribution: a `keras.distribution.Distribution` (JAX), or `None`.
        shard: (number of this process, number of processes).
    """

    strategy: object = None
    distribution: object = None
    shard: tuple[int, int] = (0, 1)

    @property
    def writer(self):
        """Return whether this process writes the files of the run; one does."""
        return self.shard[0] == 0

    @property
    def replicas(self):
        """Return the number of devices, of all processes, that share each batch."""
        if self.strategy is not None:
            return self.strategy.num_replicas_in_sync
        return math.prod(self.distribution.device_mesh.shape) if self.distribution is not None else 1

    @property
    def several(self):
        """Return whether variables must be created again for the devices."""
        return self.strategy is not None or self.distribution is not None

    @property
    def on_main_memory(self):
        """Return whether the run is computed by one device in main memory, of which it is known how much is free."""
        return self.replicas == 1 and ON_CPU.get(keras.backend.backend(), lambda: False)()

    @contextlib.contextmanager
    def scope(self):
        """Enter a scope in which new variables live on all devices."""
        if self.distribution is not None:
            keras.distribution.set_distribution(self.distribution)
        with self.strategy.scope() if self.strategy is not None else contextlib.nullcontext():
            yield

    def place(self, network):
        """Return the network with variables that live on the devices: itself on one device."""
        return _copy(network) if self.several else network

    def gather(self, network):
        """Return the network with variables of this process alone, so that one process can evaluate and save it."""
        if self.distribution is not None:
            keras.distribution.set_distribution(None)
        return _copy(network) if self.several else network


def relative_share(weights):
    """Return the part of a batch's weight that this device has, times the number of devices; 1 outside a strategy.

    TensorFlow's devices each return the mean of their own part, and Keras takes the mean of these. Times this factor,
    the result is the mean over the batch, however much of a part is padding.

    Args:
        weights: tensor (n,) of this device's part, or `None`.
    """
    if weights is None or keras.backend.backend() != "tensorflow":
        return 1.0
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return 1.0
    mine = tf.reduce_sum(weights)
    return mine * context.num_replicas_in_sync / context.all_reduce(tf.distribute.ReduceOp.SUM, mine)


def _copy(network):
    values = [keras.ops.convert_to_numpy(v) for v in network.weights]
    copy = keras.models.clone_model(network)
    copy.set_weights(values)
    return copy


def find_devices(distribute="auto", coordinator=None, processes=None, process=None):
    """Find the devices of a run. Call it before anything else touches JAX or TensorFlow.

    Args:
        distribute: `"none"`: one device. `"mirrored"`: all GPUs of this host (or all logical CPUs), each with its share
            of every batch: `tf.distribute.MirroredStrategy` on TensorFlow, data parallelism on JAX. `"multi-host"`:
            the processes of several hosts, on the JAX backend (TensorFlow's strategy does not work with Keras 3).
            `"auto"`, the default: multi-host with a coordinator, mirrored with several GPUs.
        coordinator: str, `"host:port"` of process 0. Default: the variable COORDINATOR_ADDRESS, or what JAX finds
            (SLURM, Open MPI, Kubernetes).
        processes: int, how many. Default: the variable NUM_PROCESSES, or what JAX finds.
        process: int, which one this is, from 0. Default: the variable PROCESS_ID, or what JAX finds.

    Returns:
        `Devices`.

    Raises:
        ValueError: for another mode, or several hosts on another backend than JAX.
    """
    one_of("distribute", distribute, MODES)
    coordinator = coordinator or os.environ.get("COORDINATOR_ADDRESS")
    if distribute == "multi-host" or (distribute == "auto" and coordinator):
        return _hosts(coordinator, _number(processes, "NUM_PROCESSES"), _number(process, "PROCESS_ID"))
    if distribute == "none":
        return Devices()
    return BACKENDS.get(keras.backend.backend(), lambda every: Devices())(distribute == "mirrored")


def _number(value, variable):
    text = os.environ.get(variable)
    return value if value is not None else int(text) if text else None


def _hosts(coordinator, processes, process):
    if keras.backend.backend() != "jax":
        raise ValueError(
            "the backend must be JAX for several hosts: the strategy of TensorFlow does not work with Keras 3. "
            f"Received: KERAS_BACKEND={keras.backend.backend()}"
        )
    import jax

    jax.distributed.initialize(coordinator, processes, process)
    return Devices(distribution=_data_parallel(), shard=(jax.process_index(), jax.process_count()))


def _data_parallel():
    # Every process brings its own share of a batch (input_pipeline.feed), so Keras need not cut data sets.
    return keras.distribution.DataParallel(auto_shard_dataset=False)


def _tensorflow(every):
    import tensorflow as tf

    devices = tf.config.list_logical_devices("GPU") or (tf.config.list_logical_devices("CPU") if every else [])
    return (
        Devices(strategy=tf.distribute.MirroredStrategy([d.name for d in devices])) if len(devices) > 1 else Devices()
    )


def _jax(every):
    import jax

    several = jax.local_device_count() > 1 and (every or jax.default_backend() != "cpu")
    return Devices(distribution=_data_parallel()) if several else Devices()


def _tensorflow_on_cpu():
    import tensorflow as tf

    return not tf.config.list_logical_devices("GPU")


def _jax_on_cpu():
    import jax

    return jax.default_backend() == "cpu"


ON_CPU = {"tensorflow": _tensorflow_on_cpu, "jax": _jax_on_cpu}
BACKENDS = {"tensorflow": _tensorflow, "jax": _jax}
