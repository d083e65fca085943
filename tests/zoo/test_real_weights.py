"""Published files on real images: the accuracy that their publishers and others have measured."""

import keras
import numpy as np
import pytest
from paths import SHARED, needs
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import keras_effconv as ke
from keras_effconv import data

MOBILENET = ("weights", "mobilenet_2_5_224_tf_no_top.h5")


@pytest.mark.long
@needs(*MOBILENET)
@needs("data", "flowers")
@pytest.mark.parametrize(("name", "least"), [("flowers", 0.78), ("cats_vs_dogs", 0.88)])
def test_a_linear_classifier_on_mobilenet_features(name, least):
    shape = (224, 224, 3)
    model = ke.MobileNet(
        alpha=0.25, include_top=False, pooling="avg", input_shape=shape, weights=str(SHARED.joinpath(*MOBILENET))
    )
    prepare = ke.preprocessing_for(model)
    images = data.from_directory(SHARED / "data" / name, data.Resize(224, crop=None))

    def features(split):
        return model.predict(np.asarray(prepare(split.images)), batch_size=50, verbose=0)

    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    classifier.fit(features(images.train), images.train.labels)
    assert classifier.score(features(images.validation), images.validation.labels) >= least


@needs("weights", "resnet_cifar10")
@needs("data", "cifar10")
@pytest.mark.parametrize(
    ("name", "file", "top1"),
    [("ResNet20", "resnet20-12fca82f.th", 0.810), ("ResNet56", "resnet56-4bfd9763.th", 0.832)],
)
@pytest.mark.slow
def test_residual_networks_on_all_test_images_of_cifar10(name, file, top1):
    """Trained on the lossless images; these are JPEG, hence less than the 91.7 and 93.4 % that are published."""
    model = ke.applications.get(name)(weights=str(SHARED / "weights" / "resnet_cifar10" / file))
    images = data.from_archives(SHARED / "data" / "cifar10", 32).validation
    assert len(images) == 10_000
    scores = model.predict(np.asarray(ke.preprocessing_for(model)(images.images)), batch_size=250, verbose=0)
    assert abs((keras.ops.convert_to_numpy(scores).argmax(1) == images.labels).mean() - top1) <= 0.002
