"""The codes TG4: arguments."""

from __future__ import annotations

from dsl.codes.definition import Code

TABLE = (
    Code(
        "TG401",
        "Something that must be given is missing.",
        "conv 8",
        "conv 8 3x3",
        "`tg help` with the layer's word shows what must stand behind it.",
    ),
    Code(
        "TG402",
        "There is no place for an argument.",
        "dense 10 20",
        "dense 10\ndense 20",
        "Perhaps an option's name is missing, `stride=2`, or a line end.",
    ),
    Code(
        "TG403",
        "An argument is of the wrong type.",
        "dense 2.5",
        "dense round(2.5)",
        "`round`, `floor` and `ceil` make whole numbers of others.",
    ),
    Code(
        "TG404",
        "A number is too small or too large.",
        "dropout 1.5",
        "dropout 0.5",
        "The message says which numbers are possible.",
    ),
    Code(
        "TG405",
        "There is no such option.",
        "dense 10 stride=2",
        "dense 10 nobias",
        "`tg help` with the layer's word lists its options.",
    ),
    Code(
        "TG406",
        "Something is given twice, or two arguments contradict each other.",
        "conv 8 3x3 same valid",
        "conv 8 3x3 same",
        "One of the two would have no effect, and nothing in a file is ignored.",
    ),
    Code(
        "TG407",
        "A positional argument stands behind a flag or an option.",
        "conv 8 same 3x3",
        "conv 8 3x3 same",
        "The order says what a number means, which is only readable with all of them in front.",
    ),
    Code(
        "TG408",
        "An expression has no value.",
        "dense 10 // 0",
        "dense 10 // 2",
        "Division by zero, or a power that is no number.",
    ),
    Code(
        "TG409",
        "There is no such function.",
        "dense sqrt(100)",
        "dense 100 ** 0.5",
        "Expressions know `min`, `max`, `round`, `floor` and `ceil`; activations are no functions"
        " of numbers.",
    ),
    Code(
        "TG410",
        "Only layers with weights end in an activation.",
        "input 8x8x1\nmaxpool 2 relu",
        "input 8x8x1\nmaxpool 2\nrelu",
        "An activation works on what a layer computes with its weights. Behind other layers it is"
        " a statement of its own.",
    ),
    Code(
        "TG411",
        "A softmax is not at the end of the network. (A warning.)",
        "dense 10 softmax\ndense 10",
        "dense 10 relu\ndense 10 softmax",
        "Softmax turns all values into shares of 1: layers behind it hardly see what was there"
        " before.",
    ),
    Code(
        "TG412",
        "A softmax over one value is always 1. (A warning.)",
        "dense 1 softmax",
        "dense 1 sigmoid",
        "For one yes or no, `sigmoid` gives the probability.",
    ),
    Code(
        "TG413",
        "A list has no element of that number.",
        "let units = [8, 16]\ndense units[2]",
        "let units = [8, 16]\ndense units[1]",
        "The elements of a list are counted from 0, so the last one of three has the number 2.",
    ),
    Code(
        "TG414",
        "The values that a hyper-parameter may have are not given as they must be.",
        "let units = integer(16, 128)\ndense units",
        "let units = integer(16, 128, 64)\ndense units",
        "`choose(A, B, …)` lists values; the others take the lowest number, the highest and the"
        " default.",
    ),
    Code(
        "TG415",
        "A list has too many elements, or too many lists inside of each other.",
        f"let units = {'[' * 11}8{']' * 11}\ndense units",
        "let units = [8]\ndense units[0]",
        "The limits are far beyond what a kernel that is given needs. Lists of lists that grow from"
        " line to line reach them soon.",
    ),
    Code(
        "TG420",
        "The activation of a recurrent layer is one that makes no sense inside of its cell.",
        "input 20x8\nlstm 10 softmax",
        "input 20x8\nlstm 10\ndense 10 softmax",
        "The word stands for the activation of the cell at each step, in place of `tanh`.",
    ),
    Code(
        "TG421",
        "The expression of `lambda` uses a name or a function that it does not know.",
        'input 8\nlambda "x * sigmoids(x)"',
        'input 8\nlambda "x * sigmoid(x)"',
        "It knows its input `x`, the numbers `pi` and `e`, every activation, and functions such as"
        " `exp` and `sqrt`.",
    ),
    Code(
        "TG422",
        "The expression of `lambda` is not one of numbers.",
        'input 8\nlambda "[x, 2]"',
        'input 8\nlambda "x + 2"',
        "It is computed for each value by itself: lists, sizes and strings have no place in it.",
    ),
)
