"""Readers of weight files: what real producers wrote comes back; what somebody made to do harm is one clear error."""

import pickle
import re
import shutil
import struct
import sys
import tracemalloc
import zipfile

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
import weight_files
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import SHARED, needs
from safetensors.numpy import save_file
from weight_files import FIXTURES, arrays, mxnet_params, symbol_tar, tar

from keras_effconv.zoo import model_files, readers
from keras_effconv.zoo.readers import FORMATS, FormatError, keras_v3, torch_legacy, torch_zip, unpickling


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    keras.utils.set_random_seed(0)
    return weight_files.write_all(tmp_path_factory.mktemp("weights"))


def path_of(files, name):
    return next(path for paths in files.values() for path in paths if path.name == name)


def assert_same(found, expected):
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
        assert found[name].dtype == value.dtype, name


# --- what real producers wrote --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["model.keras", "legacy.h5", "model.weights.h5"])
def test_keras_files_hold_the_variables_of_the_model(files, name):
    expected = weight_files.keras_variables(keras.models.load_model(path_of(files, "model.keras")))
    assert {"oct/kernel", "het/pointwise_kernel", "whole/bias", "inside/bias", "rescale/count"} < set(expected)
    if name != "legacy.h5":  # which holds variables only
        expected |= {"het/form": np.array([2, 0], "int32"), "whole/form": np.array([1, 0], "int32")}
    assert_same(readers.read(path_of(files, name))[1], expected)


def test_a_normalization_with_one_of_gamma_and_beta_needs_the_configuration(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization(scale=False, name="bn")])
    model.save(tmp_path / "a.keras")
    model.save_weights(tmp_path / "a.weights.h5")
    assert set(keras_v3.read(tmp_path / "a.keras")) == {"bn/beta", "bn/moving_mean", "bn/moving_variance"}
    assert set(keras_v3.read(tmp_path / "a.weights.h5")) == {"bn/0", "bn/1", "bn/2"}


def test_keras_files_without_names_take_those_of_the_configuration(files, tmp_path):
    """The first `.keras` files had no attribute `name`."""
    shutil.copy(path_of(files, "model.weights.h5"), tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5", "r+") as file:
        file.visititems(lambda name, item: item.attrs.pop("name", None))
    with zipfile.ZipFile(tmp_path / "old.keras", "w") as archive:
        archive.writestr("config.json", zipfile.ZipFile(path_of(files, "model.keras")).read("config.json"))
        archive.write(tmp_path / "w.h5", "model.weights.h5")
    assert_same(keras_v3.read(tmp_path / "old.keras"), keras_v3.read(path_of(files, "model.keras")))


def test_bfloat16_keras_files_become_float32(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="d", dtype="bfloat16")])
    model.save_weights(tmp_path / "a.weights.h5")
    found = keras_v3.read(tmp_path / "a.weights.h5")
    assert found["d/kernel"].dtype == np.float32
    np.testing.assert_array_equal(found["d/kernel"], np.asarray(model.layers[-1].kernel).astype("float32"))


def test_layers_of_the_same_name_in_two_models_keep_apart(tmp_path):
    def part(name):
        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, name="same")], name=name)

    model = keras.Sequential([keras.Input((4,)), part("first"), part("second")])
    model.save_weights(tmp_path / "a.weights.h5")
    assert set(keras_v3.read(tmp_path / "a.weights.h5")) == {
        *("same/kernel", "same/bias", "second/same/kernel", "second/same/bias")
    }


@needs("weights", "mobilenet_2_5_224_tf_no_top.h5")
def test_a_published_keras_file():
    form, found = readers.read(SHARED / "weights" / "mobilenet_2_5_224_tf_no_top.h5")
    assert (form.name, form.layout) == ("keras_h5", "HWIO")
    assert found["conv_dw_1/depthwise_kernel"].shape == (3, 3, 8, 1)
    assert sum(value.size for value in found.values()) == 218_544


@needs("weights", "resnet_cifar10")
def test_a_published_torch_file_takes_no_second_copy():
    form, found = readers.read(SHARED / "weights" / "resnet_cifar10" / "resnet56-4bfd9763.th")
    assert (form.name, form.layout) == ("torch_legacy", "OIHW")
    assert found["conv1.weight"].shape == (16, 3, 3, 3)
    assert found["conv1.weight"].flags.writeable
    assert all(value.base.nbytes == value.nbytes for value in found.values())


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_every_kind_of_torch_tensor(form):
    _, found = readers.read(FIXTURES / f"torch_{form}_state.pt")
    numbers, tied = np.arange(24, dtype="f4"), np.arange(6, dtype="f4")
    assert_same(found, {
        "conv.weight": numbers.reshape(2, 3, 2, 2) / 8,
        "conv.half": np.arange(5, dtype="f2") / 4,
        "conv.brain": np.arange(5, dtype="f4") / 4 - 0.5,
        "bn.num_batches_tracked": np.array(7, "i8"),
        "transposed": numbers.reshape(4, 6).T,
        "part": numbers[4:20:5],
        "tied.a": tied,
        "tied.b": tied.reshape(2, 3),
        "flags": np.array([True, False, True]),
        "empty": np.zeros((0, 3), "f4"),
    })  # fmt: skip
    assert np.shares_memory(found["tied.a"], found["tied.b"])
    assert not found["tied.a"].flags.writeable


@pytest.mark.parametrize(
    "name", ["torch_zip", "torch_legacy", "mxnet", "safetensors", "keras_v3", "keras_h5", ".keras"]
)
def test_a_file_takes_little_more_memory_than_it_is_long(tmp_path, name):
    weight_files.write_large(tmp_path / "a", name)
    assert readers.detect(tmp_path / "a").name == name.replace(".keras", "keras_v3")
    tracemalloc.start()
    try:
        found = readers.read(tmp_path / "a")[1]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(value.nbytes for value in found.values()) == 8 << 20
    assert peak < 1.5 * (tmp_path / "a").stat().st_size


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_a_torch_checkpoint_is_read_beside_its_optimizer(form):
    _, found = readers.read(FIXTURES / f"torch_{form}_checkpoint.pt")
    assert_same(found, {"weight": np.arange(6, dtype="f4").reshape(2, 3), "bias": np.arange(2, dtype="f4")})


def test_safetensors(tmp_path):
    import ml_dtypes

    brain = np.array([1.5, -2, 0], ml_dtypes.bfloat16)
    save_file({**arrays(), "brain": brain}, tmp_path / "a")
    assert_same(readers.read(tmp_path / "a")[1], {**arrays(), "brain": brain.astype("f4")})


def test_a_missing_package_names_the_extra(monkeypatch, files):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ImportError, match=r'pip install "keras-effconv\[weights\]"'):
        readers.read(path_of(files, "a.safetensors"))


@pytest.mark.parametrize("version", range(4))
def test_mxnet_arrays_of_every_version(tmp_path, version):
    (tmp_path / "a").write_bytes(mxnet_params(arrays(), version))
    assert_same(readers.read(tmp_path / "a")[1], arrays())


def test_mxnet_symbol_files_lose_their_prefixes(tmp_path):
    content = {"conv1_weight": np.ones((4, 3, 1, 1), "f2"), "bn_moving_var": np.ones(4, "f4")}
    (tmp_path / "a").write_bytes(symbol_tar(content))
    form, found = readers.read(tmp_path / "a")
    assert (form.name, form.layout) == ("mxnet", "OIHW")
    assert_same(found, content)


@pytest.mark.parametrize("part", ["", "model.ckpt-7", "model.ckpt-7.index", "model.ckpt-7.data-00000-of-00001"])
def test_tensorflow_averages_go_before_values(files, part):
    form, found = readers.read(path_of(files, "tf") / part)
    assert form.name == "tf_checkpoint"
    assert_same(found, {
        "net/conv2d/kernel": np.full((3, 3, 2, 4), 2, "f4"),
        "net/bn/moving_mean": np.full(4, 3, "f4"),
        "net/dense/bias": np.arange(4, dtype="f4"),
    })  # fmt: skip


def test_a_tensorflow_2_checkpoint(tmp_path):
    layer = keras.layers.Dense(2, name="d")
    layer.build((None, 3))
    path = tf.train.Checkpoint(kernel=layer.kernel.value, step=tf.Variable(1)).save(tmp_path / "ckpt")
    found = readers.read(path)[1]
    np.testing.assert_array_equal(found["kernel/.ATTRIBUTES/VARIABLE_VALUE"], np.asarray(layer.kernel))
    assert not any("save_counter" in name or "GRAPH" in name for name in found)


# --- which format it is ---------------------------------------------------------------------------------------------


def test_the_content_tells_the_format_and_not_the_name(files, tmp_path):
    assert set(files) == set(FORMATS)
    for name, paths in files.items():
        for number, path in enumerate(paths):
            if path.is_file():
                path = shutil.copy(path, tmp_path / f"{name}{number}.html")
            assert readers.detect(path) is FORMATS[name]


OTHERS = {
    "empty": (b"", "an empty file"),
    "html": (b"\n<!DOCTYPE html><html><title>404</title>", "an HTML page"),
    "noise": (bytes(range(200)) * 9, "1,800 bytes that begin with"),
    "zip": (b"PK\x05\x06" + bytes(18), "bytes that begin with"),
    "half a zip": (b"PK\x03\x04" + bytes(60), "a whole zip file"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(60), "a whole HDF5 file"),
    "tar": (tar([("readme", b"text")]), "one .params file"),
    "pickle": (pickle.dumps({"a": 1}), "bytes that begin with"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_another_file_is_one_clear_error(tmp_path, kind):
    content, received = OTHERS[kind]
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(
        FormatError, match=rf"^`path` must be (?=.*Received: .*a\.pth \().*{re.escape(received)}"
    ) as caught:
        readers.read(tmp_path / "a.pth")
    assert "\n" not in str(caught.value)
    for name, form in FORMATS.items():
        with pytest.raises(FormatError, match=r"^`path` must be .*\. Received: "):
            print(name, form.read(tmp_path / "a.pth"))


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    for read in (readers.read, *(form.read for form in FORMATS.values())):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "nothing")
    with pytest.raises(
        FormatError, match=r"`path` must be a folder with one file of weights\. Received: .* \(no file of weights among"
    ):
        readers.read(tmp_path)


# --- files made to do harm ------------------------------------------------------------------------------------------


def zip_of(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


class _Harm:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        import os

        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", range(5))
def test_no_code_of_a_torch_file_is_run(tmp_path, protocol):
    marker, path = tmp_path / "ran", tmp_path / "evil.pt"
    evil = pickle.dumps({"epoch": 1, "state_dict": _Harm(f"touch {marker}")}, protocol=protocol)
    zip_of(path, {"a/data.pkl": evil, "a/byteorder": "little"})
    for read in (readers.read, torch_zip.read):
        with pytest.raises(FormatError, match=r"Received: .* \(a reference to posix.system; nothing was executed\)"):
            read(path)
    head = b"".join(pickle.dumps(value, 2) for value in (torch_legacy.MAGIC, torch_legacy.PROTOCOL, {}))
    path.write_bytes(head + evil)
    for read in (readers.read, torch_legacy.read):
        with pytest.raises(FormatError, match=r"Received: .* \(a reference to posix.system; nothing was executed\)"):
            read(path)
    assert not marker.exists()


PAIRS = b"](" + b"K\x00K\x01\x86" * 120 + b"e\x85q\x01"
DICT = b"\x80\x02ccollections\nOrderedDict\n"
BAD_PICKLES = {
    "a huge memo index": (b"\x80\x02}r\xff\xff\xff\xff.", r"\(an empty one"),
    "thousands of lists": (b"\x80\x02" + b"]" * 5001 + b".", r"\(a longer one"),
    "a list many times": (DICT + b"q\x00" + PAIRS + b"h\x00h\x01R" * 120 + b".", r"\(a longer one"),
    "a slow key": (
        b"\x80\x02)q\x00" + b"h\x00h\x00\x86q\x00" * 60 + b"}h\x00K\x01s.",
        r"\(dict without any",
    ),
    "a call of a dict": (b"\x80\x02})R.", r"\(a call of dict"),
    "a call of a class": (b"\x80\x02ctorch\nFloatStorage\n)R.", r"\(a call of"),
    "an extension": (b"\x80\x02\x82\x01.", r"\(the step EXT1"),
    "an object of a number": (b"\x80\x02K\x01)\x81.", r"\(an object of int"),
    "state of an object": (b"\x80\x02ctorch\nFloatStorage\n}b.", "a dict to fill"),
    "no tensors": (pickle.dumps({"state_dict": {"a": 1}}, 2), r"\(dict without any"),
    "a list": (pickle.dumps([1], 2), r"a dict of tensors\. .*\(list"),
}


@pytest.mark.parametrize("kind", BAD_PICKLES)
def test_a_pickle_that_wants_more_than_tensors_is_refused(monkeypatch, tmp_path, kind):
    monkeypatch.setattr(unpickling, "MAX_STEPS", 5000)
    content, message = BAD_PICKLES[kind]
    path = zip_of(tmp_path / "a.pt", {"a/data.pkl": content})
    with pytest.raises(FormatError, match=rf"^`path` must be a torch zip file(?=.*Received: .*a\.pt \().*{message}"):
        torch_zip.read(path)


def test_a_compressed_zip_is_refused_unread(tmp_path):
    zeros = bytes(50 << 20)
    for name, member in (("torch_zip", "a/data.pkl"), ("keras_v3", "model.weights.h5")):
        path = zip_of(tmp_path / "bomb", {member: zeros}, compression=zipfile.ZIP_DEFLATED)
        assert readers.detect(path) is FORMATS[name]
        with pytest.raises(FormatError, match="with members stored as they are"):
            readers.read(path)


def test_a_compressed_member_that_nobody_reads_is_no_matter(tmp_path):
    """TorchScript compresses its code, and other tools their notes."""
    shutil.copy(FIXTURES / "torch_zip_state.pt", tmp_path / "a.pt")
    with zipfile.ZipFile(tmp_path / "a.pt", "a") as archive:
        archive.writestr("a/code/__torch__/net.py", "def forward(self): pass\n" * 50, zipfile.ZIP_DEFLATED)
    assert_same(torch_zip.read(tmp_path / "a.pt"), torch_zip.read(FIXTURES / "torch_zip_state.pt"))


def test_one_run_of_bytes_under_many_names_is_refused(tmp_path):
    source = (FIXTURES / "torch_zip_state.pt").read_bytes()
    with zipfile.ZipFile(FIXTURES / "torch_zip_state.pt") as archive:
        biggest = max(archive.infolist(), key=lambda info: info.file_size)
    place = source.index(b"PK\x01\x02")
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0, biggest.CRC, biggest.file_size,
                        biggest.file_size, 3, 0, 0, 0, 0, 0, biggest.header_offset)  # fmt: skip
    entries = b"".join(entry + b"%03d" % n for n in range(100))
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 100, 100, len(entries), place, 0)
    (tmp_path / "a").write_bytes(source[:place] + entries + end)
    with pytest.raises(FormatError, match="with members of"):
        torch_zip.read(tmp_path / "a")


@pytest.mark.parametrize("name", ["../../evil.params", "/etc/evil.params"])
def test_a_tar_file_is_never_unpacked(tmp_path, name):
    (tmp_path / "a").write_bytes(tar([(name, mxnet_params(arrays()))]))
    before = sorted(tmp_path.parent.rglob("*"))
    assert_same(readers.read(tmp_path / "a")[1], arrays())
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_a_heap_over_which_the_hdf5_library_never_ends_is_refused(files, tmp_path):
    content = bytearray(path_of(files, "model.weights.h5").read_bytes())
    heap = content.index(b"GCOL")
    content[heap + 16 : heap + 32] = bytes(16)  # an object of no size
    (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(FormatError, match="with texts in the heap"):
        readers.read(tmp_path / "a.h5")


def test_hdf5_links_and_sizes_without_values_are_refused(files, tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["secret"] = np.ones(3)
    ragged = np.array([np.arange(2, dtype="i4"), None], object)[:1]
    for harm in (
        lambda group: group.create_dataset("0", (1 << 40,), "f4"),
        lambda group: group.create_dataset("0", (1 << 40,), "f4", chunks=(1 << 20,), compression="gzip"),
        lambda group: group.__setitem__("0", h5py.ExternalLink(str(tmp_path / "other.h5"), "secret")),
        lambda group: group.__setitem__("0", h5py.SoftLink("/layers")),
        lambda group: group.create_dataset("0", data=["text"]),
        lambda group: group.attrs.create("name", ragged, dtype=h5py.vlen_dtype("i4")),  # reading it can crash
        lambda group: group.create_dataset("0", (3,), "f4", external=[(str(tmp_path / "other.h5"), 0, 12)]),
    ):
        with h5py.File(path, "w") as file:
            group = file.create_group("layers/dense/vars")
            group["9"] = np.ones(3)
            harm(group)
        with pytest.raises(FormatError, match=r"^`path` must be .*Received: .*a\.h5 \("):
            readers.read(path)


@pytest.mark.parametrize(
    "damage",
    [
        {"storage": 1},
        {"content": {"a": np.broadcast_to(np.float32(1), (2, 2))}, "cut": -40},
        {"content": {"arg:a": np.ones(3, "f4"), "aux:a": np.ones(3, "f4")}},
        {"content": {}},
        {"replace": (struct.pack("<q", 2), struct.pack("<q", 1 << 60))},
        {"replace": (struct.pack("<q", 2), struct.pack("<q", -2))},
        {"replace": (struct.pack("<Q", 7), struct.pack("<Q", 1 << 60))},
    ],
    ids=str,
)
def test_mxnet_sizes_are_checked_before_memory_is_taken(tmp_path, damage):
    content = mxnet_params(damage.get("content", arrays()), storage=damage.get("storage", 0))
    (tmp_path / "a").write_bytes(content[: damage.get("cut")].replace(*damage.get("replace", (b"", b"")), 1))
    with pytest.raises(FormatError, match=r"^`path` must be .*\. Received: "):
        readers.read(tmp_path / "a")


# --- damage ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def samples(files):
    """Bytes of every file, and what they hold; of the checkpoint, those of its files one by one."""
    paths = [path for paths in files.values() for path in paths if path.is_file()]
    return [(path.read_bytes(), readers.read(path)[1]) for path in paths]


def test_a_file_cut_short_is_an_error_or_the_same(samples, files, tmp_path):
    path = tmp_path / "a"
    for content, expected in samples:
        for size in {*range(1, len(content), max(1, len(content) // 25)), len(content) - 1}:
            path.write_bytes(content[:size])
            try:
                assert_same(readers.read(path)[1], expected)
            except FormatError as error:
                assert str(error).startswith("`path` must be ") and f". Received: {path} (" in str(error)
    for part in (".index", ".data-00000-of-00001"):
        folder = shutil.copytree(path_of(files, "tf"), tmp_path / part)
        file = folder / f"model.ckpt-7{part}"
        content = file.read_bytes()
        for size in range(0, len(content), 40):
            file.write_bytes(content[:size])
            with pytest.raises(FormatError, match=r"must be a TensorFlow checkpoint.*Received: "):
                readers.read(folder)


@pytest.mark.long
@given(data=st.data())
@settings(max_examples=300)
def test_a_damaged_file_is_one_clear_error_or_arrays(samples, tmp_path_factory, data):
    content, _ = data.draw(st.sampled_from(samples))
    content = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(bytes(content))
    try:
        assert all(isinstance(value, np.ndarray) for value in readers.read(path)[1].values())
    except FormatError as error:
        assert str(error).startswith("`path` must be ") and f". Received: {path} (" in str(error)
        assert "\n" not in str(error)


@given(data=st.data())
@settings(max_examples=60)
def test_a_damaged_checkpoint_is_one_clear_error_or_the_same(files, tmp_path_factory, data):
    source, folder = path_of(files, "tf"), tmp_path_factory.getbasetemp() / "damaged_tf"
    shutil.copytree(source, folder, dirs_exist_ok=True)
    file = folder / f"model.ckpt-7{data.draw(st.sampled_from(['.index', '.data-00000-of-00001']))}"
    content = bytearray(file.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    file.write_bytes(bytes(content))
    try:
        assert_same(readers.read(folder)[1], readers.read(source)[1])
    except FormatError as error:
        assert str(error).startswith("`path` must be ") and f". Received: {folder} (" in str(error)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 102530333\n"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (POINTER, "a pointer of Git LFS .* `git lfs pull`"),
        (b"<!DOCTYPE html>\n<p>", "an HTML page"),
        (b"", "an empty file"),
    ],
    ids=["pointer", "page", "empty"],
)
def test_what_stands_in_the_place_of_a_file_is_named(content, kind, tmp_path):
    """In a file of any name, in a shard, in the place of a whole model."""
    names = (
        "a.pth",
        "model.safetensors",
        "net.weights.h5",
        "model.ckpt.index",
        "a.params",
        "b-00001-of-00001.safetensors",
    )
    for name in names:
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        (folder / name).write_bytes(content)
        for path in (folder / name, folder) if not name.endswith((".index", ".params")) else (folder / name,):
            with pytest.raises(FormatError, match=kind) as caught:
                readers.read(path)
            assert "\n" not in str(caught.value)
    (tmp_path / "a.keras").write_bytes(content)
    with pytest.raises(ValueError, match=kind):
        model_files.load_model(tmp_path / "a.keras")


def test_a_tar_file_around_weights_of_another_format_says_so(tmp_path):
    (tmp_path / "a.tar").write_bytes(tar([("nets/resnet18.pth", b"x"), ("README", b"")]))
    with pytest.raises(FormatError, match=r"Received: .*a tar file with 0, and with resnet18\.pth: unpack it"):
        readers.read(tmp_path / "a.tar")


@pytest.mark.parametrize("suffix", [".KERAS", ".Keras", ".H5"])
def test_a_model_in_a_file_of_large_letters_says_so(suffix, tmp_path):
    """Keras tells formats by the name."""
    (tmp_path / f"a{suffix}").write_bytes(b"PK\3\4")
    with pytest.raises(ValueError, match=rf"in small letters. Received: a\{suffix}$"):
        model_files.load_model(tmp_path / f"a{suffix}")
