"""Where R and its packages are: resolved here, and nowhere else.

The R worker processes, every Rscript subprocess and the `doctor` command all ask :func:`find_r`.
"""

import importlib.metadata
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from factsurv.events.errors import InputError

LIBRARY_VARIABLE = "FACTSURV_R_LIBRARY"
PROJECT = Path(__file__).resolve().parent.parent
# The first rpy2-rinterface that calls R_getVar, a symbol that R has had since 4.5.
RPY2_WITH_GETVAR, R_WITH_GETVAR = (3, 6, 6), (4, 5)


class RUnavailable(InputError, RuntimeError):
    """R cannot be used on this machine as it is; the message says what to install."""


@dataclass(frozen=True)
class RHome:
    """The R that is used, and everything that a child process needs to use the same one.

    Attributes
    ----------
    home : Path
        R's home folder (what ``R RHOME`` prints).
    version : str
        R's version, such as ``4.2.2``.
    libraries : tuple of Path
        Folders of R packages that come before R's own; empty where R's default library is used.
    source : str
        Where ``libraries`` comes from, in plain words.
    rpy2 : str
        Version of rpy2-rinterface; empty if it is not installed.
    """

    home: Path
    version: str
    libraries: tuple[Path, ...]
    source: str
    rpy2: str

    @property
    def rscript(self) -> Path:
        """The ``Rscript`` that belongs to this R."""
        return self.home / "bin" / "Rscript"

    def environment(self) -> dict[str, str]:
        """Environment variables for a child process that runs this R, as a complete dict.

        The same study must give the same numbers and texts on every machine. Hence, whatever the user's
        settings are: UTF-8, C collation (factor levels), English messages, UTC, one thread, no start-up profile.
        """
        env = dict(os.environ)
        characters = next((env[k] for k in ("LC_ALL", "LC_CTYPE", "LANG") if env.get(k)), "")
        env.pop("LC_ALL", None)
        env.update(
            R_HOME=str(self.home),
            LD_LIBRARY_PATH=os.pathsep.join(filter(None, [str(self.home / "lib"), env.get("LD_LIBRARY_PATH")])),
            LC_CTYPE=characters if re.search("utf-?8", characters, re.IGNORECASE) else "C.UTF-8",
            LC_COLLATE="C",
            LC_NUMERIC="C",
            LANGUAGE="en",
            TZ="UTC",
            NO_COLOR="1",
            R_PROFILE_USER=os.devnull,  # a user's contrasts or an activated renv would change results
            RPY2_CFFI_MODE="ABI",
            OMP_WAIT_POLICY="passive",
        )
        for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
            env[variable] = "1"
        # R looks for garbage each time its vectors have grown by this much. At its own 64 MB that is several times in
        # one fit of a million rows, and half of that fit's time.
        env.setdefault("R_VSIZE", "600M")
        # Packages are compiled already, and what is compiled here is called a few times: it costs more than it gives.
        env.setdefault("R_ENABLE_JIT", "0")
        if self.libraries:
            env["R_LIBS"] = os.pathsep.join(map(str, self.libraries))
            env["R_ENVIRON_USER"] = os.devnull  # a user's .Renviron may set R_LIBS again
        for variable in ("R_SESSION_TMPDIR", "R_SESSION_INITIALIZED"):  # left by an R that started this process
            env.pop(variable, None)
        return env


def find_r(libraries=None) -> RHome:
    """Find R and its packages, and check that R and rpy2 fit together. Does not start R.

    Parameters
    ----------
    libraries : sequence of path-like, optional
        Folders of R packages. Without it: the folders in the variable ``FACTSURV_R_LIBRARY``, else the
        project's own ``.r/library`` where it exists, else R's default.

    Returns
    -------
    RHome

    Raises
    ------
    RUnavailable
        R is not installed, or rpy2 is missing, or their versions do not fit.
    InputError
        A given folder of R packages does not exist.
    """
    home = _home()
    version = _version(home)
    folders, source = _libraries(libraries)
    try:
        rpy2 = importlib.metadata.version("rpy2-rinterface")
    except importlib.metadata.PackageNotFoundError:
        rpy2 = ""
    check_pair(rpy2, version)
    return RHome(home, version, folders, source, rpy2)


def check_pair(rpy2: str, r: str) -> None:
    """Raise :class:`RUnavailable` where this rpy2-rinterface cannot run this R.

    Parameters
    ----------
    rpy2, r : str
        Versions, such as ``3.6.4`` and ``4.2.2``; ``rpy2`` is empty if it is not installed.
    """
    if not rpy2:
        raise RUnavailable(
            "the Python package rpy2-rinterface is not installed",
            "Python",
            "install make and R first, then: RPY2_CFFI_MODE=ABI pip install rpy2-rinterface==3.6.4",
        )
    if _numbers(rpy2) >= RPY2_WITH_GETVAR and _numbers(r) < R_WITH_GETVAR:
        raise RUnavailable(
            f"rpy2-rinterface {rpy2} needs R 4.5 or newer, and this is R {r} (symbol 'R_getVar' not found)",
            "Python and R",
            "RPY2_CFFI_MODE=ABI pip install rpy2-rinterface==3.6.4, or install R 4.5 or newer",
        )


def _home() -> Path:
    if given := os.environ.get("R_HOME"):
        home, where = Path(given), "R_HOME"
    else:
        command = shutil.which("R")
        if command is None:
            raise RUnavailable(
                "R was not found",
                "PATH",
                "install R (Debian and Ubuntu: apt install r-base-core; elsewhere: www.r-project.org), or set R_HOME",
            )
        # The last line: R may print warnings before it.
        answer = subprocess.run(
            [command, "RHOME"], capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
        )
        home, where = Path((answer.stdout.strip().splitlines() or [""])[-1]), command
    if not (home / "library" / "base" / "DESCRIPTION").is_file():
        raise RUnavailable(f"there is no R in {home}", where, "set R_HOME to what the command `R RHOME` prints")
    return home


def _version(home: Path) -> str:
    # Read, not asked: starting R for it would cost a fifth of a second.
    text = (home / "library" / "base" / "DESCRIPTION").read_text(encoding="utf-8")
    found = re.search(r"^Version:\s*(\S+)", text, re.MULTILINE)
    return found[1] if found else "0"


def _libraries(given) -> tuple[tuple[Path, ...], str]:
    if given:
        given = [given] if isinstance(given, (str, os.PathLike)) else given
        folders, source = tuple(map(Path, given)), "the argument `libraries`"
    elif variable := os.environ.get(LIBRARY_VARIABLE):
        folders, source = tuple(Path(f) for f in variable.split(os.pathsep) if f), LIBRARY_VARIABLE
    elif (PROJECT / ".r" / "library").is_dir():
        return (PROJECT / ".r" / "library",), "the project's .r/library"
    else:
        return (), "R's default library"
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"no such folder of R packages: {folder}", source, "correct it, or leave it out")
    return tuple(f.resolve() for f in folders), source


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", version)[:3])
