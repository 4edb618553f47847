"""What `factsurv power` prints and writes."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from factsurv.events.files import atomic, write_json
from factsurv.stats.bridge import RWorkers
from factsurv.stats.power import Design


def smallest(table: pa.Table, wanted: float) -> dict[str, Any] | None:
    """The design that reaches the wanted power with the fewest probed facts (facts × seeds, then seeds), or None."""
    enough = [row for row in table.to_pylist() if row["power"] >= wanted]
    return min(enough, key=lambda row: (row["facts"] * row["seeds"], row["seeds"]), default=None)


def printed(table: pa.Table, design: Design, wanted: float) -> str:
    """The table and the answer in plain words."""
    formula = any(value is not None for value in table["formula"].to_pylist())
    head = f"{'facts':>6} {'seeds':>6} {'events':>8} {'HR seen':>8} {'power':>7}  95 % interval" + "  formula" * formula
    lines = [head]
    for row in table.to_pylist():
        seen = f"{row['hr']:.2f}" if row["hr"] is not None and math.isfinite(row["hr"]) else "none"
        by_formula = f"{100 * row['formula']:6.1f} %" if row["formula"] is not None else ""
        lines.append(
            f"{row['facts']:6.0f} {row['seeds']:6.0f} {row['events']:8.1f} {seen:>8} {100 * row['power']:5.1f} %"
            f"  {100 * row['lower']:5.1f} to {100 * row['upper']:5.1f} %{by_formula:>10}".rstrip()
        )
        if row["not_estimable"]:
            lines.append(
                f"{'':13} {row['not_estimable']} of {row['replicates']} without a finite estimate, not detected"
            )
    best = smallest(table, wanted)
    each = " in each arm" if design.compare == "arms" else ""
    if best is None:
        lines.append(f"No design here reaches a power of {100 * wanted:.0f} %: ask for more facts or seeds.")
    else:
        sure = (
            ""
            if best["lower"] >= wanted
            else f"; its interval reaches below {100 * wanted:.0f} %: more replicates tell"
        )
        lines.append(
            f"Smallest design with a power of {100 * wanted:.0f} %: {best['facts']} facts, {best['seeds']} "
            f"seed{'s' if best['seeds'] > 1 else ''}{each} ({100 * best['power']:.1f} %{sure})."
        )
    return "\n".join(lines)


def write(folder: Path, table: pa.Table, design: Design, wanted: float, settings: dict[str, Any]) -> list[Path]:
    """``power.csv``, ``power.svg`` and ``power.json`` (everything that was asked for, and the answer).

    Returns
    -------
    list of Path
        What was written: without R's ggplot2 there is no plot, and power.json says so.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plain = table.set_column(0, "facts", table["facts"].cast(pa.int32()))
    with atomic(folder / "power.csv") as file:
        pyarrow.csv.write_csv(plain, file)
    compared = "latent facts against others" if design.compare == "latent" else "two recipes"
    title = f"Power to detect a hazard ratio of {design.hr:g}, {compared}"
    subtitle = f"{100 * design.curve[-1]:.0f} % of facts have the event by the last of {len(design.curve)} probes"
    path = folder / "power.svg"
    path.unlink(missing_ok=True)
    with RWorkers(workers=1) as r:
        drawn = r.call(
            "power_plot", tables={"table": plain}, wanted=wanted, title=title, subtitle=subtitle, path=str(path)
        )
    problem = drawn.error.message if drawn.error else ""
    best = smallest(table, wanted)
    write_json(
        folder / "power.json",
        {"design": asdict(design), "wanted": wanted, "smallest": best, "plot": problem} | settings,
    )
    return [folder / name for name in ("power.csv", "power.svg", "power.json") if (folder / name).exists()]
