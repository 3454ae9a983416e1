"""The canonical form: what it looks like, what it keeps, and that it means the same."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

import dsl
import dsl.cli
from dsl.formatter.format import format_text
from dsl.layers import LAYERS
from dsl.layers.definition import REQUIRED
from dsl.reference.layers import example_file

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FILES = sorted(EXAMPLES.rglob("*.net"))


TRAIN = """\
train {
  batch 8
  data my/x.npz
  augment {
    hflip
    shift 2
    vflip
  }
}
"""


def formatted(text):
    result = format_text(text)
    assert format_text(result) == result
    return result


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("\n\n ; \n", ""),
        ("relu;tanh ;; relu", "relu\ntanh\nrelu\n"),
        ("\ufeffnet\tx\r\ninput   8x8\rrelu", "net x\ninput 8x8\nrelu\n"),
        ("input 100   of 10_0", None),
        ("input 100   of 1000", "input 100 of 1000\n"),
        ("let a=1+2 *3", "let a = 1 + 2 * 3\n"),
        ("let a = - 2 ** - 3", "let a = -2**-3\n"),
        ("let a = [ 1,2 ,[3 ] ]", "let a = [1, 2, [3]]\n"),
        ("let a = ((1+2))*3", "let a = (1 + 2) * 3\n"),
        ("let a = (1)+(2)", "let a = (1) + (2)\n"),
        ("let a = ( b [ 0 ] )", None),
        ("let a = ( b[ 0+i ] [1] )", None),
        ("let a = (b[ 0+i ][1])", "let a = (b[0 + i][1])\n"),
        ('let a = "x  # y"', 'let a = "x  # y"\n'),
        ("let a = b<=c", "let a = b <= c\n"),
        ("dense 2 * n + 1", "dense 2*n+1\n"),
        ("dense (2*n)", "dense (2 * n)\n"),
        ("dense max( a,b+1 )", "dense max(a, b + 1)\n"),
        ("dense 8 leaky_relu( .1 )", "dense 8 leaky_relu(.1)\n"),
        ("leaky_relu( .1 )", "leaky_relu(.1)\n"),
        ("x=y   =  3", None),
        ("x=dense   units= 3", "x = dense units=3\n"),
        ("from a  b; output  a b; freeze  all", "from a b\noutput a b\nfreeze all\n"),
        ('import   "a  b.net"', 'import "a  b.net"\n'),
        (
            'y = use "a.net" frozen until=x weights="w"',
            'y = use "a.net" weights="w" until=x frozen\n',
        ),
        ("block  f ( a,b = 2*3 ){}", "block f(a, b=2*3) {\n}\n"),
        ("block f { relu }", "block f() {\n  relu\n}\n"),
        ("repeat 2 as  i {relu}", "repeat 2 as i {\n  relu\n}\n"),
        ("{ { relu } }", "{\n  {\n    relu\n  }\n}\n"),
        ("x={relu}", "x = {\n  relu\n}\n"),
        (
            "if a==1{relu}else if b{tanh}else{elu}",
            "if a == 1 {\n  relu\n} else if b {\n  tanh\n} else {\n  elu\n}\n",
        ),
        (
            "if a {relu} else { if b {tanh} }",
            "if a {\n  relu\n} else {\n  if b {\n    tanh\n  }\n}\n",
        ),
        ("residual{relu}\nshortcut{}", "residual {\n  relu\n} shortcut {\n}\n"),
        ("branch{relu}\n{}\n{tanh}\nadd", "branch {\n  relu\n} {\n} {\n  tanh\n} add\n"),
        (
            "train\n{ batch 8;data my/x.npz\naugment {hflip shift 2\n vflip}}",
            TRAIN,
        ),
        (
            "train { optimizer adam eps=1e-7 lr=0.1; clip value=1 norm=2 }",
            "train {\n  optimizer adam lr=0.1 eps=1e-7\n  clip norm=2 value=1\n}\n",
        ),
    ],
)
def test_canonical_form(text, expected):
    if expected is None:
        with pytest.raises(dsl.NetError):
            format_text(text)
    else:
        assert formatted(text) == expected


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("conv 8 3 relu same stride=2", "conv 8 3 stride=2 same relu"),
        ("conv 8 3 relu nobias init=zeros same", "conv 8 3 same nobias init=zeros relu"),
        ("conv 8 3 pad=1 stride=2", "conv 8 3 stride=2 pad=1"),
        ("conv size=3 filters=8", "conv filters=8 size=3"),
        # A constant that holds a flag stays behind all others; one at a place stays there.
        ("conv n 3 padding stride=2 act same", "conv n 3 stride=2 same padding act"),
        ("conv n k relu", "conv n k relu"),
        ("add a b", "add a b"),
        # What is wrong is not made right.
        ("conv 8 same 3", "conv 8 same 3"),
        ("conv size=3 8", "conv size=3 8"),
        ("conv 8 3 wrong=1 stride=2", "conv 8 3 stride=2 wrong=1"),
        ("convv 8 b=1 same a=2", "convv 8 b=1 same a=2"),
        # The order of a block's options is that of its parameters.
        ("block f(a, b=1, c=2) { relu }; f 1 c=3 b=4", "f 1 b=4 c=3"),
        ("block f(a, b=1, c=2) { relu }; f 1 c=3 b=4 relu", "f 1 c=3 b=4 relu"),
    ],
)
def test_order_of_arguments(statement, expected):
    assert formatted(statement).splitlines()[-1] == expected


COMMENTED = """\
# head

#second
net x   # name
relu;tanh # both
repeat 2 { # open

  # first
  relu   # r

  # last

} # closed
residual # a
# b
{ relu } # c
# d
shortcut # e
{ tanh } # f


# end # {
"""

COMMENTS_KEPT = """\
# head

#second
net x  # name
relu
tanh  # both
repeat 2 {  # open
  # first
  relu  # r

  # last
}  # closed
residual {  # a
  # b
  relu
} shortcut {  # c
  # d
  # e
  tanh
}  # f

# end # {
"""


def test_comments_and_blank_lines_stay_where_they_stood():
    assert formatted(COMMENTED) == COMMENTS_KEPT


def test_comments_that_stand_below_each_other_still_do():
    text = "relu      # a\nconv 8 3  # b\ntanh # c\n\nrelu      # d\n"
    assert formatted(text) == "relu      # a\nconv 8 3  # b\ntanh  # c\n\nrelu  # d\n"
    assert formatted("relu    # a\nconv 2*n 3 # b\n") == "relu  # a\nconv 2*n 3  # b\n"


def test_a_hash_in_a_string_begins_no_comment():
    text = 'lambda "x # y"  # z "quoted"\n'
    assert formatted(text) == text


def test_syntax_errors_are_refused():
    with pytest.raises(dsl.NetError) as caught:
        format_text("conv 8, 3\nrelu)", "a.net")
    assert [d.span.location for d in caught.value.diagnostics] == ["a.net:1:7", "a.net:2:5"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_examples_are_in_canonical_form(path):
    text = path.read_text(encoding="utf-8")
    assert format_text(text) == text, f"tg fmt {path}"


@pytest.mark.parametrize("layer", LAYERS.values(), ids=lambda layer: layer.name)
def test_every_option_and_flag_has_its_place(layer):
    """Take a layer's words in reverse order: the canonical order is that of the table again."""
    signature = layer.signature
    options = [f"{p.name}=1" for p in signature.options]
    flags = [flag.word for flag in signature.flags]
    places = ["1"] * sum(p.default is REQUIRED for p in signature.positional)
    words = [*flags, *options, *(["relu"] if signature.takes_activation else [])]
    forward = formatted(" ".join([layer.name, *places, *words]))
    backward = formatted(" ".join([layer.name, *places, *reversed(words)]))
    assert forward == backward
    assert formatted(example_file(layer)) == example_file(layer)


class TestCommand:
    @pytest.fixture
    def tg(self, tmp_path, monkeypatch, capfd):
        monkeypatch.chdir(tmp_path)

        def run(*args):
            with pytest.raises(SystemExit) as exit_:
                dsl.cli.main(["fmt", *args])
            return exit_.value.code, *capfd.readouterr()

        return run

    def test_writes_in_place_and_keeps_the_mode(self, tg):
        Path("a.net").write_text("relu;tanh")
        Path("a.net").chmod(0o640)
        assert tg("a.net") == (0, "wrote a.net\n", "")
        assert Path("a.net").read_text() == "relu\ntanh\n"
        assert stat.S_IMODE(Path("a.net").stat().st_mode) == 0o640
        assert tg("a.net") == (0, "", "")

    def test_check_writes_nothing(self, tg):
        Path("a.net").write_text("relu;tanh")
        Path("b.net").write_text("relu\n")
        assert tg("--check", "a.net", "b.net") == (1, "", "a.net is not in canonical form\n")
        assert tg("--check", "b.net") == (0, "", "")
        assert Path("a.net").read_text() == "relu;tanh"

    def test_diff_writes_nothing(self, tg):
        Path("a.net").write_text("relu\ntanh  # \u2028")
        code, out, _ = tg("--diff", "a.net")
        assert code == 0
        assert out.splitlines()[:2] == ["--- a.net", "+++ a.net (canonical)"]
        assert "\\ No newline at end of file\n" in out
        assert Path("a.net").read_text() == "relu\ntanh  # \u2028"
        assert tg("--diff", "--check", "a.net")[0] == 1

    def test_standard_input(self, tg, monkeypatch):
        monkeypatch.setattr("sys.stdin", open_text("relu ; tanh"))
        assert tg("-") == (0, "relu\ntanh\n", "")
        monkeypatch.setattr("sys.stdin", open_text("relu )"))
        code, out, err = tg("-")
        assert (code, out) == (1, "")
        assert "--> <stdin>:1:6" in err

    def test_a_broken_file_is_not_touched_and_the_others_are(self, tg):
        Path("a.net").write_text("relu )")
        Path("b.net").write_text("relu ;")
        code, out, err = tg("a.net", "missing.net", "b.net")
        assert (code, out) == (1, "wrote b.net\n")
        assert err.startswith("error[TG104]")
        assert "missing.net" in err
        assert Path("a.net").read_text() == "relu )"


def open_text(text):
    """Return a text as standard input."""
    import io

    return io.TextIOWrapper(io.BytesIO(text.encode()))
