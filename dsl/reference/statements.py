"""The pages about statements and about what expressions are made of."""

from __future__ import annotations

from dsl.reference.page import Page, Row

_BASIC = "basics"
_STRUCTURE = "structure"
_REUSE = "several files, trained parts"

_STATEMENTS = (
    Page(
        "net",
        "statement",
        "net NAME",
        "The network's name; by default it is the file's.",
        family=_BASIC,
        example="net lenet5\ndense 10 softmax",
    ),
    Page(
        "input",
        "statement",
        "input SHAPE, input LENGTH of VOCABULARY",
        "The shape of one example, channels last; `?` for a size that is not fixed.",
        family=_BASIC,
        example="input 28x28x1\nflatten\ndense 10 softmax",
    ),
    Page(
        "let",
        "statement",
        "let NAME = EXPRESSION",
        "A constant, defined once in its block. `--set NAME=VALUE` gives it another value.",
        family=_BASIC,
        example="let units = 32\ndense 2*units relu\ndense units relu\ndense 10 softmax",
    ),
    Page(
        "from",
        "statement",
        "from NAME …",
        "Makes a named value the current one; several of them, for a layer that merges.",
        family=_BASIC,
        example="input 8\na = dense 4 relu\nb = dense 4 tanh\nfrom a b\nconcat\ndense 10 softmax",
    ),
    Page(
        "output",
        "statement",
        "output NAME …",
        "The results, where they are not the last value.",
        family=_BASIC,
        example="input 8\ncode = dense 2 tanh\nback = dense 8\noutput back code",
    ),
    Page(
        "train",
        "statement",
        "train { … }",
        "How to train; each line of it is a setting.",
        family=_BASIC,
        example="dense 10 softmax\ntrain {\n  data digits\n  epochs 3\n}",
    ),
    Page(
        "repeat",
        "statement",
        "repeat COUNT { … }, repeat COUNT as NAME { … }",
        "The body that many times; NAME counts from 0.",
        family=_STRUCTURE,
        example="input 8\nrepeat 3 as i {\n  dense 16 * 2**i relu\n}\ndense 10 softmax",
    ),
    Page(
        "if",
        "statement",
        "if CONDITION { … } else { … }",
        "One body or the other, decided while compiling; `else` may be absent.",
        family=_STRUCTURE,
        example="input 8\nlet deep = true\nif deep {\n  dense 32 relu\n}\ndense 10 softmax",
    ),
    Page(
        "residual",
        "statement",
        "residual { … }, residual { … } shortcut { … }",
        "Adds the input, or the shortcut's result, to the body's result.",
        family=_STRUCTURE,
        example="input 8x8x16\nresidual {\n  conv 16 3x3 same relu\n  conv 16 3x3 same\n}\nrelu",
    ),
    Page(
        "branch",
        "statement",
        "branch { … } { … } … MERGE",
        "The same input through each arm; MERGE is concat, add, mul, max or average.",
        family=_STRUCTURE,
        example="input 8x8x16\nbranch {\n  conv 8 1x1 relu\n} {\n  conv 8 3x3 same relu\n} concat",
    ),
    Page(
        "block",
        "statement",
        "block NAME(PARAMETER, PARAMETER=DEFAULT) { … }",
        "A new layer, called like a built-in one. It may not call itself.",
        family=_STRUCTURE,
        example="input 8x8x3\nblock basic(filters, size=3) {\n  conv filters size same\n"
        "  relu\n}\nbasic 8\nbasic 16 size=5",
    ),
    Page(
        "import",
        "statement",
        'import "FILE"',
        "Brings in another file's blocks and constants; its place is relative to this file.",
        family=_REUSE,
    ),
    Page(
        "use",
        "statement",
        'use "FILE" [weights="F.safetensors"] [until=NAME] [frozen]',
        "Another file's network as a part of this one, up to the value NAME.",
        (
            Row("option", "weights", "what its layers start from", "a safetensors file"),
            Row("option", "until", "where it ends; by default its first result", "a name of it"),
            Row("flag", "frozen", "its layers are not trained"),
        ),
        family=_REUSE,
    ),
    Page(
        "freeze",
        "statement",
        "freeze NAME …, freeze all",
        "Those layers are not trained.",
        family=_REUSE,
        example="input 8\nbase = dense 32 relu\ndense 10 softmax\nfreeze base",
    ),
)

_FUNCTIONS = (
    Page("min", "function", "min(A, B, …)", "The smallest of its arguments."),
    Page("max", "function", "max(A, B, …)", "The largest of its arguments."),
    Page("round", "function", "round(X)", "The whole number next to X."),
    Page("floor", "function", "floor(X)", "The largest whole number that is not above X."),
    Page("ceil", "function", "ceil(X)", "The smallest whole number that is not below X."),
    Page(
        "choose",
        "function",
        "let NAME = choose(A, B, …)",
        "A hyper-parameter: one of the values; the first where nothing is searched.",
        example="let units = choose(128, 64)\ndense units relu\ndense 10 softmax",
    ),
    Page(
        "uniform",
        "function",
        "let NAME = uniform(LOW, HIGH, DEFAULT)",
        "A hyper-parameter: a number between two others.",
        example="let rate = uniform(0.1, 0.6, 0.5)\ndropout rate\ndense 10 softmax",
    ),
    Page(
        "log_uniform",
        "function",
        "let NAME = log_uniform(LOW, HIGH, DEFAULT)",
        "A hyper-parameter: a number between two others, each order of magnitude as likely.",
        example="let rate = log_uniform(1e-4, 1e-1, 1e-3)\ndense 10 softmax\n"
        "train {\n  optimizer adam lr=rate\n}",
    ),
    Page(
        "integer",
        "function",
        "let NAME = integer(LOW, HIGH, DEFAULT)",
        "A hyper-parameter: a whole number from LOW to HIGH.",
        example="let units = integer(16, 128, 64)\ndense units relu\ndense 10 softmax",
    ),
)

_PROPERTIES = (
    Page("channels", "property", "channels", "The last size of the current value."),
    Page("height", "property", "height", "The height of the current value, an image."),
    Page("width", "property", "width", "The width of the current value, an image."),
    Page("features", "property", "features", "How many numbers the current value has."),
    Page("classes", "property", "classes", "How many classes the data has."),
)


def statement_pages() -> list[Page]:
    """Return a page for each statement."""
    return list(_STATEMENTS)


def expression_pages() -> list[Page]:
    """Return a page for each function and each property that expressions know."""
    return [*_FUNCTIONS, *_PROPERTIES]
