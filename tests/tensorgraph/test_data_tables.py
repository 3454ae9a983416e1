"""Tables and labelled texts: what columns become, and how a bad cell is named."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tensorgraph.base.errors import DataError
from tensorgraph.data import load, read_inputs
from tensorgraph.data.vocabulary import Vocabulary, split_words

IRIS = "\n".join(
    [
        "length,width,colour,kind",
        *(
            f"{5 + i / 10:.1f},{i % 3},{'red' if i % 2 else 'blue'},{'ab'[i % 2]}"
            for i in range(20)
        ),
    ]
)


@pytest.fixture
def table(tmp_path: Path):
    """Return a function that writes a table and returns its path."""

    def write(text: str, name: str = "flowers.csv") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


class TestColumns:
    def test_numbers_categories_and_classes(self, table) -> None:
        examples = load(table(IRIS))
        assert (examples.name, examples.class_names) == ("flowers", ("a", "b"))
        assert examples.input_shape == (4,)
        assert (len(examples.x_train), len(examples.x_test)) == (16, 4)
        assert np.bincount(examples.y_test).tolist() == [2, 2]
        blue, red = examples.x_train[:, 2], examples.x_train[:, 3]
        np.testing.assert_array_equal(blue, examples.y_train == 0)
        np.testing.assert_array_equal(red, examples.y_train == 1)

    @pytest.mark.parametrize("target", ["colour", 2])
    def test_the_target_is_named_or_counted(self, table, target) -> None:
        examples = load(table(IRIS), target=target)
        assert examples.class_names == ("blue", "red")
        assert examples.input_shape == (4,)  # two numbers, two kinds

    def test_numbers_to_predict(self, table) -> None:
        examples = load(table(IRIS), target="length")
        assert examples.classes == 0
        assert examples.class_names == ()
        assert examples.y_train.dtype == np.float32
        assert 5 <= examples.y_train.min() <= examples.y_train.max() <= 7

    def test_few_whole_numbers_are_classes_unless_told(self, table) -> None:
        assert load(table(IRIS), target="width").class_names == ("0", "1", "2")
        assert load(table(IRIS), target="width", task="numbers").classes == 0
        assert load(table(IRIS), target="length", task="classes").classes == 20

    def test_without_names_columns_are_counted(self, table) -> None:
        lines = "\n".join(f"{i};{i * 2};{i % 2}" for i in range(10))
        examples = load(table(lines))
        assert examples.class_names == ("0", "1")
        assert examples.reading["columns"] == [["0", None], ["1", None]]

    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_delimiters_quotes_and_blanks(self, table, delimiter) -> None:
        rows = [
            ["name", "size", "kind"],
            *([f'"a, b; {i % 2}"', " 1 ", "xy"[i % 2]] for i in range(9)),
        ]
        examples = load(table("\r\n".join(delimiter.join(row) for row in rows) + "\r\n\r\n"))
        assert examples.reading["columns"] == [["name", ("a, b; 0", "a, b; 1")], ["size", None]]

    def test_categories_are_those_of_the_training_part(self, table) -> None:
        lines = ["a,b", *(f"kind{i},{'xy'[i % 2]}" for i in range(50))]
        examples = load(table("\n".join(lines)))
        assert examples.input_shape == (40,)
        assert (examples.x_train.sum(1) == 1).all()
        assert (examples.x_test == 0).all()

    @given(
        rows=st.lists(
            st.tuples(st.floats(-1e6, 1e6), st.sampled_from(["red", "green"])),
            min_size=5,
            max_size=30,
        )
    )
    def test_every_number_comes_back(self, rows, tmp_path_factory) -> None:
        path = tmp_path_factory.mktemp("table") / "t.csv"
        path.write_text("v,c,t\n" + "".join(f"{v!r},{c},{v!r}\n" for v, c in rows), "utf-8")
        examples = load(path, task="numbers")
        for x, y in ((examples.x_train, examples.y_train), (examples.x_test, examples.y_test)):
            np.testing.assert_array_equal(x[:, 0], y)
        everything = np.concatenate([examples.y_train, examples.y_test])
        np.testing.assert_array_equal(
            np.sort(everything), np.sort(np.float32([v for v, _ in rows]))
        )


class TestReadingAgain:
    def test_another_file_with_the_same_categories(self, table) -> None:
        first = load(table(IRIS))
        reading = json.loads(json.dumps(first.reading))
        lines = ["kind,colour,width,length", *(f"b,{c},1,9" for c in ("blue", "green", "red") * 3)]
        again = load(table("\n".join(lines), "more.csv"), reading=reading)
        assert again.class_names == ("a", "b")
        everything = np.concatenate([again.x_train, again.x_test])
        assert {*map(tuple, everything)} == {(9, 1, 1, 0), (9, 1, 0, 0), (9, 1, 0, 1)}

    def test_lines_without_the_target(self, table) -> None:
        reading = load(table(IRIS)).reading
        path = table("colour,length,width\nred,5,1\n", "ask.csv")
        np.testing.assert_array_equal(read_inputs(path, reading), [[5, 1, 0, 1]])

    def test_what_does_not_fit_is_named(self, table) -> None:
        reading = load(table(IRIS)).reading
        with pytest.raises(DataError, match="has no column 'width'; it has length, colour"):
            read_inputs(table("length,colour\n1,red\n", "a.csv"), reading)
        with pytest.raises(DataError, match=r"a.csv, line 3, column 'width': 'x' is no number"):
            read_inputs(table("length,width,colour\n1,2,red\n1,x,red\n", "a.csv"), reading)
        with pytest.raises(DataError, match="the label 'c', which is none of the classes a, b"):
            load(table(IRIS.replace(",b", ",c"), "b.csv"), reading=reading)


class TestBadTables:
    @pytest.mark.parametrize("missing", ["", " ", "NA", "nan", "?", "NULL"])
    def test_a_missing_value_is_named_by_line_and_column(self, table, missing) -> None:
        lines = IRIS.split("\n")
        lines[7] = f"5.5,{missing},red,a"
        lines[9] = f"5.5,{missing},red,a"
        with pytest.raises(
            DataError, match=r"flowers.csv, line 8, column 'width': .* missing \(2 in all\)"
        ):
            load(table("\n".join(lines)))

    def test_a_word_among_numbers(self, table) -> None:
        with pytest.raises(
            DataError, match=r"line 4, column 'length': '5.2x' is no number, as 19 of the 20"
        ):
            load(table(IRIS.replace("5.2,", "5.2x,")))

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "holds no table"),
            ("a,b\n", "holds the names of columns, but no lines"),
            ("a\n1\n", "has one column"),
            ("a,b\n1,2\n1,2,3\n", "line 3: 3 cells, where there are 2 columns"),
            ("a,a\n1,2\n", "several columns called 'a'"),
            ('a,b\n1,"2\n', "line 3: unexpected end of data"),
            ("a,b\n" + "".join(f"n{i},{i % 2}\n" for i in range(1500)), "1200 different values"),
        ],
    )
    def test_other_faults(self, table, text, message) -> None:
        with pytest.raises(DataError, match=message):
            load(table(text))

    def test_columns_that_are_not_there(self, table) -> None:
        for target in ("colr", 4, -5):
            with pytest.raises(DataError, match=r"has no column .*; it has length, width, colour"):
                load(table(IRIS), target=target)
        with pytest.raises(DataError, match="column 'colour': 'blue' is no number to predict"):
            load(table(IRIS), target="colour", task="numbers")

    def test_bytes_that_are_no_text(self, tmp_path: Path) -> None:
        path = tmp_path / "latin.csv"
        path.write_bytes("name,b\ncafé,1\n".encode("latin-1"))
        with pytest.raises(DataError, match=r"no text in UTF-8: .* at byte 10"):
            load(path)

    @given(content=st.binary(max_size=200))
    def test_any_bytes_are_a_table_or_a_data_error(self, content, tmp_path_factory) -> None:
        path = tmp_path_factory.mktemp("bytes") / "t.csv"
        path.write_bytes(content)
        with suppress(DataError):
            load(path)


REVIEWS = "\n".join(
    f"{'good' if i % 2 else 'bad'}\tThis film is {'great' if i % 2 else 'awful'}, number {i}!"
    for i in range(20)
)


class TestTexts:
    def test_words_and_signs(self) -> None:
        assert split_words("Don't stop, it's 5 o'clock!") == [
            *("don't", "stop", ",", "it's", "5", "o'clock", "!"),
        ]

    @pytest.mark.parametrize("name", ["reviews.txt", "reviews.tsv"])
    def test_labels_and_numbers_of_words(self, table, name) -> None:
        examples = load(table(REVIEWS, name), length=5, words=50)
        assert examples.class_names == ("bad", "good")
        assert examples.x_train.dtype == np.int32
        assert examples.input_shape == (5,)
        words = examples.reading["words"]
        assert words[:2] == ["!", ","]
        great = words.index("great") + 2
        np.testing.assert_array_equal((examples.x_train == great).any(1), examples.y_train == 1)
        assert examples.x_train.max() < 50

    def test_long_texts_lose_their_beginning_and_short_ones_are_filled_in_front(self) -> None:
        vocabulary = Vocabulary(("a", "b", "c"), 3)
        np.testing.assert_array_equal(
            vocabulary.encode(["a b c a", "b", "", "x c"]),
            [[3, 4, 2], [0, 0, 3], [0, 0, 0], [0, 1, 4]],
        )

    def test_the_most_frequent_words_are_kept(self) -> None:
        vocabulary = Vocabulary.fit(["b a", "b c", "b a"], words=4, length=None)
        assert vocabulary.words == ("b", "a")
        assert vocabulary.length == 2

    def test_the_vocabulary_is_that_of_the_training_part(self, table) -> None:
        text = "\n".join(f"{'ab'[i % 2]}\tword{i} x" for i in range(20))
        examples = load(table(text, "t.txt"))
        assert len(examples.reading["words"]) == 17
        assert {*examples.x_test[:, 0]} == {1}

    def test_a_table_with_a_column_of_texts(self, table) -> None:
        path = table(
            "id,review,stars\n" + "".join(f'{i},"so {i}, so",{i % 2}\n' for i in range(10))
        )
        examples = load(path, text="review", target="stars", length=4)
        assert examples.class_names == ("0", "1")
        assert examples.input_shape == (4,)

    def test_reading_again(self, table) -> None:
        first = load(table(REVIEWS, "r.txt"), length=6)
        reading = json.loads(json.dumps(first.reading))
        again = load(table(REVIEWS, "s.txt"), reading=reading)
        np.testing.assert_array_equal(again.x_test, first.x_test)
        everything = np.concatenate([again.x_train, again.x_test])
        lines = REVIEWS.split("\n")
        asked = read_inputs(table(f"{lines[0]}\n\n{lines[5].split()[-1]}\n", "ask.txt"), reading)
        assert asked.shape == (2, 6)
        assert (everything == asked[0]).all(1).any()
        assert asked[1, :4].tolist() == [0, 0, 0, 0]

    def test_only_tables_and_texts_are_read_without_labels(self, table) -> None:
        with pytest.raises(DataError, match="the set that was trained on was no table or text"):
            read_inputs(table(REVIEWS), load("digits").reading)

    def test_two_columns_of_numbers_are_a_table(self, table) -> None:
        assert load(table("x\ty\n" + "1.5\t2.5\n" * 9, "t.tsv")).input_shape == (1,)

    @pytest.mark.parametrize("line", ["no tab", "\ttext only", "label\t "])
    def test_a_bad_line_is_named(self, table, line) -> None:
        with pytest.raises(DataError, match=r"r.txt, line 3: expected a label, a tab and a text"):
            load(table(f"a\tx y\n\n{line}\n", "r.txt"))

    def test_an_empty_file(self, table) -> None:
        with pytest.raises(DataError, match=r"r.txt holds no texts"):
            load(table("\n\n", "r.txt"))
