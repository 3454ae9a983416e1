"""The codes TG3: names."""

from __future__ import annotations

from dsl.codes.definition import Code

TABLE = (
    Code(
        "TG301",
        "A word means nothing where it stands.",
        "dense 10 softmx",
        "dense 10 softmax",
        "A bare word behind a layer is a flag, an activation or a name. The message names the"
        " nearest one.",
    ),
    Code(
        "TG302",
        "There is no such layer or statement.",
        "dens 10",
        "dense 10",
        "`tg help` lists all layers and statements; the file's own blocks are layers too, below"
        " the line that defines them.",
    ),
    Code(
        "TG303",
        "A name is defined twice, or a statement that stands once in a file stands twice.",
        "let n = 5\nlet n = 6\ndense n",
        "let n = 5\nlet m = 6\ndense n*m",
        "A name means one thing in its braces, so that a reader need not look for the last"
        " definition.",
    ),
    Code(
        "TG304",
        "A word of the language cannot be a name.",
        "let relu = 3\ndense 10",
        "let units = 3\ndense units",
        "The names of layers, flags, activations and sizes are kept for what they say, so that"
        " `relu` is always an activation.",
    ),
    Code(
        "TG305",
        "A name is never used. (A warning.)",
        "let n = 5\ndense 10",
        "dense 10",
        "Something was probably renamed, or forgotten.",
    ),
    Code(
        "TG306",
        "The value of a layer is never used. (A warning.)",
        "x = dense 5\ndense 6\nfrom x\nrelu",
        "x = dense 5\ndense 5\nadd x",
        "The layers compute something that reaches no result. `from`, `output` or a merge in the"
        " wrong place may be the reason.",
    ),
    Code(
        "TG307",
        "A name is not defined, or only in a line below.",
        "dense units",
        "let units = 10\ndense units",
        "Names are defined above the line that uses them, and end with the braces they were"
        " defined in.",
    ),
    Code(
        "TG308",
        "A constant stands where a value of the network must stand, or the other way round.",
        "let n = 5\ndense 5\nadd n",
        "n = dense 5\ndense 5\nadd n",
        "A constant is a number known before anything runs; a named value is what a layer"
        " computes for each example.",
    ),
    Code(
        "TG309",
        "`input` stands behind a layer.",
        "dense 10\ninput 8x8x1",
        "input 8x8x1\ndense 10",
        "The first layer already had an input, that of the data.",
    ),
    Code(
        "TG310",
        "The file has no layer.",
        "input 8x8x1",
        "input 8x8x1\ndense 10",
        "Without a layer there is nothing to train or to compute.",
    ),
    Code(
        "TG311",
        "Names are written in lower case.",
        "net LeNet\ndense 10",
        "net lenet\ndense 10",
        "Names and words of the language are of the same kind: lower-case letters, digits and `_`.",
    ),
    Code(
        "TG312",
        "A statement about the whole file stands in braces.",
        "repeat 2 {\n  net twice\n  dense 10\n}",
        "net twice\nrepeat 2 {\n  dense 10\n}",
        "The name of the network, its inputs, its results and its training belong to the whole"
        " file; and so do blocks and hyper-parameters, which all of the file may use.",
    ),
    Code(
        "TG313",
        "A block calls itself.",
        "block deep(n) {\n  dense n\n  deep n\n}\ndeep 10",
        "block deep(n) {\n  dense n\n}\nrepeat 3 {\n  deep 10\n}",
        "The body of a block takes the place of its call, so a block that calls itself would have"
        " no end. `repeat` repeats.",
    ),
    Code(
        "TG314",
        "A file brings in itself, perhaps through others.",
        'import "wrong.net"\ndense 10',
        'import "blocks.net"\nwide\ndense 10',
        "A file that is brought in takes the place of its `import` or `use`, so a circle would"
        " have no end.",
        files=(("blocks.net", "block wide() {\n  dense 64 relu\n}\n"),),
    ),
    Code(
        "TG315",
        "A branch has only one arm.",
        "input 8x8x3\nbranch {\n  conv 3 1x1\n} add",
        "input 8x8x3\nbranch {\n  conv 3 1x1\n} {\n} add",
        "With one arm there is nothing to merge. An empty arm stands for the input itself.",
    ),
    Code(
        "TG316",
        "A named value stands where a layer must stand.",
        "input 8\nstem = dense 4\ndense 4\nstem",
        "input 8\nstem = dense 4\ndense 4\nadd stem",
        "A value is named so that it can be used further down: `from` goes back to it, `add` and"
        " `concat` take it in.",
    ),
    Code(
        "TG317",
        "There is nothing to freeze. (A warning.)",
        "input 8\nhalf = dropout 0.5\ndense 10\nfreeze half",
        "input 8\nbase = dense 5\ndense 10\nfreeze base",
        "Only weights can be frozen, and only the layers above the `freeze` are seen by it.",
    ),
    Code(
        "TG318",
        "The command line sets a constant that the file does not define.",
        explanation="`--set` changes a constant that a `let` outside of all braces defines.",
    ),
    Code(
        "TG319",
        "Nothing of an imported file is used. (A warning.)",
        'import "blocks.net"\ndense 10',
        'import "blocks.net"\nwide\ndense 10',
        "An `import` brings in blocks and constants; the layers of a network come in by `use`.",
        files=(("blocks.net", "block wide() {\n  dense 64 relu\n}\n"),),
    ),
)
