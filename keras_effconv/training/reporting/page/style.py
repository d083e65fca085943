"""The style of a page: light and dark, wide and narrow, on screen and on paper."""

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1d2430; --soft: #5c6675; --line: #d9dee5; --panel: #f5f7f9;
  --first: #2668b8; --second: #c2570c; --good: #1a7f4b; --bad: #c0302b; --heat: 38, 104, 184; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181e; --ink: #e4e8ee; --soft: #9ba6b5; --line: #343c48;
  --panel: #1c222a; --first: #6aa9f0; --second: #f0954b; --good: #5fc48d; --bad: #f07f7a; --heat: 106, 169, 240; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1.25rem 1rem 3rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .75rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; padding-top: .75rem; border-top: 1px solid var(--line); }
p { margin: .5rem 0; max-width: 46rem; }
.soft, caption, figcaption, footer { color: var(--soft); font-size: .9rem; }
.headline { background: var(--panel); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem 1.25rem; }
.headline p { margin: .25rem 0 0; }
.accuracy { font-size: 2.6rem; font-weight: 650; line-height: 1.1; }
.accuracy small { margin-left: .4rem; font-size: 1rem; font-weight: 400; color: var(--soft); white-space: nowrap; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .75rem 1.25rem;
  margin: 1rem 0 0; }
.facts dt { color: var(--soft); font-size: .85rem; }
.facts dd { margin: 0; }
.wide { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; font-size: .92rem; }
caption { text-align: left; padding-bottom: .25rem; }
th, td { padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { color: var(--soft); font-weight: 600; vertical-align: bottom; white-space: normal; }
td:first-child { min-width: 6rem; max-width: 22rem; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
th.number { white-space: normal; overflow-wrap: normal; min-width: 4.2rem; }
.confusion td, .confusion th { padding: .3rem .45rem; text-align: center; min-width: 2.2rem; }
.confusion th:first-child { text-align: right; min-width: 4.5rem; max-width: 10rem; white-space: normal;
  position: sticky; left: 0; background: var(--paper); }
.confusion thead th { vertical-align: bottom; }
.confusion thead bdi { writing-mode: vertical-rl; transform: rotate(180deg); max-height: 9rem; display: inline-block;
  white-space: normal; }
.confusion td:first-child { min-width: 2.2rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1rem; }
figure { margin: .5rem 0; max-width: 34rem; }
svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
svg .x { text-anchor: middle; }
svg .y { text-anchor: end; dominant-baseline: middle; }
svg .grid { stroke: var(--line); }
polyline { fill: none; stroke-width: 1.75; }
polyline.first, .ring { stroke: var(--first); } polyline.second { stroke: var(--second); }
circle.first, rect.first { fill: var(--first); } circle.second { fill: var(--second); }
.ring { fill: var(--paper); stroke: var(--second); stroke-width: 2; }
.ideal { stroke: var(--soft); stroke-dasharray: 4 3; }
.key { margin-left: .8rem; white-space: nowrap; }
.key i { display: inline-block; width: .75rem; height: .75rem; margin-right: .3rem; border-radius: 50%; }
i.first { background: var(--first); } i.second { background: var(--second); }
i.ring { border: 2px solid var(--second); } i.ideal { height: 0; border-radius: 0; border-top: 2px dashed var(--soft);
  vertical-align: middle; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, var(--card)), 1fr)); gap: 1rem;
  margin: .75rem 0; padding: 0; list-style: none; }
.cards li { min-width: 0; }
.pair { display: flex; gap: .25rem; }
.pair img { min-width: 0; flex: 1 1 0; }
img { display: block; width: 100%; max-width: 12rem; aspect-ratio: 1; border-radius: .35rem; background: var(--panel); }
img.drawing { max-width: 56rem; min-width: 34rem; aspect-ratio: auto; background: #fff; }
.cards p { margin: .3rem 0 0; font-size: .9rem; line-height: 1.35; }
.cards bdi { font-weight: 600; } .soft bdi { font-weight: 400; }
.good { color: var(--good); } .bad { color: var(--bad); }
details { margin: .75rem 0; } summary { cursor: pointer; color: var(--soft); }
footer { margin-top: 2.5rem; padding-top: .75rem; border-top: 1px solid var(--line); }
@media (max-width: 30rem) { body { padding: .75rem .75rem 2rem; }
  .accuracy small { display: block; margin: .25rem 0 0; white-space: normal; } }
@media print { section { break-inside: avoid; } }
"""
