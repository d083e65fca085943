"""Peak memory of a run of scripts/benchmarks/networks.py, measured in a process of its own.

The number is the largest resident memory of a process that loads what was stored for a runtime and computes three
batches, above that of the process before it loads: weights, activations, the runtime's buffers and what is compiled at
the first call. Not in it: what TensorFlow, Keras and this package occupy by themselves, and what loading needs for a
moment. A runtime's own library is in it (ONNX Runtime, OpenVINO, LiteRT). On a GPU it is the memory of the device
instead, loading included.
"""

import ctypes
import gc
import os
import re
import subprocess
import sys
from pathlib import Path

CALLS = 3
STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_memory(runtime, path, shape):
    """Bytes that a runtime needs for a batch, see above; `nan` where the system does not tell (it is Linux that does).

    Args:
        runtime: str, of `runtimes.RUNTIMES`.
        path: what its `save` wrote.
        shape: (n, h, w, c), of the batch.

    Raises:
        OSError: the process failed.
    """
    command = [sys.executable, __file__, runtime, str(path), *map(str, shape)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise OSError(f"the process that measures the memory of {runtime!r} failed: {last}")
    return float(done.stdout.split()[-1])


def resident(field="VmRSS"):
    """Bytes of this process in memory, or at its peak (`"VmHWM"`)."""
    return 1024 * int(re.search(rf"{field}:\s+(\d+) kB", STATUS.read_text())[1])


def forget_peak():
    """Let `VmHWM` begin again at what is in use, once what is free has been given back."""
    gc.collect()
    getattr(ctypes.CDLL(None), "malloc_trim", lambda pad: 0)(0)  # glibc has it
    RESET.write_text("5")


def on_gpu():
    """Bytes at the peak on the first GPU; `None` without one."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        device = jax.devices()[0]
        return None if device.platform == "cpu" else device.memory_stats()["peak_bytes_in_use"]
    import tensorflow as tf

    return tf.config.experimental.get_memory_info("GPU:0")["peak"] if tf.config.list_physical_devices("GPU") else None


def measured(runtime, path, shape):
    """What `peak_memory` returns, for this process."""
    if not RESET.exists():
        return float("nan")
    import numpy as np
    from runtimes import RUNTIMES

    images = np.random.default_rng(0).uniform(0, 255, shape).astype("float32")
    before = resident()
    run = RUNTIMES[runtime].load(path)
    forget_peak()
    for _ in range(CALLS):
        run(images)
    return on_gpu() or resident("VmHWM") - before


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    print(measured(sys.argv[1], Path(sys.argv[2]), tuple(map(int, sys.argv[3:]))))
