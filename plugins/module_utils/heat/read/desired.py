# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module's options -> Desired: templates, nested templates, ``get_file`` and environments read as Heat's client does."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Mapping
from typing import Any
from urllib.error import URLError

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import Desired


def read_desired(params: Mapping[str, Any], parameters: Mapping[str, Any]) -> Desired:
    """Read all files that the options name; nothing is sent anywhere.

    :param params: the module's options.
    :param parameters: the option ``parameters``, apart, because the options may be masked by now.
    :raises InvalidRequest: a file is missing, or is neither template nor environment.
    """
    files, template = _read_template(params)
    environment_files, environment = _read_environment(params.get("environment"))
    return Desired(
        name=params["name"],
        template=template,
        environment=environment,
        files={name: _text(content) for name, content in {**files, **environment_files}.items()},
        parameters=dict(parameters),
        tags=None if params.get("tags") is None else tuple(sorted({str(tag) for tag in params["tags"]})),
        stack_timeout=params.get("stack_timeout"),
        rollback=params.get("rollback"),
        recreate=bool(params.get("recreate")),
        allow_replace=bool(params.get("allow_replace")),
    )


def _read_template(params: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any] | None]:
    from heatclient.common import template_utils

    path, body = params.get("template"), params.get("template_body")
    if path is not None:
        return _reading("template", path, lambda: _of_mapping(template_utils.get_template_contents(path)))
    if body is not None:
        return _reading("template_body", "template_body", lambda: _inline(body))
    return {}, None


def _inline(body: object) -> tuple[dict[str, str], dict[str, Any]]:
    from heatclient.common import template_format, template_utils

    # By way of text also where it came as a dictionary, so that both meet the same checks.
    template = template_format.parse(body if isinstance(body, str) else json.dumps(body))
    files: dict[str, str] = {}
    template_utils.resolve_template_get_files(template, files, f"file://{os.getcwd()}/")
    return _of_mapping((files, template))


def _of_mapping(read: tuple[dict[str, str], Any]) -> tuple[dict[str, str], dict[str, Any]]:
    files, template = read
    if not isinstance(template, Mapping):
        raise TypeError("it is not a mapping of keys to values")
    return files, dict(template)


def _text(content: str | bytes) -> str:
    # The client leaves plain files as bytes (base64 where they are not text); its JSON encoder makes text of them.
    return content.decode("utf-8") if isinstance(content, bytes) else content


def _read_environment(given: list[Any] | None) -> tuple[dict[str, str], dict[str, Any] | None]:
    from heatclient.common import template_utils

    if given is None:
        return {}, None
    files: dict[str, str] = {}
    merged: dict[str, Any] = {}
    for place, entry in enumerate(given, start=1):
        path = f"entry {place} of environment"
        if isinstance(entry, str) and not _is_text_of_mapping(entry):
            path = entry
            more, environment = _reading(
                "environment", path, lambda entry=entry: template_utils.process_environment_and_files(env_path=entry)
            )
        else:
            more, environment = _reading("environment", path, lambda entry=entry: _inline_environment(entry))
        if environment.get("parameter_merge_strategies"):
            raise InvalidRequest(
                f"Failed to read environment file '{path}': 'parameter_merge_strategies' is not supported",
                code="BAD_ENVIRONMENT",
                resource=path,
                hint="Give the merged values in one environment file or in 'parameters'",
            )
        files.update(more)
        merged = template_utils.deep_update(merged, copy.deepcopy(environment))
    return files, merged


def _is_text_of_mapping(text: str) -> bool:
    """Whether it is an environment itself and no path: paths have no line end and no colon with a space after it."""
    return "\n" in text or ": " in text or text.lstrip().startswith("{")


def _inline_environment(entry: object) -> tuple[dict[str, str], dict[str, Any]]:
    from heatclient.common import environment_format, template_utils

    environment = environment_format.parse(entry if isinstance(entry, str) else json.dumps(entry))
    files: dict[str, str] = {}
    template_utils.resolve_environment_urls(
        environment.get("resource_registry"), files, f"file://{os.getcwd()}/", is_object=False
    )
    return files, environment


def _reading(option: str, path: str, call: Callable[[], Any]) -> Any:
    """Call the reader; whatever it stumbles over becomes an answer that names the option and the file."""
    from heatclient import exc

    what = "environment file" if option == "environment" else "template"
    named = f"'{path}'" if path != option else "in option 'template_body'"
    try:
        return call()
    except (URLError, OSError) as error:
        raise InvalidRequest(
            f"Failed to read {what} {named}",
            code="FILE_NOT_FOUND",
            resource=path,
            reason=str(getattr(error, "reason", error)),
            hint=f"Give the path of a file on the host that runs this task in '{option}'; a relative one starts at "
            f"{os.getcwd()}",
        ) from error
    except (exc.CommandError, ValueError, TypeError, AttributeError) as error:
        missing = "Could not fetch" in str(error)
        raise InvalidRequest(
            f"Failed to read {what} {named}",
            code="FILE_NOT_FOUND" if missing else "BAD_ENVIRONMENT" if option == "environment" else "BAD_TEMPLATE",
            resource=path,
            reason=" ".join(str(error).split()),
            hint="Check the path of the file that the reason names" if missing else f"Correct the {what}",
        ) from error
