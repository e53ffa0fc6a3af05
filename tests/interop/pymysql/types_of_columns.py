"""A column of every type. PyMySQL prepares nothing on the server: PREPARE and EXECUTE in SQL stand for it."""

import datetime
import decimal

from ask import equal, rows, run

WIDE = "größe 東京 🙂 "
BYTES = bytes([0, 1, 0x27, 0x5C, 0xFF])

COLUMNS = [
    ("ti", "TINYINT", -128),
    ("tu", "TINYINT UNSIGNED", 255),
    ("si", "SMALLINT", -32768),
    ("mi", "MEDIUMINT", -8388608),
    ("i", "INT", -(2**31)),
    ("iu", "INT UNSIGNED", 2**32 - 1),
    ("b", "BIGINT", -(2**63)),
    ("bu", "BIGINT UNSIGNED", 2**64 - 1),
    ("f", "FLOAT", 1.5),
    ("d", "DOUBLE", -1.25e100),
    ("de", "DECIMAL(30,10)", decimal.Decimal("12345678901234567890.0123456789")),
    ("bl", "BIT(9)", bytes([1, 0xAA])),
    ("y", "YEAR", 2026),
    ("da", "DATE", datetime.date(2026, 2, 28)),
    ("t", "TIME(6)", datetime.timedelta(hours=-123, minutes=-4, seconds=-5, microseconds=-6)),
    ("dt", "DATETIME(6)", datetime.datetime(2026, 2, 28, 23, 59, 59, 123456)),
    ("ts", "TIMESTAMP(6) NULL", datetime.datetime(2026, 2, 28, 23, 59, 59, 123456)),
    ("c", "CHAR(10)", "abc"),
    ("v", "VARCHAR(100)", WIDE),
    ("tx", "TEXT", WIDE),
    ("lt", "LONGTEXT", "x" * 70000),
    ("bn", "BINARY(4)", b"\1\2\0\0"),
    ("vb", "VARBINARY(100)", BYTES),
    ("bo", "BLOB", BYTES),
    ("lb", "LONGBLOB", b"x" * 70000),
    ("e", "ENUM('a','b')", "b"),
    ("s", "SET('x','y','z')", "x,z"),
    ("j", "JSON", '{"a": [1, null]}'),
    ("u", "UUID", "01890a5d-ac96-774b-bcce-b302099a8057"),
    ("ip", "INET6", "2001:db8::1"),
    ("n", "VARCHAR(10)", None),
]
NAMES = ", ".join(c[0] for c in COLUMNS)
VALUES = tuple(c[2] for c in COLUMNS)


def create(connection):
    columns = ", ".join(f"{name} {declaration}" for name, declaration, _ in COLUMNS)
    run(connection, "DROP TABLE IF EXISTS types", f"CREATE TABLE types (id BIGINT NOT NULL PRIMARY KEY, {columns})")


def parameters():
    """A negative time that the driver would write with the sign at each part is given as text."""
    return tuple("-123:04:05.000006" if isinstance(v, datetime.timedelta) else v for v in VALUES)


def text(connection, target):
    create(connection)
    marks = ", ".join(["%s"] * len(COLUMNS))
    with connection.cursor() as cursor:
        count = cursor.executemany(
            f"INSERT INTO types (id, {NAMES}) VALUES (%s, {marks})", [(i, *parameters()) for i in (1, 2, 3, 4)]
        )
    equal(4, count)
    connection.commit()
    equal([VALUES], rows(connection, f"SELECT {NAMES} FROM types WHERE id = %s", (2,)))
    equal([VALUES] * 4, rows(connection, f"SELECT {NAMES} FROM types ORDER BY id"))


def prepared_in_sql(connection, target):
    create(connection)
    marks = ", ".join(["?"] * (len(COLUMNS) + 1))
    run(connection, f"PREPARE s FROM 'INSERT INTO types (id, {NAMES}) VALUES ({marks})'")
    names = ["id"] + [c[0] for c in COLUMNS]
    for i in (1, 2, 3):
        with connection.cursor() as cursor:
            for name, value in zip(names, (i, *parameters())):
                cursor.execute(f"SET @p_{name} = %s", (value,))
            equal(1, cursor.execute("EXECUTE s USING " + ", ".join("@p_" + n for n in names)))
    run(connection, "DEALLOCATE PREPARE s", f"PREPARE q FROM 'SELECT {NAMES} FROM types WHERE id = ?'", "SET @id = 2")
    equal([VALUES], rows(connection, "EXECUTE q USING @id"))


def checks():
    return {"types_text": text, "types_prepared_in_sql": prepared_in_sql}
