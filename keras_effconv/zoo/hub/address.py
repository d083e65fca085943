"""Addresses of the Hugging Face hub: `hf://user/name`, with a revision and a file."""

import os
import re
from typing import NamedTuple

PREFIX = "hf://"
FORM = "hf://user/name, with @revision and /file as you like"
ADDRESS = re.compile(
    r"hf:/{1,2}(?:models/)?(?P<repository>[\w.-]+/[\w.-]+)"
    r"(?:@(?P<revision>refs/(?:pr/\d+|heads/[\w.-]+|convert/[\w.-]+)|[^/@\s]+))?(?:/(?P<file>[^@\s]*[^/@\s]))?/?"
)
OTHERS = (
    (re.compile(r"hf[-_]hub:/{0,2}(.+)"), r"hf://\1"),
    (re.compile(r"https?://(?:huggingface\.co|hf\.co)/([\w.-]+/[\w.-]+?)/?"), r"hf://\1"),
    (re.compile(r"https?://(?:huggingface\.co|hf\.co)/([^/]+/[^/]+)/(?:blob|resolve|tree)/([^/]+)/?"), r"hf://\1@\2"),
    (
        re.compile(r"https?://(?:huggingface\.co|hf\.co)/([^/]+/[^/]+)/(?:blob|resolve)/([^/]+)/([^?]+)(?:\?.*)?"),
        r"hf://\1@\2/\3",
    ),
)


class Address(NamedTuple):
    """Where something is on the hub.

    Attributes:
        repository: str, `"user/name"`.
        revision: str, a branch, a tag or a commit; `None` for the main branch.
        file: str, a path in the repository; `None` for the one that holds the weights.
    """

    repository: str
    revision: str | None = None
    file: str | None = None

    def __str__(self):
        revision = f"@{self.revision}" if self.revision else ""
        return f"{PREFIX}{self.repository}{revision}{f'/{self.file}' if self.file else ''}"


def is_address(text):
    """Return whether a text, or a path, is meant as an address of the hub, which may be wrong.

    >>> is_address("hf://timm/resnet50.a1_in1k"), is_address("imagenet")
    (True, False)
    """
    if not isinstance(text, (str, os.PathLike)):
        return False
    text = os.fspath(text)
    return text.startswith("hf:/") or _meant(text) is not None


def parse(text, name="weights"):
    """Return the `Address` that a text is.

    Args:
        text: str, or a path, in which `hf://` has become `hf:/`.
        name: str, the argument, for the message.

    Raises:
        ValueError: for another text.

    Example:

    >>> parse("hf://timm/resnet50.a1_in1k@main/model.safetensors")
    Address(repository='timm/resnet50.a1_in1k', revision='main', file='model.safetensors')
    """
    text = os.fspath(text)
    match = ADDRESS.fullmatch(text)
    parts = (match["file"] or "").split("/") if match else [".."]
    if match is None or {".", ".."} & set(parts) or "" in parts[:-1]:
        hint = _meant(text)
        raise ValueError(
            f"`{name}` must be {FORM}, for a repository of the hub. Received: {name}={text!r}"
            + (f"; did you mean {hint}?" if hint else "")
        )
    return Address(match["repository"], match["revision"], match["file"])


def _meant(text):
    """Return the address that another spelling stands for; `None` for what is no spelling of one."""
    match = next(((form.fullmatch(text), ours) for form, ours in OTHERS if form.fullmatch(text)), None)
    return match[0].expand(match[1]) if match else None
