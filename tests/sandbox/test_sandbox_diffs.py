"""What `/diffs`, `/versions` and `/raw_diffs` say of a merge request."""

from tests.sandbox_server import SandboxServer

REQUEST = "/projects/acme%2Fshop/merge_requests/1"
LINES = "".join(f"line {number}\n" for number in range(1, 31))


def diffs(sandbox: SandboxServer, query: str = "per_page=100") -> dict[str, dict[str, object]]:
    return {file["new_path"]: file for file in sandbox.api("GET", f"{REQUEST}/diffs?{query}").body}


def test_each_kind_of_change_is_told_apart(sandbox: SandboxServer) -> None:
    before = {
        "gone.txt": "x\n",
        "old.txt": LINES,
        "run.sh": "#!/bin/sh\n",
        "edit.txt": LINES,
        "kind": "target",
    }
    sandbox.push("main", before)
    after = {
        "gone.txt": None,
        "old.txt": None,
        "new.txt": LINES,
        "run.sh": {"text": "#!/bin/sh\n", "mode": "100755"},
        "edit.txt": LINES.replace("line 15\n", "line fifteen\n"),
        "added.txt": "no newline",
        "kind": {"text": "target", "mode": "120000"},
        "blob.bin": b"\0\1\2",
        "module": {"text": "1" * 40, "mode": "160000"},
    }
    sandbox.merge_request(files=after)
    found = diffs(sandbox)
    flags = {
        path: [key for key in file if key.endswith("_file") and file[key]] for path, file in found.items()
    }
    assert flags["gone.txt"] == ["deleted_file"]
    assert flags["new.txt"] == ["renamed_file"]
    assert (found["new.txt"]["old_path"], found["new.txt"]["diff"]) == ("old.txt", "")
    assert (found["run.sh"]["a_mode"], found["run.sh"]["b_mode"], found["run.sh"]["diff"]) == (
        "100644",
        "100755",
        "",
    )
    assert found["added.txt"]["diff"] == "@@ -0,0 +1 @@\n+no newline\n\\ No newline at end of file\n"
    assert found["added.txt"]["a_mode"] == "0"
    assert found["edit.txt"]["diff"].startswith("@@ -12,7 +12,7 @@ line 11\n line 12\n")
    assert found["blob.bin"]["diff"] == "Binary files /dev/null and b/blob.bin differ\n"
    assert "Subproject commit" in found["module"]["diff"]


def test_unidiff_adds_the_names_of_both_sides(sandbox: SandboxServer) -> None:
    sandbox.merge_request(files={"a.txt": "1\n", "README.md": None})
    found = diffs(sandbox, "unidiff=true")
    assert str(found["a.txt"]["diff"]).startswith("--- /dev/null\n+++ b/a.txt\n@@ -0,0 +1 @@\n")
    assert str(found["README.md"]["diff"]).startswith("--- a/README.md\n+++ /dev/null\n")


def test_odd_names_come_as_text(sandbox: SandboxServer) -> None:
    sandbox.merge_request(files={'sp ace/"quoted".txt': "1\n", "ünï.txt": "1\n", "tab\there": "1\n"})
    assert set(diffs(sandbox)) == {'sp ace/"quoted".txt', "ünï.txt", "tab\there"}


def test_a_patch_over_a_limit_is_left_out_and_said_to_be(sandbox: SandboxServer) -> None:
    sandbox.merge_request(files={"small": "x\n", "collapsed": "x" * 30_000, "huge": "x" * 300_000})
    shown = {
        path: (file["collapsed"], file["too_large"], bool(file["diff"]))
        for path, file in diffs(sandbox).items()
    }
    assert shown == {
        "small": (False, False, True),
        "collapsed": (True, False, False),
        "huge": (False, True, False),
    }
    sandbox.limits(collapse_bytes=1)
    assert diffs(sandbox)["small"]["collapsed"]


def test_files_over_the_limit_are_not_listed_and_the_count_has_a_plus(sandbox: SandboxServer) -> None:
    sandbox.limits(files=3)
    sandbox.merge_request(files={f"{number}.txt": "x\n" for number in range(5)})
    assert len(diffs(sandbox)) == 3
    assert sandbox.api("GET", REQUEST).body["changes_count"] == "3+"


def test_raw_diffs_are_whole_and_text(sandbox: SandboxServer) -> None:
    sandbox.merge_request(files={"huge": "x" * 300_000})
    reply = sandbox.api("GET", f"{REQUEST}/raw_diffs")
    assert reply.headers["Content-Type"].startswith("text/plain")
    assert "+" + "x" * 300_000 in reply.body


def test_an_instance_before_17_9_has_no_raw_diffs() -> None:
    with SandboxServer(version="17.8.0") as old:
        old.merge_request(files={"a": "1\n"})
        assert old.api("GET", f"{REQUEST}/raw_diffs").status == 404


def test_every_push_makes_a_version_newest_first(sandbox: SandboxServer) -> None:
    first = sandbox.push("feature", {"a": "1\n"})
    sandbox.merge_request()
    second = sandbox.push("feature", {"a": "2\n"})
    versions = sandbox.api("GET", f"{REQUEST}/versions").body
    assert [one["head_commit_sha"] for one in versions] == [second, first]
    detail = sandbox.api("GET", f"{REQUEST}/versions/{versions[1]['id']}").body
    assert [file["diff"] for file in detail["diffs"]] == ["@@ -0,0 +1 @@\n+1\n"]
    assert [commit["id"] for commit in detail["commits"]] == [first]
    refs = sandbox.api("GET", REQUEST).body["diff_refs"]
    assert refs == {
        "base_sha": versions[0]["base_commit_sha"],
        "start_sha": versions[0]["start_commit_sha"],
        "head_sha": second,
    }


def test_the_base_is_where_the_branches_parted(sandbox: SandboxServer) -> None:
    parted = sandbox.push("main", {"a": "1\n"})
    sandbox.push("feature", {"b": "1\n"})
    start = sandbox.push("main", {"c": "1\n"})
    sandbox.merge_request()
    refs = sandbox.api("GET", REQUEST).body["diff_refs"]
    assert (refs["base_sha"], refs["start_sha"]) == (parted, start)
    assert set(diffs(sandbox)) == {"b"}


def test_a_diff_being_prepared_is_not_there_yet(sandbox: SandboxServer) -> None:
    sandbox.merge_request(files={"a": "1\n"})
    sandbox.act(1, "preparing", on=True)
    shown = sandbox.api("GET", REQUEST).body
    assert (shown["diff_refs"], shown["prepared_at"], shown["detailed_merge_status"]) == (
        None,
        None,
        "preparing",
    )
    assert diffs(sandbox) == {}
    sandbox.act(1, "preparing", on=False)
    assert set(diffs(sandbox)) == {"a"}
