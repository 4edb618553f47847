"""One page over several studies: what each found side by side, and how they differ where they share facts."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from factsurv.events import children
from factsurv.events.errors import InputError
from factsurv.reports.inputs import copy_inputs
from factsurv.reports.render import HERE, Rendered, finished, prepared

SOURCE = HERE / "compare.qmd"


def compare(
    studies: Sequence[Path],
    output: Path,
    r_environment: Mapping[str, str] | None = None,
    scratch: Path | None = None,
) -> Rendered:
    """Render the comparison of results folders and put it in place, whole or not at all.

    Parameters
    ----------
    studies : sequence of Path
        Results folders; the others are compared with the first.
    output : Path
        The page.
    r_environment, scratch
        As in `factsurv.reports.render.render`.

    Raises
    ------
    InputError
        If there are fewer than two, or one of them is no finished results folder.
    RenderError
        If the page could not be made.
    """
    began = time.monotonic()
    folders = [Path(study).resolve() for study in studies]
    if len(set(folders)) < 2:
        raise InputError("a comparison needs two results folders or more", str(output))
    with children.scratch(scratch) as folder:
        work, environment, _ = prepared(folders[0], SOURCE, folder, r_environment)
        copies = [folder / f"results-{i}" for i in range(len(folders))]
        as_csv = any((folder / "results").rglob("*.levels.json"))
        for source, to in zip(folders, copies, strict=True):
            copy_inputs(source, to, as_csv)
        (work / "parameters.yml").write_text(f"results: {json.dumps([str(c) for c in copies])}\n", "utf-8")
        return finished(SOURCE, output, ["Studies compared"], work, environment, began)
