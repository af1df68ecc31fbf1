from __future__ import annotations

from typing import Any

import pytest

from mlops.lakeserver import coverage
from mlops.lakeserver.http.routes import ROUTES, Router, unbuilt_router

OPERATIONS = coverage.client_operations()


def test_the_table_is_what_it_would_be_now() -> None:
    assert coverage.stale() == [], "run python -m mlops.lakeserver.coverage --write"


def test_every_route_is_an_operation_of_the_client() -> None:
    known = {(operation.method, operation.path): operation.name for operation in OPERATIONS}
    for route in ROUTES:
        assert coverage.snake_case(route.operation) == known[route.method, route.path]


def test_every_handler_says_what_it_does_and_bears_its_name() -> None:
    for route in ROUTES:
        assert route.handler.__name__ == coverage.snake_case(route.operation)
        assert (route.handler.__doc__ or "").strip()


def test_every_operation_has_one_place() -> None:
    built, unbuilt = Router(), unbuilt_router()
    for operation in OPERATIONS:
        path = operation.path.replace("{", "").replace("}", "").encode()
        found = [router.find(operation.method, path) is not None for router in (built, unbuilt)]
        assert sorted(found) == [False, True], operation


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "R/gc/prepare_commits", "prepare_garbage_collection_commits"),
        ("GET", "R/metadata/meta_range/x", "get_meta_range"),
        ("GET", "/auth/users", "list_users"),
        ("POST", "R/branches/main/staging/pmpu", "create_presign_multipart_upload"),
    ],
)
def test_what_is_not_built_says_so(api: Any, method: str, path: str, name: str) -> None:
    answer = api(method, path)
    assert (answer.status, answer.message) == (501, f"{name} is not built into this server")


def test_names_with_special_characters_are_cut_before_they_are_decoded() -> None:
    found = Router().find("GET", b"/repositories/a%2Fb/refs/main%40~1/objects")
    assert found is not None
    assert found[1] == {"repository": "a/b", "ref": "main@~1"}
    assert Router().find("GET", b"/repositories/") is None
    assert Router().find("GET", b"/repositories/a/refs//objects") is None
    assert Router().find("GET", b"/repositories/%ff") is None
