"""The codes TG5: the ``train`` section."""

from __future__ import annotations

from dsl.codes.definition import Code

TABLE = (
    Code(
        "TG501",
        "`train` has no such setting.",
        "dense 10\ntrain { epoch 5 }",
        "dense 10\ntrain { epochs 5 }",
        "`tg help train` and the page on training list the settings.",
    ),
    Code(
        "TG502",
        "A setting is given twice.",
        "dense 10\ntrain { epochs 5; epochs 6 }",
        "dense 10\ntrain { epochs 6 }",
        "Only one of the two could have an effect.",
    ),
    Code(
        "TG503",
        "A setting's word is not one that it knows.",
        "dense 10\ntrain { optimizer adm }",
        "dense 10\ntrain { optimizer adam }",
        "`tg help` with the setting's word lists what it knows.",
    ),
    Code(
        "TG504",
        "The loss does not suit the last layer.",
        "dense 10 sigmoid\ntrain { loss cross_entropy }",
        "dense 10 softmax\ntrain { loss cross_entropy }",
        "A loss compares results with targets, so it has to know what kind of numbers these are:"
        " `cross_entropy` needs probabilities of classes.",
    ),
    Code(
        "TG505",
        "The loss contains an activation that the last layer lacks. (A warning.)",
        "dense 10\ntrain { loss cross_entropy }",
        "dense 10 softmax\ntrain { loss cross_entropy }",
        "The loss computes the activation by itself, which is exact where it saturates; but then"
        " predictions lack it.",
    ),
    Code(
        "TG506",
        "The network has fewer results than the data has classes.",
        "dense 5 softmax\ntrain { data digits }",
        "dense 10 softmax\ntrain { data digits }",
        "Each class needs a result of its own.",
    ),
    Code(
        "TG507",
        "A metric, or a score that a setting watches, does not suit the network.",
        "dense 1\ntrain { metrics accuracy }",
        "dense 1\ntrain { metrics mae }",
        "`accuracy`, `precision` and their like count right answers, so that they need classes;"
        " `top5` needs five of them, `auc` just two. A network that gives values is measured with"
        " `mae` or `mse`.",
    ),
    Code(
        "TG508",
        "Two settings contradict each other.",
        "dense 10 softmax\ntrain { ensemble 3; snapshots 3 }",
        "dense 10 softmax\ntrain { ensemble 3 }",
        "The message names both. A score that begins with `val_` needs a validation part, which"
        " `validation=0` forbids.",
    ),
    Code(
        "TG509",
        "A setting stands in braces and should not, or the other way round.",
        "dense 10\ntrain { augment hflip }",
        "dense 10\ntrain { augment { hflip } }",
        "The steps of `preprocess` and `augment` stand in braces; all other settings go without.",
    ),
    Code(
        "TG510",
        "Digits are mirrored while training. (A warning.)",
        "dense 10 softmax\ntrain { data digits; augment { hflip } }",
        "dense 10 softmax\ntrain { data digits; augment { shift 1 } }",
        "A mirrored 2 or 5 is no digit, so that the network learns from pictures that never occur.",
    ),
    Code(
        "TG511",
        "There is nothing to train. (A warning.)",
        "input 8x8x1\ndense 10 softmax frozen\ntrain { data digits }",
        "input 8x8x1\ndense 32 relu frozen\ndense 10 softmax\ntrain { data digits }",
        "Every layer with weights is frozen, or none has weights.",
    ),
    Code(
        "TG512",
        "The network has more results than the data has classes. (A warning.)",
        "dense 20 softmax\ntrain { data digits }",
        "dense 10 softmax\ntrain { data digits }",
        "It can be trained, but the results that no class belongs to only learn to be small.",
    ),
    Code(
        "TG513",
        "A change on the command line is not written NAME=VALUE.",
        explanation="`--set optimizer.lr=0.01` changes an option of a setting of `train`,"
        " `--set batch=32` a setting, and `--set width=64` a constant that the file defines with"
        " `let`.",
    ),
    Code(
        "TG514",
        "The network gives an image, or a sequence, and the data says one class an example.",
        "input 8x8x1\nconv 10 3x3 softmax\ntrain { data digits }",
        "input 8x8x1\nconv 10 3x3 relu\ngap\nsoftmax\ntrain { data digits }",
        "To tell classes apart, a network ends in a row of numbers: `dense 10 softmax`, or `gap`"
        " and an activation. A network that is to give back its input, an autoencoder, is trained"
        " with `data digits target=itself`.",
    ),
    Code(
        "TG515",
        "A network with several inputs is to be trained on a data set.",
        "a = input 8x8x1\nb = input 8x8x1\nadd a\ndense 10 softmax\ntrain { data digits }",
        "input 8x8x1\ndense 10 softmax\ntrain { data digits }",
        "Each example of a data set is one array. Where all that the network receives fits into"
        " one, as a row of numbers, make it the only input. Otherwise leave `data` out, and feed"
        " each input by its name from Python: the page on training shows how.",
    ),
)
