"""`hf://` addresses: what is asked of the hub, what is kept, and what is said when it cannot be."""

from pathlib import Path

import hub_server
import numpy as np
import pytest
from hub_files import BUILD, MEAN, STD, error_of, resnet, timm_config, torch_state
from huggingface_hub import constants
from reference import numpy
from safetensors.numpy import save
from weight_files import write_torch

import keras_effconv as ke
from keras_effconv import zoo
from keras_effconv.network_info import info_of
from keras_effconv.training import Recipe, network
from keras_effconv.zoo.hub import address
from keras_effconv.zoo.readers import FormatError

NAME = "timm/resnet18.a1_in1k"


@pytest.fixture(scope="module")
def model():
    return resnet()


@pytest.fixture(scope="module")
def files(model):
    """A repository of timm, with files that are not needed."""
    state = save(torch_state(model))
    others = {"README.md": b"# card", "pytorch_model.bin": b"not asked for", "tf_model.h5": b"neither"}
    return {"config.json": timm_config("resnet18"), "model.safetensors": state, **others}


@pytest.fixture
def hub(tmp_path, monkeypatch):
    with hub_server.running(monkeypatch, tmp_path / "cache") as running:
        yield running


def test_a_network_takes_the_weights_the_options_and_the_preprocessing_of_a_repository(hub, files, model):
    hub.add(NAME, files)
    loaded = ke.ResNet18(weights=f"hf://{NAME}", **BUILD)
    x = np.random.default_rng(0).normal(size=(1, 64, 64, 3)).astype("float32")
    np.testing.assert_allclose(numpy(loaded(x)), numpy(model(x)), rtol=1e-4, atol=1e-6)
    steps = ke.preprocessing_for(loaded).preprocessing
    assert steps.mean == tuple(255 * m for m in MEAN) and steps.std == tuple(255 * s for s in STD)
    assert (steps.size, steps.crop, steps.interpolation, steps.bgr) == (64, 0.95, "bilinear", False)
    assert loaded.load_report.source == f"hf://{NAME} (torch)" and not loaded.load_report.approximate
    fetched = [request for request in hub.asked() if request.startswith("GET /timm")]
    assert [request.rsplit("/", 1)[1] for request in fetched] == ["config.json", "model.safetensors"]


def test_a_second_call_asks_once_and_without_a_network_not_at_all(hub, files):
    commit = hub.add(NAME, files).branches["main"]
    ke.ResNet18(weights=f"hf://{NAME}", **BUILD)
    hub.asked()
    ke.ResNet18(weights=f"hf://{NAME}", **BUILD)
    assert hub.asked() == [f"GET /api/models/{NAME}"]  # whether the branch has moved
    ke.ResNet18(weights=f"hf://{NAME}@{commit}", **BUILD)
    assert hub.asked() == []  # a commit does not move
    hub.stop()
    loaded = ke.load_weights(ke.ResNet18(weights=None, **BUILD), f"hf://{NAME}")
    assert loaded.source == f"hf://{NAME} (torch)" and hub.asked() == []


def test_offline_mode_reads_the_cache_and_asks_nothing(hub, files, monkeypatch):
    hub.add(NAME, files)
    zoo.resolve(f"hf://{NAME}", zoo_design())
    hub.asked()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert zoo.resolve(f"hf://{NAME}", zoo_design()).path.endswith("/model.safetensors")
    text = error_of("hf://timm/resnet34.a1_in1k", kind=zoo.WeightsUnavailable)
    assert f"must be in the cache {constants.HF_HUB_CACHE} or at {hub.address}" in text
    assert "HF_HUB_OFFLINE is set" in text and hub.asked() == []


def zoo_design():
    return info_of(ke.ResNet18(weights=None, **BUILD)).design


def test_weights_in_the_cache_without_their_configuration_are_not_taken(hub, files):
    """Another tool may have fetched them alone; mean and deviation would be a guess."""
    from huggingface_hub import HfApi

    hub.add(NAME, files)
    HfApi().hf_hub_download(NAME, "model.safetensors")
    hub.stop()
    assert "not in the cache" in error_of(f"hf://{NAME}", kind=zoo.WeightsUnavailable)


def test_a_repository_without_a_configuration_is_told_by_its_names_and_the_report_says_so(hub, files):
    hub.add("me/bare", {"model.safetensors": files["model.safetensors"]})
    for _ in range(2):
        loaded = ke.ResNet18(weights="hf://me/bare", **BUILD)
        assert ("preprocessing", "as of the names in the file: it has no config.json") in loaded.load_report.adapted
        hub.stop()


def test_without_network_and_cache_the_line_names_both(hub, files):
    hub.stop()
    text = error_of(f"hf://{NAME}", kind=zoo.WeightsUnavailable)
    assert f"hf://{NAME} must be in the cache {constants.HF_HUB_CACHE} or at {hub.address}" in text


def test_a_hub_that_fails_is_as_one_that_is_not_there(hub, files):
    hub.add(NAME, files)
    ke.ResNet18(weights=f"hf://{NAME}", **BUILD)
    hub.status = 503
    ke.ResNet18(weights=f"hf://{NAME}", **BUILD)
    assert "503" in error_of("hf://timm/resnet34.a1_in1k", kind=zoo.WeightsUnavailable)


def test_a_branch_that_moves_is_followed_and_a_commit_or_a_tag_is_kept(hub, files, model):
    repository = hub.add(NAME, files)
    first = repository.branches["main"]
    repository.branches["v1.0"] = first
    ke.ResNet18(weights=f"hf://{NAME}", **BUILD)
    state = torch_state(model)
    state["fc.bias"] = state["fc.bias"] + 1
    repository.commit({**repository.files, "model.safetensors": save(state)})
    bias = {}
    for revision in ("", "@main", "@v1.0", f"@{first}"):
        loaded = ke.ResNet18(weights=f"hf://{NAME}{revision}", **BUILD)
        bias[revision] = numpy(loaded.get_layer("predictions").bias)
    old = numpy(model.get_layer("predictions").bias)
    for revision, moved in (("", 1), ("@main", 1), ("@v1.0", 0), (f"@{first}", 0)):
        np.testing.assert_allclose(bias[revision], old + moved, rtol=1e-6)


def test_a_file_of_a_repository_can_be_named(hub, files, model, tmp_path):
    write_torch(tmp_path / "a.pth", torch_state(model))
    hub.add(NAME, {**files, "old/net.pth": (tmp_path / "a.pth").read_bytes()})
    for end in ("/old/net.pth", "@main/old/net.pth"):
        loaded = ke.ResNet18(weights=f"hf://{NAME}{end}", **BUILD)
        assert ke.preprocessing_for(loaded).preprocessing.mean == tuple(255 * m for m in MEAN)
    text = error_of(f"hf://{NAME}/old/none.pth")
    assert "no such file; there are config.json, model.safetensors, README.md" in text and "old/net.pth" in text


def test_what_the_hub_refuses_is_one_line(hub, files):
    hub.add(NAME, files)
    hub.add("me/secret", files, private=True)
    hub.add("me/gated", files, gated=True)
    hub.add("me/notes", {"README.md": b"", "data.csv": b""})
    cases = {
        "hf://me/nothing": (ValueError, "no such repository", "HF_TOKEN"),
        "hf://me/secret": (ValueError, "or a private one: set HF_TOKEN"),
        f"hf://{NAME}@v9": (ValueError, f"no branch, tag or commit 'v9' in {NAME}"),
        "hf://me/gated": (zoo.WeightsUnavailable, f"ask for access at {hub.address}/me/gated", "HF_TOKEN"),
        "hf://me/notes": (ValueError, "no file of weights among README.md, data.csv"),
    }
    for weights, (kind, *parts) in cases.items():
        text = error_of(weights, kind=kind)
        assert all(part in text for part in (weights, *parts)), text


def test_a_token_opens_private_and_gated_repositories(hub, files, monkeypatch):
    hub.add("me/secret", files, private=True)
    hub.add("me/gated", files, gated=True)
    monkeypatch.setenv("HF_TOKEN", hub_server.TOKEN)
    for name in ("me/secret", "me/gated"):
        assert zoo.resolve(f"hf://{name}", zoo_design()).path.endswith("/model.safetensors")


def test_shards_are_all_fetched_and_nothing_else(hub, files, model):
    without = sharded(files, model)
    content = {name: without.pop(name) for name in list(without)[2:]}
    index, shards = without.pop("model.safetensors.index.json"), list(content)
    hub.add("me/sharded", {**without, "model.safetensors.index.json": index, **content})
    loaded = ke.ResNet18(weights="hf://me/sharded", **BUILD)
    assert np.array_equal(numpy(loaded.get_layer("conv1_conv").kernel), numpy(model.get_layer("conv1_conv").kernel))
    got = [request.rsplit("/", 1)[1] for request in hub.asked() if request.startswith("GET /me")]
    assert got == ["config.json", "model.safetensors.index.json", *shards]
    path = zoo.resolve("hf://me/sharded/model-00002-of-00002.safetensors", zoo_design()).path
    assert path.endswith("/model.safetensors.index.json")
    del content["model-00002-of-00002.safetensors"]
    hub.add("me/part", {**without, "model.safetensors.index.json": index, **content})
    assert "hf://me/part/model-00002-of-00002.safetensors must be a file of the repo" in error_of("hf://me/part")
    index["weight_map"]["fc.bias"] = "../../config.json"
    hub.add("me/hostile", {**without, "model.safetensors.index.json": index, **content})
    assert "plain names of files" in error_of("hf://me/hostile", kind=FormatError)


def sharded(files, model):
    """A repository of two shards."""
    state = torch_state(model)
    parts = {f"model-{i + 1:05}-of-00002.safetensors": sorted(state)[i::2] for i in range(2)}
    index = {"weight_map": {name: shard for shard, part in parts.items() for name in part}}
    content = {shard: save({name: state[name] for name in part}) for shard, part in parts.items()}
    return {"config.json": files["config.json"], "model.safetensors.index.json": index, **content}


@pytest.mark.parametrize("revision", ["", "commit"])
@pytest.mark.parametrize("fetched", range(4))
@pytest.mark.parametrize("layout", ["whole", "shards", "keras"])
def test_a_download_that_was_interrupted_is_completed(layout, fetched, revision, hub, files, model, tmp_path):
    """Whichever files of it came: none, the first, the first two, ..."""
    from huggingface_hub import HfApi

    content = sharded(files, model) if layout == "shards" else {name: files[name] for name in list(files)[:2]}
    if layout == "keras":
        model.save(tmp_path / "model.keras")
        content = {"config.json": {"lr": 1}, "model.keras": (tmp_path / "model.keras").read_bytes()}
    commit = hub.add(NAME, content).branches["main"]
    weights = f"hf://{NAME}@{commit}" if revision else f"hf://{NAME}"
    for name in list(content)[:fetched]:
        HfApi().hf_hub_download(NAME, name)
    if fetched < len(content):
        usual, hub.status = hub.status, 503
        assert "not in the cache" in error_of(weights, kind=zoo.WeightsUnavailable)
        hub.status = usual
    for _ in range(2):
        loaded = ke.ResNet18(weights=weights, **BUILD)
        np.testing.assert_array_equal(loaded.get_layer("conv1_conv").kernel, model.get_layer("conv1_conv").kernel)
        hub.stop()


def test_a_large_configuration_is_not_downloaded(hub, files, monkeypatch):
    monkeypatch.setattr(zoo.hub.repository, "LIMIT", 20)
    hub.add(NAME, files)
    assert "config.json must have at most 20 bytes" in error_of(f"hf://{NAME}", kind=FormatError)
    assert not any("resolve" in request for request in hub.asked())


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("hf-hub:timm/resnet50", "hf://timm/resnet50"),
        ("hf_hub:timm/resnet50", "hf://timm/resnet50"),
        ("https://huggingface.co/timm/resnet50", "hf://timm/resnet50"),
        ("https://huggingface.co/timm/resnet50/tree/main", "hf://timm/resnet50@main"),
        ("https://hf.co/me/a/resolve/main/b/c.bin?download=true", "hf://me/a@main/b/c.bin"),
        ("hf://resnet50", None),
        ("hf://me/a/../b", None),
        ("hf://me/a//b", None),
        ("hf://me/a@", None),
        ("hf://", None),
        ("hf://datasets/me/a b", None),
    ],
)
def test_another_spelling_is_one_line_that_says_what_was_meant(text, meant):
    with pytest.raises(ValueError, match="must be hf://user/name") as caught:
        ke.ResNet18(weights=text)
    assert str(caught.value).endswith(f"; did you mean {meant}?" if meant else f"Received: weights={text!r}")


def test_an_address_survives_pathlib_and_has_all_parts():
    assert address.parse(Path("hf://me/a")) == ("me/a", None, None)
    assert address.parse("hf://me/a@refs/pr/3/b/c.h5") == ("me/a", "refs/pr/3", "b/c.h5")
    assert str(address.parse("hf://models/me/a@v1")) == "hf://me/a@v1"


def test_a_missing_extra_is_one_line(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r'huggingface_hub.*pip install "keras-effconv\[hub\]"'):
        ke.ResNet18(weights="hf://me/a")


def test_training_takes_an_address_and_checks_its_spelling(hub, files):
    hub.add(NAME, files)
    recipe = Recipe(model="ResNet18", weights=f"hf://{NAME}", image_size=64, options={"width": 0.125, "depth": 0.5})
    network.check(recipe)
    backbone = network.backbone(recipe)
    assert backbone.get_layer("preprocessing").preprocessing.mean == tuple(255 * m for m in MEAN)
    for weights, model, text in (
        ("hf://nobody", "ResNet18", "must be hf://user/name"),
        ("hf://me/none", "ResNet18", "no such repository"),
        (f"hf://{NAME}", "ResNet34", "must be of ResNet34. Received: "),
    ):
        with pytest.raises(ValueError, match=text):  # before data is read
            network.check(Recipe(model=model, weights=weights))


def test_no_progress_is_drawn_where_nobody_sees_it(hub, files, capfd):
    hub.add(NAME, files)
    zoo.resolve(f"hf://{NAME}", zoo_design())
    assert capfd.readouterr().err == ""
