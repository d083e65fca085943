"""Where a user's file enters the package: a callable for each, of the path, that ends in the package's own error."""

from pathlib import Path

import keras
import numpy as np
from commands import command
from sample_images import encoded, gradient
from served import computed


class NoErrorOfOursError(Exception):
    """A refusal that is not one clear line."""


def refused_by_command(done):
    """Turn status 2 and one line into the error that it is."""
    lines = [line for line in done.stderr.splitlines() if line]
    if done.returncode not in (0, 2) or (done.returncode and len(lines) != 1):
        raise NoErrorOfOursError(f"status {done.returncode}: {done.stderr[-2000:]}")
    if done.returncode:
        raise ValueError(lines[0])


def small():
    import keras_effconv as ke

    image = keras.Input((8, 8, 3))
    x = ke.ImagePreprocessing(8, name="preprocessing")(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(2, activation="softmax", name="predictions")(x))


class Entries:
    """The entries, by the names of their methods; what they need is made once, in a folder."""

    def __init__(self, folder):
        self.folder, self.made, self.turn = Path(folder), {}, 0
        (self.folder / "photo.png").write_bytes(encoded(gradient(), "PNG"))

    def once(self, make):
        if make not in self.made:
            self.made[make] = make()
        return self.made[make]

    def network(self):
        import keras_effconv as ke

        return ke.ResNet20(weights=None, width=0.25, depth=0.3)

    def weights(self, path):
        from keras_effconv import zoo

        zoo.load_weights(self.once(self.network), path)

    def unpack(self, path):
        from keras_effconv.zoo.fetching.unpack import unpacked

        unpacked(path)

    def model(self, path):
        """One command after another: they read the same file."""
        self.turn += 1
        photo, output = self.folder / "photo.png", self.folder / "output"
        calls = (
            lambda: refused_by_command(command("predict", photo, f"--model={path}")),
            lambda: refused_by_command(command("export", f"--model={path}", f"--output={output}", "--format=onnx")),
            lambda: refused_by_command(command("evaluate", f"--model={path}", f"--output={output}", "--limit=2")),
            lambda: self.teacher(path),
        )
        calls[self.turn % len(calls)]()

    def teacher(self, path):
        from keras_effconv.training.teacher import load_teacher

        size, classes = self.once(small).input_shape[1], self.once(small).output_shape[-1]
        load_teacher(path, (size,), tuple(map(str, range(classes))))

    def saved(self):
        """A SavedModel whose signature reads files, as the server has it."""
        import keras_effconv as ke
        from keras_effconv import exporting, serving

        exporting.FORMATS["saved_model"] = exporting.FORMATS["saved_model"]._replace(verify=None)
        ke.export(self.once(small), self.folder / "saved", top=1)
        return serving.Versions(self.folder / "saved", 1).get()[1].signatures

    def decoder(self):
        from keras_effconv.data.images.reading import compiled_decoder

        return compiled_decoder(8)

    def image(self, path):
        from keras_effconv.data.images.reading import read_image

        signatures, causes = self.once(self.saved), []
        try:
            read_image(path, self.once(self.decoder))
        except (ValueError, OSError) as error:
            causes.append(str(error))
        if path.is_file():
            error = computed(signatures, [path.read_bytes()])["error"][0].decode()
            causes += [error] if error else []
        if causes:
            raise ValueError(max(causes, key=len))

    def data(self, path):
        from keras_effconv import data

        data.load(data_dir=path, resize=8)

    def checkpoint(self, path):
        from keras_effconv.training import checkpoint

        checkpoint.restore(path)

    def outputs(self, path):
        from keras_effconv.inference import compare

        compare.difference_from(self.once(small), path)

    def record(self, path):
        from keras_effconv.training import Recipe
        from keras_effconv.training.reporting import run_record

        run_record.check_same(path.parent, run_record.described(Recipe()))

    def good_model(self):
        self.once(small).save(self.folder / "good.keras")
        return self.folder / "good.keras"

    def labels(self, path):
        from keras_effconv.cli import models

        models.load(str(self.once(self.good_model)), labels=path)

    def export(self, path):
        from keras_effconv import exporting

        exporting.load(path)(np.zeros((1, 8, 8, 3), "float32"))
