# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module says of services that a test cloud does not show."""

from __future__ import annotations

import json
from types import FunctionType, SimpleNamespace
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import ServiceError
from ansible_collections.kcloud.infrastructure.plugins.modules import openstack_info
from keystoneauth1.access.service_catalog import ServiceCatalogV3
from openstack import exceptions
from requests import Response

CATALOG = [
    {"type": kind, "name": name, "endpoints": [{"interface": interface, "region": "One", "url": f"http://{name}"}]}
    for kind, name, interface in (
        ("identity", "keystone", "public"),
        ("placement", "placement", "public"),
        ("key-manager", "barbican", "admin"),
    )
]


def response(status: int, body: Any) -> Response:
    """An answer, with JSON unless the body is a text."""
    answer = Response()
    answer.status_code = status
    answer._content = (body if isinstance(body, str) else json.dumps(body)).encode()
    return answer


def connection(adapter: Any) -> Any:
    """A connection that has this adapter for every service, and CATALOG."""
    access = SimpleNamespace(service_catalog=ServiceCatalogV3(CATALOG))
    config = SimpleNamespace(
        get_session_client=lambda _service: adapter,
        get_interface=lambda _service: "public",
        get_region_name=lambda _service: "One",
    )
    auth = SimpleNamespace(get_access=lambda _session: access)
    return SimpleNamespace(config=config, session=SimpleNamespace(auth=auth))


@pytest.fixture(autouse=True)
def only_glance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openstack_info, "SERVICES", {"image": ("/images?limit=1", "schema")})


def adapter(answer: Response | None = None, url: str | None = "http://glance/v2/", override: str | None = None) -> Any:
    endpoint = None if url is None else SimpleNamespace(url=url, min_microversion=None, max_microversion=None)
    return SimpleNamespace(get_endpoint_data=lambda: endpoint, get=lambda _path: answer, endpoint_override=override)


GLANCE = {"images": [], "schema": "/v2/schemas/images"}


@pytest.mark.parametrize(
    ("status", "body", "available"),
    [
        (200, GLANCE, True),
        # The service's word on this user
        (401, {}, True),
        (403, {}, True),
        # Nova lists images too
        (200, {"images": []}, False),
        (200, "a page", False),
        # What a root says to a path without a version
        (300, {"choices": []}, False),
        (400, {}, False),
        (404, "no", False),
        (500, {}, False),
        (503, {}, False),
    ],
)
def test_a_service_is_available_where_it_answers_in_its_form(status: int, body: Any, available: bool) -> None:
    """Else the reason names the address and the status."""
    found = openstack_info.services(connection(adapter(response(status, body))))["image"]
    assert found["available"] is available
    assert available or (f"http://glance/v2/ answered {status}" in found["reason"] and found["hint"])


def test_an_address_that_tells_no_version_is_named() -> None:
    found = openstack_info.services(connection(adapter(url=None, override="http://glance/wrong")))["image"]
    assert (found["available"], "http://glance/wrong" in found["reason"]) == (False, True) and found["hint"]
    found = openstack_info.services(connection(adapter(url=None)))["image"]
    assert (found["available"], found["reason"]) == (False, "it is not in the cloud's catalog")


def test_other_services_are_what_the_catalog_says() -> None:
    found = openstack_info.services(connection(adapter(response(200, GLANCE))))
    assert {kind: (about["name"], about["available"]) for kind, about in found.items() if kind != "image"} == {
        "identity": ("keystone", True),
        "placement": ("placement", True),
        "key-manager": ("barbican", False),
    }
    assert found["identity"]["endpoint"] == "http://keystone" and found["key-manager"]["reason"]


def wrong() -> None:
    """An error of our own."""
    getattr(None, "catalog_url")  # noqa: B009


# As openstacksdk does where it could read no version
stumble = FunctionType(wrong.__code__, {"__name__": "openstack.service_description", "getattr": getattr})


def not_supported() -> None:
    raise exceptions.NotSupported("no version of compute")


@pytest.mark.parametrize("failing", [stumble, not_supported])
def test_what_openstacksdk_cannot_use_is_a_problem_of_its_part(monkeypatch: pytest.MonkeyPatch, failing: Any) -> None:
    """And the other parts are read."""
    parts = {"flavors": (lambda _connection: failing(), []), "images": (lambda _connection: ["one"], [])}
    monkeypatch.setattr(openstack_info, "PARTS", parts)
    monkeypatch.setattr(openstack_info, "connect", lambda _params: None)
    monkeypatch.setattr(openstack_info, "identity", lambda _connection: {})
    found = openstack_info.run({"gather": list(parts)}, False, lambda _secrets: None)["openstack"]
    assert found["problems"]["flavors"]["reason"] and found["problems"]["flavors"]["hint"]
    assert (list(found["problems"]), found["flavors"], found["images"]) == (["flavors"], [], ["one"])


def test_what_our_own_code_gets_wrong_stays_a_traceback() -> None:
    with pytest.raises(AttributeError), openstack_info.understood("look", "image"):
        wrong()
    with pytest.raises(ServiceError), openstack_info.understood("look", "image"):
        stumble()


def keystone(code: int, message: str) -> Response:
    return response(code, {"error": {"code": code, "message": message}})


@pytest.mark.parametrize(
    ("answer", "permitted", "refusal"),
    [
        (keystone(404, "Could not find user: x."), True, None),
        (keystone(403, "Delegated tokens cannot manage trusts"), False, "Delegated tokens cannot manage trusts"),
        # A policy, in words of its own: the creation itself tells
        (keystone(403, "You are not authorized."), False, None),
        # The access rules of an application credential
        (keystone(401, "The request you have made requires authentication."), False, None),
        (response(403, "<html><h1>Forbidden: no trusts</h1></html>"), False, None),
        # A proxy's page says nothing about the user
        (response(404, "<html>Not Found</html>"), None, None),
        (keystone(500, "oops"), None, None),
        (response(502, ""), None, None),
        (keystone(400, "bad"), None, None),
    ],
)
def test_keystone_lets_credentials_make_trusts_where_it_misses_the_user(
    answer: Response, permitted: bool | None, refusal: str | None
) -> None:
    """A creation is only stopped by a refusal that is beyond doubt; the verdict here is none where the answer does not tell."""
    session = SimpleNamespace(post=lambda _path, **_options: answer)
    asked: Any = SimpleNamespace(session=session, current_user_id="me", current_project_id="p")
    found = openstack_info.trusts(asked)
    assert found["permitted"] is permitted
    assert bool(found["reason"]) == (permitted is not True)
    assert openstack_info.ask_for_trust(asked, "ask", "keystone").refusal == refusal
