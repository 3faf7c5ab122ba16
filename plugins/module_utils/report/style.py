# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The style sheet of the page. Colours are variables: a dark screen changes these only. Both sets have a contrast of 4.5 for text."""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--page:#f5f6f8;--card:#fff;--text:#1b2430;--soft:#55606f;--edge:#d9dee5;--line:#e8ebf0;
--computing:#0b7a5c;--held:#2563c9;--idle:#b4530a;--bad:#b3261e;--cpu:#64707f;--gpu:#0b7a5c;--npu:#6d3fc0;--power:#2563c9;
--warm:#fff4e5;--warmedge:#e8a33d;--red:#fdecea;--redge:#d9645c;--free:#c9d0d9;--hatch:#b9c1cc}
@media(prefers-color-scheme:dark){:root{--page:#10151c;--card:#19202a;--text:#e6ebf2;--soft:#a3afbf;--edge:#2d3744;--line:#242d39;
--computing:#3fcf9f;--held:#76a9ff;--idle:#f2a65a;--bad:#ff8f87;--cpu:#8f9cad;--gpu:#3fcf9f;--npu:#b795ff;--power:#76a9ff;
--warm:#2e2413;--warmedge:#9a6c22;--red:#331a1a;--redge:#94443f;--free:#3b4656;--hatch:#465264}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
overflow-wrap:anywhere}
header,main,footer{max-width:1180px;margin:0 auto;padding:0 20px}
header{padding-top:22px}
h1{font-size:1.65rem;line-height:1.2;margin:0 0 4px;letter-spacing:-.01em}
h2{font-size:1.1rem;margin:26px 0 10px}
h3{font-size:1rem;margin:20px 0 6px}
p{margin:0 0 8px}
.soft,footer,caption,.of{color:var(--soft)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:0}
.tile{background:var(--card);border:1px solid var(--edge);border-radius:10px;padding:10px 14px;min-width:0}
.tile dt{color:var(--soft);font-size:.86rem}
.tile dd{margin:2px 0 0;font-size:1.6rem;font-weight:650;line-height:1.2;font-variant-numeric:tabular-nums;letter-spacing:-.01em}
.tile dd.of{font-size:.84rem;font-weight:400;letter-spacing:0;line-height:1.35}
.tile .word{font-size:.88rem;letter-spacing:0;font-weight:500;color:var(--soft)}
.computing dd:first-of-type{color:var(--computing)}.held dd:first-of-type{color:var(--held)}
.idle dd:first-of-type,.reclaimable dd:first-of-type{color:var(--idle)}
.bar{display:flex;height:12px;border-radius:6px;overflow:hidden;background:var(--free);margin:12px 0 5px;gap:2px}
.bar span{display:block;min-width:0}
.bar .computing,.key.computing{background:var(--computing)}.bar .idle,.key.idle{background:var(--idle)}
.bar .rest,.key.rest{background:var(--free)}
.key{display:inline-block;width:.75em;height:.75em;border-radius:2px;margin:0 .4em 0 0}
.legend{display:flex;flex-wrap:wrap;gap:2px 16px;font-size:.86rem;color:var(--soft);margin:0 0 10px;padding:0;list-style:none}
.key.cpu{background:var(--cpu)}.key.gpu{background:var(--gpu)}.key.npu{background:var(--npu)}.key.power{background:var(--power)}
.key.used{background:var(--computing)}.key.unused{background:var(--idle)}
.key.gapped{background:repeating-linear-gradient(45deg,var(--hatch) 0 2px,transparent 2px 4px)}
.notes{list-style:none;margin:0;padding:0;display:grid;gap:8px;grid-template-columns:repeat(auto-fill,minmax(min(100%,440px),1fr))}
.notes li{background:var(--card);border:1px solid var(--edge);border-left-width:4px;border-radius:8px;padding:8px 12px}
.notes.banner li{background:var(--warm);border-color:var(--warmedge)}
.notes.bad li{background:var(--red);border-color:var(--redge)}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--edge);border-radius:10px}
.scroll:focus-visible,summary:focus-visible{outline:2px solid var(--held);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:.92rem}
caption{text-align:left;padding:10px 12px 2px;font-size:.86rem}
th,td{padding:7px 12px;text-align:left;vertical-align:top;border-top:1px solid var(--line);overflow-wrap:normal}
thead th{border-top:0;color:var(--soft);font-weight:500;font-size:.84rem;white-space:nowrap}
tbody th{font-weight:600;min-width:8.5rem}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.pair table{font-size:.86rem}.pair th,.pair td{padding:6px}.pair tbody th{min-width:6rem}.pair th:first-child,.pair caption{padding-left:12px}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:10px 16px;margin:0}
.facts dt{color:var(--soft);font-size:.82rem}.facts dd{margin:0;font-variant-numeric:tabular-nums;font-weight:600}
.facts dd.of{font-size:.78rem;font-weight:400;line-height:1.35}
.tall{max-height:440px;overflow-y:auto}.tall thead th{position:sticky;top:0;background:var(--card)}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:14px}
.pair>*{min-width:0}
details{background:var(--card);border:1px solid var(--edge);border-radius:10px;margin:0 0 10px}
summary{cursor:pointer;padding:10px 14px;display:grid;gap:4px 16px;align-items:center;
grid-template-columns:minmax(150px,2fr) 130px repeat(4,minmax(82px,1fr));border-radius:10px}
summary::-webkit-details-marker{display:none}
summary .who{font-weight:650;font-size:1.02rem}
summary .who::before{content:"\\25B8";color:var(--soft);margin-right:.4em}
details[open]>summary .who::before{content:"\\25BE"}
summary .who small{display:block;font-weight:400;color:var(--soft);font-size:.82rem}
summary .f{font-variant-numeric:tabular-nums;white-space:nowrap}
summary .f small{display:block;color:var(--soft);font-size:.78rem}
.f.warn{color:var(--idle);font-weight:600}
.pill{display:inline-block;border:1px solid currentColor;border-radius:99px;padding:0 8px;font-size:.76rem;font-weight:600;line-height:1.5;
white-space:nowrap}
.pill.well{color:var(--computing)}.pill.wrong{color:var(--bad)}.pill.now{color:var(--held)}.pill.advice{color:var(--idle)}
.body{padding:2px 14px 14px;border-top:1px solid var(--line)}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));gap:14px;margin:12px 0}
figure{margin:0;min-width:0}
figcaption{font-size:.86rem;display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 10px}
.axis{display:flex;justify-content:space-between;color:var(--soft);font-size:.76rem}
svg.chart{display:block;width:100%;height:84px;border-bottom:1px solid var(--edge);border-top:1px dashed var(--line)}
svg.spark{display:block;width:120px;height:26px}
svg path{fill:none;stroke-width:1.6;vector-effect:non-scaling-stroke;stroke-linecap:round;stroke-linejoin:round}
.line.cpu{stroke:var(--cpu)}.line.gpu{stroke:var(--gpu)}.line.npu{stroke:var(--npu)}.line.power{stroke:var(--power)}
.line.used{stroke:var(--computing)}.line.unused{stroke:var(--idle);stroke-dasharray:3 3}
svg .area{stroke:none;fill-opacity:.16}
.area.cpu{fill:var(--cpu)}.area.gpu{fill:var(--gpu)}.area.npu{fill:var(--npu)}.area.power{fill:var(--power)}
svg .area.used{fill:var(--computing);fill-opacity:.3}.area.unused{fill:var(--idle)}
.gap{fill:url(#gap)}#gap path{stroke:var(--hatch)}
.defs{position:absolute;width:0;height:0}
.plain{margin:0;padding:0 0 0 1.1rem}
footer{padding-top:26px;padding-bottom:36px;font-size:.86rem}
@media(max-width:760px){header,main,footer{padding-left:14px;padding-right:14px}
.tiles{grid-template-columns:repeat(2,minmax(0,1fr))}.tile dd{font-size:1.3rem}
.tile.total{grid-column:1/-1}summary{grid-template-columns:1fr 1fr}summary .who{grid-column:1/-1}th,td{padding:6px 9px}}
@media print{:root{color-scheme:light}body{background:#fff;font-size:11px}header,main,footer{max-width:none;padding:0}
details{break-inside:avoid}details::details-content{content-visibility:visible;display:block}.scroll,.tall{overflow:visible;max-height:none}
.tile,.scroll,details{border-color:#bbb}h2{break-after:avoid}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
""".replace("\n", "")
