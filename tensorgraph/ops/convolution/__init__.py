"""The ways to compute a convolution, one a module.

A convolution and its gradients by input and by filter are three products of the same patches. Each
of these modules knows one way to compute all three; `choice` says which is taken for which shapes,
and `case` holds the shapes, which all of them are given.

- `rows`: a row for each patch, then one matrix product. Works for everything.
- `points`: a filter of one pixel needs no patches: the images are the matrix.
- `columns`: a column for each patch, for images of few channels; `planes`, where those lie so.
- `winograd`: fewer multiplications, for filters of 3 by 3 and 5 by 5; `tiles` has its matrices.
- `separate`: depthwise, each channel by itself.
- `groups`: groups of channels, each by one of the ways above.

Two of them need `phases`, which sorts the pixels of images that a filter meets in steps. `layout`
says how images lie in memory.
"""
