"""Files are whole or not there."""

import os
import stat

import pytest

from steepest.errors import ArgumentError
from steepest.report import files, prepare_folder, write_atomically


def test_bytes_and_text_are_written_as_they_are(tmp_path):
    path = write_atomically(tmp_path / "a.txt", "‖x‖\r\n")
    assert path.read_bytes() == "‖x‖\r\n".encode()
    write_atomically(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("failure", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failure_on_the_way_leaves_the_old_file_and_nothing_else(
    tmp_path, monkeypatch, step, failure
):
    path = write_atomically(tmp_path / "a.txt", "old")

    def fail(*arguments):
        raise failure

    monkeypatch.setattr(files.os, step, fail)
    with pytest.raises(type(failure)):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_the_content_is_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    calls = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(files.os, "fsync", lambda fd: (calls.append("fsync"), sync(fd))[1])
    monkeypatch.setattr(
        files.os, "replace", lambda a, b: (calls.append("replace"), replace(a, b))[1]
    )
    write_atomically(tmp_path / "a.txt", "new")
    assert calls[:2] == ["fsync", "replace"]


def test_permissions_are_those_of_an_ordinary_file(tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("")
    path = write_atomically(tmp_path / "a.txt", "new")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    path.chmod(0o640)
    write_atomically(path, "newer")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_folder_is_made_with_its_parents(tmp_path):
    folder = prepare_folder(tmp_path / "a" / "b")
    assert os.listdir(folder) == []
    assert prepare_folder(folder) == folder


def test_a_file_in_the_folders_place_is_named(tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("mine")
    for folder in (taken, taken / "below"):
        with pytest.raises(ArgumentError, match=r"--out .*taken is a file"):
            prepare_folder(folder)
    assert taken.read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    def refuse(**options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files.tempfile, "TemporaryFile", refuse)
    with pytest.raises(ArgumentError, match=r"cannot be written \(Permission denied\)"):
        prepare_folder(tmp_path)
