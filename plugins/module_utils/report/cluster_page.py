# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One cluster of the page: a line that says what matters, and below it charts, node groups, decisions and gaps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.charts import Curve, chart, gaps, nice_top
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.markup import Child, Markup, element, name_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.model import (
    KINDS,
    Cluster,
    Group,
    Line,
    Track,
    total,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.words import (
    about,
    code,
    count,
    moment,
    money,
    percent,
    plural,
    span,
    watts,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import Figure

DECIDED_BY = {"idle": "clean-up", "scaling": "scaling", "consolidation": "consolidation"}


def cluster_part(cluster: Cluster, currency: str, *, is_open: bool) -> Markup:
    """A cluster, folded or not."""
    return element(
        "details",
        element("summary", _line(cluster, currency)),
        element(
            "div",
            _charts(cluster, currency),
            _decisions(cluster.lines, currency),
            _groups(cluster, currency),
            _facts(cluster, currency),
            _gaps(cluster.gaps),
            class_="body",
        ),
        open=is_open,
    )


# --- the line


def _line(cluster: Cluster, currency: str) -> Iterable[Child]:
    kind = cluster.main_resource
    use = cluster.utilization.get(kind)
    track = cluster.tracks.get(kind)
    advised = [line for line in cluster.lines if line.is_advice]
    idle = cluster.idle_cost_per_hour.value
    yield element(
        "span",
        name_of(cluster.name),
        " ",
        status_pill(cluster.status),
        [" ", element("span", code(advised[0].action), class_="pill advice")] if advised else None,
        element("small", " · ".join(filter(None, [cluster.team, cluster.type, _devices(cluster)]))),
        class_="who",
    )
    if track:
        label = f"{kind.upper()} utilisation of {cluster.name}, {_course(track, percent)}"
        yield chart([Curve(kind, track.values, True)], label, 1.0, height=24, class_="spark")
    else:
        yield element("span", class_="f")
    yield _number(percent(use.value if use else None), f"{kind.upper()} used")
    yield _number(watts(cluster.power.value), "power")
    yield _number(money(cluster.cost_per_hour.value, currency, "h"), "cost")
    yield _number(money(idle, currency, "h"), "of it idle", warns=bool(idle))


def _number(value: str, what: str, *, warns: bool = False) -> Markup:
    return element("span", value, element("small", what), class_="f warn" if warns else "f")


def status_pill(status: str) -> Markup:
    """A status with a colour; the words say the same."""
    kind = "wrong" if status.endswith("FAILED") else "now" if status.endswith("IN_PROGRESS") else "well"
    return element("span", code(status) or "status unknown", class_=f"pill {kind if status else 'now'}")


def _devices(cluster: Cluster) -> str:
    found = []
    for kind in KINDS:
        entries = [entry for entry in cluster.devices if entry.kind == kind]
        number = total(entry.total for entry in entries).value
        if entries:
            found.append(plural(number, kind.upper()) if number is not None else f"{kind.upper()}s")
    return ", ".join(found)


# --- figures and charts


def _facts(cluster: Cluster, currency: str) -> Markup:
    """The figures of the window, with where they are from."""
    facts: list[tuple[str, str, Figure]] = [
        *(
            (f"{name.upper() if name != 'memory' else 'memory'} used", percent(use.value), use)
            for name, use in cluster.utilization.items()
        ),
        ("power", watts(cluster.power.value), cluster.power),
        ("energy", _amount(cluster.energy, "kWh"), cluster.energy),
        ("cost", money(cluster.cost.value, currency), cluster.cost),
        ("of it idle", money(cluster.idle_cost.value, currency), cluster.idle_cost),
        ("electricity", money(cluster.electricity_cost.value, currency), cluster.electricity_cost),
        ("carbon", _amount(cluster.carbon, "kg"), cluster.carbon),
    ]
    shown = [
        element(
            "div",
            element("dt", name),
            element("dd", said),
            element("dd", about(figure), class_="of") if about(figure) else None,
        )
        for name, said, figure in facts
    ]
    return element("div", element("h3", "Figures of the window"), element("dl", shown, class_="facts"))


def _amount(figure: Figure, unit: str) -> str:
    return f"{figure.value:,.2f} {figure.unit or unit}" if figure.value is not None else "unknown"


def _charts(cluster: Cluster, currency: str) -> Markup | None:
    shares = {name: track for name, track in cluster.tracks.items() if name not in ("power", "memory")}
    power = cluster.tracks.get("power")
    drawn = [
        _utilisation(cluster, shares) if shares else None,
        _power(cluster, power) if power else None,
        _cost(cluster, cluster.tracks.get(cluster.main_resource), currency),
    ]
    return element("div", drawn, class_="charts") if any(drawn) else None


def _utilisation(cluster: Cluster, shares: dict[str, Track]) -> Markup:
    curves = [Curve(name, track.values, name == cluster.main_resource) for name, track in shares.items()]
    said = "; ".join(f"{name.upper()} {_course(track, percent)}" for name, track in shares.items())
    keys = [[element("span", class_=f"key {name}"), name.upper(), " "] for name in shares]
    drawing = chart(curves, f"Utilisation of {cluster.name} over time: {said}", 1.0)
    return _figure("Utilisation", "0 to 100 %", drawing, next(iter(shares.values())), keys)


def _power(cluster: Cluster, track: Track) -> Markup:
    top = nice_top(track.values)
    drawing = chart(
        [Curve("power", track.values, True)], f"Power of {cluster.name} over time: {_course(track, watts)}", top
    )
    scale = f"0 to {watts(top)}" if any(value is not None for value in track.values) else "no data"
    return _figure("Power", scale, drawing, track)


def _cost(cluster: Cluster, track: Track | None, currency: str) -> Markup | None:
    """What the cluster costs an hour, and the part of it that is used: its main resource's utilisation times the price."""
    price = cluster.cost_per_hour.value
    if track is None or not price:
        return None
    used = [None if value is None else value * price for value in track.values]
    paid = [None if value is None else price for value in track.values]
    known = [value for value in used if value is not None]
    mean = sum(known) / len(known) if known else None
    said = f"Cost of {cluster.name} over time: {money(price, currency, 'h')}, of it used {money(mean, currency, 'h')} on average"
    drawing = chart([Curve("unused", paid, True), Curve("used", used, True)], said, price * 1.05)
    keys = [[element("span", class_="key used"), "used ", element("span", class_="key unused"), "paid"]]
    return _figure("Cost an hour", f"0 to {money(price, currency)}", drawing, track, keys)


def _figure(title: str, scale: str, drawing: Markup, track: Track, keys: Child = None) -> Markup:
    end = track.begin + track.step * len(track.values)
    return element(
        "figure",
        element(
            "figcaption", element("span", element("strong", title), " ", keys), element("span", scale, class_="soft")
        ),
        drawing,
        element("div", element("span", moment(track.begin)), element("span", moment(end)), class_="axis"),
    )


def _course(track: Track, said: Callable[[float | None], str]) -> str:
    """A curve in words."""
    known = [value for value in track.values if value is not None]
    if not known:
        return "unknown all the time"
    silent = len(gaps(track.values))
    mean = said(sum(known) / len(known))
    found = (
        f"{mean} on average, from {said(min(known))} to {said(max(known))}, over {span(track.step * len(track.values))}"
    )
    return f"{found}, with {plural(silent, 'gap')}" if silent else found


# --- tables


def table(
    caption: str,
    heads: Sequence[str],
    rows: Sequence[Markup],
    subject: str = "",
    numbers: Sequence[int] = (1,),
    is_tall: bool = False,
) -> Markup:
    """A table that scrolls by itself where the screen is narrow.

    :param subject: whose table it is, for those who hear its caption out of context.
    :param numbers: which columns hold numbers.
    :param is_tall: it may have many rows, and scrolls by itself then, too.
    """
    heading = [element("th", head, scope="col", class_="n" if at in numbers else None) for at, head in enumerate(heads)]
    return element(
        "div",
        element(
            "table",
            element("caption", caption) if not subject else None,
            element("thead", element("tr", heading)),
            element("tbody", rows),
        ),
        class_="scroll tall" if is_tall else "scroll",
        tabindex="0",
        role="region",
        aria_label=f"{caption}, {subject}" if subject else caption,
    )


def _groups(cluster: Cluster, currency: str) -> Markup | None:
    if not cluster.groups:
        return None
    heads = ["node group", "flavor", "nodes", "used", "power", "cost/h", "idle/h", "devices", "computing", "idle"]
    rows = [_group(group, currency) for group in cluster.groups]
    return element("div", element("h3", "Node groups"), table("Node groups", heads, rows, cluster.name, range(2, 10)))


def _group(group: Group, currency: str) -> Markup:
    kind = next((kind for kind in KINDS if kind in group.utilization), "cpu")
    use = group.utilization.get(kind)
    counts = [
        count(total(getattr(entry, name) for entry in group.devices).value) if group.devices else "–"
        for name in ("total", "computing", "idle")
    ]
    cells = [
        count(group.node_count),
        f"{kind.upper()} {percent(use.value)}" if use else "unknown",
        watts(group.power.value),
        money(group.cost_per_hour.value, currency),
        money(group.idle_cost_per_hour.value, currency),
        *counts,
    ]
    return element(
        "tr",
        element("th", name_of(group.name), scope="row"),
        element("td", group.flavor or "–"),
        [element("td", cell, class_="n") for cell in cells],
    )


def _decisions(lines: Sequence[Line], currency: str) -> Markup | None:
    if not lines:
        return None
    return element(
        "div",
        element("h3", "Decisions"),
        element("ul", [element("li", _decision(line, currency)) for line in lines], class_="plain"),
    )


def _decision(line: Line, currency: str) -> Iterable[Child]:
    yield element("strong", DECIDED_BY.get(line.source, line.source), ": ", code(line.action) or "none")
    if line.target != line.cluster:
        yield [" ", name_of(line.target)]
    if line.saving_h:
        yield f", saves {money(line.saving_h, currency, 'h')}"
    if line.why:
        yield f". Why: {', '.join(map(code, line.why))}"
    if line.why_not:
        said = [f"{code(reason.code)} ({reason.text})" if reason.text else code(reason.code) for reason in line.why_not]
        yield f". Why not: {'; '.join(said)}"


def _gaps(found: Sequence[str]) -> Markup | None:
    if not found:
        return None
    return element(
        "div", element("h3", "Not known"), element("ul", [element("li", gap) for gap in found], class_="plain soft")
    )
