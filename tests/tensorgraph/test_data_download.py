"""Fetching: a server on this machine that cuts off, lies about lengths and gives wrong bytes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from tensorgraph.base.errors import DataError
from tensorgraph.data import known
from tensorgraph.data.download import fetch
from tensorgraph.data.known import KNOWN, KnownSet, RemoteFile, folder_of

CONTENT = np.random.default_rng(0).bytes(700_000)
FILE = RemoteFile("things.bin", len(CONTENT), hashlib.md5(CONTENT).hexdigest())


@dataclass
class Behaviour:
    """What the server does, and what it was asked."""

    content: bytes = CONTENT
    cut: list[int] = field(default_factory=list)  # after so many bytes, one for each request
    resumes: bool = True
    promise: int | None = None
    status: int | None = None
    waits: threading.Event | None = None  # in the middle of the content
    asked: list[str | None] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    """Gives the content of its server's behaviour."""

    def do_GET(self) -> None:
        behaviour: Behaviour = self.server.behaviour  # type: ignore[attr-defined]
        asked = self.headers.get("Range")
        behaviour.asked.append(asked)
        if behaviour.status is not None:
            self.send_error(behaviour.status)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and behaviour.resumes else 0
        rest = behaviour.content[start:]
        self.send_response(206 if start else 200)
        promise = len(rest) if behaviour.promise is None else behaviour.promise
        if promise >= 0:
            self.send_header("Content-Length", str(promise))
        self.end_headers()
        given = rest[: behaviour.cut.pop(0)] if behaviour.cut else rest
        self.wfile.write(given[: len(given) // 2])
        if behaviour.waits is not None:
            behaviour.waits.wait(timeout=10)
        self.wfile.write(given[len(given) // 2 :])

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture
def server() -> Iterator[tuple[str, Behaviour]]:
    """Return the address of a server, and what it does."""
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.behaviour = behaviour = Behaviour()  # type: ignore[attr-defined]
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}/files", behaviour
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def things(server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a known set of the server's file, and return where it is to be."""
    address, _ = server
    entry = KnownSet("things", "", (1,), ("a", "b"), 1, 1, "", "", (address,), (FILE,))
    monkeypatch.setitem(KNOWN, "things", entry)
    monkeypatch.setenv("TENSORGRAPH_DATA", str(tmp_path))
    return tmp_path / "things" / FILE.name


def part_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


FETCHING = f"""
import sys
from pathlib import Path
from tensorgraph.data.download import fetch
from tensorgraph.data.known import KNOWN, KnownSet, RemoteFile

address, folder = sys.argv[1:]
file = RemoteFile({FILE.name!r}, {FILE.size}, {FILE.md5!r})
KNOWN["things"] = KnownSet("things", "", (1,), ("a", "b"), 1, 1, "", "", (address,), (file,))
print("now", flush=True)
fetch("things", folder=Path(folder))
print("there")
"""


class TestFetch:
    def test_a_file_is_put_where_it_is_looked_for(self, server, things: Path) -> None:
        seen = []
        assert fetch("things", progress=lambda *told: seen.append(told)) == things.parent
        assert things.read_bytes() == CONTENT
        assert [path.name for path in things.parent.iterdir()] == [FILE.name]
        assert folder_of("things") == things.parent
        assert seen[-1] == (FILE.name, len(CONTENT), len(CONTENT))
        assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)

    def test_what_is_there_is_checked_and_not_fetched_again(self, server, things: Path) -> None:
        fetch("things")
        fetch("things")
        assert len(server[1].asked) == 1
        things.write_bytes(CONTENT[:-1] + b"x")
        fetch("things")
        assert things.read_bytes() == CONTENT

    def test_a_broken_connection_goes_on_where_it_ended(self, server, things: Path) -> None:
        server[1].cut = [300_000, 100_000]
        fetch("things")
        assert things.read_bytes() == CONTENT
        assert server[1].asked == [None, "bytes=300000-", "bytes=400000-"]

    def test_so_does_another_call(self, server, things: Path) -> None:
        server[1].cut = [250_000, 0, 0, 0, 0]
        with pytest.raises(DataError, match=r"250,000 bytes are kept: call again to go on"):
            fetch("things")
        assert not things.exists()
        assert part_of(things).stat().st_size == 250_000
        server[1].cut.clear()
        fetch("things")
        assert things.read_bytes() == CONTENT
        assert server[1].asked[-1] == "bytes=250000-"

    def test_a_server_that_does_not_resume_starts_again(self, server, things: Path) -> None:
        server[1].cut, server[1].resumes = [300_000], False
        fetch("things")
        assert things.read_bytes() == CONTENT

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"promise": 1000}, "promises 1,000 bytes, where the file has 700,000"),
            ({"promise": 900_000}, "promises 900,000 bytes"),
            ({"content": CONTENT + b"more", "promise": -1}, "gives more than the 700,000 bytes"),
            ({"content": CONTENT[:-4] + b"evil"}, "other bytes than those that were published"),
            ({"status": 404}, "404 Not Found"),
            ({"status": 503}, "503 Service Unavailable"),
        ],
    )
    def test_a_server_that_lies_is_refused(self, server, things: Path, change, reason) -> None:
        for key, value in change.items():
            setattr(server[1], key, value)
        with pytest.raises(DataError, match=reason) as caught:
            fetch("things")
        assert f"{server[0]}/things.bin: " in str(caught.value)
        assert not things.exists()
        assert not part_of(things).exists()

    def test_the_next_mirror_is_asked(self, server, things: Path) -> None:
        address, _ = server
        # Nobody listens at the first one.
        fetch("things", mirrors=["http://127.0.0.1:9/none", address])
        assert things.read_bytes() == CONTENT

    def test_every_mirror_that_failed_is_named(self, things: Path) -> None:
        with pytest.raises(DataError) as caught:
            fetch("things", mirrors=["http://127.0.0.1:9/one", "http://127.0.0.1:9/two/"])
        assert "http://127.0.0.1:9/one/things.bin: " in str(caught.value)
        assert "http://127.0.0.1:9/two/things.bin: " in str(caught.value)

    def test_a_wrong_part_from_before_does_no_harm(self, server, things: Path) -> None:
        things.parent.mkdir()
        part_of(things).write_bytes(b"x" * 300_000)
        with pytest.raises(DataError, match="checksum"):
            fetch("things")
        fetch("things")
        assert things.read_bytes() == CONTENT
        part_of(things).write_bytes(b"x" * 800_000)
        things.unlink()
        with pytest.raises(DataError, match="checksum"):
            fetch("things")
        assert not part_of(things).exists()

    @pytest.mark.parametrize(("status", "kept"), [(416, False), (503, True)])
    def test_what_a_refusal_does_to_a_part(
        self, server, things: Path, status: int, kept: bool
    ) -> None:
        things.parent.mkdir()
        part_of(things).write_bytes(CONTENT[:300_000])
        server[1].status = status
        with pytest.raises(DataError, match=str(status)):
            fetch("things")
        assert part_of(things).exists() == kept
        server[1].status = None
        fetch("things")
        assert things.read_bytes() == CONTENT

    def test_a_place_that_cannot_be_written(self, things: Path) -> None:
        things.parent.write_text("in the way", encoding="utf-8")
        with pytest.raises(DataError, match="things cannot be written: File exists"):
            fetch("things")

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot lock a folder")
    def test_two_processes_fetch_one_after_the_other(self, server, things: Path) -> None:
        address, behaviour = server
        behaviour.waits = threading.Event()
        command = [sys.executable, "-c", FETCHING, address, str(things.parent)]
        processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        for process in processes:  # both are about to fetch
            assert process.stdout is not None
            assert process.stdout.readline() == "now\n"
        time.sleep(0.2)
        behaviour.waits.set()
        for process in processes:
            output, _ = process.communicate(timeout=30)
            assert (process.returncode, output) == (0, "there\n")
        assert things.read_bytes() == CONTENT
        assert behaviour.asked == [None]

    def test_names(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="'thing' is no known data set; known are digits"):
            fetch("thing")
        fetch("digits", folder=tmp_path / "nothing")
        assert not (tmp_path / "nothing").exists()


class TestCatalogue:
    @pytest.mark.parametrize("entry", KNOWN.values(), ids=lambda entry: entry.name)
    def test_entries_are_whole(self, entry: KnownSet) -> None:
        assert entry.licence
        assert entry.page.startswith("http")
        assert len({*entry.class_names}) == len(entry.class_names) in (10, 100)
        assert bool(entry.packaged) != bool(entry.files)
        for file in entry.files:
            assert len(bytes.fromhex(file.md5)) == 16
            assert file.size > 1000
        assert all(mirror.endswith("/") for mirror in entry.mirrors)
        assert entry.flips_change_meaning == ("digit" in entry.title)

    def test_a_folder_in_which_nothing_is_does_not_count(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TENSORGRAPH_DATA", str(tmp_path))
        monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
        (tmp_path / "mnist").mkdir()
        (tmp_path / "mnist" / ".train.part").write_bytes(b"")
        assert known.folder_of("mnist") is None
