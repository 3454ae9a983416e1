"""The codes TG1: the grammar."""

from __future__ import annotations

from dsl.codes.definition import Code

TABLE = (
    Code(
        "TG101",
        "A word stands where it means nothing; the message says what could stand there.",
        "let units =\ndense 10",
        "let units = 10\ndense units",
        "Each line is one statement: a layer with its arguments, or one of the statements that"
        " `tg help` lists. Text that is not code stands behind `#`.",
    ),
    Code(
        "TG102",
        "A string is not closed on its line.",
        'dense 10\ntrain {\n  data "my digits\n}',
        'dense 10\ntrain {\n  data "my digits"\n}',
        "A string begins and ends with a double quote, both on the same line.",
    ),
    Code(
        "TG103",
        "A word that begins like a number is neither a number nor a size.",
        "conv 8 3x",
        "conv 8 3x3",
        "Numbers look like 3, 0.5 and 1e-4, sizes like 3x3 and 28x28x1. Names begin with a letter.",
    ),
    Code(
        "TG104",
        "A bracket or brace is not closed, or closes nothing.",
        "dense (5 + 5",
        "dense (5 + 5)",
        "Parentheses and brackets close on the line they were opened on; braces may close further"
        " down.",
    ),
    Code(
        "TG105",
        "Brackets or braces are nested too deep.",
        f"dense {'(' * 101}10{')' * 101}",
        "dense (10)",
        "More than a hundred brackets inside of each other are no expression that a person wrote.",
    ),
    Code(
        "TG107",
        "A negative argument stands in parentheses, or behind `=`: `a -b` is a difference.",
        "leaky_relu -0.1",
        "leaky_relu (0.1)",
        "Arguments stand side by side without a sign between them, so a minus between two of them"
        " is a subtraction.",
    ),
    Code(
        "TG108",
        "Arguments of layers stand side by side, without commas and parentheses.",
        "conv 8, 3x3",
        "conv 8 3x3",
        "A layer is not a function: what it needs stands behind it, separated by spaces. Only an"
        " activation may look like a call, `leaky_relu(0.2)`.",
    ),
    Code(
        "TG109",
        "A number is beyond what expressions compute with.",
        "dense 9**9**9",
        "dense 9**3",
        "Whole numbers are computed exactly, up to a limit that no size of a network comes near.",
    ),
    Code(
        "TG110",
        "A word such as `else` stands where nothing comes before it that it belongs to.",
        "dense 10\nelse {\n  dense 5\n}",
        "if true {\n  dense 10\n} else {\n  dense 5\n}",
        "`else` belongs behind the braces of an `if`, `shortcut` behind those of a `residual`.",
    ),
    Code(
        "TG111",
        "Braces, blocks or files are nested too deep.",
        f"block deep() {'{' * 60} relu {'}' * 60}\n{'{' * 60} deep {'}' * 60}",
        "block deep() { relu }\n{ deep }",
        "What a block contains counts where it is called.",
    ),
    Code(
        "TG112",
        "Repetitions and blocks come to too many statements.",
        "repeat 1000000000 {\n  relu\n}",
        "repeat 10 {\n  relu\n}",
        "Each repetition is a part of the network of its own, with its own weights.",
    ),
    Code(
        "TG113",
        "Braces stand behind a word that holds no other statements.",
        "resdual {\n  dense 10\n}",
        "residual {\n  dense features\n}",
        "Braces belong to `repeat`, `if`, `residual`, `branch`, `block` and `train`, and to a group"
        " with a name, `stem = { … }`.",
    ),
)
