"""Write the tables of docs/interpretation.md from result.json.

python fits/psi_interpretation/tables.py
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent.parent / "docs" / "interpretation.md"
PREDICTORS = (
    "psi-residual", "psi-residual, short", "psi-residual, shuffled", "psi-raw", "psi-raw, short", "psi-raw, shuffled",
    "psi-corrected", "psi-multi", "published", "closed form, order 6", "39 features",
)  # fmt: skip
EQUATIONS = ("string", "dilaton", "DVV, m = 1", "DVV, m = 2", "DVV, m = 3")
RATIOS = tuple((name, f"{name}, {kind}") for name in ("psi-residual", "psi-raw") for kind in ("shuffled", "short"))
BY_CONSTRUCTION = 1e-9  # a dilaton defect below this is none: ones are removed


def table(rows: list[list[str]]) -> str:
    """Markdown, the first row on top."""
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def defects(result: dict[str, Any]) -> str:
    """Median and mean in range."""
    found = result["defects"]
    rows = [["median / mean of the defect", *EQUATIONS]]
    for name in PREDICTORS:
        cells = [found[equation][name] for equation in EQUATIONS]
        rows.append(
            [name, *("0" if c["mean"] < BY_CONSTRUCTION else f"{c['median']:.1e} / {c['mean']:.1e}" for c in cells)]
        )
    return table(rows)


def ratios(result: dict[str, Any]) -> str:
    """The control's defects over the network's."""
    rows = [["defects of the second over those of the first", *(f"{e}: median / mean" for e in EQUATIONS)]]
    for name, control in RATIOS:
        cells = []
        for equation in EQUATIONS:
            ours, other = (result["defects"][equation][each] for each in (name, control))
            kinds = [other[key] / max(ours[key], 1e-300) for key in ("median", "mean")]
            cells.append(
                "by construction" if ours["mean"] < BY_CONSTRUCTION else " / ".join(f"{k:,.0f}" for k in kinds)
            )
        rows.append([name, *cells])
    return table(rows)


def beyond(result: dict[str, Any]) -> str:
    """Medians of the string defect by genus."""
    genera = ("14", "17", "20", "25")
    rows = [["median string defect", *(f"genus {g}" for g in genera)]]
    for name in PREDICTORS:
        found = result["defects"]["string"][name]["by_genus"]
        rows.append([name, *(f"{found[g]:.1e}" for g in genera)])
    return table(rows)


def action(result: dict[str, Any]) -> str:
    """A - 2/3 with its interval, by estimator and window."""
    rows = [["window", "asked", "given", "slope", "likelihood", "best", "gradient"]]
    for window, part in result["action"].items():
        for name, found in part.items():
            cells = [estimate(found.get(kind)) for kind in ("slope", "likelihood", "gradient")]
            cells[0] += f", order {found['slope']['order']}"
            rows.append([window, name, found["given"], *cells[:2], found["likelihood"]["best"], cells[2]])
    return table(rows)


def estimate(found: dict[str, Any] | None) -> str:
    """Error and interval; `lost` for what is further from 2/3 than 0.1."""
    if found is None:
        return "-"
    if found["error"] is None or abs(found["error"]) > 0.1 or found["high"] is None or found["high"] > 1:
        return "lost"
    low, high = (found[key] - 2 / 3 for key in ("low", "high"))
    return f"{found['error']:+.1e} [{low:+.0e}, {high:+.0e}]"


def probes(result: dict[str, Any]) -> str:
    """R2 and selectivity of linear and kernel probes."""
    rows = [["network", "site", *(f"alpha_{k}" for k in (1, 2, 3, 4))]]
    for name, sites in result["polynomials"].items():
        for site, kinds in sites.items():
            cells = []
            for linear, kernel in zip(kinds["linear"], kinds["kernel"], strict=True):
                both = [
                    f"{max(each['r_squared'], 0):.2f}" if "refused" not in each else "-" for each in (linear, kernel)
                ]
                cells.append(" / ".join(both))
            rows.append([name, site, *cells])
    return table(rows)


def latent(result: dict[str, Any]) -> str:
    """Dilaton probes and cosines."""
    rows = [["network", "site", "linear R2 (control)", "kernel R2 (control)", "cosine", "of random pairs"]]
    for name, sites in result["latent"].items():
        for site, found in sites.items():
            if isinstance(found, dict):
                probes = [found["probes"][kind] for kind in ("linear", "kernel")]
                cells = [f"{p['r_squared']:.2f} ({p['control']:.2g})" for p in probes]
                cells += [f"{found['cosines'][key]:.2f}" for key in ("added", "random")]
                rows.append([name, site, *cells])
    return table(rows)


def tracing(result: dict[str, Any]) -> str:
    """Shares with intervals and controls, for pairs of any two requests."""
    rows = [["network", "site", "share restored", "95 %", "control"]]
    shown = {name: result["tracing"][name]["any two"] for name in ("psi-residual", "psi-raw", "published")}
    shown |= {f"psi-multi, {pair}": effects for pair, effects in result["theories"].items()}
    for name, effects in shown.items():
        for e in effects:
            rows.append(
                [name, e["site"], f"{e['share']:.2f}", f"{e['low']:.2f} to {e['high']:.2f}", f"{e['control']:.2f}"]
            )
    return table(rows)


def networks(result: dict[str, Any]) -> str:
    """A and the coefficients that networks determine."""
    rows = [["theory", "genus", "asked", "given", "A", "rational", "coefficients determined"]]
    for theory, windows in result["rediscovery"]["networks"].items():
        for window, found in windows.items():
            genera = "-".join(str(g) for g in found["genera"][:2]) if "genera" in found else window
            for name, each in found.items():
                if isinstance(each, dict) and "action" in each:
                    a = each["action"]
                    value = "none" if a["value"] is None else f"{a['value']:.6f} +- {a['error']:.0e}"
                    rows.append(
                        [
                            theory,
                            genera,
                            name,
                            each["given"].partition(":")[0],
                            value,
                            a["rational"] or "none",
                            known(each),
                        ]
                    )
    return table(rows)


def known(found: dict[str, Any]) -> str:
    """Coefficients that have rationals."""
    words = []
    for each in found.get("alpha", []):
        rationals = each["determined"]
        words += [f"{value} of {monomial(key)} in alpha_{each['order']}" for key, value in rationals.items()]
    return ", ".join(words) or "none"


def monomial(key: str) -> str:
    """Exponents of p_0, p_1, ... as a product."""
    powers = [(j, int(e)) for j, e in enumerate(key.split(",")) if int(e)]
    return " ".join(f"p{j}" if e == 1 else f"p{j}^{e}" for j, e in powers) or "1"


def laws(result: dict[str, Any]) -> str:
    """What exact numbers gave, as it is printed."""
    lines = []
    for name in ("psi", "theta"):
        lines += [f"{name}: {result['rediscovery'][name]['summary']}", ""]
    return "```text\n" + "\n".join(lines).rstrip() + "\n```"


def theta(result: dict[str, Any]) -> str:
    """Relative errors at genus 60 by order."""
    found = result["rediscovery"]["theta"]
    rows = found["held_out"]
    orders = range(len(rows[0]["relative_error_by_order"]))
    lines = [["genus, degrees", *(f"order {k}" for k in orders)]]
    for row in rows:
        degrees = ", ".join(map(str, row["degrees"]))
        lines.append([f"{row['genus']}: ({degrees})", *(f"{e:.0e}" for e in row["relative_error_by_order"])])
    return table([*lines, ["power of the genus", *(f"-{p:.2f}" for p in found["power_of_genus_by_order"])]])


def main() -> None:
    """Fill in what stands between the markers."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    result = json.loads((FOLDER / "result.json").read_text(encoding="utf-8"))
    writers = (defects, ratios, beyond, action, probes, latent, tracing, networks, laws, theta)
    text = PAGE.read_text(encoding="utf-8")
    for writer in writers:
        name, part = writer.__name__, writer(result)
        pattern = rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)"
        text, count = re.subn(pattern, lambda found, part=part: f"{found[1]}{part}\n{found[2]}", text, flags=re.DOTALL)
        assert count == 1, f"{PAGE.name} has no place for {name}"
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
