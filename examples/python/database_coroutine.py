# /// script
# requires-python = ">=3.8"
# ///
"""A generator that holds a database connection, is sent SQL and yields the rows."""

import sqlite3


class Database:
    def __init__(self, path):
        self.connection = sqlite3.connect(path)
        print("connection opened")

    def execute(self, sql):
        return self.connection.execute(sql).fetchall()

    def close(self):
        self.connection.close()
        print("connection closed")


def database(path):
    connection = Database(path)
    try:
        rows = []
        while (sql := (yield rows)) is not None:
            rows = connection.execute(sql)
    finally:
        connection.close()


def show(rows):
    for name, year in rows:
        print(f"{name}, {year}")
    print(f"({len(rows)} rows)")


db = database(":memory:")
next(db)
show(db.send("CREATE TABLE language (name TEXT, year INTEGER)"))
show(db.send("INSERT INTO language VALUES ('Python', 1991), ('Rust', 2015), ('Simula', 1962)"))
show(db.send("SELECT name, year FROM language ORDER BY year"))
show(db.send("SELECT name, year FROM language WHERE year > 1990 ORDER BY name"))
db.close()

# An error in the SQL leaves the generator, which is then at its end.
db = database(":memory:")
next(db)
try:
    db.send("SELECT name, year FROM nowhere")
except sqlite3.Error as error:
    print(f"error: {error}")
