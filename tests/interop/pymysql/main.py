"""Runs every check of PyMySQL on the targets that the arguments name (NAME=host:port/database).

One line is printed for each check; see doc.go beside this folder.
"""

import os
import re
import sys
import threading

import pymysql

import django_habits
import statements
import types_of_columns


class Target:
    def __init__(self, argument):
        match = re.fullmatch(r"(\w+)=([^:]+):(\d+)/(\w+)", argument)
        self.name, host, port, self.database = match.groups()
        self.big = f"big_{self.name}.big"
        self.plain = self.name == "plain"
        self.config = {"host": host, "port": int(port), "database": self.database, "user": "root", "password": ""}
        self.secret = {"native": os.environ["INTEROP_NATIVE"], "sha2": os.environ["INTEROP_SHA2"]}
        self.tls = {"ssl_ca": os.environ["INTEROP_CA"], "ssl_verify_cert": True, "ssl_verify_identity": True}

    def open(self, **more):
        return pymysql.connect(**{**self.config, **more})


def report(target, name, check):
    outcome = []

    def run():
        try:
            connection = target.open()
            try:
                check(connection, target)
            finally:
                if connection.open:
                    connection.close()
            outcome.append("")
        except Exception as e:  # every problem of a check is its outcome
            line = e.__traceback__
            while line.tb_next and "site-packages" not in line.tb_next.tb_frame.f_code.co_filename:
                line = line.tb_next
            outcome.append(f"{type(e).__name__} {e} at line {line.tb_lineno}")

    worker = threading.Thread(target=run, daemon=True)
    worker.start()
    worker.join(30)
    problem = outcome[0] if outcome else "no end within 30 seconds"
    if problem:
        print(f"not ok {target.name}/{name}: " + " ".join(problem.split()), flush=True)
    else:
        print(f"ok {target.name}/{name}", flush=True)


def main():
    for argument in sys.argv[1:]:
        target = Target(argument)
        checks = {**types_of_columns.checks(), **statements.checks(target), **django_habits.checks()}
        for name, check in checks.items():
            report(target, name, check)
    print("done", flush=True)


main()
