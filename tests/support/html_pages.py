"""What a strict reader finds in a page: its tags must match, and nothing may lead out of it."""

from html.parser import HTMLParser

VOID = {"meta", "br", "img"}
KNOWN = {"html", "head", "body", "title", "style", "h1", "h2", "section", "div", "p", "span", "b", "i", "small", "bdi"}
KNOWN |= {"dl", "dt", "dd", "ul", "li", "table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary"}
KNOWN |= {"figure", "figcaption", "svg", "line", "rect", "circle", "polyline", "text", "footer"}
ATTRIBUTES = {"lang", "charset", "name", "content", "http-equiv", "class", "style", "src", "alt", "role", "viewbox"}
ATTRIBUTES |= {"x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height", "points", "fill-opacity"}


class Page(HTMLParser):
    """A page that is read to its end.

    Args:
        source: str.

    Attributes:
        tags: list of str.
        pictures: list of str, the sources of images.
        words: str, all text outside the style sheet, in one line.
        style: str.

    Raises:
        AssertionError: a tag has no partner, a tag or an attribute is none that a page needs, or something refers to
            another place.
    """

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.pictures, self._text, self.style = [], [], [], [], ""
        self.feed(source)
        self.close()
        assert not self.open
        self.words = " ".join(" ".join(self._text).split())
        for outside in ("url(", "@import", "expression(", "//"):
            assert outside not in self.style
        assert source.startswith("<!DOCTYPE html>")

    def handle_starttag(self, tag, attrs):
        assert tag in KNOWN | VOID, tag
        self.tags.append(tag)
        for key, value in attrs:
            assert key in ATTRIBUTES, (tag, key)
            assert key in ("src", "class") or "//" not in value, (tag, key, value)
            assert key != "style" or "url" not in value
        if tag == "img":
            self.pictures.append(dict(attrs)["src"])
            assert self.pictures[-1].startswith("data:image/")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self._text.append(data)

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")
