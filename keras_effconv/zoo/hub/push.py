"""A fine-tuned model to the Hugging Face hub: one commit of what others need, and nothing that is of this machine."""

import json
from pathlib import Path
from typing import NamedTuple

from keras_effconv.network_info import info_of, preprocessing_for
from keras_effconv.preprocessing import ImagePreprocessing
from keras_effconv.utils.extras import require
from keras_effconv.utils.files import read_json, read_text
from keras_effconv.zoo.fetching.download import WeightsUnavailable
from keras_effconv.zoo.hub.address import Address, parse
from keras_effconv.zoo.hub.card import card
from keras_effconv.zoo.hub.errors import TOKEN, HubUnreachable, endpoint, quiet_unless_seen, translated
from keras_effconv.zoo.hub.facts import CONFIG, written
from keras_effconv.zoo.model_files import load_model

MODEL, LABELS, REPORT, RECORD = "model.keras", "labels.txt", "report.json", "run.json"
NEEDED = (MODEL, LABELS, REPORT, RECORD)
PICTURES = ("learning_curves.png", "confusion.png")
NUMBERS = (  # of a report: all but the paths of files that could not be read
    "model",
    "conv",
    "accuracy",
    "accuracy_interval",
    "calibration",
    "top5",
    "head_accuracy",
    "last_accuracy",
    "best_epoch",
    "selected_on_validation",
    "epochs",
    "trained_share",
    "validation_images",
    "images_per_second",
    "seconds",
    "confusion",
)


class Upload(NamedTuple):
    """What will be uploaded, and where to.

    Attributes:
        address: `Address` of the repository.
        url: str, of its page.
        files: dict of the name in the repository -> path of a file on this machine, or its content in bytes.
    """

    address: Address
    url: str
    files: dict[str, Path | bytes]

    def size(self, name):
        """Return the bytes of a file."""
        content = self.files[name]
        return len(content) if isinstance(content, bytes) else content.stat().st_size


def prepare(folder, target, license=None):
    """Return the `Upload` of a run's folder; nothing is sent.

    Args:
        folder: path of what `keras-effconv finetune` or `train` wrote.
        target: str, `hf://user/name`.
        license: str, as the hub spells it, such as `"mit"`. Default: that of the weights that the run began with.

    Raises:
        ValueError: if the folder is not that of a finished run, or its parts do not fit each other.
        ImportError: if `huggingface_hub` is not installed.
    """
    require("huggingface_hub", "hub")
    address = parse(target, "target")
    if address.revision or address.file:
        raise ValueError(f"`target` must be hf://user/name, without a revision and a file. Received: target={target!r}")
    folder = Path(folder).expanduser()
    labels, report, record = _read(folder)
    model = _model(folder, labels)
    network, view = info_of(model), preprocessing_for(model).preprocessing
    inside = [layer.preprocessing for layer in model.layers if isinstance(layer, ImagePreprocessing)]
    config = written(network, inside[0] if inside else view, labels)
    numbers = {name: report[name] for name in NUMBERS if name in report}
    text = card(address.repository, model, labels, numbers, record, license)
    files = {
        MODEL: folder / MODEL,
        LABELS: folder / LABELS,
        CONFIG: _json(config),
        REPORT: _json(numbers),
        "README.md": text.encode(),
        **{name: folder / name for name in PICTURES if (folder / name).is_file()},
    }
    return Upload(address, f"{endpoint()}/{address.repository}", files)


def send(upload, private=False, message="Upload model"):
    """Create the repository unless it is there, and put all files into one commit.

    Args:
        upload: `Upload`.
        private: bool; whether a new repository is for its owner only. Default `False`.
        message: str, of the commit.

    Returns:
        str, the address of the commit.

    Raises:
        ValueError: if the repository is to be private, and is there and public.
        WeightsUnavailable: (an OSError) if there is no token, the hub does not take it, or cannot be reached.
    """
    check_token()
    hub = require("huggingface_hub", "hub")
    api = hub.HfApi()
    operations = [
        hub.CommitOperationAdd(name, content if isinstance(content, bytes) else str(content))
        for name, content in upload.files.items()
    ]
    repository = upload.address.repository
    try:
        with translated(upload.address), quiet_unless_seen():
            api.create_repo(repository, private=private or None, exist_ok=True)
            if private and not api.model_info(repository).private:
                text = "`private` must be for a repository that is new, or private already"
                raise ValueError(f"{text}. Received: {upload.url}, which is public")
            return str(api.create_commit(repository, operations, commit_message=message))
    except HubUnreachable as error:
        text = f"the hub at {endpoint()} must answer. Received: {error.cause}"
        raise WeightsUnavailable(text) from error


def check_token():
    """Raise a `WeightsUnavailable` (an OSError) if this user has no token of the hub."""
    if require("huggingface_hub", "hub").get_token() is None:
        raise WeightsUnavailable(f"an upload needs a token of the hub with the right to write. Received: none; {TOKEN}")


def _read(folder):
    """Return the labels, the report and the record of a finished run."""
    if not folder.is_dir():
        raise ValueError(f"`folder` must be a folder that exists. Received: folder={str(folder)!r}")
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        text = "`folder` must be that of a finished run, as `keras-effconv finetune` leaves it"
        raise ValueError(f"{text}. Received: folder={str(folder)!r} without {', '.join(missing)}")
    try:
        report, record = (read_json(folder / name, name) for name in (REPORT, RECORD))
        if report.get("metric", "accuracy") != "accuracy":
            raise ValueError(f"a report of {report['metric']}, where a repository's card needs an accuracy")
        report["accuracy"], record["data"]
    except (ValueError, KeyError, TypeError) as error:
        text = f"{REPORT} and {RECORD} in {folder} ({error!r:.100})"
        raise ValueError(f"`folder` must hold the report and the record of a run. Received: {text}") from None
    return read_text(folder / LABELS, LABELS).splitlines(), report, record


def _model(folder, labels):
    model = load_model(folder / MODEL, MODEL)
    if model.output_shape[-1] != len(labels):
        text = f"{len(labels)} in {folder / LABELS}"
        raise ValueError(f"`{LABELS}` must have the {model.output_shape[-1]} classes of the model. Received: {text}")
    return model


def _json(value):
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
