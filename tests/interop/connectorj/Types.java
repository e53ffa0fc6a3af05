import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** A column and a parameter of every type, by server-side prepared statements and by text. */
final class Types {
    private record Column(String name, String declaration, Object in, Object out) {}

    private static final String WIDE = "größe 東京 🙂 ";
    private static final byte[] BYTES = {0, 1, 0x27, 0x5c, (byte) 0xff};
    private static final String LONG = "x".repeat(70000);
    private static final LocalDateTime TIME = LocalDateTime.of(2026, 2, 28, 23, 59, 59, 123456000);

    private static final int MICROS = 1000;
    private static final int SECONDS = 1_000_000_000;

    private static final List<Column> columns = List.of(
        same("ti", "TINYINT", -128),
        same("tu", "TINYINT UNSIGNED", 255),
        same("si", "SMALLINT", -32768),
        same("mi", "MEDIUMINT", -8388608),
        same("i", "INT", Integer.MIN_VALUE),
        same("iu", "INT UNSIGNED", 4294967295L),
        same("b", "BIGINT", Long.MIN_VALUE),
        same("bu", "BIGINT UNSIGNED", new BigInteger("18446744073709551615")),
        same("f", "FLOAT", 1.5f),
        same("d", "DOUBLE", -1.25e100),
        same("de", "DECIMAL(30,10)", new BigDecimal("12345678901234567890.0123456789")),
        same("bl", "BIT(9)", new byte[] {1, (byte) 0xaa}),
        same("y", "YEAR", 2026),
        same("da", "DATE", LocalDate.of(2026, 2, 28)),
        same("t", "TIME(6)", LocalTime.of(3, 4, 5, 6000)),
        same("dt", "DATETIME(6)", TIME),
        same("ts", "TIMESTAMP(6) NULL", TIME),
        same("c", "CHAR(10)", "abc"),
        same("v", "VARCHAR(100)", WIDE),
        same("tx", "TEXT", WIDE),
        same("lt", "LONGTEXT", LONG),
        new Column("bn", "BINARY(4)", new byte[] {1, 2}, new byte[] {1, 2, 0, 0}),
        same("vb", "VARBINARY(100)", BYTES),
        same("bo", "BLOB", BYTES),
        same("lb", "LONGBLOB", LONG.getBytes(StandardCharsets.US_ASCII)),
        same("e", "ENUM('a','b')", "b"),
        same("s", "SET('x','y','z')", "x,z"),
        same("j", "JSON", "{\"a\": [1, null]}"),
        same("u", "UUID", "01890a5d-ac96-774b-bcce-b302099a8057"),
        same("ip", "INET6", "2001:db8::1"),
        new Column("n", "VARCHAR(10)", null, null));

    private static final String NAMES = columns.stream().map(Column::name).collect(Collectors.joining(", "));
    private static final String MARKS = columns.stream().map(c -> "?").collect(Collectors.joining(", "));

    private static Column same(String name, String declaration, Object value) {
        return new Column(name, declaration, value, value);
    }

    static void addTo(Map<String, Check> checks) {
        String limits = "&useCursorFetch=true&defaultFetchSize=1";
        checks.put("types_prepared", (c, t) -> roundTrip(t, "useServerPrepStmts=true"));
        checks.put("types_cursor", (c, t) -> roundTrip(t, "useServerPrepStmts=true" + limits));
        checks.put("types_text", (c, t) -> roundTrip(t, "useServerPrepStmts=false"));
        checks.put("types_streamed_parameter", (c, t) -> longData(t));
    }

    private static void create(Connection c) throws SQLException {
        Expect.run(c, "DROP TABLE IF EXISTS types", "CREATE TABLE types (id BIGINT NOT NULL PRIMARY KEY, "
            + columns.stream().map(x -> x.name + " " + x.declaration).collect(Collectors.joining(", ")) + ")");
    }

    /**
     * MySQL's driver takes the version of a MariaDB before 11 (5.5.5-10.11…) for one that has no fractions of seconds,
     * and cuts them off.
     */
    private static void roundTrip(Target target, String options) throws Exception {
        int unit = target.mariadb ? MICROS : SECONDS;
        try (Connection c = target.open(options)) {
            create(c);
            try (PreparedStatement s = c.prepareStatement("INSERT INTO types (id, " + NAMES + ") VALUES (?, " + MARKS + ")")) {
                for (long id = 1; id <= 4; id++) {
                    s.setLong(1, id);
                    for (int i = 0; i < columns.size(); i++) {
                        s.setObject(i + 2, parameter(cut(columns.get(i).in, unit), target));
                    }
                    Expect.equal(1, s.executeUpdate());
                }
            }
            compare(c, "SELECT " + NAMES + " FROM types WHERE id = ?", unit, 3L, 1);
            compare(c, "SELECT " + NAMES + " FROM types WHERE id > ? ORDER BY id", unit, 0L, 4);
            compare(c, "SELECT " + NAMES + " FROM types WHERE id > ? AND de = ? AND dt = ? AND v = ?", unit, 0L, 4,
                value("de"), cut(value("dt"), unit), value("v"));
        }
    }

    /** MySQL's driver sends an unsigned BIGINT as a signed one, unless it is given as text. */
    private static Object parameter(Object value, Target target) {
        return value instanceof BigInteger && !target.mariadb ? value.toString() : value;
    }

    private static Object cut(Object value, int unit) {
        if (value instanceof LocalDateTime d) {
            return d.withNano(d.getNano() / unit * unit);
        }
        return value instanceof LocalTime d ? d.withNano(d.getNano() / unit * unit) : value;
    }

    private static Object value(String name) {
        return columns.stream().filter(c -> c.name.equals(name)).findFirst().orElseThrow().in;
    }

    private static void compare(Connection c, String sql, int unit, long id, int count, Object... more) throws SQLException {
        List<String> wrong = new ArrayList<>();
        try (PreparedStatement s = c.prepareStatement(sql)) {
            s.setLong(1, id);
            for (int i = 0; i < more.length; i++) {
                s.setObject(i + 2, more[i]);
            }
            try (ResultSet r = s.executeQuery()) {
                int n = 0;
                for (; r.next(); n++) {
                    for (Column column : columns) {
                        check(r, column, unit, wrong);
                    }
                }
                Expect.equal(count, n);
            }
        }
        Expect.that(wrong.isEmpty(), sql.replaceAll(".*FROM", "…FROM") + ": " + String.join("; ", wrong));
    }

    private static void check(ResultSet r, Column column, int unit, List<String> wrong) {
        try {
            if (column.out == null) {
                Expect.equal(null, r.getObject(column.name));
                Expect.that(r.wasNull(), "not NULL");
                return;
            }
            Object got = column.out instanceof byte[] ? r.getBytes(column.name) : r.getObject(column.name, column.out.getClass());
            Expect.equal(cut(column.out, unit), got);
        } catch (SQLException | AssertionError e) {
            wrong.add(column.name + ": " + e.getMessage());
        }
    }

    /** A stream as a parameter goes in COM_STMT_SEND_LONG_DATA. */
    private static void longData(Target target) throws Exception {
        try (Connection c = target.open("useServerPrepStmts=true")) {
            create(c);
            byte[] blob = "b".repeat(300000).getBytes(StandardCharsets.US_ASCII);
            try (PreparedStatement s = c.prepareStatement("INSERT INTO types (id, lb, lt) VALUES (?, ?, ?)")) {
                for (int id = 1; id <= 3; id++) {
                    s.setInt(1, id);
                    s.setBinaryStream(2, new java.io.ByteArrayInputStream(blob));
                    s.setCharacterStream(3, new java.io.StringReader(LONG));
                    s.executeUpdate();
                }
            }
            Expect.equal(List.of(Expect.row("3", "300000", "70000")),
                Expect.rows(c, "SELECT COUNT(*), MIN(LENGTH(lb)), MAX(LENGTH(lt)) FROM types"));
        }
    }

    private Types() {}
}
