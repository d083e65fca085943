"""The sections of a page that show pictures: the network, mistakes, and labels that are probably wrong."""

import functools
from collections.abc import Sequence

from keras_effconv.training.reporting.mistakes import LabelMistake, Mistake
from keras_effconv.training.reporting.page.parts import element, file_name, name, paragraph, percent, section
from keras_effconv.training.reporting.page.pictures import drawing, picture
from keras_effconv.visualize import overlaid, plot_architecture


def network(model) -> str:
    """Show the stages of a network.

    Args:
        model: `keras.Model` whose sizes are known.
    """
    said = "A box is as high as the map of a stage and as wide as its channels; a pale one is a low band."
    view = f'<img class="drawing" src="{drawing(plot_architecture(model))}" alt="the stages of the network">'
    return section("The network", paragraph(said), element("div", view, class_="wide"))


FARTHEST = {
    Mistake: "wrong answers of the highest probability",
    LabelMistake: "classes that are farthest on the wrong side of their thresholds",
}


def mistakes(shown, wrong: int) -> str:
    """Show the mistakes that the model is surest of, each next to where it looked.

    Args:
        shown: list of `Mistake`; `None` if the images are not in memory.
        wrong: int, mistakes in all.
    """
    title = "The worst mistakes"
    if not wrong:
        return section(title, paragraph("There is none: every image is right."))
    if shown is None:
        return section(title, paragraph(f"{wrong} images are wrong. The images are read from disk, so none is shown."))
    note = f"{wrong} images are wrong. These are the {len(shown)} {FARTHEST[type(shown[0])]}."
    heat = "Red speaks for the wrong answer (Grad-CAM)." if any(each.heat is not None for each in shown) else ""
    return section(title, paragraph(note, heat), gallery(list(map(_mistake, shown)), "17rem"))


@functools.singledispatch
def _told(each):
    """Return what is said of a mistake, in HTML."""
    raise TypeError(f"`each` must be a mistake. Received: {type(each).__name__}")


@_told.register
def _(each: Mistake):
    answer = element("span", f"{name(each.answer)} {percent(each.confidence)}", class_="bad")
    label = element("span", f"{name(each.label)} {percent(each.label_probability)}", class_="good")
    return f"{answer}, but labelled {label}"


@_told.register
def _(each: LabelMistake):
    answer = element("span", f"{name(each.answer)} {percent(each.confidence)}", class_="bad")
    labels = element("span", ", ".join(map(name, each.labels)) or "none of the classes", class_="good")
    verb = "said" if each.said else "not said"
    return f"{answer} {verb}, from {percent(each.threshold)} on; labelled {labels}"


def _mistake(each):
    views = [_photo(each.image, "the image")]
    if each.heat is not None:
        views.append(_photo(overlaid(each.image, each.heat), "what speaks for the answer"))
    said = element("p", _told(each), "<br>", _soft(file_name(each.file)))
    return element("div", *views, class_="pair") + said


def suspects(search, images, most: int) -> str:
    """Show the training images whose labels are probably wrong.

    Args:
        search: `Search`, or `None` if there was none.
        images: array of all training images, or `None` if they are not in memory.
        most: int, images at most.
    """
    title = "Labels that are probably wrong"
    if search is None or search.skipped:
        reason = search.skipped if search is not None else "no head was fitted to features"
        return section(title, paragraph(f"The training images were not searched: {reason}."))
    looked = f"Confident learning looked at {search.images} training images and suspects {len(search.suspects)} labels."
    if not search.suspects:
        return section(title, paragraph(looked))
    shown = search.suspects[:most]
    how = (
        "Each image was judged by heads that were fitted to the features of other images. A label is suspected if its "
        "probability is lower than usual for that label, and the suggestion is as probable as usual for its class."
    )
    careful = "Hard images are among them, so look before you change a label."
    where = f"The least probable {len(shown)} come first; mislabelled.json has all." if len(shown) > 1 else ""
    cards = [_suspect(each, images) for each in shown]
    return section(title, paragraph(looked, how), paragraph(careful, where), gallery(cards, "8.5rem"))


def _suspect(each, images):
    view = _photo(images[each.index], "the image") if images is not None else ""
    suggestion = element("span", f"{name(each.suggestion)}?", class_="good")
    label = element("span", f"{name(each.label)} {percent(each.self_confidence)}", class_="bad")
    return view + element("p", f"labelled {label}", "<br>", suggestion, "<br>", _soft(file_name(each.file)))


def _photo(image, what):
    return f'<img src="{picture(image)}" alt="{what}">'


def _soft(inner):
    return element("span", inner, class_="soft")


def gallery(cards: Sequence[str], width: str) -> str:
    """Return cards in as many columns as there is room for.

    Args:
        cards: sequence of str, HTML.
        width: str, of a card at least, in CSS.
    """
    return element("ul", *(element("li", card) for card in cards), class_="cards", style=f"--card: {width}")
