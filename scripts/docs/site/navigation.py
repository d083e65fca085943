"""Where each page of the site is: parts by what a reader wants, and the pages of each."""

PARTS = {  # title -> what a reader does there, and pages: path without its ending -> what it is for
    "Use a network": (
        "Build a network, load weights into it, and choose its convolutions and its size.",
        {
            "zoo": "Find published weights and load them, also from files of your own.",
            "layers": "Take the layers into a network of your own, or give each layer its own kind.",
            "scaling": "Make a network wider, deeper, and of larger images.",
        },
    ),
    "Fine-tune and train": (
        "From a folder of photos to a model, from pretrained weights or from scratch.",
        {
            "finetuning": "Fine-tune a pretrained network on your photos with one command.",
            "finetuning-accuracy": "What fine-tuning reaches, and what each ingredient of it brings.",
            "data": "Check your images, read them from where they are, or name a data set.",
            "training": "Train by the recipe of a paper, compare networks, and evaluate them.",
            "distributed": "Train on several devices and hosts.",
        },
    ),
    "Convert": (
        "Make a trained network cheaper, without labels.",
        {"converting": "Convert a network of this package, of Keras Applications or of your own."},
    ),
    "Export and serve": (
        "Make a model fast, write it for another runtime, and answer requests.",
        {
            "deploy": "Fold, fuse and quantize a model in Keras.",
            "export": "Write SavedModel, ONNX, OpenVINO or LiteRT.",
            "serving": "Serve exports over HTTP.",
        },
    ),
    "Understand": (
        "How the two layers work, and what they cost.",
        {
            "parts-and-bands": "What a part is, what a band is, and where the multiply-accumulates go.",
            "explaining": "Draw what a network looks at.",
            "visualize": "Draw bands, parts, architectures, and accuracy against cost.",
            "gallery": "All pictures, with the commands that drew them.",
            "benchmarks": "Time of layers, networks and training steps.",
            "growth": "How time, memory and size grow with batch, image, cores and clients.",
            "accuracy": "Accuracy of each kind on small data.",
        },
    ),
    "Reference": (
        "Every public name, and the papers' tables.",
        {"tables": "The papers' tables, recomputed."},
    ),
    "Project": (
        "How the package is built, and what was checked.",
        {
            "design": "How it is built, and why.",
            "contributing": "How to add to it.",
            "changelog": "What has changed.",
            "verified": "What was checked, how and when.",
        },
    ),
}


def slug(title):
    """Return the name of a part's page.

    >>> slug("Export and serve")
    'export-and-serve'
    """
    return title.lower().replace(" ", "-")


def part_page(title, summary, pages):
    """Return the page of a part: what it is for, and its pages.

    Args:
        title: str.
        summary: str, a sentence.
        pages: dict of path -> sentence; a path has no ending, unless it is a notebook's.

    Returns:
        A str, Markdown of MyST.
    """
    return f"# {title}\n\n{summary}\n\n" + listed(pages) + "\n" + toctree(pages, titles_only=True)


def listed(pages):
    """Return a list of pages with their sentences; the links take the pages' titles."""
    rows = [
        f"- [](/{path if '.' in path else path + '.md'})" + (f": {text}" if text else "")
        for path, text in pages.items()
    ]
    return "\n".join(rows) + "\n"


def toctree(pages, titles_only=False):
    """Return a hidden table of contents."""
    options = [":hidden:", *([":titlesonly:"] if titles_only else [])]
    return "\n".join(["```{toctree}", *options, "", *pages, "```", ""])
