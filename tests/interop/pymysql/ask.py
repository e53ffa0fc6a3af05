"""What the checks ask and expect."""

import pymysql


def rows(connection, sql, args=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, args)
        return list(cursor.fetchall())


def one(connection, sql, args=None):
    return rows(connection, sql, args)[0][0]


def run(connection, *statements):
    with connection.cursor() as cursor:
        for sql in statements:
            cursor.execute(sql)


def equal(want, got):
    assert want == got, f"got {got!r:.300}, want {want!r:.300}"


def fails(code, kind, action):
    """Expects an error of the server; PyMySQL shows its number and makes the class of it."""
    try:
        action()
    except pymysql.MySQLError as e:
        assert e.args[0] == code and isinstance(e, kind), f"got {e!r}, want {code} {kind.__name__}"
        return
    raise AssertionError(f"no error, want {code}")


def accounts(connection):
    run(
        connection,
        "DROP TABLE IF EXISTS accounts",
        "CREATE TABLE accounts (id INT NOT NULL PRIMARY KEY, balance INT NOT NULL)",
        "INSERT INTO accounts VALUES (1, 100), (2, 100), (3, 100), (4, 100)",
    )
    connection.commit()
