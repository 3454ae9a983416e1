"""The data sets that have a name: what they are, and where they can be had."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RemoteFile:
    """A file that a set is published as.

    Attributes
    ----------
    name : str
        Its name, here and behind each mirror.
    size : int
        Its bytes.
    md5 : str
        Its checksum, as its authors or the libraries that mirror it publish it.
    """

    name: str
    size: int
    md5: str


@dataclass(frozen=True)
class KnownSet:
    """A set that has a name.

    Attributes
    ----------
    name, title : str
        What it is called here, and what it is.
    input_shape : tuple of int
        Shape of one example.
    class_names : tuple of str
        Its classes.
    train, test : int
        How many examples each part has.
    licence, page : str
        On what terms it may be used, and where it is described.
    mirrors : tuple of str
        Addresses that its files stand behind, in the order in which they are tried.
    files : tuple of RemoteFile
        What is fetched; none where the set is part of this package.
    flips_change_meaning : bool
        Whether a mirrored example may be of another class, or of none: a mirrored 2 is no 2.
    packaged : (str, int) or None
        The file inside this package, with the value of its pictures that is white.
    """

    name: str
    title: str
    input_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    train: int
    test: int
    licence: str
    page: str
    mirrors: tuple[str, ...] = ()
    files: tuple[RemoteFile, ...] = ()
    flips_change_meaning: bool = False
    packaged: tuple[str, int] | None = None

    @property
    def size(self) -> int:
        """The bytes to fetch."""
        return sum(file.size for file in self.files)


_DIGITS = tuple("0123456789")

_CLOTHES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)

_CIFAR10 = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)

_CIFAR100 = (
    *("apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle"),
    *("bottle", "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle"),
    *("caterpillar", "cattle", "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch"),
    *("crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish", "forest", "fox"),
    *("girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion"),
    *("lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom"),
    *("oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree"),
    *("plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road"),
    *("rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake"),
    *("spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone"),
    *("television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale"),
    *("willow_tree", "wolf", "woman", "worm"),
)

_TORONTO = ("https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/")

KNOWN = {
    known.name: known
    for known in (
        KnownSet(
            name="digits",
            title="handwritten digits of the UCI repository, 8x8",
            input_shape=(8, 8, 1),
            class_names=_DIGITS,
            train=1437,
            test=360,
            licence="CC BY 4.0 (E. Alpaydin, C. Kaynak)",
            page="https://archive.ics.uci.edu/dataset/80",
            flips_change_meaning=True,
            packaged=("digits.npz", 16),
        ),
        KnownSet(
            name="mnist",
            title="handwritten digits, 28x28",
            input_shape=(28, 28, 1),
            class_names=_DIGITS,
            train=60_000,
            test=10_000,
            licence="CC BY-SA 3.0 (Y. LeCun, C. Cortes)",
            page="http://yann.lecun.com/exdb/mnist/",
            mirrors=(
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
            ),
            files=(
                RemoteFile(
                    "train-images-idx3-ubyte.gz", 9912422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"
                ),
                RemoteFile("train-labels-idx1-ubyte.gz", 28881, "d53e105ee54ea40749a09fcbcd1e9432"),
                RemoteFile(
                    "t10k-images-idx3-ubyte.gz", 1648877, "9fb629c4189551a2d022fa330f9573f3"
                ),
                RemoteFile("t10k-labels-idx1-ubyte.gz", 4542, "ec29112dd5afa0611ce80d1b7f02629c"),
            ),
            flips_change_meaning=True,
        ),
        KnownSet(
            name="fashion_mnist",
            title="pieces of clothing, 28x28",
            input_shape=(28, 28, 1),
            class_names=_CLOTHES,
            train=60_000,
            test=10_000,
            licence="MIT (Zalando SE)",
            page="https://github.com/zalandoresearch/fashion-mnist",
            mirrors=(
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            ),
            files=(
                RemoteFile(
                    "train-images-idx3-ubyte.gz", 26421880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"
                ),
                RemoteFile("train-labels-idx1-ubyte.gz", 29515, "25c81989df183df01b3e8a0aad5dffbe"),
                RemoteFile(
                    "t10k-images-idx3-ubyte.gz", 4422102, "bef4ecab320f06d8554ea6380940ec79"
                ),
                RemoteFile("t10k-labels-idx1-ubyte.gz", 5148, "bb300cfdad3c16e7a12a480ee83cd310"),
            ),
        ),
        KnownSet(
            name="cifar10",
            title="photographs of ten kinds of things, 32x32",
            input_shape=(32, 32, 3),
            class_names=_CIFAR10,
            train=50_000,
            test=10_000,
            licence="none stated; the authors ask to cite Krizhevsky 2009",
            page="https://www.cs.toronto.edu/~kriz/cifar.html",
            mirrors=_TORONTO,
            files=(
                RemoteFile("cifar-10-binary.tar.gz", 170052171, "c32a1d4ab5d03f1284b67883e8d87530"),
            ),
        ),
        KnownSet(
            name="cifar100",
            title="photographs of a hundred kinds of things, 32x32",
            input_shape=(32, 32, 3),
            class_names=_CIFAR100,
            train=50_000,
            test=10_000,
            licence="none stated; the authors ask to cite Krizhevsky 2009",
            page="https://www.cs.toronto.edu/~kriz/cifar.html",
            mirrors=_TORONTO,
            files=(
                RemoteFile(
                    "cifar-100-binary.tar.gz", 168513733, "03b5dce01913d631647c71ecec9e9cb8"
                ),
            ),
        ),
    )
}
"""Every known set by its name."""


def places_of(name: str) -> tuple[Path, ...]:
    """Return the folders where a set is looked for; it is fetched into the first of them.

    They are the set's folder in ``$TENSORGRAPH_DATA``, where that is given, and in
    ``~/.cache/tensorgraph``.
    """
    homes = [Path.home() / ".cache" / "tensorgraph"]
    if chosen := os.environ.get("TENSORGRAPH_DATA"):
        homes.insert(0, Path(chosen))
    return tuple(home / name for home in homes)


def folder_of(name: str) -> Path | None:
    """Return where a set lies on this machine, None if it does not.

    A folder with nothing but hidden files, as a download that was broken off leaves, does not
    count.
    """
    return next((place for place in places_of(name) if _has_files(place)), None)


def _has_files(place: Path) -> bool:
    return place.is_dir() and any(not entry.name.startswith(".") for entry in place.iterdir())
