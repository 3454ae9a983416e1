"""Valid programs drawn at random: format, parse, check and compile agree on each of them."""

from __future__ import annotations

import dataclasses
import re
from contextlib import contextmanager
from math import prod
from pathlib import Path

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

import dsl
import tensorgraph as tf
from dsl.diagnostics import Span
from dsl.formatter.format import format_text
from dsl.layers.definition import Layer

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FILES = sorted(EXAMPLES.rglob("*.net"))
ACTIVATIONS = ("relu", "tanh", "leaky_relu(0.2)", "silu", "elu", "sigmoid")
DEEPEST = 3


class Program:
    """Writes a program statement by statement, and keeps the shape of the current value.

    Its statements are canonical; `scatter` writes them as a careless person would.
    """

    def __init__(self, draw):
        self.draw = draw
        self.lines = []
        self.shape = ()
        self.values = [{}]  # the named values of each body, with their shapes
        self.constants = {}
        self.blocks = []
        self.names = 0

    # Drawing

    def integer(self, low, high):
        return self.draw(st.integers(low, high))

    def choice(self, *options):
        return self.draw(st.sampled_from(options))

    def chance(self):
        return self.draw(st.booleans())

    def new_name(self, letter):
        self.names += 1
        return f"{letter}{self.names}"

    def number(self, value):
        """Return an expression of a value."""
        forms = [str(value), f"({value - 1} + 1)", f"max({value}, 1)"]
        if value % 2 == 0:
            forms.append(f"2*{value // 2}")
        forms += [name for name, other in self.constants.items() if other == value]
        return self.choice(*forms)

    # Writing

    def add(self, statement):
        self.lines.append(statement)

    @contextmanager
    def body(self, opening="{", closing="}"):
        """Write a body: its names end with it, and so does its shape if it is not kept."""
        if opening:
            self.add(opening)
        self.values.append({})
        yield
        self.values.pop()
        if closing:
            self.add(closing)

    @property
    def is_image(self):
        return len(self.shape) == 3

    @property
    def is_sequence(self):
        return len(self.shape) == 2

    def write(self):
        axes = self.choice(3, 3, 2, 1)  # an image, a sequence, a vector
        self.shape = (*(self.integer(4, 9) for _ in range(axes - 1)), self.integer(1, 4))
        self.add(f"input {'x'.join(map(str, self.shape))}")
        for _ in range(self.integer(0, 2)):
            name, value = self.new_name("n"), self.integer(1, 6)
            self.add(f"let {name} = {self.number(value)}")
            self.constants[name] = value
        for _ in range(self.integer(0, 2)):
            self.define_block()
        self.same_shape()  # a file has a layer, and a body may have none
        self.statements(self.integer(0, 4), 0)
        if self.chance():
            self.to_vector()
            self.statements(self.integer(0, 2), 0)
            self.add(f"dense {self.number(3)} softmax")
        return "\n".join(self.lines) + "\n"

    def define_block(self):
        name, default = self.new_name("block"), self.choice(1, 3)
        with self.body(f"block {name}(filters, size={default}, end=relu) {{"):
            self.add("conv filters size same end")
            if self.chance():
                self.add("batchnorm")
        self.blocks.append(name)

    def statements(self, count, depth):
        """Write statements; each may change the shape."""
        for _ in range(count):
            kinds = [self.layer, self.same_shape, self.named_layer, self.merge]
            if depth < DEEPEST:
                kinds += [self.residual, self.branch, self.joined, self.repeat]
                kinds += [self.condition, self.group]
            kind = self.choice(*kinds)
            if kind in (self.layer, self.same_shape, self.named_layer, self.merge):
                kind()
            else:
                kind(depth + 1)

    # Layers

    def same_shape(self):
        """Write a layer that keeps the shape."""
        options = [*ACTIVATIONS, "dropout 0.3", "batchnorm", "act tanh", "noise 0.1"]
        if self.is_image:
            filters = self.number(self.shape[2])
            options += [
                f"conv {filters} {self.choice('1', '3', '3x1')} same relu",
                "depthwise 3 same",
            ]
        elif self.is_sequence:
            features = self.number(self.shape[1])
            options += [f"conv1d {features} 3 same tanh", f"gru {features} return=all"]
        else:
            options.append(f"dense {self.number(self.shape[0])} tanh")
        self.add(self.choice(*options))

    def layer(self):
        """Write a layer that may change the shape."""
        if self.is_sequence:
            self.layer_of_sequence()
        elif not self.is_image:
            units = self.integer(1, 6)
            self.add(f"dense {self.number(units)} {self.choice(*ACTIVATIONS, 'nobias')}")
            self.shape = (units,)
        else:
            self.layer_of_image()

    def layer_of_sequence(self):
        steps, features = self.shape
        units = self.integer(1, 4)
        kind = self.choice("conv1d", "lstm", "rnn", "pool")
        if kind == "pool" and steps >= 2:
            self.add("maxpool 2")
            self.shape = steps // 2, features
        elif kind == "lstm":
            self.add(f"lstm {self.number(units)} return=all bidirectional")
            self.shape = steps, 2 * units
        elif kind == "rnn":
            self.add(f"rnn {self.number(units)}")
            self.shape = (units,)
        else:
            size = min(self.integer(1, 3), steps)
            self.add(f"conv1d {self.number(units)} {size} relu")
            self.shape = steps - size + 1, units

    def layer_of_image(self):
        height, width, channels = self.shape
        kind = self.choice("conv", "conv", "separable", "pool", "block")
        filters = self.integer(1, 6)
        if kind == "block" and self.blocks:
            size = self.choice("", " 3", " size=1", " end=elu size=3")
            self.add(f"{self.choice(*self.blocks)} {self.number(filters)}{size}")
            self.shape = height, width, filters
        elif kind == "pool" and min(height, width) >= 2:
            self.add(f"{self.choice('maxpool', 'avgpool', 'sumpool')} 2")
            self.shape = height // 2, width // 2, channels
        else:
            word = "separable" if kind == "separable" else "conv"
            size = min(self.integer(1, 3), height, width)
            stride = self.integer(1, 2)
            self.add(f"{word} {self.number(filters)} {size} stride={stride} relu")
            self.shape = (height - size) // stride + 1, (width - size) // stride + 1, filters

    def named_layer(self):
        name = self.new_name("v")
        self.same_shape()
        self.lines[-1] = f"{name} = {self.lines[-1]}"
        self.values[-1][name] = self.shape

    def merge(self):
        """Merge the current value with a named one of the same shape, or go back to one."""
        fitting = [n for scope in self.values for n, s in scope.items() if s == self.shape]
        if not fitting:
            self.same_shape()
            return
        name = self.choice(*fitting)
        word = self.choice("add", "mul", "max", "average", "concat", "from")
        self.add(f"{word} {name}")
        if word == "concat":
            self.shape = (*self.shape[:-1], 2 * self.shape[-1])

    def to_vector(self):
        if len(self.shape) > 1:
            word = self.choice("flatten", "gap", "gmp")
            self.add(word)
            self.shape = (prod(self.shape),) if word == "flatten" else self.shape[-1:]

    # Structure

    def residual(self, depth):
        if self.chance():
            name = self.new_name("v")
            with self.body(f"{name} = residual {{"):
                self.kept(depth)
            self.values[-1][name] = self.shape
            return
        filters = self.integer(1, 6)
        with self.body("residual {", ""):
            self.kept(depth)
            self.project(filters)
        with self.body("} shortcut {"):
            self.project(filters)

    def project(self, channels):
        """Change the number of channels, or of features, alone."""
        word = {3: "conv {} 1", 2: "conv1d {} 1", 1: "dense {}"}[len(self.shape)]
        self.add(word.format(channels))
        self.shape = (*self.shape[:-1], channels)

    def kept(self, depth):
        """Write statements after which the shape is what it was."""
        for _ in range(self.integer(0, 2)):
            if depth < DEEPEST and self.chance():
                self.choice(self.branch, self.group)(depth + 1)
            else:
                self.same_shape()

    def branch(self, depth):
        arms = self.integer(2, 3)
        for index in range(arms):
            with self.body("} {" if index else "branch {", ""):
                self.kept(depth)
        self.add(f"}} {self.choice('add', 'mul', 'max', 'average')}")

    def joined(self, depth):
        """Write a branch whose arms stand side by side."""
        before, arms = self.shape, [self.integer(1, 3) for _ in range(self.integer(2, 3))]
        for index, channels in enumerate(arms):
            self.shape = before
            with self.body("} {" if index else "branch {", ""):
                self.kept(depth)
                self.project(channels)
        self.add("} concat")
        self.shape = (*before[:-1], sum(arms))

    def repeat(self, depth):
        count = self.integer(1, 3)
        with self.body(f"repeat {count} as i{depth} {{" if self.chance() else f"repeat {count} {{"):
            self.kept(depth)

    def condition(self, depth):
        left, right = self.integer(0, 3), self.integer(0, 3)
        operator = self.choice("==", "!=", "<", ">=")
        with self.body(f"if {left} {operator} {right} {{", ""):
            self.kept(depth)
        if self.chance():
            with self.body("} else {", ""):
                self.kept(depth)
        self.add("}")

    def group(self, depth):
        if self.chance():
            name = self.new_name("v")
            with self.body(f"{name} = {{"):
                self.kept(depth)
            self.values[-1][name] = self.shape
        else:
            with self.body():
                self.kept(depth)


@st.composite
def programs(draw):
    """Return a valid program in canonical words, a statement on a line."""
    return Program(draw).write()


def scatter(draw, text):
    """Return a program as a careless person would write it, with comments."""
    pieces = []
    for line in text.splitlines():
        words = line.split(" ")
        spaced = "".join(word + draw(st.sampled_from([" ", "  ", "\t"])) for word in words).rstrip()
        end = draw(st.sampled_from(["\n", "\n", "\n\n\n", " ;\n", "  # x\n", "\n# y {\n", "\r\n"]))
        pieces.append(
            spaced + (end if line.endswith(("{", "}")) else draw(st.sampled_from([end, ";"])))
        )
    return "".join(pieces)


def meaning(net):
    """Return all that a network is, but for the places in its file."""
    layers = [
        (one.name, one.kind, one.inputs, describe(one.use.arguments), one.output_shape)
        for one in net.layers
    ]
    return net.input_shape, net.outputs, layers


def describe(value):
    """Return an argument so that equal ones are equal texts."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type | Span | Layer):
        names = [f.name for f in dataclasses.fields(value)]
        return {name: describe(getattr(value, name)) for name in names}
    if isinstance(value, Span):
        return None
    if isinstance(value, list | tuple):
        return [describe(item) for item in value]
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    if isinstance(value, dict):
        return {key: describe(item) for key, item in value.items()}
    return value


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_formatted_examples_mean_the_same(path):
    text = dsl.read_file(path)
    result = format_text(text)
    assert text.count("#") == result.count("#")
    net, again = (dsl.check(dsl.parse(t, str(path))) for t in (text, result))
    assert meaning(again) == meaning(net)
    assert describe(again.train) == describe(net.train)


@given(st.data())
def test_format_parse_and_check_agree(data):
    text = data.draw(programs())
    net = dsl.check(dsl.parse(text))
    scattered = scatter(data.draw, text)
    result = format_text(scattered)
    assert format_text(result) == result
    assert result.count("#") == scattered.count("#")
    assert meaning(dsl.check(dsl.parse(scattered))) == meaning(net)
    assert meaning(dsl.check(dsl.parse(result))) == meaning(net)
    event(f"{min(len(net.layers) // 10 * 10, 50)} layers or more")
    # The words were canonical before they were scattered: without comments they are again.
    code = [re.sub(r"\s*#.*", "", line) for line in result.splitlines()]
    assert [line.strip() for line in code if line.strip()] == [
        line for line in format_text(text).replace("  ", "").splitlines() if line
    ]


@settings(max_examples=settings().max_examples // 2)
@given(programs())
def test_inferred_shapes_are_those_that_the_engine_produces(text):
    net = dsl.check(dsl.parse(text))
    with tf.Graph().as_default():
        model = dsl.compile_net(net)
        forward = model.apply()
        names = [layer.name for layer in net.layers]
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            x = np.ones([2, *net.input_shape], np.float32)
            results = session.run([forward.values[name] for name in names], {model.input: x})
        shapes = {name: result.shape[1:] for name, result in zip(names, results, strict=True)}
        assert shapes == {layer.name: layer.output_shape for layer in net.layers}
        sizes = [variable.shape.num_elements() for variable in tf.global_variables()]
        assert sum(sizes) == dsl.summarize(net).parameters
