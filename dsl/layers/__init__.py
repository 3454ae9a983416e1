"""The layers of the language, each defined in one place.

Importing this package imports every module in it, and so fills the table `LAYERS`: a new layer
needs no more than its own file.
"""

from importlib import import_module
from pkgutil import iter_modules

from dsl.layers.activations import ACTIVATIONS, Activation, ActivationUse
from dsl.layers.definition import LAYERS, Flag, Layer, Parameter, Signature, Use, Weight, Window
from dsl.layers.initializers import INITIALIZERS, Initializer

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "LAYERS",
    "Activation",
    "ActivationUse",
    "Flag",
    "Initializer",
    "Layer",
    "Parameter",
    "Signature",
    "Use",
    "Weight",
    "Window",
]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
