"""The builders of sets that TFDS lacks, on archives laid out as their authors' are."""

import pathlib
import tempfile
from typing import ClassVar

import pytest
import tensorflow_datasets as tfds
from author_archives import pack, write_aircraft, write_birds, write_cars
from etils import epath
from sample_images import warnings_of

from keras_effconv.data import from_tfds, prepare
from keras_effconv.data.builders import common
from keras_effconv.data.builders.birdsnap import Birdsnap
from keras_effconv.data.builders.fgvc_aircraft import FgvcAircraft
from keras_effconv.data.builders.stanford_cars import StanfordCars

pytest.importorskip("dill", reason="TFDS' test case imports dill, of the extra `test`")


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


@pytest.mark.long
def test_prepared_by_hand_and_loaded(tmp_path, caplog):
    (tmp_path / "manual").mkdir()
    write_birds(tmp_path / "manual")
    prepare("birdsnap", data_dir=str(tmp_path), manual_dir=str(tmp_path / "manual"))
    dataset = from_tfds("birdsnap", resize=8, data_dir=str(tmp_path))
    assert dataset.class_names[:2] == ("Bird 1's", "Bird 2's") and len(dataset.class_names) == 500
    assert (sorted(dataset.train.labels), dataset.validation.labels.tolist()) == ([1, 499, 499], [1])
    assert abs(int(dataset.validation.images[0, 0, 0, 0]) - 12) < 4
    lines = warnings_of(caplog)
    assert "birdsnap: 1 of 2 test images are missing" in lines
    assert any(line.startswith("birdsnap: skipped Bird_2s/15.jpg: Unknown image file format") for line in lines)


# --- hostile files ----------------------------------------------------------------------------------------------------


def test_wrong_number_of_classes_is_refused(tmp_path):
    write_birds(tmp_path, species=400)
    with pytest.raises(RuntimeError, match="Got 400 names VS 500"):
        prepare("birdsnap", data_dir=str(tmp_path / "out"), manual_dir=str(tmp_path))


@pytest.mark.parametrize("name", ["../1.jpg", "/etc/passwd", "a/b.jpg", "1.png", "", "1.jpg\n"])
def test_image_names_lead_nowhere_else(name):
    with pytest.raises(ValueError, match=r"list.txt: an image must be named as a .jpg file. Received: "):
        common.image_name(name, "list.txt")


def test_large_archives_are_refused(tmp_path):
    path = epath.Path(tmp_path / "some.tgz")
    pack(path, {"a": bytes(1000), "b": bytes(1000)})
    common.check_archive(path, most_bytes=2000, most_files=2)
    for limits in ({"most_bytes": 1999}, {"most_files": 1}):
        with pytest.raises(
            ValueError,
            match=r"`path` must be a tar archive to unpack. Received: path=.*: more than .* bytes or .* files",
        ):
            common.check_archive(path, **limits)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ValueError, match=r"`path` must be a tar archive to unpack. Received: "):
        common.check_archive(path)
