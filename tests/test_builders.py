"""The builders of sets that TFDS lacks, on archives laid out as their authors' are."""

import io
import pathlib
import tarfile
import tempfile
from typing import ClassVar

import numpy as np
import pytest
import scipy.io
import tensorflow_datasets as tfds
from etils import epath
from PIL import Image
from test_data import warnings_of

from keras_effconv.data import from_tfds, prepare
from keras_effconv.data.builders import sources
from keras_effconv.data.builders.birdsnap import Birdsnap
from keras_effconv.data.builders.fgvc_aircraft import FgvcAircraft
from keras_effconv.data.builders.stanford_cars import StanfordCars

pytest.importorskip("dill", reason="TFDS' test case imports dill, of the extra `test`")


def jpeg(shade):
    buffer = io.BytesIO()
    Image.new("RGB", (20, 16), (shade, 255 - shade, 7)).save(buffer, "JPEG")
    return buffer.getvalue()


def pack(path, files):
    """A .tgz of {name: content}."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


# --- builders ---------------------------------------------------------------------------------------------------------

VARIANTS = [f"A{number:03d}/x" for number in range(100)]


def write_aircraft(folder):
    root = "fgvc-aircraft-2013b/data"
    images = {"train": [("0000001", 0), ("0000002", 99)], "val": [("0000003", 5)], "test": [("0000004", 5)]}
    files = {f"{root}/variants.txt": "\n".join(VARIANTS).encode()}
    for part, rows in images.items():
        files[f"{root}/images_variant_{part}.txt"] = "\n".join(f"{n} {VARIANTS[i]}" for n, i in rows).encode() + b"\n"
        files |= {f"{root}/images/{n}.jpg": jpeg(10 * int(n)) for n, _ in rows}
    pack(folder / "fgvc-aircraft-2013b.tar.gz", files | {"../outside.txt": b"x", "/absolute.txt": b"x"})


def write_cars(folder):
    names = np.array([f"Car {i}" for i in range(196)], dtype=object)
    kinds = [("bbox_x1", object), ("class", object), ("fname", object)]
    train = np.array([(1, 196, "00001.jpg"), (2, 3, "00002.jpg")], kinds)
    test = np.array([(1, 7, "00001.jpg")], kinds)
    devkit = {}
    for name, table in (("cars_meta", {"class_names": names}), ("cars_train_annos", {"annotations": train})):
        buffer = io.BytesIO()
        scipy.io.savemat(buffer, table)
        devkit[f"devkit/{name}.mat"] = buffer.getvalue()
    pack(folder / "car_devkit.tgz", devkit)
    pack(folder / "cars_train.tgz", {f"cars_train/0000{i}.jpg": jpeg(20 * i) for i in (1, 2)})
    (folder / "cars_test").mkdir()  # Unpacked already.
    (folder / "cars_test" / "00001.jpg").write_bytes(jpeg(200))
    scipy.io.savemat(folder / "cars_test_annos_withlabels.mat", {"annotations": test})


def write_birds(folder, species=500):
    rows = ["id\tcommon\tscientific\tdir", *(f"{i}\tBird {i}'s\tAvis\tBird_{i}s" for i in range(1, species + 1))]
    (folder / "species.txt").write_text("\n".join(rows) + "\n")
    for i, names in {2: ("11.jpg", "12.jpg"), 500: ("13.jpg", "14.jpg")}.items():
        (folder / "images" / f"Bird_{i}s").mkdir(parents=True)
        for name in names:
            (folder / "images" / f"Bird_{i}s" / name).write_bytes(jpeg(int(name[:2])))
    (folder / "images" / "Bird_2s" / "15.jpg").write_bytes(b"<html>gone</html>")
    (folder / "images" / "Strangers").mkdir()
    (folder / "images" / "Strangers" / "16.jpg").write_bytes(jpeg(16))
    (folder / "test_images.txt").write_text("path\nBird_2s/12.jpg\nBird_500s/99.jpg\n")


class BuilderTest(tfds.testing.DatasetBuilderTestCase):
    """TFDS' own checks of a builder, on files that `WRITE` makes; `LABELS` is {split: {file: class}}."""

    __test__ = False
    SKIP_CHECKSUMS = True  # Nobody published one.
    WRITE: ClassVar = None
    SPLITS: ClassVar = {}
    LABELS: ClassVar = {}

    @classmethod
    def setUpClass(cls):
        cls.EXAMPLE_DIR = tempfile.mkdtemp()
        cls.WRITE(pathlib.Path(cls.EXAMPLE_DIR))
        super().setUpClass()

    def _assertAsDataset(self, builder):
        super()._assertAsDataset(builder)
        self.assertEmpty([*pathlib.Path(self.tmp_dir).rglob("outside.txt")])
        found = {
            part: {
                example["file_name"].decode(): builder.info.features["label"].int2str(example["label"])
                for example in tfds.as_numpy(builder.as_dataset(split=part))
            }
            for part in self.SPLITS
        }
        self.assertEqual(found, self.LABELS)


class AircraftTest(BuilderTest):
    __test__ = True
    DATASET_CLASS = FgvcAircraft
    WRITE = staticmethod(write_aircraft)
    SPLITS: ClassVar = {"train": 2, "validation": 1, "test": 1}
    DL_DOWNLOAD_RESULT = "fgvc-aircraft-2013b.tar.gz"
    LABELS: ClassVar = {
        "train": {"0000001.jpg": "A000/x", "0000002.jpg": "A099/x"},
        "validation": {"0000003.jpg": "A005/x"},
        "test": {"0000004.jpg": "A005/x"},
    }


class CarsTest(BuilderTest):
    __test__ = True
    DATASET_CLASS = StanfordCars
    WRITE = staticmethod(write_cars)
    SPLITS: ClassVar = {"train": 2, "test": 1}
    LABELS: ClassVar = {"train": {"00001.jpg": "Car 195", "00002.jpg": "Car 2"}, "test": {"00001.jpg": "Car 6"}}


class BirdsnapTest(BuilderTest):
    __test__ = True
    DATASET_CLASS = Birdsnap
    WRITE = staticmethod(write_birds)
    SPLITS: ClassVar = {"train": 3, "test": 1}
    LABELS: ClassVar = {
        "train": {"Bird_2s/11.jpg": "Bird 2's", "Bird_500s/13.jpg": "Bird 500's", "Bird_500s/14.jpg": "Bird 500's"},
        "test": {"Bird_2s/12.jpg": "Bird 2's"},
    }


def test_prepared_by_hand_and_loaded(tmp_path, caplog):
    (tmp_path / "manual").mkdir()
    write_birds(tmp_path / "manual")
    prepare("birdsnap", data_dir=str(tmp_path), manual_dir=str(tmp_path / "manual"))
    dataset = from_tfds("birdsnap", size=8, data_dir=str(tmp_path))
    assert dataset.class_names[:2] == ("Bird 1's", "Bird 2's") and len(dataset.class_names) == 500
    assert (sorted(dataset.train.labels), dataset.validation.labels.tolist()) == ([1, 499, 499], [1])
    assert abs(int(dataset.validation.images[0, 0, 0, 0]) - 12) < 4
    lines = warnings_of(caplog)
    assert "birdsnap: 1 of 2 test images are missing" in lines
    assert any(line.startswith("birdsnap: left out Bird_2s/15.jpg: Unknown image file format") for line in lines)


# --- hostile files ----------------------------------------------------------------------------------------------------


def test_wrong_number_of_classes_is_refused(tmp_path):
    write_birds(tmp_path, species=400)
    with pytest.raises(RuntimeError, match="Got 400 names VS 500"):
        prepare("birdsnap", data_dir=str(tmp_path / "out"), manual_dir=str(tmp_path))


@pytest.mark.parametrize("name", ["../1.jpg", "/etc/passwd", "a/b.jpg", "1.png", "", "1.jpg\n"])
def test_image_names_lead_nowhere_else(name):
    with pytest.raises(ValueError, match=r"list.txt: expected the name of a .jpg file, received "):
        sources.image_name(name, "list.txt")


def test_large_archives_are_refused(tmp_path):
    path = epath.Path(tmp_path / "some.tgz")
    pack(path, {"a": bytes(1000), "b": bytes(1000)})
    sources.check_archive(path, most_bytes=2000, most_files=2)
    for limits in ({"most_bytes": 1999}, {"most_files": 1}):
        with pytest.raises(ValueError, match=r"expected at most .* received more"):
            sources.check_archive(path, **limits)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ValueError, match="no archive to unpack"):
        sources.check_archive(path)
