"""On what scripts/benchmarks/networks.py ran, in a line, without the name of a host."""

import importlib.metadata
import os
import platform

LIBRARIES = ("keras", "tensorflow", "jax", "onnxruntime", "openvino", "ai-edge-litert")


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
