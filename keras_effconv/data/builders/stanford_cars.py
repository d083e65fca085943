"""Stanford Cars from files that were downloaded by hand: the addresses of TFDS' own `cars196` are gone."""

import numpy as np
import tensorflow_datasets as tfds

from keras_effconv.data.builders.common import folder_or_archive, image_info, image_name
from keras_effconv.utils.extras import require


class StanfordCars(tfds.core.GeneratorBasedBuilder):
    """8144 images to train and 8041 to test, of 196 models of cars by maker, model and year.

    Names of the models come from the devkit, so they are known after preparation.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    The files of the authors' page, which is gone, as they were there: cars_train.tgz and cars_test.tgz (or the folders
    cars_train and cars_test with images 00001.jpg, ...), car_devkit.tgz (or the folder devkit with cars_meta.mat and
    cars_train_annos.mat), and cars_test_annos_withlabels.mat.
    """

    def _info(self):
        return image_info(
            self,
            classes=196,
            description="16,185 images of cars of 196 models.",
            homepage="https://ai.stanford.edu/~jkrause/cars/car_dataset.html",
            license="Non-commercial research purposes only.",
            citation="J. Krause, M. Stark, J. Deng, L. Fei-Fei: 3D Object Representations for Fine-Grained "
            "Categorization, 3dRR 2013",
        )

    def _split_generators(self, dl_manager):
        devkit = folder_or_archive(dl_manager, "devkit", archive="car_devkit")
        names = _table(devkit / "cars_meta.mat", "class_names")
        self.info.features["label"].names = [str(name) for name in names]
        annotations = {
            "train": devkit / "cars_train_annos.mat",
            "test": dl_manager.manual_dir / "cars_test_annos_withlabels.mat",
        }
        return {
            part: self._generate_examples(folder_or_archive(dl_manager, f"cars_{part}"), path)
            for part, path in annotations.items()
        }

    def _generate_examples(self, images, annotations):
        table = _table(annotations, "annotations")
        if "class" not in table.dtype.names:
            raise ValueError(f"{annotations.name}: a table must have labels. Received: one without `class`")
        for row in table:
            name = image_name(str(row["fname"]), annotations.name)
            yield name, {"image": images / name, "label": int(row["class"]) - 1, "file_name": name}


def _table(path, name):
    """An array (n,) of a MATLAB file."""
    with path.open("rb") as file:
        return np.atleast_1d(require("scipy.io").loadmat(file, squeeze_me=True)[name])
