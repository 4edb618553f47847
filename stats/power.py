"""How many facts and seeds a study needs, by simulation in R; what is simulated and fitted: `stats/R/power.R`."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pyarrow as pa

from factsurv.events.errors import InputError
from factsurv.stats.bridge import RWorkers

MOST = 1_000_000  # facts, seeds and replicates each
BLOCK = 25  # replicates of one call of R: seconds at most, so that progress is seen


@dataclass(frozen=True)
class Design:
    """What is simulated, and how it is tested.

    Attributes
    ----------
    compare : str
        ``latent``: latent facts against others, seeds are runs of one arm. ``arms``: two recipes, runs of each.
    hr : float
        Simulated hazard ratio, of single facts in single runs.
    curve : tuple of float
        Share of all facts (of the first arm) with the event by each checkpoint.
    share_latent : float
        Ignored for ``arms``.
    fact_variance, run_sd : float
        Variance of the facts' and standard deviation of the runs' Gaussian random effects on the log hazard.
    alpha : float
        Level of the two-sided test.
    """

    compare: Literal["latent", "arms"]
    hr: float
    curve: tuple[float, ...]
    share_latent: float = 0.3
    fact_variance: float = 0.0
    run_sd: float = 0.0
    alpha: float = 0.05


def check(design: Design, facts: Sequence[int], seeds: Sequence[int], replicates: int, wanted: float) -> None:
    """Refuse what cannot be simulated or tested, before anything is.

    Raises
    ------
    InputError
    """
    latent = design.compare == "latent"
    curve = design.curve
    wrong = [
        (design.compare not in ("latent", "arms"), f"there is no comparison {design.compare!r}", "--compare",
         "latent or arms"),
        (not 0 < design.hr < math.inf, f"{design.hr:g} is no hazard ratio", "--hr", "a number above 0, such as 2"),
        (not curve or not all(0 <= share < 1 for share in curve) or curve[-1] == 0 or list(curve) != sorted(curve),
         "the shares must lie from 0 to below 1, never fall, and end above 0", "--curve", "for example 0.1,0.3,0.5"),
        (latent and not 0 < design.share_latent < 1, "nothing to compare", "--share-latent", "between 0 and 1"),
        (not 0 <= design.fact_variance < math.inf, "a variance is a number, and not negative", "--frailty",
         "0 or more"),
        (not 0 <= design.run_sd < math.inf, "a standard deviation is a number, and not negative", "--run-sd",
         "0 or more"),
        (not 0 < design.alpha < 0.5, f"a test of level {design.alpha:g} is none", "--alpha", "for example 0.05"),
        (not 0 < wanted < 1, f"a power of {wanted:g} cannot be reached or is no aim", "--power", "for example 0.8"),
        (replicates < 20, f"{replicates} replicates say nothing", "--replicates", "500 give ± 4 % at a power of 80 %"),
        (max(facts, default=0) > MOST or max(seeds, default=0) > MOST or replicates > MOST,
         f"more than {MOST:,} facts, seeds or replicates", "--facts, --seeds and --replicates", "ask for fewer"),
        (not facts or min(facts) < 10, "fewer than 10 facts", "--facts", "for example 100,200,400"),
        (not seeds or min(seeds) < 1, "fewer than 1 seed", "--seeds", "for example 1,2,3"),
        (not latent and min(seeds, default=2) < 2, "with one seed an arm a recipe cannot be told from a run", "--seeds",
         "2 or more"),
    ]  # fmt: skip
    for is_wrong, what, where, remedy in wrong:
        if is_wrong:
            raise InputError(what, where, remedy)
    few = min(design.share_latent, 1 - design.share_latent) * min(facts)
    if latent and few < 2:
        raise InputError(
            f"of {min(facts)} facts only {few:.1f} would be in the smaller group", "--facts and --share-latent",
            "more facts, or a share nearer to one half",
        )  # fmt: skip


def simulate(
    design: Design, facts: Sequence[int], seeds: Sequence[int], replicates: int = 500, seed: int = 1,
    workers: int | None = None, say: Callable[[str], None] = print,
) -> pa.Table:  # fmt: skip
    """Power for every number of facts and seeds.

    Parameters
    ----------
    design : Design
    facts, seeds : sequence of int
    replicates : int
    seed : int
        Another one gives other data sets.
    workers : int, optional
        R processes; default: one a core.
    say : callable
        Told how far it is, about every ten seconds.

    Returns
    -------
    pa.Table
        As `summarise_power` in `stats/R/power.R`, sorted by facts, then seeds.
    """
    told = asdict(design) | {"curve": list(design.curve)}
    cells = [(f, s) for f in sorted(set(facts)) for s in sorted(set(seeds))]
    firsts = range(0, replicates, BLOCK)
    # The largest designs first: the time left is overestimated then, and no worker is alone at the end.
    blocks = [(f, s, n) for n in firsts for f, s in reversed(cells)]
    arms = 2 if design.compare == "arms" else 1
    cost = {(f, s): 300 + f * s * arms for f, s in cells}  # in rows; 300: what a fit costs without any
    total, done = sum(cost[f, s] for f, s, _ in blocks), 0
    parts = []
    began = spoken = time.monotonic()
    with RWorkers(workers=workers or os.cpu_count() or 1, time_limit=3600) as r:
        waiting = {}
        for f, s, n in blocks:
            first = (seed - 1) * 1_000_000 + n + 1
            call: dict[str, Any] = {
                "design": told,
                "facts": f,
                "seeds": s,
                "replicates": min(BLOCK, replicates - n),
                "first": first,
            }
            waiting[r.submit("power_block", **call)] = (f, s)
        for future in as_completed(waiting):
            result = future.result()
            if result.error:
                raise InputError(f"the simulation stopped: {result.error.message}", "power", "change the design")
            parts.append(result.value)
            done += cost[waiting[future]]
            now = time.monotonic()
            if now - spoken > 10:
                left = (now - began) * (total - done) / done
                say(f"power: {100 * done / total:3.0f} % done, about {left:.0f} s left")
                spoken = now
        rows = pa.concat_tables(parts).combine_chunks()
        summed = r.call("summarise_power", tables={"rows": rows}, design=told, alpha=design.alpha)
    if summed.error:
        raise InputError(f"the results cannot be summed up: {summed.error.message}", "power")
    return summed.value.sort_by([("facts", "ascending"), ("seeds", "ascending")])
