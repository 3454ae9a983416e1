"""Folders and archives alike: names of files, and what they hold.

An archive (tar in any packing, zip) is read in place and never unpacked onto the disk, so that no
name in it can lead anywhere.
"""

from __future__ import annotations

import lzma
import os
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath

from tensorgraph.base.errors import DataError

_TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2")
# What is read from an archive stays in memory.
_MAX_BYTES = 4 << 30
# So much is kept by the pass that lists what is there, to save a second one.
_KEPT_BYTES = 512 << 20


class Tree(ABC):
    """Files by their names.

    Parameters
    ----------
    path : Path
        The folder or archive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """The names of all files, with ``/`` between their parts, sorted; hidden ones are not."""

    @abstractmethod
    def contents(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Yield name and content of some files, in the order that is quickest to read.

        Raises
        ------
        DataError
            If one cannot be read.
        """

    def read(self, name: str) -> bytes:
        """Return the content of one file."""
        (content,) = (content for _, content in self.contents([name]))
        return content

    def file(self, name: str) -> Path | None:
        """Return where a file lies on the disk, None for one in an archive."""
        return None

    def where(self, name: str) -> str:
        """Return what messages call a file."""
        return f"{self.path}/{name}"


class _Folder(Tree):
    """A folder on the disk."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        found = []
        for folder, folders, files in os.walk(self.path, followlinks=True):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            base = Path(folder).relative_to(self.path)
            found += [(base / name).as_posix() for name in files if not name.startswith(".")]
        return tuple(sorted(found))

    def contents(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        for name in names:
            try:
                yield name, (self.path / name).read_bytes()
            except OSError as error:
                raise DataError(f"{self.where(name)} cannot be read: {error.strerror}") from None

    def file(self, name: str) -> Path | None:
        return self.path / name


class _Tar(Tree):
    """A tar archive. It can only be read from its beginning, so that one pass gives all files."""

    @cached_property
    def _members(self) -> dict[str, int]:
        """The sizes of all files; the pass that finds them keeps what they hold, if little."""
        sizes: dict[str, int] = {}
        total = 0
        self._kept: dict[str, bytes] = {}
        with _reading(self.path), tarfile.open(self.path) as archive:
            for member in archive:
                if member.isreg() and _is_plain(member.name):
                    name = _clean(member.name)
                    sizes[name] = member.size
                    total += member.size
                    if total <= _KEPT_BYTES:
                        self._kept[name] = _content(archive, member)
        return sizes

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._members))

    def contents(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        _check_size(self.path, sum(self._members[name] for name in names))
        wanted = {*names} - {*self._kept}
        yield from ((name, self._kept[name]) for name in names if name in self._kept)
        if not wanted:
            return
        with _reading(self.path), tarfile.open(self.path) as archive:
            for member in archive:
                name = _clean(member.name)
                if name in wanted and member.isreg():
                    wanted.discard(name)
                    yield name, _content(archive, member)


class _Zip(Tree):
    """A zip archive."""

    @cached_property
    def _members(self) -> dict[str, zipfile.ZipInfo]:
        with _reading(self.path), zipfile.ZipFile(self.path) as archive:
            infos = [i for i in archive.infolist() if not i.is_dir() and _is_plain(i.filename)]
            return {_clean(info.filename): info for info in infos}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._members))

    def contents(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        _check_size(self.path, sum(self._members[name].file_size for name in names))
        with _reading(self.path), zipfile.ZipFile(self.path) as archive:
            for name in names:
                yield name, archive.read(self._members[name])


def is_archive(path: Path) -> bool:
    """Return whether a file is an archive, by its name."""
    return path.name.lower().endswith((*_TAR_ENDINGS, ".zip"))


def open_tree(path: Path) -> Tree:
    """Return a folder or an archive as a tree.

    Raises
    ------
    DataError
        If it is an archive that cannot be read.
    """
    if path.is_dir():
        return _Folder(path)
    tree: Tree = _Zip(path) if path.name.lower().endswith(".zip") else _Tar(path)
    return tree


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None  # it is for regular files
    return file.read()


def _clean(name: str) -> str:
    return PurePosixPath(name).as_posix()


def _is_plain(name: str) -> bool:
    """Return whether no part of a name is hidden; macOS puts ``._x`` and ``__MACOSX`` in."""
    parts = PurePosixPath(name).parts
    return not any(part.startswith((".", "__MACOSX")) for part in parts)


def _check_size(path: Path, size: int) -> None:
    if size > _MAX_BYTES:
        raise DataError(
            f"{path} holds {size / 2**30:.1f} GiB, too much to read from an archive: unpack it, and"
            " give the folder"
        )


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn whatever a damaged archive leads to into an error that names it."""
    damage = (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError)
    try:
        yield
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    except (*damage, NotImplementedError, RuntimeError) as error:  # the last two: packed otherwise
        raise DataError(f"{path} is damaged, or no archive that can be read: {error}") from None
