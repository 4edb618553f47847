"""`factsurv power` from its options to its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

from factsurv.events.errors import InputError
from factsurv.stats.power import Design, check, simulate
from factsurv.stats.power_table import printed, write
from factsurv.stats.recall_curve import earlier_curve, given_curve, whole_numbers


def power_study(
    hr: float, curve: str, facts: str, seeds: str | None, compare: str, outcome: str, share_latent: float | None,
    frailty: float, run_sd: float, replicates: int, alpha: float, wanted: float, seed: int, workers: int | None,
    out: Path, say: Callable[[str], None] = print,
) -> None:  # fmt: skip
    """Read the options, simulate, print the table and write it; the options are those of the command.

    Raises
    ------
    InputError
        For what cannot be simulated, before anything is.
    """
    folder = _results_folder(curve)
    found = earlier_curve(folder, outcome) if folder else given_curve(curve)
    if compare == "arms" and share_latent is not None:
        raise InputError("recipes are compared on all facts", "--share-latent", "leave it out with --compare arms")
    share = share_latent if share_latent is not None else (found.share_latent or 0.3)
    design = Design(cast("str", compare), hr, found.shares, share, frailty, run_sd, alpha)  # type: ignore[arg-type]
    # One seed of each recipe tells nothing about recipes.
    seeds = seeds or ("2,3,5" if compare == "arms" else "1,2,3")
    numbers_of_facts, numbers_of_seeds = whole_numbers(facts, "--facts"), whole_numbers(seeds, "--seeds")
    check(design, numbers_of_facts, numbers_of_seeds, replicates, wanted)
    latent = f", {100 * share:.0f} % latent" if compare == "latent" else ""
    say(
        f"power: hazard ratio {hr:g} of {'latent facts' if compare == 'latent' else 'recipe B against A'}{latent}; "
        f"curve {found.source}: {', '.join(f'{v:.2f}' for v in found.shares)}; variance of facts {frailty:g}, "
        f"SD of runs {run_sd:g}; two-sided test at {alpha:g}"
    )
    table = simulate(design, numbers_of_facts, numbers_of_seeds, replicates, seed, workers, say)
    say(printed(table, design, wanted))
    settings = {"curve_from": found.source, "replicates": replicates, "seed": seed}
    for path in write(out, table, design, wanted, settings):
        say(f"wrote {path}")


def _results_folder(text: str) -> Path | None:
    """The folder that `--curve` names: a results folder, or the name of a study in ``results``."""
    try:
        [float(part) for part in text.split(",")]
    except ValueError:
        path = Path(text)
        return path if path.is_dir() or "/" in text else Path("results") / text
    return None
