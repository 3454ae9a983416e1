"""The codes TG2: shapes."""

from __future__ import annotations

from dsl.codes.definition import Code

TABLE = (
    Code(
        "TG201",
        "A kernel or window is larger than the image it moves over.",
        "input 4x4x1\nconv 8 5x5",
        "input 4x4x1\nconv 8 5x5 same",
        "Each layer without padding makes the image smaller, until the next kernel does not fit."
        " The message lists the sizes on the way; `same` keeps a size as it is.",
    ),
    Code(
        "TG202",
        "A layer needs an image, height x width x channels, and receives something else.",
        "input 784\nconv 8 3x3",
        "input 28x28x1\nconv 8 3x3",
        "An image has a height, a width and channels, in this order. A gray one has one channel:"
        " `28x28x1`. Behind `flatten` or `dense` there is no image any more.",
    ),
    Code(
        "TG203",
        "Values of different shapes cannot be merged.",
        "input 8\nx = dense 4\ndense 5\nadd x",
        "input 8\nx = dense 4\ndense 4\nadd x",
        "`add` and its like work element by element, so all values need one shape; a vector with"
        " one number for each channel is spread over the image. `concat` needs all sizes but the"
        " last to agree.",
    ),
    Code(
        "TG204",
        "Windows do not reach the last rows or columns of the image. (A warning.)",
        "input 7x7x1\nmaxpool 2",
        "input 7x7x1\nmaxpool 2 ceil",
        "Windows move by their stride and stop where the next one would reach over the edge: what"
        " is left there is ignored.",
    ),
    Code(
        "TG205",
        "A size that weights or an expression depend on is not fixed.",
        "input ?x?x3\ndense 10",
        "input 8x8x3\ndense 10",
        "The weights of `dense` belong to a fixed number of inputs. Fix the size, or bring the"
        " image down to one number for each channel with `gap`.",
    ),
    Code(
        "TG206",
        "The shape of `input` does not suit the data.",
        "input 9x9x1\ndense 10 softmax\ntrain { data digits }",
        "input 8x8x1\ndense 10 softmax\ntrain { data digits }",
        "The shape of known data is fixed. `784` for images of 28x28x1 is understood too: the"
        " same numbers, in another arrangement.",
    ),
    Code(
        "TG207",
        "A layer that takes one value receives several.",
        "input 8\nx = dense 4\ny = dense 4\nfrom x y\nrelu",
        "input 8\nx = dense 4\ny = dense 4\nfrom x y\nadd\nrelu",
        "Behind `from` with several names there are several current values, until a layer such as"
        " `add` or `concat` makes one of them.",
    ),
    Code(
        "TG208",
        "The body of a residual has another shape than what is added to it.",
        "input 8x8x16\nresidual {\n  conv 32 3x3 same\n}",
        "input 8x8x16\nresidual {\n  conv 32 3x3 same\n} shortcut {\n  conv 32 1x1\n}",
        "A residual adds what comes out of its body to what went in, element by element. Where"
        " the body changes the shape, a `shortcut` has to change the input in the same way,"
        " mostly by a 1x1 convolution.",
    ),
    Code(
        "TG209",
        "The current value does not suit the network that a `use` brings in.",
        'input 8x8x1\nuse "base.net"\ngap',
        'input 8x8x3\nuse "base.net"\ngap',
        "The used network was written for an input of another shape. Sizes of images may differ"
        " as long as its layers can work with them, the number of channels may not.",
        files=(("base.net", "input 32x32x3\nconv 8 3x3 relu\n"),),
    ),
    Code(
        "TG210",
        "Token ids come as a sequence of one length.",
        "input 10x10 of 1000\nembedding 16",
        "input 100 of 1000\nembedding 16",
        "Behind `input` with `of` stands the number of tokens in an example, one number.",
    ),
    Code(
        "TG220",
        "A layer needs a sequence, time x features, and receives something else.",
        "input 28x28x1\nlstm 8",
        "input 28x28\nlstm 8",
        "`conv1d` and the recurrent layers walk along time. For an image there is `conv`; `reshape`"
        " makes a sequence of other values.",
    ),
    Code(
        "TG221",
        "A layer needs a volume, depth x height x width x channels, and receives something else.",
        "input 28x28x1\nconv3d 8 3",
        "input 16x28x28x1\nconv3d 8 3",
        "Films and scans are volumes. For an image there is `conv`, for a sequence `conv1d`.",
    ),
    Code(
        "TG222",
        "The groups of a convolution do not divide its channels, or its filters.",
        "input 8x8x6\nconv 8 3x3 groups=4",
        "input 8x8x8\nconv 8 3x3 groups=4",
        "Each group of channels gets its own filters, and all groups the same number of both.",
    ),
    Code(
        "TG223",
        "The new shape has more or fewer values than the old one.",
        "input 28x28x1\nreshape 7x7x64",
        "input 28x28x1\nreshape 7x7x16",
        "`reshape` arranges the values of an example anew; it makes none and drops none. One size"
        " may be `?`, which then follows from the others.",
    ),
    Code(
        "TG224",
        "`permute` does not name each axis once.",
        "input 128x9\npermute 1 1",
        "input 128x9\npermute 2 1",
        "The axes of an example are counted from 1; the axis of the batch stays in front.",
    ),
    Code(
        "TG225",
        "`embedding` receives numbers where it needs token ids.",
        "input 100\nembedding 16",
        "input 100 of 10000\nembedding 16",
        "It looks up a row of a table for each token, and has to know how many there are.",
    ),
    Code(
        "TG226",
        "A layer that computes with numbers receives token ids.",
        "input 100 of 10000\ndense 8",
        "input 100 of 10000\nembedding 16\ndense 8",
        "An id is a place in a list of words: twice the id is not twice the word. `embedding`"
        " learns a vector for each.",
    ),
    Code(
        "TG227",
        "Nothing is left of the image.",
        "input 8x8x1\ncrop 4",
        "input 8x8x1\ncrop 2",
        "`crop` cuts off both sides, and so does the padding of `deconv`.",
    ),
    Code(
        "TG228",
        "A size has more or fewer parts than the input has axes.",
        "input 128x9\nmaxpool 2x2",
        "input 128x9\nmaxpool 2",
        "A sequence has one axis beside its features, an image two, a volume three. One number is"
        " the size along each of them.",
    ),
    Code(
        "TG229",
        "A kernel that is given does not fit the weights of the layer.",
        "input 8x8x1\nconv 1 5x5 init=sharpen",
        "input 8x8x1\nconv 1 3x3 init=sharpen",
        "Kernels with a name have a size of their own. A list of numbers is one kernel, or one for"
        " each filter, or all the weights of the layer.",
    ),
)
