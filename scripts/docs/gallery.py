"""Draw the pictures of docs/visualize.md: docs/visualize-*.png.

python scripts/docs/gallery.py
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from sections import ROOT

from keras_effconv.utils.figures import save_figure


def pictures():
    """Return the figures by the ends of their names: dict."""
    from sklearn.datasets import load_sample_image

    import keras_effconv as ke
    from keras_effconv import visualize
    from keras_effconv.explaining import feature_map

    octave = ke.EfficientNetLite0(weights="imagenet", conv="OctConv(alpha=0.25)")
    prepared = ke.preprocessing_for(octave)(load_sample_image("china.jpg")[None])
    return {
        "bands": visualize.plot_bands(feature_map(octave, prepared, "block2b_add")),
        "parts": visualize.plot_parts_sweep(),
        "architecture": visualize.plot_architecture(ke.ResNet50(weights=None, conv="OctConv(alpha=0.25)")),
    }


if __name__ == "__main__":
    for name, figure in pictures().items():
        save_figure(figure, ROOT / "docs" / f"visualize-{name}.png")
