# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How every module starts and ends: arguments checked, one ``except``, one shape of result."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import AUTH_ARGUMENT_SPEC
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest, KcloudError

# The newest microversion of any Magnum, 23
NEWEST_MINOR = 14
# The documentation of these is plugins/doc_fragments/wait.py.
WAIT_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "wait": {"type": "bool", "default": True},
    "timeout": {"type": "int", "default": 3600},
    "progress": {"type": "bool", "default": True},
}
# The same options of a module that waits for nothing: `module_defaults` of the action group may set them for all modules.
IGNORED_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    name: {"type": about["type"]} for name, about in WAIT_ARGUMENT_SPEC.items()
}


def argument_spec(own: dict[str, Any], *, wait: bool = False) -> dict[str, Any]:
    """The module's own options with the shared ones: auth, and how to wait, which a module that never waits ignores."""
    return {**AUTH_ARGUMENT_SPEC, **(WAIT_ARGUMENT_SPEC if wait else IGNORED_ARGUMENT_SPEC), **own}


def _leave_out_ignored(spec: Mapping[str, Any], params: dict[str, Any]) -> None:
    """Take out of the parameters what the module accepts and ignores.

    In place: what a run masks in its parameters must be masked in what Ansible echoes of them.
    """
    for name, about in IGNORED_ARGUMENT_SPEC.items():
        if spec.get(name) is about:
            params.pop(name, None)


def require_libraries(module: AnsibleModule, *names: str) -> None:
    """Fail with Ansible's own words for a Python library that is missing where the task runs."""
    for name in names:
        try:
            __import__(name)
        except ImportError as error:
            package = {"magnumclient": "python-magnumclient", "heatclient": "python-heatclient"}.get(
                name, "openstacksdk" if name == "openstack" else name
            )
            module.fail_json(msg=missing_required_lib(package), exception=str(error))


# What these keys of ``auth`` hold is not secret, and would be hidden wherever else it stands: in names, in addresses.
_PLAIN_KEYS = re.compile(r"(^|_)(url|name|id|username|domain|methods?|scope)$")


def _scalars(value: Any, plain: bool = False) -> Iterator[tuple[bool, str]]:
    """Every text inside a value, with whether its key says that it is not secret."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _scalars(inner, bool(_PLAIN_KEYS.search(str(key))))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _scalars(inner, plain)
    elif value is not None and not isinstance(value, bool) and str(value):
        yield plain, str(value)


def _hide_secrets(module: AnsibleModule) -> None:
    """Hide the secrets of the auth options, and only these.

    ``auth`` as a whole is no_log for the case that the arguments are wrong. ``cloud`` cannot be, as its name is in every
    log; a cloud given as a dictionary holds secrets all the same.
    """
    cloud = module.params.get("cloud")
    given = list(_scalars(module.params.get("auth")))
    given += _scalars(cloud.get("auth") if isinstance(cloud, dict) else None)
    secrets = {text for plain, text in given if not plain}
    module.no_log_values.difference_update({text for plain, text in given if plain} - secrets)
    module.no_log_values.update(secrets)


class Module(AnsibleModule):
    """Ansible's module, whose errors hide secrets also where the arguments are so wrong that Ansible did not look for them.

    Ansible stops looking for what is ``no_log`` at a list that should hold dictionaries and does not, and then shows
    the arguments as they came.
    """

    def fail_json(self, msg: str, **result: Any) -> NoReturn:
        hidden = [self.params.get(name) for name, about in self.argument_spec.items() if about.get("no_log")]
        self.no_log_values.update(text for _plain, text in _scalars(hidden))
        _hide_secrets(self)
        super().fail_json(msg, **result)


def _check_environment(libraries: tuple[str, ...]) -> None:
    """Variables of the environment that other clients read and that cannot be heeded here are refused, not ignored."""
    version = os.environ.get("HEAT_API_VERSION", "1")
    if "heatclient" in libraries and version not in ("", "1"):
        raise InvalidRequest(
            f"Failed to read the environment variable HEAT_API_VERSION: Heat has no API '{version}'",
            resource="HEAT_API_VERSION",
            hint="Set it to 1, or unset it",
        )


def _version_warnings(params: dict[str, Any]) -> list[str]:
    """What to say of a microversion that no Magnum has: it is taken as an upper limit."""
    given = re.fullmatch(r"1\.(\d+)", str(params.get("api_version") or ""))
    if not given or int(given[1]) <= NEWEST_MINOR:
        return []
    line = (
        f"Magnum has no microversion 1.{given[1]}; it is taken as an upper limit, and the newest that this cloud has is used. "
        "Set api_version (or MAGNUM_API_VERSION) to what you tested with, such as 1.11"
    )
    return [line]


def run_module(
    spec: dict[str, Any],
    run: Callable[..., dict[str, Any]],
    *,
    libraries: tuple[str, ...] = ("openstack",),
    hides: bool = False,
    **ansible_options: Any,
) -> None:
    """Run a module and leave: the one place that catches errors.

    :param run: takes (parameters, check mode), returns the result; raises KcloudError.
    :param libraries: names to import before ``run``; missing ones are reported as Ansible does.
    :param hides: ``run`` takes a third argument, to be called with texts that must not show in whatever the module says:
        secrets that only the run itself can tell from the rest.
    """
    module = Module(argument_spec=spec, supports_check_mode=True, **ansible_options)
    _hide_secrets(module)
    require_libraries(module, *libraries)
    try:
        if module.params.get("timeout") is not None and module.params["timeout"] < 1:
            raise InvalidRequest(
                f"Failed to read option 'timeout': {module.params['timeout']} is not a time to wait",
                resource="timeout",
                hint="Give seconds, 1 or more, or set 'wait: false'",
            )
        _check_environment(libraries)
        for warning in _version_warnings(module.params):
            module.warn(warning)
        more = (module.no_log_values.update,) if hides else ()
        _leave_out_ignored(spec, module.params)
        module.exit_json(**run(module.params, module.check_mode, *more))
    except KcloudError as error:
        # What had been done before the failure is part of the answer: nothing is left half-made without saying so.
        partial = error.details.pop("result", None) or {}
        module.fail_json(msg=error.sentence(), **{**partial, "failure": error.failure()})
