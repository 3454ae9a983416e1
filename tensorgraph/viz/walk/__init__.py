"""A walk through one forward and one backward pass: its numbers, its words, its picture, its page.

One way: graph and feed → `Trace` (`tracing`) → `View`, what of it is shown (`view`) → `Outline`,
what is said at which step (`outline`, with `formulas`, `examples` and `numbers`) → a page (`page`,
with the drawing of `sketch`).
"""
