"""`python -m factsurv`: the command, where it is not on the path."""

from factsurv.flows.entry import main

main()
