"""Names in a user's own file."""

import pytest

from steepest.errors import ArgumentError
from steepest.user_file import UserCodeError, load, load_object, user_code


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return write


def test_a_file_runs_once_until_it_or_a_neighbour_is_edited(write):
    path = write("main_of_a_test.py", "import near_of_a_test\nvalue = [near_of_a_test.VALUE]\n")
    near = write("near_of_a_test.py", "VALUE = 1\n")
    _, first = load_object(path, "value")
    assert load_object(path, "value")[1] is first
    near.write_text("VALUE = 22\n")
    assert load_object(path, "value")[1] == [22]
    path.write_text("import near_of_a_test\nvalue = 'other'\n")
    assert load_object(path, "value")[1] == "other"


def test_a_neighbour_of_two_files_is_noticed_by_both(write):
    near = write("shared_of_a_test.py", "VALUE = 1\n")
    text = "import shared_of_a_test\nvalue = [shared_of_a_test.VALUE]\n"
    paths = [write(f"{name}_of_a_test.py", text) for name in ("first", "second")]
    assert [load_object(path, "value")[1] for path in paths] == [[1], [1]]
    near.write_text("VALUE = 22\n")
    assert [load_object(path, "value")[1] for path in paths] == [[22], [22]]


def test_an_edit_within_a_second_is_noticed(write):
    for value in range(3):
        path = write("quick_of_a_test.py", f"value = {value}\n")
        assert load_object(path, "value")[1] == value


def test_neighbours_of_one_name_in_two_folders_are_not_mixed_up(write):
    text = "import common_of_a_test\ndef value(): return common_of_a_test.VALUE\n"
    files = [write(f"{folder}/user_of_a_test.py", text) for folder in "ab"]
    for folder in "ab":
        write(f"{folder}/common_of_a_test.py", f"VALUE = {folder!r}\n")
    for _ in range(2):
        assert [load_object(path, "value")[1]() for path in files] == ["a", "b"]


def test_a_file_that_raised_is_tried_again(write):
    path = write("raises_of_a_test.py", "x = 1\nraise KeyError('gone')\n")
    for _ in range(2):
        with pytest.raises(UserCodeError, match=r"raises_of_a_test.py:2 in <module>"):
            load_object(path, "x")
    path.write_text("x = 3\n")
    assert load_object(path, "x")[1] == 3


def test_the_innermost_line_of_the_folder_is_told(write):
    write("inner_of_a_test.py", "def f():\n    return {}['a']\n")
    path = write("outer_of_a_test.py", "import inner_of_a_test\ng = inner_of_a_test.f\n")
    _, g = load_object(path, "g")
    with pytest.raises(UserCodeError, match=r"inner_of_a_test.py:2 in f: return"), user_code(path):
        g()


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("nothing", "write it as FILE.py:NAME"),
        ("nowhere.py:f", "there is no file nowhere.py"),
        ("{}/file_of_a_tset.py:f", "did you mean file_of_a_test.py?"),
        ("{}/file_of_a_test.py:functoin", "did you mean function?"),
        ("{}/file_of_a_test.py:zzz", "it has function"),
        ("{}/file_of_a_test.py:number", "is a int, not a function"),
        ("{}/text.txt:f", "must end in .py"),
        ("{}/" + "a" * 300 + ".py:f", "there is no file"),
        ("\0.py:f", "there is no file"),
    ],
)
def test_what_is_not_there_is_named(write, tmp_path, spec, says):
    write("file_of_a_test.py", "number = 1\ndef function(): pass\n")
    write("text.txt", "")
    with pytest.raises(ArgumentError) as raised:
        load(spec.format(tmp_path))
    assert says in str(raised.value)
