"""The codes of all messages, each with its meaning, a file that has it and one that has not.

The tests run the examples: the wrong file gets that code, the right one is valid. ``tg explain``
prints them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """The meaning of a code.

    Attributes
    ----------
    code : str
        The code: TG0 files, TG1 syntax, TG2 shapes, TG3 names, TG4 arguments, TG5 training.
    meaning : str
        What it says, in one line.
    wrong : str
        A file that gets it; empty where it is not about a text.
    right : str
        The same without the mistake.
    """

    code: str
    meaning: str
    wrong: str = ""
    right: str = ""


_TABLE = (
    Code("TG001", "The file cannot be read."),
    Code("TG002", "The file is not UTF-8 text."),
    Code(
        "TG101",
        "A word stands where it means nothing; the message says what could stand there.",
        "let units =\ndense 10",
        "let units = 10\ndense units",
    ),
    Code(
        "TG102",
        "A string is not closed on its line.",
        'dense 10\ntrain {\n  data "my digits\n}',
        'dense 10\ntrain {\n  data "my digits"\n}',
    ),
    Code(
        "TG103",
        "A word that begins like a number is neither a number nor a size.",
        "conv 8 3x",
        "conv 8 3x3",
    ),
    Code(
        "TG104",
        "A bracket or brace is not closed, or closes nothing.",
        "dense (5 + 5",
        "dense (5 + 5)",
    ),
    Code(
        "TG105",
        "Brackets are nested too deep.",
        f"dense {'(' * 101}10{')' * 101}",
        "dense (10)",
    ),
    Code(
        "TG106",
        "A part of the language that this version does not understand yet.",
        "dense 8 gelu",
        "dense 8 silu",
    ),
    Code(
        "TG107",
        "A negative argument stands in parentheses, or behind `=`: `a -b` is a difference.",
        "leaky_relu -0.1",
        "leaky_relu (0.1)",
    ),
    Code(
        "TG108",
        "Arguments of layers stand side by side, without commas and parentheses.",
        "conv 8, 3x3",
        "conv 8 3x3",
    ),
    Code(
        "TG109",
        "A number is beyond what expressions compute with.",
        "dense 9**9**9",
        "dense 9**3",
    ),
    Code(
        "TG201",
        "A kernel or window is larger than the image it moves over.",
        "input 4x4x1\nconv 8 5x5",
        "input 4x4x1\nconv 8 5x5 same",
    ),
    Code(
        "TG202",
        "A layer needs an image, height x width x channels, and receives something else.",
        "input 784\nconv 8 3x3",
        "input 28x28x1\nconv 8 3x3",
    ),
    Code(
        "TG203",
        "Values of different shapes cannot be merged.",
        "input 8\nx = dense 4\ndense 5\nadd x",
        "input 8\nx = dense 4\ndense 4\nadd x",
    ),
    Code(
        "TG204",
        "Windows do not reach the last rows or columns of the image. (A warning.)",
        "input 7x7x1\nmaxpool 2",
        "input 7x7x1\nmaxpool 2 ceil",
    ),
    Code(
        "TG205",
        "A size that weights or an expression depend on is not fixed.",
        "input ?x?x3\ndense 10",
        "input 8x8x3\ndense 10",
    ),
    Code(
        "TG206",
        "The shape of `input` does not suit the data.",
        "input 9x9x1\ndense 10 softmax\ntrain { data digits }",
        "input 8x8x1\ndense 10 softmax\ntrain { data digits }",
    ),
    Code(
        "TG207",
        "A layer that takes one value receives several.",
        "input 8\nx = dense 4\ny = dense 4\nfrom x y\nrelu",
        "input 8\nx = dense 4\ny = dense 4\nfrom x y\nadd\nrelu",
    ),
    Code(
        "TG301",
        "A word means nothing where it stands.",
        "dense 10 softmx",
        "dense 10 softmax",
    ),
    Code("TG302", "There is no such layer or statement.", "dens 10", "dense 10"),
    Code(
        "TG303",
        "A name is defined twice, or a statement that stands once in a file stands twice.",
        "let n = 5\nlet n = 6\ndense n",
        "let n = 5\nlet m = 6\ndense n*m",
    ),
    Code(
        "TG304",
        "A word of the language cannot be a name.",
        "let relu = 3\ndense 10",
        "let units = 3\ndense units",
    ),
    Code("TG305", "A name is never used. (A warning.)", "let n = 5\ndense 10", "dense 10"),
    Code(
        "TG306",
        "The value of a layer is never used. (A warning.)",
        "x = dense 5\ndense 6\nfrom x\nrelu",
        "x = dense 5\ndense 5\nadd x",
    ),
    Code(
        "TG307",
        "A name is not defined, or only in a line below.",
        "dense units",
        "let units = 10\ndense units",
    ),
    Code(
        "TG308",
        "A constant stands where a value of the network must stand, or the other way round.",
        "let n = 5\ndense 5\nadd n",
        "n = dense 5\ndense 5\nadd n",
    ),
    Code(
        "TG309",
        "`input` stands behind a layer.",
        "dense 10\ninput 8x8x1",
        "input 8x8x1\ndense 10",
    ),
    Code("TG310", "The file has no layer.", "input 8x8x1", "input 8x8x1\ndense 10"),
    Code("TG311", "Names are written in lower case.", "net LeNet\ndense 10", "net lenet\ndense 10"),
    Code("TG401", "Something that must be given is missing.", "conv 8", "conv 8 3x3"),
    Code("TG402", "There is no place for an argument.", "dense 10 20", "dense 10\ndense 20"),
    Code(
        "TG403",
        "An argument is of the wrong type.",
        "dense 2.5",
        "dense round(2.5)",
    ),
    Code("TG404", "A number is too small or too large.", "dropout 1.5", "dropout 0.5"),
    Code("TG405", "There is no such option.", "dense 10 stride=2", "dense 10 nobias"),
    Code(
        "TG406",
        "Something is given twice, or two arguments contradict each other.",
        "conv 8 3x3 same valid",
        "conv 8 3x3 same",
    ),
    Code(
        "TG407",
        "A positional argument stands behind a flag or an option.",
        "conv 8 same 3x3",
        "conv 8 3x3 same",
    ),
    Code("TG408", "An expression has no value.", "dense 10 // 0", "dense 10 // 2"),
    Code("TG409", "There is no such function.", "dense sqrt(100)", "dense 100 ** 0.5"),
    Code(
        "TG410",
        "Only layers with weights end in an activation.",
        "input 8x8x1\nmaxpool 2 relu",
        "input 8x8x1\nmaxpool 2\nrelu",
    ),
    Code(
        "TG411",
        "A softmax is not at the end of the network. (A warning.)",
        "dense 10 softmax\ndense 10",
        "dense 10 relu\ndense 10 softmax",
    ),
    Code(
        "TG412",
        "A softmax over one value is always 1. (A warning.)",
        "dense 1 softmax",
        "dense 1 sigmoid",
    ),
    Code(
        "TG501",
        "`train` has no such setting.",
        "dense 10\ntrain { epoch 5 }",
        "dense 10\ntrain { epochs 5 }",
    ),
    Code(
        "TG502",
        "A setting is given twice.",
        "dense 10\ntrain { epochs 5; epochs 6 }",
        "dense 10\ntrain { epochs 6 }",
    ),
    Code(
        "TG503",
        "A setting's word is not one that it knows.",
        "dense 10\ntrain { optimizer adm }",
        "dense 10\ntrain { optimizer adam }",
    ),
    Code(
        "TG504",
        "The loss does not suit the last layer.",
        "dense 10 sigmoid\ntrain { loss cross_entropy }",
        "dense 10 softmax\ntrain { loss cross_entropy }",
    ),
    Code(
        "TG505",
        "The loss contains an activation that the last layer lacks. (A warning.)",
        "dense 10\ntrain { loss cross_entropy }",
        "dense 10 softmax\ntrain { loss cross_entropy }",
    ),
    Code(
        "TG506",
        "The network has fewer results than the data has classes.",
        "dense 5 softmax\ntrain { data digits }",
        "dense 10 softmax\ntrain { data digits }",
    ),
)

CODES: dict[str, Code] = {entry.code: entry for entry in _TABLE}
"""The meaning of every code."""
