# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application: operations, errors, limits, metrics, and the workers' life."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

import anyio
import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.routing import Match

from gateway import operations
from gateway.gateway import build_gateway
from gateway.limits import BODY_S, THREADS, BodyLimit
from gateway.measures import Measures
from gateway.problems import MEDIA_TYPE, Problem, of_validation
from gateway.schemas import Health
from gateway.settings import Settings

log = logging.getLogger("gateway")
# A client may make up methods; each label of a metric costs memory
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def build(settings: Settings) -> FastAPI:
    """The application.

    :raises SettingsError: a file is missing or wrong.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # A client of AWX would log addresses; requests of the cloud hold none of our secrets, and nobody needs them
    for noisy in ("httpx", "keystoneauth", "urllib3", "openstack"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    gateway = build_gateway(settings)

    @contextlib.asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        # Most of these wait for one reading of a cloud
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        gateway.workers.start()
        try:
            yield
        finally:
            await run_in_threadpool(gateway.workers.stop)
            gateway.store.close()

    app = FastAPI(
        title="kcloud.infrastructure gateway",
        version=gateway.version,
        description="Clusters with GPUs and NPUs on OpenStack Magnum. Writes answer 202 with a job; `GET /jobs/{id}` says how it ends.",
        lifespan=life,
        redoc_url=None,
    )
    app.state.gateway = gateway
    app.include_router(operations.router)
    _add_own_routes(app, Measures(gateway))
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, handler)

    too_large = Problem(
        413,
        "BODY_TOO_LARGE",
        f"The body of a request has {settings.max_body} bytes at most",
        hint="Send less, or raise KCLOUD_GATEWAY_MAX_BODY",
        headers={"Connection": "close"},
    )
    too_slow = Problem(
        408,
        "BODY_TOO_SLOW",
        f"The body of a request did not come within {BODY_S:g} seconds",
        hint="Send the whole body at once, as long as Content-Length says",
        headers={"Connection": "close"},
    )
    app.add_middleware(BodyLimit, most=settings.max_body, too_large=respond(too_large), too_slow=respond(too_slow))
    return app


def respond(problem: Problem) -> JSONResponse:
    """A problem as a response."""
    return JSONResponse(problem.body, problem.status, problem.headers, MEDIA_TYPE)


async def _on_problem(_request: Request, error: Any) -> Response:
    return respond(error)


async def _on_invalid(_request: Request, error: Any) -> Response:
    return respond(of_validation(list(error.errors())))


async def _on_http(request: Request, error: Any) -> Response:
    code = {404: "NO_SUCH_OPERATION", 405: "METHOD_NOT_ALLOWED"}.get(error.status_code, "BAD_REQUEST")
    hint = "/openapi.json lists the operations"
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_methods(request))
    return respond(Problem(error.status_code, code, str(error.detail), hint=hint, headers=headers))


def _methods(request: Request) -> list[str]:
    """The methods of all operations of this address: the router knows each operation by itself."""
    routes = [route for route in (*operations.router.routes, *request.app.routes) if getattr(route, "methods", None)]
    exact = [route for route in routes if getattr(route, "path", None) == request.url.path]
    # A fixed address wins over one with a parameter that would take it
    fitting = exact or [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    allowed = {method for route in fitting for method in route.methods}
    return sorted(allowed)


async def _on_error(request: Request, error: Exception) -> Response:
    log.error("%s failed", request.scope.get("route"), exc_info=error)
    return respond(Problem(500, "INTERNAL_ERROR", "The gateway failed", hint="Look at the gateway's log"))


HANDLERS: dict[Any, Any] = {
    Problem: _on_problem,
    RequestValidationError: _on_invalid,
    HTTPException: _on_http,
    Exception: _on_error,
}


def _add_own_routes(app: FastAPI, measures: Measures) -> None:
    @app.middleware("http")
    async def measured(request: Request, call_next: Any) -> Response:
        began = time.monotonic()
        response = await call_next(request)
        route = getattr(request.scope.get("route"), "path", "none")
        method = request.method if request.method in METHODS else "other"
        measures.saw(method, route, response.status_code, time.monotonic() - began)
        return response

    # Threads of its own: requests that wait for a slow cloud must not make the gateway look dead
    probes = anyio.CapacityLimiter(4)

    @app.get("/health", tags=["gateway"], response_model=Health, responses={503: {"model": Health}})
    async def health() -> Response:
        """Whether the gateway runs and reaches its database. The cloud does not count: a gateway is not restarted for it."""
        try:
            await anyio.to_thread.run_sync(app.state.gateway.store.ping, limiter=probes)
        except SQLAlchemyError:
            return JSONResponse({"status": "unavailable"}, 503)
        return JSONResponse({"status": "ok"})

    @app.get("/metrics", tags=["gateway"], response_class=PlainTextResponse)
    async def metrics() -> Response:
        """The gateway's own metrics, for Prometheus."""
        text = await anyio.to_thread.run_sync(generate_latest, measures.registry, limiter=probes)
        return Response(text, media_type=CONTENT_TYPE_LATEST)
