"""Transactions, results, keys, errors, logins and session variables."""

import tempfile
import threading
import time

import pymysql
from pymysql import err
from pymysql.constants import CLIENT
from pymysql.cursors import DictCursor, SSCursor

from ask import accounts, equal, fails, one, rows, run


def balance(connection):
    return int(one(connection, "SELECT SUM(balance) FROM accounts"))


def transactions(c, target):
    accounts(c)
    other = target.open(autocommit=True)
    try:
        run(c, "UPDATE accounts SET balance = balance - 10 WHERE id = 1", "UPDATE accounts SET balance = balance + 20 WHERE id = 2")
        equal([410, 400], [balance(c), balance(other)])
        c.rollback()
        equal(400, balance(c))
        run(c, "UPDATE accounts SET balance = balance + 1", "SAVEPOINT half", "DELETE FROM accounts WHERE id IN (1, 2, 3)")
        equal(101, balance(c))
        run(c, "ROLLBACK TO SAVEPOINT half", "RELEASE SAVEPOINT half")
        c.commit()
        equal(404, balance(other))
        c.begin()
        run(c, "DELETE FROM accounts")
        c.close()
        equal(404, balance(other))
    finally:
        other.close()


def stream(c, target):
    with c.cursor(SSCursor) as cursor:
        cursor.execute(f"SELECT id, name FROM {target.big} WHERE id <= 100000 ORDER BY id")
        count = total = 0
        for row in cursor:
            count += 1
            total += row[0]
    equal((100000, 5000050000), (count, total))
    with c.cursor(SSCursor) as cursor:  # a result that is left before its end
        cursor.execute(f"SELECT id FROM {target.big} WHERE id <= 20000")
        cursor.fetchone()
    equal(1, one(c, "SELECT 1"))


def generated_keys(c, target):
    run(c, "DROP TABLE IF EXISTS events", "CREATE TABLE events (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, what VARCHAR(20))")
    want = []
    with c.cursor() as cursor:
        cursor.execute("INSERT INTO events (what) VALUES (%s)", ("a",))
        want.append((cursor.lastrowid, "a"))
        cursor.execute("INSERT INTO events (what) VALUES ('b'), ('c'), ('d')")
        want += [(cursor.lastrowid + i, what) for i, what in enumerate("bcd")]
        cursor.executemany("INSERT INTO events (what) VALUES (%s)", ["e", "f", "g"])
        want += [(cursor.lastrowid + i, what) for i, what in enumerate("efg")]
    c.commit()
    equal(want, rows(c, "SELECT id, what FROM events ORDER BY what"))
    equal(want[4][0], one(c, "SELECT LAST_INSERT_ID()"))


def errors(c, target):
    accounts(c)
    fails(1062, err.IntegrityError, lambda: run(c, "INSERT INTO accounts VALUES (1, 1)"))
    fails(1146, err.ProgrammingError, lambda: run(c, "SELECT * FROM missing"))
    fails(1054, err.OperationalError, lambda: run(c, "SELECT nothing FROM accounts WHERE id = 1"))
    fails(1064, err.ProgrammingError, lambda: run(c, "SELEC 1"))
    fails(1048, err.IntegrityError, lambda: run(c, "INSERT INTO accounts VALUES (9, NULL)"))
    fails(1366, err.DataError, lambda: run(c, "INSERT INTO accounts VALUES (9, 'x')"))
    fails(1049, err.OperationalError, lambda: c.select_db("no_such_database"))
    fails(1045, err.OperationalError, lambda: target.open(user="native", password="wrong"))
    fails(1045, err.OperationalError, lambda: target.open(user="nobody", password="x"))
    fails(1049, err.OperationalError, lambda: target.open(database="no_such_database"))
    equal(1, one(c, "SELECT 1"))


def batch(c, target):
    run(c, "DROP TABLE IF EXISTS batches", "CREATE TABLE batches (id INT NOT NULL PRIMARY KEY, v VARCHAR(50))")
    with c.cursor() as cursor:
        equal(3000, cursor.executemany("INSERT INTO batches (id, v) VALUES (%s, %s)", [(i, f"v'{i}\\") for i in range(3000)]))
        equal(2, cursor.executemany("INSERT INTO batches (id, v) VALUES (%s, %s) ON DUPLICATE KEY UPDATE v = VALUES(v)", [(1, "x")]))
    c.commit()
    equal([(3000, 2999)], rows(c, "SELECT COUNT(*), CAST(SUM(v = CONCAT('v''', id, '\\\\')) AS SIGNED) FROM batches"))


def multi_statements(c, target):
    fails(1064, err.ProgrammingError, lambda: run(c, "SELECT 1; SELECT 2"))
    m = target.open(client_flag=CLIENT.MULTI_STATEMENTS, autocommit=True)
    try:
        accounts(m)
        with m.cursor() as cursor:
            cursor.execute("SELECT 1; UPDATE accounts SET balance = 5; SELECT COUNT(*) FROM accounts WHERE balance = 5")
            equal(((1,),), cursor.fetchall())
            assert cursor.nextset()
            equal(4, cursor.rowcount)
            assert cursor.nextset()
            equal(((4,),), cursor.fetchall())
            assert not cursor.nextset()
    finally:
        m.close()


def metadata(c, target):
    accounts(c)
    with c.cursor(DictCursor) as cursor:
        cursor.execute("SELECT a.id AS x, balance, COUNT(*) FROM accounts a GROUP BY a.id, balance ORDER BY a.id LIMIT 1")
        equal([("x", 3, False), ("balance", 3, False), ("COUNT(*)", 8, False)], [(d[0], d[1], d[6]) for d in cursor.description])
        equal([{"x": 1, "balance": 100, "COUNT(*)": 1}], list(cursor.fetchall()))


def session_variables(c, target):
    v = target.open(charset="latin1", sql_mode="ANSI_QUOTES", init_command="SET time_zone = '+04:00', @mine = 'ü'")
    try:
        for _ in range(3):
            equal(
                [("ANSI_QUOTES", "+04:00", "ü", "latin1")],
                rows(v, "SELECT @@sql_mode, @@time_zone, @mine, @@character_set_client"),
            )
        accounts(v)
        equal([(1, "é")], rows(v, "SELECT \"id\", 'é' FROM \"accounts\" WHERE \"id\" = 1"))
        v.set_charset("utf8mb4")
        equal([("utf8mb4", "🙂")], rows(v, "SELECT @@character_set_results, '🙂'"))
    finally:
        v.close()


def kill_query(c, target):
    other = target.open()
    done = threading.Event()
    problem = []

    def slow():
        try:
            fails(1317, err.OperationalError, lambda: run(c, f"SELECT COUNT(*), SLEEP(20) FROM {target.big} WHERE id < 100 GROUP BY grp"))
        except AssertionError as e:
            problem.append(e)
        done.set()

    worker = threading.Thread(target=slow)
    worker.start()
    deadline = time.monotonic() + 15
    while not done.wait(0.05) and time.monotonic() < deadline:
        run(other, f"KILL QUERY {c.thread_id()}")
    other.close()
    worker.join(10)
    assert done.is_set() and not problem, f"killed: {done.is_set()} {problem}"
    equal(1, one(c, "SELECT 1"))


def login(user, encrypted):
    def check(c, target):
        for _ in range(2):  # the second time by the cache, where there is one
            more = target.tls if encrypted else {"ssl_disabled": True}  # the driver encrypts wherever it can
            s = target.open(user=user, password=target.secret[user], **more)
            try:
                equal(user, one(s, "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)"))
                equal(encrypted, s._secure)
            finally:
                s.close()

    return check


def tls_status(c, target):
    s = target.open(**target.tls)
    try:
        assert rows(s, "SHOW STATUS LIKE 'Ssl_cipher'")[0][1], "no cipher"
    finally:
        s.close()


def attributes(c, target):
    s = target.open(program_name="interop " + "n" * 200)
    equal(1, one(s, "SELECT 1"))
    s.ping(reconnect=False)
    s.close()


def large_packets(c, target):
    run(c, "DROP TABLE IF EXISTS batches", "CREATE TABLE batches (id INT NOT NULL PRIMARY KEY, v LONGBLOB)")
    blob = bytes(range(1, 33)) * (17 << 15)  # beyond 16 MiB: more than one packet
    p = target.open(max_allowed_packet=1 << 26)
    try:
        with p.cursor() as cursor:
            cursor.execute("INSERT INTO batches VALUES (1, %s), (2, 'x')", (blob,))
        p.commit()
        equal([(1, len(blob)), (2, 1)], rows(p, "SELECT id, LENGTH(v) FROM batches ORDER BY id"))
        assert rows(p, "SELECT v, id FROM batches ORDER BY id")[0][0] == blob, "another blob"
    finally:
        p.close()


def load_data_local(c, target):
    run(c, "DROP TABLE IF EXISTS loaded", "CREATE TABLE loaded (id INT NOT NULL PRIMARY KEY, v VARCHAR(60))")
    p = target.open(local_infile=True, autocommit=True)
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
            file.writelines(f"{i},{'v' * 50}\n" for i in range(3000))  # several packets
            file.flush()
            load = "LOAD DATA LOCAL INFILE '{}' INTO TABLE loaded FIELDS TERMINATED BY ','"
            with p.cursor() as cursor:
                equal(3000, cursor.execute(load.format(file.name)))
                equal(0, cursor.execute(load.format(file.name).replace("INTO", "IGNORE INTO")))
            equal((3000, 4498500), rows(p, "SELECT COUNT(*), SUM(id) FROM loaded")[0])
        fails(1017, err.OperationalError, lambda: run(p, load.format("/no/such/file")))
        equal(3000, one(p, "SELECT COUNT(*) FROM loaded"))
    finally:
        p.close()


def checks(target):
    found = {
        f.__name__: f
        for f in (transactions, stream, generated_keys, errors, batch, multi_statements, metadata, session_variables,
                  kill_query, tls_status, attributes, large_packets, load_data_local)
    }
    found["login_native"] = login("native", False)
    found["login_native_tls"] = login("native", True)
    if not target.plain:  # this version of MariaDB has no such plugin
        found["login_sha2"] = login("sha2", False)
        found["login_sha2_tls"] = login("sha2", True)
    return found
