"""When does a language model acquire, generalise and lose a fact? Fine-tuning as a time-to-event process.

The project's rooms are the parts of this package: `factsurv.training`, `factsurv.events`, `factsurv.stats`,
`factsurv.flows`, `factsurv.reports`. In the repository they are top-level folders, to which it has links; installed,
they are inside it. So there is one name in site-packages, and nobody's own `training` is in the way.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from factsurv.flows.finished import Results as Results
    from factsurv.flows.notebook import analyze as analyze
    from factsurv.flows.notebook import fact_set as fact_set
    from factsurv.flows.notebook import open_results as open_results
    from factsurv.flows.notebook import run as run
    from factsurv.training.callback import FactProbe as FactProbe

# What is imported when it is first asked for: `import factsurv` alone loads neither torch nor R.
_OFFERED = {
    "FactProbe": "factsurv.training.callback",
    "Results": "factsurv.flows.finished",
    "analyze": "factsurv.flows.notebook",
    "fact_set": "factsurv.flows.notebook",
    "open_results": "factsurv.flows.notebook",
    "run": "factsurv.flows.notebook",
}
__all__ = ["FactProbe", "Results", "analyze", "fact_set", "open_results", "run"]


def __getattr__(name: str) -> Any:
    if name not in _OFFERED:
        raise AttributeError(f"module 'factsurv' has no attribute {name!r}; it offers {', '.join(_OFFERED)}")
    return getattr(import_module(_OFFERED[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_OFFERED})
