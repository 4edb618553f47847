"""Where the command begins: an interrupt is one line from here on, before what takes a second to import."""

from __future__ import annotations

from factsurv.flows import interrupt


def main() -> None:
    """What `factsurv` and `python -m factsurv` call."""
    interrupt.install()
    from factsurv.flows.command import main as command

    command()
