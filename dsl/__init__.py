"""The `.net` language: from text to a network that the engine can run.

>>> import dsl
>>> tree = dsl.parse("input 28x28x1; conv 32 3x3 relu; maxpool 2; dense 10 softmax")
>>> net = dsl.check(tree)
>>> dsl.summarize(net).parameters
54410
>>> model = dsl.compile_net(net)
"""

from dsl.checker.check import check
from dsl.compiler import Forward, Model, build_loss, compile_net
from dsl.diagnostics import Diagnostic, Edit, NetError, Source, Span, render_all
from dsl.formatter.format import format_text
from dsl.loading import load
from dsl.network import Net, NetLayer
from dsl.optimizers import OptimizerSettings
from dsl.reading import read_file
from dsl.settings import DataSettings, TrainSettings
from dsl.summary import LayerSummary, Summary, summarize
from dsl.tree import parse

__all__ = [
    "DataSettings",
    "Diagnostic",
    "Edit",
    "Forward",
    "LayerSummary",
    "Model",
    "Net",
    "NetError",
    "NetLayer",
    "OptimizerSettings",
    "Source",
    "Span",
    "Summary",
    "TrainSettings",
    "build_loss",
    "check",
    "compile_net",
    "format_text",
    "load",
    "parse",
    "read_file",
    "render_all",
    "summarize",
]
