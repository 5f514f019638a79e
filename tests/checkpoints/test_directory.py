"""A checkpoint is there whole or not at all, at whatever moment its writer dies, and damage to it is found."""

import errno
import json
import os
import shutil

import pytest

from vqspeech.checkpoints.directory import CHECKSUMS, damage, write
from vqspeech.errors import InputError

OLD = {"config.json": b"{}", "weights": b"old" * 1000}
NEW = {"config.json": b"{}", "weights": b"new" * 1000}


def content(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.name != CHECKSUMS}


def test_what_is_written_is_whole(tmp_path):
    write(tmp_path / "run" / "step-1", OLD)
    assert content(tmp_path / "run" / "step-1") == OLD
    assert damage(tmp_path / "run" / "step-1") is None
    write(tmp_path / "run" / "step-1", NEW)
    assert content(tmp_path / "run" / "step-1") == NEW
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["step-1"]


@pytest.mark.parametrize("name", [*OLD, CHECKSUMS])
@pytest.mark.parametrize("how", ["flipped", "cut", "emptied", "gone"])
def test_damage_names_the_file(tmp_path, name, how):
    path = tmp_path / "step-1" / name
    write(path.parent, OLD)
    whole = path.read_bytes()
    if how == "gone":
        path.unlink()
    else:
        flipped = bytes([whole[0], whole[1] ^ 1]) + whole[2:]
        path.write_bytes({"flipped": flipped, "cut": whole[: len(whole) // 2], "emptied": b""}[how])
    if (name, how) == (CHECKSUMS, "gone"):
        # As releases before checksums left it.
        assert damage(path.parent) is None
    else:
        assert name in damage(path.parent)


def test_only_the_files_that_are_asked_for_are_read(tmp_path):
    write(tmp_path / "step-1", OLD)
    (tmp_path / "step-1" / "weights").write_bytes(b"")
    assert damage(tmp_path / "step-1", ["config.json"]) is None
    assert damage(tmp_path / "step-1", ["weights"]).startswith("weights is damaged")


CALLS = ("mkdir", "open", "fsync", "close", "rename", "rmdir", "unlink")


def write_and_die(directory, files, calls):
    """Write, in a process that dies before its n-th call of the operating system; gives whether it had so many."""
    child = os.fork()
    if child == 0:
        left = [calls]

        def counted(call):
            def calling(*arguments, **options):
                left[0] -= 1
                if left[0] < 0:
                    os._exit(9)
                return call(*arguments, **options)

            return calling

        for name in CALLS:
            setattr(os, name, counted(getattr(os, name)))
        write(directory, files)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.parametrize("replacing", [False, True])
def test_a_writer_that_dies_at_any_moment_leaves_whole_checkpoints(tmp_path, replacing):
    for calls in range(100):
        root = tmp_path / f"{calls}"
        write(root / "step-1", OLD)
        target = root / ("step-1" if replacing else "step-2")
        died = write_and_die(target, NEW, calls)
        found = {path.name: content(path) for path in root.glob("step-*")}
        assert all(damage(path) is None for path in root.glob("step-*"))
        # Between two renames it is there under another name only.
        if replacing:
            assert found in ({"step-1": OLD}, {"step-1": NEW}, {})
        else:
            assert found in ({"step-1": OLD}, {"step-1": OLD, "step-2": NEW})
        write(target, NEW)
        assert content(target) == NEW
        if not died:
            break
    assert calls > 10


def test_a_directory_that_cannot_be_put_in_place_leaves_the_old_one(tmp_path, monkeypatch):
    write(tmp_path / "step-1", OLD)
    rename = type(tmp_path).rename

    def refusing(self, target):
        if self.name.endswith(".part"):
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(type(tmp_path), "rename", refusing)
    with pytest.raises(InputError, match=r"cannot write the checkpoint .*step-1: Input/output error"):
        write(tmp_path / "step-1", NEW)
    assert content(tmp_path / "step-1") == OLD
    assert [path.name for path in tmp_path.iterdir()] == ["step-1"]
    shutil.rmtree(tmp_path / "step-1")


@pytest.mark.parametrize("name", ["../outside", "/dev/zero", "a/b", "..", ""])
def test_checksums_name_no_file_elsewhere(tmp_path, name):
    write(tmp_path / "step-1", OLD)
    (tmp_path / "step-1" / CHECKSUMS).write_text(json.dumps({name: "0" * 64}))
    assert "which is no file of a checkpoint" in damage(tmp_path / "step-1")


@pytest.mark.parametrize("how", ["pipe", "device"])
def test_what_never_ends_is_not_read(tmp_path, how):
    write(tmp_path / "step-1", OLD)
    path = tmp_path / "step-1" / "weights"
    path.unlink()
    os.mkfifo(path) if how == "pipe" else path.symlink_to("/dev/zero")
    assert damage(tmp_path / "step-1") == "weights: it is not a file"
