"""Handlers for configuration, version, and statistics that clients send."""

from __future__ import annotations

from typing import Any

from mlops.lakeserver.errors import BadRequest, Conflict
from mlops.lakeserver.http.bodies import Body
from mlops.lakeserver.http.responses import Response, json_response, no_content
from mlops.lakeserver.http.wire import Request

# Clients compare it with lakeFS's own versions; it is the one whose behaviour is followed.
LAKEFS_VERSION = "1.84.0"

_STORAGE = {
    "blockstore_type": "local",
    "blockstore_id": "",
    "blockstore_description": "",
    "blockstore_namespace_example": "local://example-bucket/",
    "blockstore_namespace_ValidityRegex": "^local://",
    "default_namespace_prefix": "local://",
    "pre_sign_support": False,
    "pre_sign_support_ui": False,
    "import_validity_regex": "^local://",
    "pre_sign_multipart_upload": False,
}
_VERSION = {"version": LAKEFS_VERSION, "version_context": "lakeFS"}


def health_check(_: Request) -> Response:
    """Answers that the server is there."""
    return no_content()


def get_config(request: Request) -> Response:
    """Shows what the server supports: a local block store, no presigned addresses, import if allowed."""
    return json_response(
        {
            "version_config": _VERSION,
            "storage_config": _storage(request),
            "storage_config_list": [],
            "ui_config": {},
            "capabilities_config": {},
        }
    )


def get_storage_config(request: Request) -> Response:
    """Shows the storage part of the configuration."""
    return json_response(_storage(request))


def _storage(request: Request) -> dict[str, Any]:
    return _STORAGE | {"import_support": request.lake.import_from is not None}


def get_lake_fs_version(_: Request) -> Response:
    """Shows the version of lakeFS whose behaviour is followed."""
    return json_response(_VERSION)


def get_garbage_collection_config(_: Request) -> Response:
    """Shows the grace period (seconds) that lakeFS's own collector would keep."""
    return json_response({"grace_period": 86400})


def get_setup_state(_: Request) -> Response:
    """Says that the server is set up: its credentials are made when it first starts."""
    return json_response(
        {
            "state": "initialized",
            "comm_prefs_missing": False,
            "login_config": {
                "RBAC": "none",
                "login_url": "",
                "login_url_method": "none",
                "login_failed_message": "The credentials don't match.",
                "login_cookie_names": ["internal_auth_session"],
                "logout_url": "",
            },
        }
    )


def setup(request: Request) -> Response:
    """Refuses: the server is set up from its first start on."""
    Body(request.body, "Setup").text("username")
    raise Conflict("lakeFS already initialized")


def post_stats_events(request: Request) -> Response:
    """Takes usage statistics and forgets them."""
    for event in Body(request.body, "StatsEventsList").items("events", "StatsEvent"):
        event.text("class"), event.text("name"), event.integer("count")
        if event.integer("count") < 0:
            raise BadRequest("count must be a non-negative integer")
    return no_content()
