"""Draw what a part and a band are, and where the multiply-accumulates go: the pictures of docs/parts-and-bands.md.

python scripts/docs/drawings.py               # --check compares and writes nothing
"""

import math
from html import escape

from sections import ROOT, write_files

WIDTH = 480  # narrow: the words stay legible on a phone
# A drawing has no background: it takes the page's, light or dark.
STYLE = """<style>
text { font: 14px system-ui, sans-serif; fill: #1f2328 } .small { font-size: 12.5px }
.middle { text-anchor: middle } .end { text-anchor: end }
.a { fill: #0a6e80 } .b { fill: #c2570c } .c { fill: #7a3fb0 } .d { fill: #8a8f98 }
.cell { fill: none; stroke: #b4bac3 } .arrow { fill: none; stroke: #1f2328; stroke-width: 1.5 } .head { fill: #1f2328 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .a { fill: #3fb6cb } .b { fill: #f0924c } .c { fill: #bd8cf0 } .d { fill: #8a8f98 }
.cell { stroke: #5a616b } .arrow { stroke: #e6edf3 } .head { fill: #e6edf3 }
}
</style>"""

CHANNELS, PARTS, KERNEL = 8, 4, 3  # of the drawing of parts
LAYOUTS = {  # whether the kernel of a filter (row) on a channel (column) is wide
    "plain": lambda row, column: True,
    '"grouped"': lambda row, column: row // (CHANNELS // PARTS) == column // (CHANNELS // PARTS),
    '"shifted"': lambda row, column: (column - row) % PARTS == 0,
}
HET_PARTS, ALPHAS = (2, 4, 8, 16), (0.125, 0.25, 0.5, 0.75)  # of the bars


def drawings():
    """Return the drawings: a dict of path -> SVG."""
    return {
        ROOT / "docs" / "parts.svg": parts(),
        ROOT / "docs" / "bands.svg": bands(),
        ROOT / "docs" / "costs.svg": costs(),
    }


def het_shares(number, kernel=KERNEL):
    """Return the multiply-accumulates of a HetConv, relative to a plain convolution: of its k x k and its 1 x 1.

    >>> het_shares(4)
    (0.25, 0.08333333333333333)
    """
    return 1 / number, (1 - 1 / number) / kernel**2


def oct_shares(alpha):
    """Return the multiply-accumulates of an OctConv, relative to a plain convolution, of its four paths.

    >>> oct_shares(0.5)
    (0.25, 0.0625, 0.0625, 0.0625)
    """
    return (1 - alpha) ** 2, alpha * (1 - alpha) / 4, alpha * (1 - alpha) / 4, alpha**2 / 4


def parts():
    """Draw which kernel of each filter is wide: a plain convolution, and the two layouts of HetConv."""
    side, shapes = 16, []
    for index, (title, wide) in enumerate(LAYOUTS.items()):
        left = 24 + index * 156
        shapes.append(_text(left + 64, 16, title, "middle"))
        for row in range(CHANNELS):
            for column in range(CHANNELS):
                shapes += _kernel(left + column * side, 48 + row * side, side, wide(row, column))
        shapes.append(_text(left + 64, 40, "channels →", "small middle"))
    shapes.append(f'<g transform="rotate(-90 14 112)">{_text(14, 112, "← filters", "small middle")}</g>')
    shapes += [*_kernel(24, 196, side, True), _text(48, 209, "3 x 3 kernel", "small")]
    shapes += [*_kernel(180, 196, side, False), _text(204, 209, "1 x 1 kernel", "small")]
    return _svg(224, f"Kernels of a plain convolution, and of HetConv with {PARTS} parts in both layouts", shapes)


def _kernel(x, y, side, wide):
    dot = side - 4 if wide else 4
    shift = (side - dot) / 2
    return [
        f'<rect class="cell" x="{x}" y="{y}" width="{side}" height="{side}"/>',
        f'<rect class="{"a" if wide else "b"}" x="{x + shift:g}" y="{y + shift:g}" width="{dot}" height="{dot}"/>',
    ]


def bands():
    """Draw the four paths of an octave convolution."""
    shapes = []
    for x, title in ((20, "reads"), (360, "writes")):
        shapes.append(_text(x + 50, 16, title, "middle"))
        shapes.append(f'<rect class="a" x="{x}" y="28" width="100" height="100" rx="4"/>')
        shapes.append(_text(x + 50, 146, "high: 1 - alpha", "small middle"))
        shapes.append(f'<rect class="b" x="{x + 25}" y="186" width="50" height="50" rx="4"/>')
        shapes.append(_text(x + 50, 254, "low: alpha", "small middle"))
    paths = (  # from, to, what is computed, and where along the line the words are
        ((128, 64), (352, 64), "k x k", 0.5),
        ((128, 96), (377, 200), "pool, k x k", 0.27),
        ((103, 204), (352, 100), "k x k, enlarge", 0.27),
        ((103, 224), (377, 224), "k x k", 0.5),
    )
    for path in paths:
        shapes += _arrow(*path)
    head = '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    shapes.insert(0, f'{head}<path class="head" d="M0 0 L8 4 L0 8 z"/></marker></defs>')
    return _svg(264, "An octave convolution reads two bands and writes two, by four paths", shapes)


def _arrow(begin, end, words, share):
    """Draw a line with a head, and words above it that follow its slope."""
    (x1, y1), (x2, y2) = begin, end
    x, y = x1 + share * (x2 - x1), y1 + share * (y2 - y1)
    angle = math.degrees(math.atan2(y2 - y1, x2 - x1))
    return [
        f'<path class="arrow" d="M{x1} {y1} L{x2} {y2}" marker-end="url(#head)"/>',
        f'<g transform="translate({x:.1f} {y:.1f}) rotate({angle:.1f})">{_text(0, -7, words, "small middle")}</g>',
    ]


def costs():
    """Draw the multiply-accumulates of both layers, relative to a plain 3 x 3 convolution."""
    rows = [("plain", (1,), "d")]
    rows += [(f"HetConv(parts={number})", het_shares(number), "ab") for number in HET_PARTS]
    rows += [(f"OctConv(alpha={alpha:g})", oct_shares(alpha), "acdb") for alpha in ALPHAS]
    shapes, y = [], 6
    for title, shares, colours in rows:
        shapes.append(_text(158, y + 14, title, "small end"))
        x = 166.0
        for share, colour in zip(shares, colours):
            shapes.append(f'<rect class="{colour}" x="{x:.2f}" y="{y}" width="{260 * share:.2f}" height="18"/>')
            x += 260 * share
        shapes.append(_text(x + 6, y + 14, f"{100 * sum(shares):.0f} %", "small"))
        y += 26
    y = _legend(shapes, y + 8, "HetConv", (("a", "3 x 3"), ("b", "1 x 1")))
    oct_words = (("a", "high → high"), ("c", "high → low"), ("d", "low → high"), ("b", "low → low"))
    y = _legend(shapes, y, "OctConv", oct_words[:2])
    y = _legend(shapes, y, "", oct_words[2:])
    return _svg(y, "Multiply-accumulates relative to a plain 3 x 3 convolution, by part of the computation", shapes)


def _legend(shapes, y, title, entries):
    shapes.append(_text(158, y + 12, title, "small end"))
    for index, (colour, words) in enumerate(entries):
        x = 166 + 130 * index
        shapes.append(f'<rect class="{colour}" x="{x}" y="{y}" width="14" height="14"/>')
        shapes.append(_text(x + 20, y + 12, words, "small"))
    return y + 24


def _text(x, y, words, style=""):
    return f'<text class="{style}" x="{x:g}" y="{y:g}">{escape(words)}</text>'


def _svg(height, title, shapes):
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    )
    return "\n".join([f'{opening} role="img">', f"<title>{escape(title)}</title>", STYLE, *shapes, "</svg>", ""])


def main(argv=None):
    """Write the files, or compare them and exit with status 1 if one is out of date."""
    write_files(__doc__, drawings, argv)


if __name__ == "__main__":
    main()
