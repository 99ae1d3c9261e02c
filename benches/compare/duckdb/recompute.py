"""Recomputes segments in DuckDB. Reads a plan as JSON on standard input: `data` (folder of the CSV files), `threads`,
`rounds`, and `segments`, each with `number` and `query`. Writes what came of it as JSON."""

import hashlib
import json
import sys
import time

import duckdb


def load(connection, data):
    people = {"id": "INTEGER", "country": "VARCHAR", "gender": "VARCHAR"}
    events = {"id": "BIGINT", "person": "INTEGER", "name": "VARCHAR", "ts": "BIGINT",
              "total_cents": "INTEGER", "product": "INTEGER", "page": "INTEGER"}
    for table, file, columns in (("person", "people", people), ("event", "events", events)):
        connection.execute(f"create table {table} as select * from read_csv(?, header = true, columns = {columns})",
                           [f"{data}/{file}.csv"])
    connection.execute("create table membership (segment integer, person integer)")


def recompute(connection, segments):
    connection.execute("delete from membership")
    began = time.perf_counter()
    for segment in segments:
        connection.execute(f"insert into membership select {segment['number']}, found.* from ({segment['query']}\n) found")
    return time.perf_counter() - began


def members(connection, number):
    rows = connection.execute("select person from membership where segment = ? order by person", [number]).fetchall()
    digest = hashlib.sha256("".join(f"{person}\n" for person, in rows).encode()).hexdigest()
    return {"size": len(rows), "hash": digest}


def peak_bytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


def main():
    plan = json.load(sys.stdin)
    connection = duckdb.connect(":memory:")
    connection.execute(f"set threads = {int(plan['threads'])}")
    began = time.perf_counter()
    load(connection, plan["data"])
    loaded = time.perf_counter() - began
    seconds = [recompute(connection, plan["segments"]) for _ in range(plan["rounds"])]
    peak = peak_bytes()
    sets = {segment["number"]: members(connection, segment["number"]) for segment in plan["segments"]}
    json.dump({"version": duckdb.__version__, "loaded": loaded, "seconds": seconds, "peak": peak, "sets": sets}, sys.stdout)


main()
