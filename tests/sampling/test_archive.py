"""Archived: a file is read back exactly or refused; damage, versions and a full disk lose nothing saved before."""

from __future__ import annotations

import errno
import hashlib
import os
import pickle
import stat
import zipfile
from pathlib import Path

import langevin_ib as lib
import numpy as np
import pytest
from langevin_ib.errors import ArchiveError, InvalidArgumentError
from langevin_ib.sampling.files import archive
from langevin_ib.sampling.files.archive import DamagedFile
from langevin_ib.sampling.files.description import description_hash
from langevin_ib.sampling.files.snapshot import FORMAT

ARRAYS = {"states": np.arange(12.0).reshape(6, 2), "counts": np.arange(5), "none": np.empty((3, 0), dtype=np.float32)}


def read(path) -> dict:
    found = archive.read(path)
    return found.header | {name: array.tobytes() for name, array in found.arrays.items()}


def saved(path: Path, number: int = 0) -> Path:
    archive.write(path, {"number": number, "text": "σ²/β"}, ARRAYS)
    return path


class TestRoundTrip:
    def test_what_was_written_is_read(self, tmp_path) -> None:
        found = archive.read(saved(tmp_path / "a.npz"))
        assert found.header == {"number": 0, "text": "σ²/β"}
        assert list(found.arrays) == list(ARRAYS)
        for name, array in ARRAYS.items():
            assert found.arrays[name].dtype == array.dtype
            np.testing.assert_array_equal(found.arrays[name], array)

    def test_numpy_reads_the_arrays(self, tmp_path) -> None:
        with np.load(saved(tmp_path / "a.npz"), allow_pickle=False) as arrays:
            np.testing.assert_array_equal(arrays["states"], ARRAYS["states"])

    def test_equal_content_is_an_equal_file(self, tmp_path) -> None:
        first, second = saved(tmp_path / "a"), saved(tmp_path / "b")
        assert first.read_bytes() == second.read_bytes()

    def test_other_byte_orders_and_layouts(self, tmp_path) -> None:
        array = np.asfortranarray(ARRAYS["states"]).astype(">f8")
        archive.write(tmp_path / "a", {}, {"states": array})
        back = archive.read(tmp_path / "a").arrays["states"]
        assert back.dtype == np.float64
        assert back.flags.c_contiguous
        np.testing.assert_array_equal(back, array)

    def test_the_file_before_stays(self, tmp_path) -> None:
        path = tmp_path / "a.npz"
        for number in range(3):
            saved(path, number)
        assert read(path)["number"] == 2
        assert read(f"{path}.previous")["number"] == 1
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npz", "a.npz.previous"]

    def test_a_link_stays_a_link(self, tmp_path) -> None:
        (tmp_path / "folder").mkdir()
        link = tmp_path / "link"
        link.symlink_to(tmp_path / "folder" / "a.npz")
        saved(link)
        assert link.is_symlink()
        assert read(tmp_path / "folder" / "a.npz")["number"] == 0

    def test_permissions_are_those_of_any_new_file(self, tmp_path) -> None:
        (tmp_path / "plain").touch()
        mode = saved(tmp_path / "a").stat().st_mode
        assert stat.S_IMODE(mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)

    def test_without_hard_links_a_copy_is_kept(self, tmp_path, monkeypatch) -> None:
        def link(*_) -> None:
            raise OSError(errno.EPERM, "no links here")

        monkeypatch.setattr(os, "link", link)
        path = tmp_path / "a"
        saved(path, 1)
        saved(path, 2)
        assert (read(path)["number"], read(f"{path}.previous")["number"]) == (2, 1)


class TestDamage:
    @pytest.fixture
    def content(self, tmp_path) -> bytes:
        return saved(tmp_path / "whole").read_bytes()

    def test_any_flipped_bit_is_noticed(self, tmp_path, content) -> None:
        path = tmp_path / "a"
        positions = {*range(120), *range(120, len(content) - 200, 3), *range(len(content) - 200, len(content))}
        for position in positions:
            damaged = bytearray(content)
            damaged[position] ^= 1 << position % 8
            path.write_bytes(damaged)
            with pytest.raises(ArchiveError):
                archive.read(path)

    def test_any_missing_or_additional_byte_is_noticed(self, tmp_path, content) -> None:
        path = tmp_path / "a"
        for length in {*range(0, len(content), 11), len(content) - 1}:
            path.write_bytes(content[:length])
            with pytest.raises(ArchiveError, match="is empty" if length == 0 else "damaged|not written by"):
                archive.read(path)
        for more in (b"\0", content):
            path.write_bytes(content + more)
            with pytest.raises(ArchiveError) if more == b"\0" else pytest.raises(ArchiveError, match="checksum"):
                archive.read(path)

    def test_the_message_says_what_happened(self, tmp_path, content) -> None:
        path = tmp_path / "a"
        flipped = content[:500] + bytes([content[500] ^ 1]) + content[501:]
        cases = {"is empty": b"", "its end is missing": content[:-100], "checksum": flipped, "not written": b"hello"}
        for message, damaged in cases.items():
            path.write_bytes(damaged)
            with pytest.raises(ArchiveError, match=message) as caught:
                archive.read(path)
            assert str(path) in str(caught.value)

    @pytest.mark.parametrize("damage", [b"", b"hello", None])
    def test_the_file_before_is_used_with_a_warning(self, tmp_path, damage, content) -> None:
        path = tmp_path / "a"
        saved(path, 1)
        saved(path, 2)
        path.write_bytes(content[:-5] if damage is None else damage)
        with pytest.warns(DamagedFile, match=r"going on with the file before it, .*a\.previous"):
            assert archive.read(path).header["number"] == 1

    def test_two_damaged_files_are_an_error_that_names_both(self, tmp_path) -> None:
        path = tmp_path / "a"
        saved(path, 1)
        saved(path, 2)
        path.write_bytes(b"")
        Path(f"{path}.previous").write_bytes(b"hello")
        with pytest.raises(ArchiveError, match=r"a is empty; nor can .* a?.*\.previous was not written by langevin_ib"):
            archive.read(path)

    def test_a_good_file_before_a_damaged_one_is_never_replaced_by_it(self, tmp_path) -> None:
        path = tmp_path / "a"
        saved(path, 1)
        saved(path, 2)
        path.write_bytes(b"")
        archive.write(path, {"number": 3}, ARRAYS, keep=False)
        assert (read(path)["number"], read(f"{path}.previous")["number"]) == (3, 1)

    def test_a_missing_file_and_a_folder(self, tmp_path) -> None:
        with pytest.raises(ArchiveError, match=r"there is no file .*gone"):
            archive.read(tmp_path / "gone")
        for path in (tmp_path, 3, "a\0b", None):
            with pytest.raises(InvalidArgumentError, match="path="):
                archive.read(path)


class Bomb:
    """What executes something as soon as it is unpickled."""

    def __reduce__(self):
        return os._exit, (3,)


class TestForeignFiles:
    def seal(self, path: Path) -> None:
        """Make a file of the right form with the right checksum, as an attacker would."""
        size = 19 + 64
        with zipfile.ZipFile(path, "a") as opened:
            opened.comment = bytes(size)
        content = path.read_bytes()[:-size]
        path.write_bytes(content + b"langevin_ib sha256 " + hashlib.sha256(content).hexdigest().encode())

    def test_arrays_of_somebody_else(self, tmp_path) -> None:
        np.savez(tmp_path / "a.npz", states=ARRAYS["states"])
        with pytest.raises(ArchiveError, match="was not written by langevin_ib"):
            archive.read(tmp_path / "a.npz")

    def test_pickles_are_never_opened(self, tmp_path) -> None:
        path = tmp_path / "a.npz"
        with pytest.raises(SystemExit):  # the bomb is one
            pickle.loads(pickle.dumps(Harmless()))
        np.savez(path, langevin_ib=np.array([Bomb()], dtype=object), states=np.array([Bomb()], dtype=object))
        self.seal(path)
        with pytest.raises(ArchiveError, match="allow_pickle"):
            archive.read(path)

    @pytest.mark.parametrize("header", [b"[1]", b"\xff", b"{", b"", b"[" * 100_000])
    def test_headers_that_are_none(self, tmp_path, header) -> None:
        path = tmp_path / "a.npz"
        np.savez(path, langevin_ib=np.frombuffer(header, dtype=np.uint8))
        self.seal(path)
        with pytest.raises(ArchiveError):
            archive.read(path)

    def test_no_array_at_all(self, tmp_path) -> None:
        path = tmp_path / "a.npz"
        with zipfile.ZipFile(path, "w") as opened:
            opened.writestr("notes.txt", "hello")
        self.seal(path)
        with pytest.raises(ArchiveError):
            archive.read(path)


class Harmless:
    def __reduce__(self):
        return exit, ()


class TestFailingSystem:
    """Each call of the system fails in turn, as on a full disk: an error that names it, and the files of before."""

    CALLS = ("fsync", "replace", "open")

    @pytest.mark.parametrize("call", CALLS)
    @pytest.mark.parametrize("number", [1, 2])
    def test_what_was_saved_stays(self, tmp_path, monkeypatch, call, number) -> None:
        path = tmp_path / "a"
        saved(path, 1)
        saved(path, 2)
        before = (read(path)["number"], read(f"{path}.previous")["number"])
        real, calls = getattr(os, call), []

        def failing(*arguments, **options):
            calls.append(arguments)
            if len(calls) == number:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*arguments, **options)

        monkeypatch.setattr(os, call, failing)
        raised = ""
        try:
            saved(path, 3)
        except ArchiveError as error:
            raised = str(error)
        monkeypatch.undo()
        if len(calls) < number:
            assert not raised
            return
        assert "No space left on device" in raised
        assert str(path) in raised
        # After the new file has taken its place, it counts; either way no file is lost or half-written.
        after = (read(path)["number"], read(f"{path}.previous")["number"])
        assert after in {before, (3, 1), (3, 2)}
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "a.previous"]

    def test_a_folder_that_is_not_there(self, tmp_path) -> None:
        for act in (saved, archive.clear_way):
            with pytest.raises(ArchiveError, match=r"gone.*No such file or directory"):
                act(tmp_path / "gone" / "a")

    @pytest.mark.skipif(os.name != "posix", reason="makes a pipe")
    def test_what_is_no_file_is_neither_replaced_nor_waited_for(self, tmp_path) -> None:
        """A device would be replaced by a file, and a pipe has nothing to read as long as nobody writes."""
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        for act in (saved, read, archive.clear_way):
            with pytest.raises(InvalidArgumentError, match="is a device or a pipe, and no file"):
                act(pipe)
        assert stat.S_ISFIFO(pipe.stat().st_mode)
        assert [path.name for path in tmp_path.iterdir()] == ["pipe"]

    def test_a_name_that_is_too_long_for_the_system(self, tmp_path) -> None:
        for act in (saved, read):
            with pytest.raises(InvalidArgumentError, match="is no path of a file"):
                act(tmp_path / ("x" * 5000))

    @pytest.mark.parametrize("name", ["\udcff.npz", "é ü.npz", "a b\nc", "-rf", "💾"])
    def test_names_of_all_kinds(self, tmp_path, name) -> None:
        path = tmp_path / name
        try:
            path.touch()
        except OSError:
            pytest.skip("no such name in this file system")
        saved(path)
        assert read(path)["number"] == 0
        assert sorted(each.name for each in tmp_path.iterdir()) == sorted([name, f"{name}.previous"])

    def test_what_killed_writers_left_is_cleared_away(self, tmp_path) -> None:
        others = [".b.npz.0123456789abcdef.part", ".a.npz.b.0123456789abcdef.part", ".a.npz.part", "a.npz.part"]
        for name in (".a.npz.0123456789abcdef.part", *others):
            (tmp_path / name).touch()
        archive.clear_way(tmp_path / "a.npz")
        assert sorted(p.name for p in tmp_path.iterdir()) == sorted(others)


def small(**changes) -> lib.Run:
    settings = {"temperature": 0.1, "step_size": 0.01, "steps": 20, "walkers": 33, "rng": 1, "progress": False}
    return lib.sample(lib.models.scalar_product(), **(settings | changes))


class TestVersions:
    def written_by(self, path: Path, **changes) -> Path:
        small().save(path)
        found = archive.read(path)
        archive.write(path, found.header | changes, found.arrays, keep=False)
        return path

    @pytest.mark.parametrize("version", ["0.2.0", "1.0.0", "99.1"])
    def test_another_series_is_refused_by_name(self, tmp_path, version) -> None:
        with pytest.raises(
            ArchiveError, match=f"was written by langevin_ib '{version}'.*install langevin-ib {version}"
        ):
            lib.load(self.written_by(tmp_path / "a", version=version))

    def test_a_newer_format_is_refused_by_name(self, tmp_path) -> None:
        with pytest.raises(ArchiveError, match=rf"in format {FORMAT + 1}; this is .* reads formats up to {FORMAT}"):
            lib.load(self.written_by(tmp_path / "a", format=FORMAT + 1))

    def test_a_later_patch_is_read(self, tmp_path) -> None:
        series = ".".join(lib.__version__.split(".")[:2])
        assert lib.load(self.written_by(tmp_path / "a", version=f"{series}.999")).steps == 20

    @pytest.mark.parametrize(
        "changes",
        [
            {"format": "one"},
            {"version": None},
            {"steps": -1},
            {"steps": 21},
            {"steps": "20"},
            {"accepted": None},
            {"origin": 3},
            {"content": "0"},
            {"model": {}},
            {"dynamics": None},
            {"machine": {"cores": 3}},
            {"seconds": "long"},
        ],
        ids=str,
    )
    def test_what_cannot_be_is_refused(self, tmp_path, changes) -> None:
        path = self.written_by(tmp_path / "a", **changes)
        with pytest.raises(ArchiveError, match=str(path)):
            lib.load(path)

    @pytest.mark.parametrize("states", [np.zeros((32, 2)), np.zeros((33, 2), dtype=np.float32), np.zeros(66)])
    def test_arrays_of_another_form_are_refused(self, tmp_path, states) -> None:
        path = tmp_path / "a"
        small().save(path)
        archive.write(path, archive.read(path).header, {"states": states}, keep=False)
        with pytest.raises(ArchiveError, match="states has shape"):
            lib.load(path)
        archive.write(path, archive.read(path).header, {}, keep=False)
        with pytest.raises(ArchiveError, match="states"):
            lib.load(path)


def test_a_setting_that_came_later_has_its_default_in_earlier_files(tmp_path) -> None:
    path = tmp_path / "a"
    run = small()
    run.save(path)
    found = archive.read(path)
    del found.header["settings"]["fields"]["substeps"]
    found.header["content"] = description_hash(*(found.header[name] for name in ("model", "dynamics", "settings")))
    archive.write(path, found.header, found.arrays)
    assert lib.load(path).settings == run.settings
