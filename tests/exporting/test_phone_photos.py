"""A folder of one's own photos: the same answers from `predict`, the SavedModel in TensorFlow, and the server."""

import io

import keras
import numpy as np
import pytest
from exported import verified_here
from PIL import Image
from sample_images import encoded, png
from served import computed

import keras_effconv as ke
from keras_effconv.cli import predict as command
from keras_effconv.cli import predictor
from keras_effconv.data.images.convert import readable
from keras_effconv.data.images.reading import compiled_decoder, read_image
from keras_effconv.exporting import load
from keras_effconv.exporting.classifier import classifier_of
from keras_effconv.serving.signatures import signatures

SIZE = 24


def photo(seed, mode="RGB"):
    """A photo of soft shapes, wider than high."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, len(mode)), "uint8")
    return Image.fromarray(noise).resize((80, 60), Image.Resampling.BICUBIC)


def tagged(seed, tag, kind):
    exif = Image.Exif()
    exif[0x0112] = tag
    return encoded(photo(seed), kind, exif=exif.tobytes())


def deep(seed, white=4095):
    """A grey PNG of 16 bits, with values to `white` only."""
    grey = (np.asarray(photo(seed).convert("L"), "float64") / 255 * white).round().astype(">u2")
    return png(80, 60, 16, 0, b"".join(b"\0" + row.tobytes() for row in grey))


def folder():
    """Files by name; the names are not always those of the formats."""
    files = {f"{tag}.jpg": tagged(tag, tag, "JPEG") for tag in range(1, 9)}
    files |= {"webp.jpg": encoded(photo(10), "WEBP"), "turned.webp": tagged(11, 6, "WEBP")}
    frames = [photo(12), photo(13)]
    files |= {f"moves.{kind}": encoded(frames[0], kind, save_all=True, append_images=frames[1:]) for kind in ("webp",)}
    files |= {"moves.gif": encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])}
    files |= {"clear.png": encoded(photo(14, "RGBA"), "PNG"), "clear.webp": encoded(photo(15, "RGBA"), "WEBP")}
    files |= {
        "deep.png": deep(16),
        "turned.png": tagged(17, 8, "PNG"),
        "cmyk.jpg": encoded(photo(18).convert("CMYK"), "JPEG"),
    }
    return files


def foreign():
    """Files that Pillow reads."""
    return {"turned.tif": tagged(20, 6, "TIFF"), "clear.avif": encoded(photo(21, "RGBA"), "AVIF"),
            "a.jp2": encoded(photo(22), "JPEG2000")}  # fmt: skip


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A classifier of 16-bit files to 4095, and its SavedModel."""
    keras.utils.set_random_seed(3)
    image = keras.Input((SIZE, SIZE, 3))
    how = {"mean": (127.0,) * 3, "std": (9.0,) * 3, "white": 4095}
    x = ke.ImagePreprocessing(SIZE, name="preprocessing", **how)(image)
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(8)(x))
    model = keras.Model(image, keras.layers.Dense(4, activation="softmax", name="predictions")(x))
    path = tmp_path_factory.mktemp("phone")
    with verified_here():
        return model, load(ke.export(model, path / "served", labels=list("abcd")))


def predicted(model, path):
    """What `keras-effconv predict` computes of a file."""
    layer = ke.preprocessing_for(model)
    image = np.asarray(read_image(path, compiled_decoder(layer.preprocessing)))
    return np.asarray(model(np.asarray(layer(image[None])), training=False))[0]


@pytest.mark.long
def test_one_answer_everywhere(exported, tmp_path):
    """Orientation 1 to 8, JPEG, WebP, PNG with opacity, 16 bits, animations, names that are wrong."""
    model, export = exported
    files = folder()
    expected = np.stack([_predicted(model, tmp_path / name, content) for name, content in files.items()])
    answers = [export.run.signatures["serving_default"], signatures(export)["serving_default"].run]
    rows = np.array([*files.values(), None], object)[:-1]
    import tensorflow as tf

    plain = {key: value.numpy() for key, value in answers[0](image_bytes=tf.constant(list(rows))).items()}
    for answer in (plain, answers[1](rows)):
        assert [*answer["error"]] == [b""] * len(files)
        np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-4)
        np.testing.assert_array_equal(answer["probabilities"].argmax(1), expected.argmax(1))
    assert export.preprocessing.white == 4095 and classifier_of(model).preprocessing.white == 4095


def _predicted(model, path, content):
    path.write_bytes(content)
    return predicted(model, path)


@pytest.mark.long
def test_formats_of_pillow_in_predict_and_in_the_server(exported, tmp_path):
    """TIFF, AVIF and JPEG 2000; the graph alone says which one it cannot read, row by row."""
    model, export = exported
    files = {**foreign(), "good.jpg": tagged(1, 1, "JPEG"), "xl.jpg": b"\xff\x0a" + bytes(50), "cut.tif": b"II*\0" * 9}
    expected = [_predicted(model, tmp_path / name, files[name]) for name in list(files)[:4]]
    answer = computed(signatures(export), files.values())
    np.testing.assert_allclose(answer["probabilities"][:4], expected, atol=1e-4)
    assert [*answer["error"][:5]] == [b""] * 4 + [b"JPEG XL cannot be read: convert it to JPEG or PNG"]
    assert answer["error"][5].startswith(b"TIFF: ") and not answer["probabilities"][4:].any()
    import tensorflow as tf

    alone = export.run.signatures["serving_default"](image_bytes=tf.constant([*files.values()]))["error"].numpy()
    names = ["TIFF", "AVIF", "JPEG 2000", "", "JPEG XL", "TIFF"]
    assert [*alone] == [f"{name} cannot be read: convert it to JPEG or PNG".encode() if name else b"" for name in names]


@pytest.mark.long
def test_the_command_prints_the_same_for_a_photo_and_its_turned_file(exported, tmp_path, capsys):
    """Upright pixels, and the same pixels stored turned with a tag."""
    upright, exif = photo(1), Image.Exif()
    exif[0x0112] = 6
    upright.save(tmp_path / "a.png")
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "b.png", exif=exif)
    model, export = exported
    layer = ke.preprocessing_for(model)
    loaded = predictor.Predictor(lambda images: model(layer(images)), layer.preprocessing, export.labels)
    paths = [str(tmp_path / name) for name in ("a.png", "b.png")]
    assert command.tell(predictor.predictions(loaded, paths, top=4, batch_size=2)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:5] == lines[6:]


def test_a_missing_package_is_named(monkeypatch):
    from keras_effconv.data.images import convert

    def missing(name, extra):
        raise ImportError(name)

    convert._pillow.cache_clear()
    monkeypatch.setattr(convert, "require", missing)
    with pytest.raises(ValueError, match=r'TIFF needs pillow \(pip install "keras-effconv\[images\]"\), or convert it'):
        readable(encoded(photo(0), "TIFF"))
    with pytest.raises(ValueError, match="HEIC needs pillow_heif"):
        readable(b"\0\0\0\x18ftypheic" + bytes(40))
    assert readable(io.BytesIO(b"GIF89a").getvalue()) == b"GIF89a"
