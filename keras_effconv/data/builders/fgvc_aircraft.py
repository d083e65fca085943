"""FGVC-Aircraft, which TFDS lacks: 100 variants of airplanes."""

import tensorflow_datasets as tfds

from keras_effconv.data.builders.common import check_archive, image_info, image_name, lines_of

HOMEPAGE = "https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/"
ARCHIVE = f"{HOMEPAGE}archives/fgvc-aircraft-2013b.tar.gz"
PARTS = {"train": "train", "validation": "val", "test": "test"}


class FgvcAircraft(tfds.core.GeneratorBasedBuilder):
    """3334 images to train, 3333 to validate and 3333 to test.

    Publications train on the first two. Each image has a banner with its author's name, 20 pixels high, at the bottom;
    it is left there. Names of the variants come from the archive, so they are known after preparation.
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return image_info(
            self,
            classes=100,
            description="10,000 images of airplanes of 100 variants.",
            homepage=HOMEPAGE,
            license="Non-commercial research purposes only.",
            citation="S. Maji, J. Kannala, E. Rahtu, M. Blaschko, A. Vedaldi: Fine-Grained Visual Classification of "
            "Aircraft, arXiv:1306.5151, 2013",
        )

    def _split_generators(self, dl_manager):
        archive = dl_manager.download(ARCHIVE)
        check_archive(archive)
        data = dl_manager.extract(archive) / "fgvc-aircraft-2013b" / "data"
        self.info.features["label"].names = lines_of(data / "variants.txt")
        return {split: self._generate_examples(data, part) for split, part in PARTS.items()}

    def _generate_examples(self, data, part):
        for line in lines_of(data / f"images_variant_{part}.txt"):
            number, _, variant = line.partition(" ")
            name = image_name(f"{number}.jpg", f"images_variant_{part}.txt")
            yield name, {"image": data / "images" / name, "label": variant, "file_name": name}
