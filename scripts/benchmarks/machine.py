"""On what scripts/benchmarks/networks.py ran, in a line, without the name of a host."""

import importlib.metadata
import os
import platform
import re
from pathlib import Path

LIBRARIES = ("keras", "tensorflow", "jax", "onnxruntime", "openvino", "ai-edge-litert")


def device():
    """("cpu" or "gpu", its name)."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        first = jax.devices()[0]
        return ("cpu", processor()) if first.platform == "cpu" else ("gpu", first.device_kind)
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return "cpu", processor()
    return "gpu", tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")


def processor():
    """The name of the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return found[1].strip() if found else platform.processor() or platform.machine()


def described(name, peak):
    """A sentence on the device, the cores and the versions."""
    import keras

    versions = []
    for library in LIBRARIES:
        try:
            versions.append(f"{library} {importlib.metadata.version(library)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return (
        f"{name}, {os.cpu_count()} cores; a float32 matrix product reaches {peak:.0f} GMAC/s; "
        f"Python {platform.python_version()}, {', '.join(versions)}, backend {keras.backend.backend()}"
    )
