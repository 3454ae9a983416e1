"""Weights of another library → those of a network, with a report of what matched.

Modules and layers are matched by what they are and by the shapes of their weights. Among equals
the names decide: from the first layer to the last, each gets the module that is most like the one
before it, or else the first by name. A mapping decides otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dsl.diagnostics import quoted
from dsl.foreign.layouts import convert_module, convert_tensor
from dsl.foreign.names import likeness, skips, split_name
from dsl.foreign.reading import Module, group_by_module
from dsl.layers.arguments import format_sizes
from dsl.network import Net, NetLayer
from dsl.training.errors import RunError
from dsl.training.state import Arrays

Mapped = Mapping[str, str | None]
"""For layers, or single weights, the module or tensor they come from; None for nothing."""


@dataclass(frozen=True)
class Match:
    """A layer, and where its weights come from.

    Attributes
    ----------
    layer, source : str
        The layer, and the module of the file; or, by a mapping, a weight and a tensor.
    how : str
        ``shape`` (nothing else fits), ``name`` (the likeliest of several) or ``mapping``.
    zeros : bool
        Whether its bias is 0, because the module has none.
    """

    layer: str
    source: str
    how: str
    zeros: bool = False


@dataclass
class Conversion:
    """What a conversion came to.

    Attributes
    ----------
    weights : dict of str to array
        The weights by the network's names.
    matches : list of Match
        The layers that got weights.
    missing : dict of str to str
        The layers or weights that did not, each with the reason.
    unused : list of str
        The modules of the file that no layer got.
    """

    weights: Arrays = field(default_factory=dict)
    matches: list[Match] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the report as a dictionary of strings and lists."""
        return {
            "matched": {match.layer: match.source for match in self.matches},
            "by_name": [match.layer for match in self.matches if match.how == "name"],
            "zero_bias": [match.layer for match in self.matches if match.zeros],
            "missing": self.missing,
            "unused": self.unused,
        }


def read_mapping(path: Path) -> Mapped:
    """Return a mapping from a JSON file: an object of texts, or of null for nothing.

    Raises
    ------
    RunError
        If it is something else.
    """
    try:
        mapping = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is no mapping: {error}") from None
    if not isinstance(mapping, dict) or not all(
        isinstance(value, str | None) for value in mapping.values()
    ):
        raise RunError(
            f'{path} is no mapping: expected {{"LAYER": "MODULE", …}} with names of the network'
            " and of the file"
        )
    return mapping


def convert(net: Net, tensors: Arrays, mapping: Mapped | None = None) -> Conversion:
    """Return the weights of a network that come from the tensors of another library.

    Parameters
    ----------
    net : Net
        The network; all its shapes are known.
    tensors : dict of str to array
        The tensors, by PyTorch's or Keras's names and in its layout.
    mapping : mapping, optional
        Where certain layers or weights come from: ``{"conv": "layer1.conv"}``,
        ``{"conv/kernel": "layer1.conv.weight", "dense": None}``.

    Raises
    ------
    RunError
        If the mapping names what is not there, or what does not fit.
    """
    result = Conversion()
    layers = {layer.name: layer for layer in net.layers if layer.weights}
    modules = {module.name: module for module in group_by_module(tensors)}
    if mapping:
        _follow(net, tensors, mapping, layers, modules, result)
    for exact in (True, False):
        _match_groups(net, layers, modules, result, exact=exact)
    order = {layer.name: i for i, layer in enumerate(net.layers)}
    result.matches.sort(key=lambda m: order[_layer_of(m.layer, order)])
    result.missing |= {
        name: _reason(net, layer, list(modules.values())) for name, layer in layers.items()
    }
    result.unused += list(modules)
    return result


def _follow(
    net: Net,
    tensors: Arrays,
    mapping: Mapped,
    layers: dict[str, NetLayer],
    modules: dict[str, Module],
    result: Conversion,
) -> None:
    """Do what a mapping says, and take what it speaks of out of layers and modules."""
    known, sources = dict(layers), dict(modules)
    touched: list[NetLayer] = []
    for name, source in mapping.items():
        layer = known.get(_layer_of(name, known))
        if layer is None:
            raise RunError(f"the mapping names {name!r}, but the network has no such layer")
        if layers.pop(layer.name, None) is not None:
            touched.append(layer)
        if source is None:
            result.missing[name] = "the mapping leaves it out"
        elif name == layer.name:
            _take_module(net, layer, sources.get(source), source, result)
            modules.pop(source, None)
        else:
            _take_tensor(net, layer, name, tensors, source, result)
            modules.pop(split_name(source)[0], None)
    for layer in touched:
        if layer.name in result.missing:
            continue
        for name in (f"{layer.name}/{weight.name}" for weight in layer.weights):
            if name not in result.weights:
                result.missing.setdefault(name, "the mapping names only others of its layer")


def _layer_of(name: str, layers: Collection[str]) -> str:
    """Return the layer that a name is of, which is the layer itself or one of its weights."""
    return name if name in layers else name.rpartition("/")[0]


def _take_module(
    net: Net, layer: NetLayer, module: Module | None, source: str, result: Conversion
) -> None:
    if module is None:
        raise RunError(f"the mapping names {source!r}, but the file has no such module")
    values = convert_module(net, layer, module.tensors)
    if values is None:
        raise RunError(
            f"{source!r} does not fit the layer {layer.name!r}: it needs {_wanted(layer)}, the"
            f" file has {_given(module)}"
        )
    _take(layer, module, values, "mapping", result)


def _take_tensor(
    net: Net, layer: NetLayer, name: str, tensors: Arrays, source: str, result: Conversion
) -> None:
    weight = next((w for w in layer.weights if f"{layer.name}/{w.name}" == name), None)
    if weight is None:
        raise RunError(f"the mapping names {name!r}, but the network has no such weight")
    if source not in tensors:
        raise RunError(f"the mapping names {source!r}, but the file has no such tensor")
    value = convert_tensor(net, layer, weight, tensors[source], split_name(source)[1])
    if value is None:
        raise RunError(
            f"{source!r} does not fit {name!r}: it needs {format_sizes(weight.shape)}, the file"
            f" has {format_sizes(tensors[source].shape)}"
        )
    result.weights[name] = value
    result.matches.append(Match(name, source, "mapping"))


def _match_groups(
    net: Net,
    layers: dict[str, NetLayer],
    modules: dict[str, Module],
    result: Conversion,
    *,
    exact: bool,
) -> None:
    """Match layers with the modules that fit them, where equal ones are equally many."""
    groups: dict[object, list[NetLayer]] = {}
    for layer in layers.values():
        groups.setdefault(_kind_of(layer), []).append(layer)
    fitting = {
        key: [m for m in modules.values() if _fits(net, group[0], m, exact=exact)]
        for key, group in groups.items()
    }
    matched = {match.layer: match.source for match in result.matches}
    for layer in list(layers.values()):
        group, candidates = groups[_kind_of(layer)], fitting[_kind_of(layer)]
        if len(candidates) != len(group):
            continue
        remaining = [m for m in candidates if m.name in modules]
        before = [matched[name] for name in _sources_of(net, layer) if name in matched]
        module = _likeliest(remaining, before, modules)
        values = convert_module(net, layer, module.tensors, exact=exact)
        assert values is not None
        _take(layer, module, values, "shape" if len(group) == 1 else "name", result)
        matched[layer.name] = module.name
        del layers[layer.name], modules[module.name]


def _likeliest(
    candidates: Sequence[Module], before: Sequence[str], left: Collection[str]
) -> Module:
    """Return the module that most likely follows those before it; the first where none does."""
    ranked = [
        (likeness(name, module.name), -place, name)
        for place, module in enumerate(candidates)
        for name in before
    ]
    ranked.sort(reverse=True)
    steps = ((candidates[-place], name) for _, place, name in ranked)
    good = (module for module, name in steps if not skips(name, module.name, left))
    return next(good, candidates[0])


def _sources_of(net: Net, layer: NetLayer) -> list[str]:
    """Return the layers with weights whose results reach a layer without passing another one."""
    found, open_, seen = [], list(layer.inputs), set[str]()
    by_name = {other.name: other for other in net.layers}
    while open_:
        name = open_.pop()
        other = by_name.get(name)
        if other is None or name in seen:
            continue
        seen.add(name)
        if other.weights:
            found.append(name)
        else:
            open_ += other.inputs
    return found


def _fits(net: Net, layer: NetLayer, module: Module, *, exact: bool) -> bool:
    return convert_module(net, layer, module.tensors, exact=exact) is not None


def _kind_of(layer: NetLayer) -> object:
    """Return what equal layers have in common."""
    return layer.kind, tuple((weight.name, weight.shape) for weight in layer.weights)


def _take(layer: NetLayer, module: Module, values: Arrays, how: str, result: Conversion) -> None:
    result.weights |= {f"{layer.name}/{name}": value for name, value in values.items()}
    zeros = "bias" in values and "bias" not in module.tensors
    result.matches.append(Match(layer.name, module.name, how, zeros))


def _reason(net: Net, layer: NetLayer, modules: Sequence[Module]) -> str:
    """Say why a layer got no weights."""
    fitting = [m.name for m in modules if _fits(net, layer, m, exact=False)]
    if not fitting:
        return f"nothing in the file fits: it needs {_wanted(layer)}"
    more = ", …" if len(fitting) > 3 else ""
    return f"not as many modules fit as there are such layers: {quoted(fitting[:3], 'and')}{more}"


def _wanted(layer: NetLayer) -> str:
    return ", ".join(f"{w.name} {format_sizes(w.shape)}" for w in layer.weights)


def _given(module: Module) -> str:
    return ", ".join(f"{name} {format_sizes(t.shape)}" for name, t in module.tensors.items())
