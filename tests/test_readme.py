"""The code blocks of the README and of every page in `docs/` do what they say.

Of each page, in a temporary folder of its own that holds a copy of `examples/`:

- the ``python`` blocks are run one after another, as one program;
- each ``console``, ``bash`` or ``sh`` block with a ``tg`` command is run with the installed
  command. In a ``console`` block the lines after ``$`` are commands, the rest is their output.

A comment on the line before a block changes that: ``<!-- not run: REASON -->`` leaves it out,
``<!-- exits with N -->`` expects that exit code of the last command, and ``prints just this`` in
the comment that the commands print what the block shows, and nothing else. A block in one of these
languages that would be left out without a reason is a fault.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [p for p in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if p.exists()]
SHELL = ("console", "bash", "sh")

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<language>[\w+-]*)[^`]*$")
_COMMENT = re.compile(r"^\s*<!--\s*(.*?)\s*-->\s*$")


class Block(NamedTuple):
    """A fenced block of code: its language, first line of code in the page, text and comment."""

    language: str
    line: int
    text: str
    comment: str

    @property
    def is_run(self) -> bool:
        return not self.comment.startswith("not run:")

    @property
    def exit_code(self) -> int:
        match = re.match(r"exits with (\d+)", self.comment)
        return int(match[1]) if match else 0

    @property
    def commands(self) -> str:
        """The lines that a shell is to run."""
        if self.language != "console":
            return self.text
        lines = self.text.splitlines()
        return "\n".join(line[2:] for line in lines if line.startswith(("$ ", "> ")))

    @property
    def output(self) -> str | None:
        """What the commands print, where the comment says that it is all shown."""
        if not self.comment.endswith("prints just this"):
            return None
        return "\n".join(x for x in self.text.splitlines() if not x.startswith(("$ ", "> ")))


def blocks_of(page: str) -> list[Block]:
    """Return the fenced blocks of a Markdown page."""
    blocks = []
    lines = page.splitlines()
    at = 0
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        at += 1
        if fence is None:
            continue
        before = [line for line in lines[: at - 1] if line.strip()]
        comment = _COMMENT.match(before[-1]) if before else None
        first = at
        while at < len(lines) and lines[at].strip() != fence["ticks"]:
            at += 1
        text = "\n".join(line.removeprefix(fence["indent"]) for line in lines[first:at])
        blocks.append(Block(fence["language"], first + 1, text, comment[1] if comment else ""))
        at += 1
    return blocks


def program_of(blocks: list[Block]) -> str:
    """Return the Python blocks as one program whose lines stand where they stand in the page."""
    lines: list[str] = []
    for block in blocks:
        if block.language == "python" and block.is_run:
            lines += [""] * (block.line - 1 - len(lines)) + block.text.splitlines()
    return "\n".join(lines)


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command where the examples are, with this environment's programs first."""
    if not (folder / "examples").exists() and (ROOT / "examples").is_dir():
        shutil.copytree(ROOT / "examples", folder / "examples")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_python_blocks_run(page: Path, tmp_path: Path) -> None:
    program = program_of(blocks_of(page.read_text(encoding="utf-8")))
    if not program:
        pytest.skip(f"{page.name} has no Python to run")
    script = tmp_path / page.with_suffix(".py").name
    script.write_text(program, encoding="utf-8")
    done = run([sys.executable, "-W", "error", str(script)], tmp_path)
    assert done.returncode == 0, f"{page.name}, by its own line numbers:\n{done.stderr}"


@pytest.mark.parametrize(
    ("page", "block"),
    [
        pytest.param(page, block, id=f"{page.name}:{block.line}")
        for page in PAGES
        for block in blocks_of(page.read_text(encoding="utf-8"))
        if block.language in SHELL and block.is_run
    ],
)
def test_shell_blocks_run(page: Path, block: Block, tmp_path: Path) -> None:
    assert re.search(r"^tg |; tg ", block.commands, re.MULTILINE), (
        f"{page.name}:{block.line}: a {block.language} block without a `tg` command needs"
        " <!-- not run: REASON --> before it"
    )
    assert Path(sys.executable).with_name("tg").exists(), (
        "the tg command is not installed in this environment: pip install -e '.[dev]'"
    )
    done = run(["bash", "-c", f"set -u; exec 2>&1\n{block.commands}"], tmp_path)
    assert done.returncode == block.exit_code, done.stdout
    if block.output is not None:
        assert done.stdout.strip() == block.output.strip()


# What the tests above read out of a page.

PAGE = """\
Text with `code`.

```python
a = 1
```

1. In a list:

   ```console
   $ tg check a.net
   all is well
   $ tg check b.net
   ```

<!-- not run: it installs -->
```bash
pip install .
```

<!-- exits with 1, prints just this -->

```console
$ tg check bad.net
bad
```

```python
assert a == 1
```
"""


def test_blocks_are_found_with_language_line_and_comment() -> None:
    blocks = blocks_of(PAGE)
    assert [b.language for b in blocks] == ["python", "console", "bash", "console", "python"]
    assert [PAGE.splitlines()[b.line - 1].strip() for b in blocks] == [
        "a = 1", "$ tg check a.net", "pip install .", "$ tg check bad.net", "assert a == 1",
    ]  # fmt: skip
    assert [b.is_run for b in blocks] == [True, True, False, True, True]
    assert [b.exit_code for b in blocks] == [0, 0, 0, 1, 0]
    assert [b.output for b in blocks] == [None, None, None, "bad", None]
    assert blocks[1].commands == "tg check a.net\ntg check b.net"


def test_the_program_keeps_the_lines_of_the_page() -> None:
    program = program_of(blocks_of(PAGE)).splitlines()
    assert [PAGE.splitlines()[i] for i, line in enumerate(program) if line] == [
        "a = 1",
        "assert a == 1",
    ]
