"""Artefacts: whole or absent, verified, and skipped only for the right reasons."""

import json
import os
import subprocess
import sys

import pyarrow as pa
import pytest

from factsurv.events.errors import InputError
from factsurv.events.files import changes, read_table, write_table
from factsurv.events.manifest import Manifest
from factsurv.events.schema import FACTS, build, described, stack

TABLE = pa.table({"a": pa.array([1, 2, 3], pa.int32())})


def test_round_trip_keeps_levels_and_metadata(tmp_path):
    data = {n: ["x", "y", None] for n in FACTS} | {"split": ["withheld", "trained", "trained"]}
    table = described(build(FACTS, data), "facts", note="n")
    write_table(tmp_path / "t.arrow", table)
    back = read_table(tmp_path / "t.arrow")
    assert back.equals(table)
    assert back.schema.metadata == table.schema.metadata
    assert b'"split": ["trained", "withheld"]' in back.schema.metadata[b"levels"]


def test_columns_that_differ_from_the_contract_are_refused():
    with pytest.raises(ValueError, match="group"):
        build(FACTS, {n: [] for n in FACTS if n != "group"})


def test_stacking_unifies_dictionaries():
    one = build({"d": FACTS["group"]}, {"d": ["b"]})
    two = build({"d": FACTS["group"]}, {"d": ["a", "b"]})
    assert stack([one, two])["d"].to_pylist() == ["b", "a", "b"]


def test_levels_outlive_a_table_without_rows(tmp_path):
    one = build(FACTS, {n: [] for n in FACTS}, {"relation": ["a", "b"]})
    write_table(tmp_path / "t.arrow", described(one, "facts"))
    back = read_table(tmp_path / "t.arrow")
    row = build(FACTS, {n: ["c"] for n in FACTS} | {"split": ["trained"]})
    for table in (back, stack([back, back]), stack([back, row]).slice(0, 0)):
        levels = json.loads(described(table, "facts").schema.metadata[b"levels"])
        assert levels["split"][:2] == ["trained", "withheld"] and levels["relation"][:2] == ["a", "b"]


def test_a_truncated_file_fails_loudly(tmp_path):
    write_table(tmp_path / "t.arrow", TABLE)
    whole = (tmp_path / "t.arrow").read_bytes()
    (tmp_path / "t.arrow").write_bytes(whole[:-9])
    with pytest.raises(pa.ArrowInvalid):
        read_table(tmp_path / "t.arrow")


FULL = """
import resource, signal, sys
from pathlib import Path
import pyarrow as pa
from factsurv.events.errors import InputError
from factsurv.events.files import write_table
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    write_table(Path(sys.argv[1]), pa.table({"a": list(range(100_000))}))
except InputError as error:
    print(error)
"""


def test_a_full_disk_is_one_message_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "t.arrow"
    write_table(path, TABLE)
    # A file-size limit stops the write as a full disk does (EFBIG instead of ENOSPC).
    said = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True).stdout
    assert "the disk is full" in said
    assert str(path) in said
    assert "finished steps are kept" in said
    assert read_table(path).equals(TABLE)
    assert os.listdir(tmp_path) == ["t.arrow"]  # and no temporary file is left


def test_no_space_left_for_real(tmp_path):
    """The same on a file system that is really full, where this user may mount one."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("this user may not mount a small file system; the file-size limit above stands for it")
    try:
        write_table(tmp_path / "t.arrow", TABLE)
        with pytest.raises(InputError, match="the disk is full"):
            write_table(tmp_path / "t.arrow", pa.table({"a": list(range(100_000))}))
        assert read_table(tmp_path / "t.arrow").equals(TABLE)
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


KEY = {"spec": {"tuning": {"epochs": 10}}, "inputs": {"facts.arrow": "a" * 64}, "code": {"x.R": "b" * 64}}


@pytest.fixture
def manifest(tmp_path):
    write_table(tmp_path / "t.arrow", TABLE)
    Manifest(tmp_path).record("step", KEY, {"t.arrow": 3}, 0.1, "now")
    return Manifest(tmp_path)  # read back from the disk


def test_same_key_is_not_stale(manifest):
    assert manifest.stale("step", KEY) == []
    assert manifest.stale("other", KEY) == ["not done yet"]


def test_what_changed_is_said(manifest):
    new = {
        "spec": {"tuning": {"epochs": 12}},
        "inputs": {"facts.arrow": "c" * 64},
        "code": {"x.R": "d" * 64, "y.R": ""},
    }
    assert manifest.stale("step", new) == [
        "tuning.epochs: 10 → 12",
        "facts.arrow changed",
        "x.R changed",
        "y.R is new",
    ]


def test_a_touched_or_missing_artefact_is_noticed(manifest):
    path = manifest.folder / "t.arrow"
    write_table(path, pa.table({"a": [9]}))
    assert manifest.stale("step", KEY) == ["t.arrow was changed after it was made"]
    with pytest.raises(InputError, match="SHA-256"):
        manifest.verified("t.arrow")
    path.unlink()
    assert manifest.stale("step", KEY) == ["t.arrow is missing"]
    with pytest.raises(InputError, match="not been made yet"):
        manifest.verified("t.arrow")


def test_a_manifest_of_another_version_is_left_alone(tmp_path):
    (tmp_path / "manifest.json").write_text('{"schema": 99, "artefacts": {}, "steps": {}}')
    with pytest.raises(InputError, match="version 99"):
        Manifest(tmp_path)
    for damaged in (
        b"{",
        b"",
        b"\xff",
        b"[" * 100_000,
        b"[1]",
        b'{"schema": 1}',
        b'{"schema": 1, "artefacts": {}, "stepz": {}}',
    ):
        (tmp_path / "manifest.json").write_bytes(damaged)
        with pytest.raises(InputError, match="(?s)not a manifest.*move the results folder away"):
            Manifest(tmp_path)


def test_every_flipped_bit_of_a_manifest_is_seen_and_its_copy_is_used(manifest):
    whole = manifest.path.read_bytes()
    told = (manifest.artefacts, manifest.steps)
    for at in range(len(whole)):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << at % 8
        manifest.path.write_bytes(flipped)
        again = Manifest(manifest.folder)
        assert (again.artefacts, again.steps) == told
        assert "its copy is used" in again.notice or json.loads(flipped) == json.loads(whole), at
    manifest.path.write_bytes(whole[: len(whole) // 2])
    manifest.copy.write_bytes(whole.replace(b'"rows": 3', b'"rows": 4'))
    with pytest.raises(InputError, match="and there is no whole copy of it"):
        Manifest(manifest.folder)


def test_a_manifest_from_before_there_were_digests_is_read(manifest):
    told = {"schema": 1, "artefacts": manifest.artefacts, "steps": manifest.steps}
    manifest.path.write_text(json.dumps(told))
    assert Manifest(manifest.folder).stale("step", KEY) == []


def test_changes_of_lists_and_lost_keys():
    assert changes({"a": [1]}, {"a": [1, 2]}) == ["a: [1] → [1, 2]"]
    assert changes({"a": 1}, {}) == ["a is gone"]
    assert changes({"note": "b"}, {"note": "::: x\n" + "c" * 99}) == ["note: b → ::: x " + "c" * 73 + "…"]


def test_changes_in_a_list_of_tables_name_the_entry():
    old = {"models": [{"name": "a", "formula": "x"}, {"name": "b", "formula": "y"}]}
    new = {"models": [{"name": "a", "formula": "log(x)"}, {"name": "c", "formula": "y"}]}
    assert changes(old, new) == ["models.a.formula: x → log(x)", "models.b is gone", "models.c is new"]
    assert changes(old, {"models": old["models"][::-1]}) == ["models: another order"]


def test_what_a_step_makes_no_more_is_deleted(manifest, tmp_path):
    write_table(tmp_path / "u.arrow", TABLE)
    manifest.record("step", KEY, {"u.arrow": 3}, 0.1, "now")
    assert [p.name for p in tmp_path.glob("*.arrow")] == ["u.arrow"] == list(manifest.artefacts)
    manifest.record("other", KEY, {"u.arrow": 3}, 0.1, "now")  # it has another maker now
    manifest.record("step", KEY, {}, 0.1, "now")
    assert Manifest(tmp_path).verified("u.arrow").is_file()
