"""An SQLite file of terms with the tables and columns of Bioconductor's GO.db and org.Hs.eg.db."""

import sqlite3


def write_go(path, terms, edges):
    """``terms`` are (number, id, name, branch), ``edges`` (number, number of the parent, kind)."""
    with sqlite3.connect(path) as database:
        database.executescript("""
            CREATE TABLE metadata (name VARCHAR(80) PRIMARY KEY, value VARCHAR(255));
            CREATE TABLE go_term (_id INTEGER PRIMARY KEY, go_id CHAR(10), term CHAR(255), ontology CHAR(9),
                                  definition TEXT);
            CREATE TABLE go_cc_parents (_id INTEGER, _parent_id INTEGER, relationship_type VARCHAR(7));
            INSERT INTO metadata VALUES ('GOSOURCEDATE', '2022-07-01');""")
        database.executemany("INSERT INTO go_term VALUES (?, ?, ?, ?, NULL)", terms)
        database.executemany("INSERT INTO go_cc_parents VALUES (?, ?, ?)", edges)
    database.close()


def write_genes(path, annotated):
    """``annotated`` are (gene, id of the term, evidence)."""
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE go_cc (_id INTEGER, go_id CHAR(10), evidence CHAR(3))")
        database.executemany("INSERT INTO go_cc VALUES (?, ?, ?)", annotated)
    database.close()
