"""The codes TG0: the file itself."""

from __future__ import annotations

from dsl.codes.definition import Code

TABLE = (
    Code(
        "TG001",
        "The file cannot be read.",
        explanation="The name may be mistyped, or the folder another one.",
    ),
    Code(
        "TG002",
        "The file is not UTF-8 text.",
        explanation="The place is that of the first byte that is no UTF-8; ASCII is UTF-8 too.",
    ),
    Code(
        "TG003",
        "Another file that this one names cannot be read.",
        'import "blocks.nte"\ndense 10',
        'import "blocks.net"\nwide\ndense 10',
        "Paths are relative to the file that they stand in.",
        files=(("blocks.net", "block wide() {\n  dense 64 relu\n}\n"),),
    ),
    Code(
        "TG004",
        "A network that this one uses has errors.",
        'input 8\nuse "base.net"\ndense 10',
        'input 8\nuse "good.net"\ndense 10',
        "The used file is checked with the shape that it receives here.",
        files=(("base.net", "dense 64 rleu\n"), ("good.net", "dense 64 relu\n")),
    ),
    Code(
        "TG005",
        "The weights that a part of the network is to start from do not suit it.",
        explanation="The names in the file are those of the used network, such as `conv/kernel`:"
        " the model.safetensors of a run of that network fits. `tg convert-weights` makes such a"
        " file from the weights of PyTorch or Keras.",
    ),
)
