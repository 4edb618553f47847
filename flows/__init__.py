"""Prefect flows, the steps they run, and the `factsurv` command."""
