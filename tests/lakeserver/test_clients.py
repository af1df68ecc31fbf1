"""lakeFS's own clients, unmodified."""

from __future__ import annotations

from typing import Any

import pytest

from mlops.lakeserver import Credentials, Server


@pytest.fixture
def sdk(server: Server, credentials: Credentials) -> Any:
    from lakefs.client import Client

    return Client(host=server.url, username=credentials.access_key_id, password=credentials.secret_access_key)


def test_the_high_level_client(sdk: Any, api: Any) -> None:
    import lakefs
    from lakefs.exceptions import (
        BadRequestException,
        ConflictException,
        NotFoundException,
        ObjectNotFoundException,
    )

    repo = lakefs.Repository(api.repository, client=sdk)
    main = repo.branch("main")
    main.object("a/b").upload(data=b"hello", pre_sign=False, metadata={"K": "v"})
    with main.object("c").writer("wb", pre_sign=False) as writer:
        writer.write(b"streamed")
    assert [change.path for change in main.uncommitted()] == ["a/b", "c"]
    made = main.commit("first", metadata={"k": "v"})
    assert made.get_commit().metadata == {"k": "v"}
    with main.object("a/b").reader("rb", pre_sign=False) as reader:
        assert reader.read(2) == b"he"
        reader.seek(3)
        assert reader.read() == b"lo"
    assert main.object("a/b").stat().metadata == {"k": "v"}
    assert not main.object("no").exists()
    with pytest.raises(ObjectNotFoundException):
        main.object("no").stat()

    dev = repo.branch("dev").create("main")
    dev.object("a/b").upload(data=b"theirs", pre_sign=False)
    dev.commit("theirs")
    assert [(change.type, change.path) for change in main.diff(dev)] == [("changed", "a/b")]
    reference = dev.merge_into(main)
    assert main.head.id == reference
    with pytest.raises(BadRequestException, match="no changes"):
        dev.merge_into(main)
    dev.object("c").upload(data=b"1", pre_sign=False)
    dev.commit("c")
    main.object("c").upload(data=b"2", pre_sign=False)
    main.commit("c")
    with pytest.raises(ConflictException):
        dev.merge_into(main)
    tag = repo.tag("v1").create("main")
    assert tag.get_commit().id == main.head.id
    with pytest.raises(NotFoundException):
        repo.branch("nosuch").get_commit()
    with main.transact(commit_message="in a transaction") as transaction:
        transaction.object("t").upload(data=b"t", pre_sign=False)
    assert main.object("t").exists()
    reverted = main.revert("main", parent_number=1)
    assert reverted.message.startswith("Revert")
    assert not main.object("t").exists()
    assert next(iter(main.log(max_amount=1))).message == reverted.message


def test_answers_have_the_shapes_of_the_client(sdk: Any, api: Any) -> None:
    from lakefs_sdk import models

    low = sdk.sdk_client
    api.put("a/b")
    api.commit()
    api.branch("dev")
    api.put("c", branch="dev")
    args = {"repository": api.repository}
    assert isinstance(low.config_api.get_config(), models.Config)
    assert isinstance(low.auth_api.get_current_user(), models.CurrentUser)
    assert isinstance(low.internal_api.get_setup_state(), models.SetupState)
    listed = low.objects_api.list_objects(ref="dev", delimiter="/", **args)
    assert [row.path_type for row in listed.results] == ["common_prefix", "object"]
    changes = low.branches_api.diff_branch(branch="dev", **args)
    assert isinstance(changes.results[0], models.Diff)
    uploaded = low.objects_api.upload_object(branch="dev", path="u", content=b"12", **args)
    assert uploaded.size_bytes == 2
    rules = [models.BranchProtectionRule(pattern="x*")]
    low.repositories_api.set_branch_protection_rules(branch_protection_rule=rules, **args)
    assert low.repositories_api.get_branch_protection_rules(**args) == rules
    pull = models.PullRequestCreation(title="t", source_branch="dev", destination_branch="main")
    made = low.pulls_api.create_pull_request(pull_request_creation=pull, **args)
    assert [row.id for row in low.pulls_api.list_pull_requests(**args).results] == [made.id]
    low.commits_api.commit(
        branch="dev", commit_creation=models.CommitCreation(message="m", metadata={"a": "b"}), **args
    )
    merged = low.pulls_api.merge_pull_request(pull_request=made.id, **args)
    assert low.commits_api.get_commit(commit_id=merged.reference, **args).generation == 4
    low.experimental_api.hard_reset_branch(branch="dev", ref="main", **args)
    assert low.refs_api.find_merge_base(source_ref="dev", destination_branch="main", **args).base_commit_id
    assert low.actions_api.list_repository_runs(**args).results == []
    low.experimental_api.update_object_user_metadata(
        branch="dev",
        path="u",
        update_object_user_metadata=models.UpdateObjectUserMetadata(set={"k": "v"}),
        **args,
    )
    assert low.objects_api.stat_object(ref="dev", path="u", **args).metadata == {"k": "v"}


def test_the_file_system_client(server: Server, api: Any, credentials: Credentials) -> None:
    from lakefs_spec import LakeFSFileSystem

    fs = LakeFSFileSystem(
        host=server.url,
        username=credentials.access_key_id,
        password=credentials.secret_access_key,
        skip_instance_cache=True,
    )
    root = f"lakefs://{api.repository}/main"
    with fs.open(f"{root}/dir/f.txt", "w", create_branch_ok=False) as file:
        file.write("hello")
    assert fs.cat_file(f"{root}/dir/f.txt", start=1, end=3) == b"el"
    assert fs.ls(f"{root}/", detail=False) == [f"{api.repository}/main/dir/"]
    fs.cp_file(f"{root}/dir/f.txt", f"{root}/dir/g.txt")
    assert fs.checksum(f"{root}/dir/f.txt") == fs.checksum(f"{root}/dir/g.txt")
    assert fs.exists(f"{root}/dir/g.txt")
    fs.rm(f"{root}/dir/", recursive=True)
    assert not fs.exists(f"{root}/dir/g.txt")
    with fs.transaction(api.repository, "main") as transaction:
        fs.pipe(f"lakefs://{api.repository}/{transaction.branch.id}/t.txt", b"t")
        transaction.commit("in a transaction")
    assert fs.cat_file(f"{root}/t.txt") == b"t"
