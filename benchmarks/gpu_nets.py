"""The networks that are timed on a GPU: the small ones of `workload.py`, and two large ones."""

from __future__ import annotations

import workload

IMAGE = (224, 224, 3)


def vgg16() -> list[workload.Layer]:
    """Return VGG-16."""
    stages = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
    convolutions = "".join(
        f"conv {n} 3 same, relu, " * depth + "maxpool 2, " for n, depth in stages
    )
    hidden = "dense 4096, relu, dropout 0.5, " * 2
    return workload.layers(f"{convolutions}{hidden}dense 1000")


LARGE = {
    "resnet50": workload.Net(IMAGE, workload.resnet50(), classes=1000, steps=10),
    "vgg16": workload.Net(IMAGE, vgg16(), classes=1000, steps=10),
}
SMALL = ("mlp", "lenet", "lab")


def find(name: str) -> workload.Net:
    """Return a network by name."""
    return LARGE.get(name) or workload.NETS[name]
