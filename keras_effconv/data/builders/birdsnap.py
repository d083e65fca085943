"""Birdsnap from images that were collected by hand: many addresses of its list are dead."""

import tensorflow_datasets as tfds
from absl import logging

from keras_effconv.data.builders.common import image_info, image_name, lines_of
from keras_effconv.data.images.reading import UnreadableImageError, compiled_decoder, decode_image


class Birdsnap(tfds.core.GeneratorBasedBuilder):
    """Images of 500 species of North American birds: 47,386 to train and 2,443 to test, if one had all of them.

    The authors published a list of addresses on Flickr, not the images, and thousands are gone: whoever collects them
    today has fewer, and accuracies compare with published ones only so far. Each file that is no image is skipped with
    a warning; missing test images are counted in one. Names of the species come from the list.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    species.txt and test_images.txt of birdsnap.tgz (https://thomasberg.org), and the images that its script
    get_birdsnap.py could fetch: images/SPECIES/NUMBER.jpg, with the folders' names of species.txt.
    """

    def _info(self):
        return image_info(
            self,
            classes=500,
            description="Images of birds of 500 North American species.",
            homepage="https://thomasberg.org",
            citation="T. Berg, J. Liu, S. W. Lee, M. L. Alexander, D. W. Jacobs, P. N. Belhumeur: Birdsnap: "
            "Large-scale Fine-grained Visual Categorization of Birds, CVPR 2014",
        )

    def _split_generators(self, dl_manager):
        root = dl_manager.manual_dir
        header, *species = (line.split("\t") for line in lines_of(root / "species.txt"))
        if missing := {"common", "dir"} - set(header):
            raise ValueError(f"species.txt must have columns common and dir. Received: no {', '.join(sorted(missing))}")
        species = [dict(zip(header, row)) for row in species]
        folders = [_folder(root / "images", row.get("dir", "")) for row in species]
        self.info.features["label"].names = [row["common"] for row in species]
        test_names = set(lines_of(root / "test_images.txt")[1:])  # The first line names the column.
        present = {f"{path.parent.name}/{path.name}": path for folder in folders for path in sorted(folder.glob("*"))}
        if missing := test_names - set(present):
            logging.warning("birdsnap: %d of %d test images are missing", len(missing), len(test_names))
        labels = {folder.name: label for label, folder in enumerate(folders)}
        train = {name: path for name, path in present.items() if name not in test_names}
        test = {name: path for name, path in present.items() if name in test_names}
        return {"train": self._generate_examples(train, labels), "test": self._generate_examples(test, labels)}

    def _generate_examples(self, paths, labels):
        decoder = compiled_decoder(1)
        for name, path in paths.items():
            try:
                image_name(path.name, path.parent.name)
                decode_image(path.read_bytes(), decoder)
            except (UnreadableImageError, ValueError) as error:
                logging.warning("birdsnap: skipped %s: %s", name, error)
                continue
            yield name, {"image": path, "label": labels[path.parent.name], "file_name": name}


def _folder(images, name):
    if not name.replace("_", "").replace("-", "").isalnum():
        raise ValueError(f"species.txt must have the name of a folder. Received: {name!r}")
    return images / name
