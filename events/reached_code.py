"""Which of the project's own files a piece of work runs, found by following imports."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

from factsurv.events.files import digest

ROOT = Path(__file__).resolve().parent.parent


def reached_code(*modules: str) -> dict[str, str]:
    """Digests of the files that ``modules`` import, directly or not, themselves included.

    Only files of the modules' own rooms (``training`` of ``factsurv.training.run``) count: what another room hands over
    is data, whose schema and digest are recorded with it. Imports inside functions count as well; a package counts by
    its ``__init__``.

    Parameters
    ----------
    *modules : str
        Dotted names, such as ``factsurv.training.run``.

    Returns
    -------
    dict of str to str
        SHA-256 by path below the package (``training/run.py``), in order of the paths.

    Raises
    ------
    ModuleNotFoundError
        No such module.
    """
    rooms = {module.split(".")[1] for module in modules}
    absent = [module for module in modules if not _files(module)]
    if absent:
        raise ModuleNotFoundError(f"no file for {absent[0]}")
    seen: set[Path] = set()
    waiting = list(modules)
    while waiting:
        for path in _files(waiting.pop()):
            if path not in seen:
                seen.add(path)
                waiting += [name for name in _imported(path) if rooms.intersection(_room(name))]
    return {str(path.relative_to(ROOT)): digest(path) for path in sorted(seen)}


def _room(name: str) -> list[str]:
    package, *rest = name.split(".")
    return rest[:1] if package == "factsurv" else []


@functools.cache
def _imported(path: Path) -> frozenset[str]:
    """Every dotted name that an import of this file may mean: of ``from a import b`` both ``a`` and ``a.b``."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def _files(module: str) -> list[Path]:
    """The file of a module, after those of the packages that it is in; empty if there is no such module.

    A name that is no module, such as a function of one, has none: the module itself is among the names as well.
    """
    parts = module.split(".")[1:]
    place = ROOT.joinpath(*parts)
    own = [path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()]
    packages = [ROOT.joinpath(*parts[:n], "__init__.py") for n in range(1, len(parts))]
    return [path for path in packages if path.is_file()] + own[:1] if own else []
