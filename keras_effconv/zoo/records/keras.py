"""The sets of Keras Applications. Hashes are md5, as Keras publishes them; MobileNets have none."""

from keras_effconv.preprocessing import CAFFE, UNIT, keras_preprocessing
from keras_effconv.zoo.records.record import Download, Record

BASE = "https://storage.googleapis.com"
LICENCE = "Apache-2.0"


def pair(model, files, hashes, preprocessing, top1):
    """The set with the classifier, and the one without."""
    return [
        Record(model, "imagenet", top, Download(f"{BASE}/{file}"), hash, "keras", preprocessing, top1, LICENCE)
        for top, file, hash in zip((True, False), files, hashes)
    ]


def efficientnet(n, size, hashes, top1):
    files = [f"keras-applications/efficientnetb{n}{end}.h5" for end in ("", "_notop")]
    return pair(f"EfficientNetB{n}", files, hashes, keras_preprocessing(size), top1)


def kernels(model, folder, hashes, preprocessing, top1):
    stem = f"tensorflow/keras-applications/{folder}/{model.lower()}_weights_tf_dim_ordering_tf_kernels"
    return pair(model, [f"{stem}{end}.h5" for end in ("", "_notop")], hashes, preprocessing, top1)


def resnet(model, preprocessing, hashes, top1):
    return kernels(model, "resnet", hashes, preprocessing, top1)


def vgg(model, hashes, top1):
    return kernels(model, model.lower(), hashes, CAFFE, top1)


def mobilenets():
    """One file for each width and size, with the classifier and without."""
    v1 = "tensorflow/keras-applications/mobilenet/mobilenet_{}_{}_tf{}.h5"
    v2 = "tensorflow/keras-applications/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{}_{}{}.h5"
    for top, end in ((True, ""), (False, "_no_top")):
        for size in (128, 160, 192, 224):
            for alpha, text in ((1.0, "1_0"), (0.75, "7_5"), (0.5, "5_0"), (0.25, "2_5")):
                top1 = 70.4 if (alpha, size) == (1.0, 224) else None
                yield mobilenet("MobileNet", v1.format(text, size, end), top, alpha, size, top1)
        for size in (96, 128, 160, 192, 224):
            for alpha in (0.35, 0.5, 0.75, 1.0, 1.3, 1.4):
                if alpha > 1.0 and size != 224:
                    continue
                top1 = 71.3 if (alpha, size) == (1.0, 224) else None
                yield mobilenet("MobileNetV2", v2.format(alpha, size, end), top, alpha, size, top1)


def mobilenet(model, file, top, alpha, size, top1):
    options = {"alpha": alpha}
    source = Download(f"{BASE}/{file}")
    return Record(model, "imagenet", top, source, None, "keras", UNIT.at(size), top1, LICENCE, options)


# fmt: off
RECORDS = (
    *efficientnet(0, 224, ("902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d"), 77.1),
    *efficientnet(1, 240, ("1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432"), 79.1),
    *efficientnet(2, 260, ("b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39"), 80.1),
    *efficientnet(3, 300, ("ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226"), 81.6),
    *efficientnet(4, 380, ("18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba"), 82.9),
    *efficientnet(5, 456, ("ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f"), 83.6),
    *efficientnet(6, 528, ("165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743"), 84.0),
    *efficientnet(7, 600, ("8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a"), 84.3),
    *vgg("VGG16", ("64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc"), 71.3),
    *vgg("VGG19", ("cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6"), 71.3),
    *resnet("ResNet50", CAFFE, ("2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626"), 74.9),
    *resnet("ResNet101", CAFFE, ("f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21"), 76.4),
    *resnet("ResNet152", CAFFE, ("100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c"), 76.6),
    *resnet("ResNet50V2", UNIT, ("3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917"), 76.0),
    *resnet("ResNet101V2", UNIT, ("6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5"), 77.2),
    *resnet("ResNet152V2", UNIT, ("a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33"), 78.0),
    *mobilenets(),
)
# fmt: on
