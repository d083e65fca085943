"""`keras-effconv zoo push`, and the way back: `hf://` in a constructor and in the commands."""

import functools
import json
import shutil
from pathlib import Path

import hub_server
import keras
import numpy as np
import pytest
import yaml
from commands import command, process
from hub_files import recorded, timm_config
from reference import numpy
from safetensors.numpy import save
from sample_images import encoded, gradient
from weights import random_weights

import keras_effconv as ke
from keras_effconv.cli import models
from keras_effconv.network_info import info_of
from keras_effconv.training import Recipe, network
from keras_effconv.zoo.hub import push as pushing

push = functools.partial(command, "zoo", "push")
LABELS = ["rose", "tulip", "Löwenzahn", "a | b"]
SECRET = "/home/somebody"
LITE = "timm-efficientnet_lite0-65"


def write_run(folder, name="ResNet20", weights=f"{SECRET}/resnet20.th", **options):
    """What a finished run leaves, without the run: other files, and paths of this machine in some of them."""
    folder.mkdir()
    recipe = Recipe(model=name, weights=None, image_size=32, options=options, crop=None)
    model = network.classifier(random_weights(network.backbone(recipe)), len(LABELS), 0.1, "flowers")
    model.save(folder / "model.keras")
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS), encoding="utf-8")
    report = {"model": name, "conv": "Conv()", "accuracy": 0.75, "top5": 1.0, "validation_images": 8}
    report |= {"accuracy_interval": [0.409, 0.929], "calibration": {"applied": 1.25}}
    record = {"model": name, "weights": weights, "data": "My flowers", "training_images": 20}
    (folder / "report.json").write_text(json.dumps({**report, "unreadable": [f"{SECRET}/a.jpg: damaged"]}))
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "README.md").write_text(f"made by finetune --data_dir={SECRET}/flowers")
    (folder / "environment.json").write_text(json.dumps({"command": [SECRET]}))
    for other in ("checkpoint.npz", "best.npz", "confusion.png", "predictions.png"):
        (folder / other).write_bytes(b"something")
    (folder / "cache").mkdir()
    return model


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "finetune"
    return folder, write_run(folder, width=0.25)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    with hub_server.running(monkeypatch, tmp_path / "cache", hub_server.TOKEN) as running:
        yield running


def test_push_creates_the_repository_and_makes_one_commit_of_what_others_need(run, hub):
    done = push(run[0], "hf://me/flowers", "--private")
    assert done.returncode == 0 and done.stderr == "", done
    assert f"uploading to {hub.address}/me/flowers:\n  model.keras (" in done.stdout
    repository = hub.repositories["me/flowers"]
    assert repository.private and len(repository.commits) == 2  # the empty one of the creation
    expected = {"model.keras", "labels.txt", "config.json", "report.json", "README.md", "confusion.png"}
    assert set(repository.files) - {".gitattributes"} == expected
    assert all(f"  {name} (" in done.stdout for name in expected) and repository.branches["main"] in done.stdout
    text = b"".join(content for name, content in repository.files.items() if name != "model.keras")
    assert SECRET.encode() not in text and str(run[0]).encode() not in text
    assert push(run[0], "hf://me/flowers").returncode == 0  # of a repository that is there
    assert [request for request in hub.asked() if "/commit/" in request] == [
        "POST /api/models/me/flowers/commit/main"
    ] * 2


def test_the_card_has_what_the_hub_searches(run, hub):
    assert push(run[0], "hf://me/flowers", "--license=mit").returncode == 0
    text = hub.repositories["me/flowers"].files["README.md"].decode()
    assert text == hub.validated
    _, front, body = text.split("---\n", 2)
    data = yaml.safe_load(front)
    assert (data["license"], data["library_name"], data["pipeline_tag"]) == ("mit", "keras", "image-classification")
    assert data["datasets"] == ["my-flowers"] and data["metrics"] == ["accuracy"] and "resnet20" in data["tags"]
    result = data["model-index"][0]["results"][0]
    assert data["model-index"][0]["name"] == "flowers" and result["metrics"][0]["value"] == 0.75
    assert 'ke.ResNet20(weights="hf://me/flowers", classes=4, input_shape=(32, 32, 3), width=0.25)' in body
    assert "`resnet20.th`" in body and "a \\| b" in body
    assert "| validation | 8 images: top-1 75.0% (95% interval: 40.9% to 92.9%) |" in body
    assert "- Probabilities are calibrated by a temperature of 1.25, found on the validation images;" in body


CHOSEN = {
    "validation": ({"selected_on_validation": True, "epochs": 3}, "the epoch with the best accuracy on the validation"),
    "last": (
        {"selected_on_validation": False, "epochs": 3, "trained_share": 1.0},
        "those of the last epoch: the valid",
    ),
    "mean": ({"selected_on_validation": False, "epochs": 3, "trained_share": 0.5}, "the last epoch, 50% of them, and"),
    "none": ({"selected_on_validation": False, "epochs": 0}, "No epochs were trained: the validation images selected"),
    "unsaid": ({}, "The run does not say whether the validation images chose"),
}


@pytest.mark.parametrize("how", CHOSEN)
def test_the_card_says_how_the_epoch_was_chosen(how, run, tmp_path, hub):
    said, line = CHOSEN[how]
    folder = tmp_path / "run"
    shutil.copytree(run[0], folder)
    report = json.loads((folder / "report.json").read_text())
    (folder / "report.json").write_text(json.dumps({**report, **said}))
    upload = pushing.prepare(folder, "hf://me/flowers")
    body = upload.files["README.md"].decode()
    assert line in body and ("best accuracy" in body) == (how == "validation")
    assert said.items() <= json.loads(upload.files["report.json"]).items()


def test_what_was_pushed_comes_back_into_a_constructor_and_the_commands(run, hub):
    folder, model = run
    assert push(folder, "hf://me/flowers").returncode == 0
    images = np.random.default_rng(0).integers(0, 255, (2, 32, 32, 3)).astype("float32")
    expected = numpy(model(images))
    loaded, names = models.load("hf://me/flowers")
    np.testing.assert_allclose(numpy(loaded(images)), expected, rtol=1e-5)
    assert names == LABELS
    fresh = ke.ResNet20(weights="hf://me/flowers", classes=4, width=0.25)
    prepared = ke.preprocessing_for(fresh)(images)
    np.testing.assert_allclose(numpy(fresh(prepared)), expected, rtol=1e-4)
    assert ke.preprocessing_for(fresh).preprocessing.bgr == info_of(model).preprocessing.bgr
    with pytest.raises(ValueError, match=r"are for width=0.25 \(received 1.0\)"):
        ke.ResNet20(weights="hf://me/flowers")


@pytest.mark.long
def test_a_pushed_model_predicts_from_the_cache_without_a_network(run, hub, tmp_path):
    assert push(run[0], "hf://me/flowers").returncode == 0
    models.load("hf://me/flowers")
    (tmp_path / "a.jpg").write_bytes(encoded(gradient(), "JPEG"))
    hub.stop()
    done = command("predict", tmp_path / "a.jpg", "--model=hf://me/flowers", "--top=4")
    assert done.returncode == 0 and all(label in done.stdout for label in LABELS)


@pytest.mark.long
@pytest.mark.parametrize(("name", "options"), [("MobileNet", {"alpha": 0.25}), ("VGG11", {"width": 0.125})])
def test_a_network_with_another_head_comes_back_without_the_top(hub, tmp_path, name, options):
    """A fine-tune has one layer on top, whatever the network's own head; the card shows the call that loads it."""
    model = write_run(tmp_path / "run", name, weights="imagenet", **options)
    assert push(tmp_path / "run", "hf://me/other").returncode == 0
    text = hub.repositories["me/other"].files["README.md"].decode()
    call = next(line for line in text.splitlines() if line.startswith("model = ke."))
    assert 'include_top=False, pooling="avg"' in call
    backbone = eval(call.removeprefix("model = "), {"ke": ke})
    features = keras.Model(model.input, model.get_layer("predictions").input)
    images = np.random.default_rng(0).integers(0, 255, (1, 32, 32, 3)).astype("float32")
    found = numpy(backbone(ke.preprocessing_for(backbone)(images)))
    np.testing.assert_allclose(found, numpy(features(images)), rtol=1e-3, atol=1e-5)


def test_a_dry_run_sends_nothing_and_needs_no_token(run, hub, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    done = push(run[0], "hf://me/flowers", "--dry_run")
    assert done.returncode == 0 and f"would upload to {hub.address}/me/flowers:" in done.stdout
    assert hub.asked() == []


def test_a_mistake_is_one_line_and_nothing_is_sent(run, hub, tmp_path, monkeypatch):
    folder = run[0]
    unfinished, damaged, other = (tmp_path / name for name in ("unfinished", "damaged", "other"))
    unfinished.mkdir()
    (unfinished / "checkpoint.npz").write_bytes(b"")
    (unfinished / "run.json").write_text("{}")
    for copy in (damaged, other):
        copy.mkdir()
        for name in ("model.keras", "labels.txt", "report.json", "run.json"):
            (copy / name).write_bytes((folder / name).read_bytes())
    (damaged / "model.keras").write_bytes((folder / "model.keras").read_bytes()[:-1000])
    (other / "labels.txt").write_text("one\n")
    cases = [
        ((unfinished, "hf://me/a"), "must be that of a finished run"),
        ((unfinished, "hf://me/a"), "without model.keras, labels.txt, report.json"),
        ((damaged, "hf://me/a"), "`model.keras` must be a .keras file of a whole model"),
        ((other, "hf://me/a"), "`labels.txt` must have the 4 classes of the model. Received: 1"),
        ((tmp_path / "none", "hf://me/a"), "`folder` must be a folder that exists"),
        ((folder, "me/a"), "`target` must be hf://user/name"),
        ((folder, "hf://me/a@v1"), "without a revision and a file"),
        ((folder,), "push: missing a required argument"),
    ]
    for arguments, text in cases:
        done = push(*arguments)
        assert done.returncode == 2 and text in done.stderr and done.stderr.count("\n") == 1, done
    assert hub.asked() == []
    done = push(folder, "hf://others/flowers")
    assert done.returncode == 2 and "status 403, refused: Forbidden" in done.stderr
    hub.add("me/public", {"README.md": b""})
    done = push(folder, "hf://me/public", "--private")
    assert done.returncode == 2 and "me/public, which is public" in done.stderr
    assert len(hub.repositories["me/public"].commits) == 1
    hub.stop()
    done = push(folder, "hf://me/flowers")
    assert done.returncode == 2 and f"the hub at {hub.address} must answer. Received: " in done.stderr
    monkeypatch.delenv("HF_TOKEN")
    done = push(folder, "hf://me/flowers")
    assert done.returncode == 2 and done.stdout == "" and "needs a token of the hub" in done.stderr


def test_commands_take_the_network_of_a_repository_and_its_classes(hub, tmp_path):
    """`predict --model=hf://...` of timm: network, options, size and names follow from `config.json`."""
    labels = [f"kind {i}" for i in range(10)]
    hub.add("me/efficient", efficientnet(labels))
    model, names = models.load("hf://me/efficient")
    assert names == labels and model.input_shape == (None, 96, 96, 3)
    assert info_of(model).design.options["padding"] == "symmetric"
    hub.add("me/other", {"config.json": timm_config("convnext_tiny"), "model.safetensors": b""})
    done = command("predict", tmp_path / "a.jpg", "--model=hf://me/other")
    assert done.returncode == 2 and "it is convnext_tiny" in done.stderr
    done = command("predict", tmp_path / "a.jpg", "--model=hf://me/none")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "no such repository" in done.stderr


def efficientnet(labels):
    config = timm_config("efficientnet_lite0")
    return {"config.json": {**config, "label_names": labels}, "model.safetensors": save(recorded(LITE)[1])}


@pytest.mark.process
def test_a_process_asks_the_hub_that_the_environment_names(tmp_path):
    """HF_ENDPOINT and HF_HOME are read when `huggingface_hub` is imported."""
    running = hub_server.Hub()
    try:
        running.add("me/lite", efficientnet([f"kind {i}" for i in range(10)]))
        environment = {"HF_ENDPOINT": running.address, "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_XET": "1"}
        done = process("predict", tmp_path / "none.jpg", "--model=hf://me/lite", **environment)
        assert done.returncode == 1 and "none.jpg" in done.stderr
        assert "%" not in done.stderr and "Warning" not in done.stderr and "unauthenticated" not in done.stderr
        assert "GET /me/lite/resolve/main/model.safetensors" in running.asked()
        assert Path(tmp_path, "hub", "models--me--lite").is_dir()
    finally:
        running.stop()
