import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/** What the checks expect, and the questions they ask. */
final class Expect {
    interface Action {
        void run() throws SQLException;
    }

    static void equal(Object want, Object got) {
        if (!Objects.deepEquals(want, got)) {
            throw new AssertionError("got " + show(got) + ", want " + show(want));
        }
    }

    static void that(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }

    /** Expects an error of the server. */
    static void fails(int code, String state, Action action) throws SQLException {
        try {
            action.run();
        } catch (SQLException e) {
            if (e.getErrorCode() != code || !state.equals(e.getSQLState())) {
                throw new AssertionError("got " + e.getErrorCode() + " " + e.getSQLState() + " (" + e.getMessage()
                    + "), want " + code + " " + state, e);
            }
            return;
        }
        throw new AssertionError("no error, want " + code);
    }

    static int update(Connection c, String sql) throws SQLException {
        try (Statement s = c.createStatement()) {
            return s.executeUpdate(sql);
        }
    }

    static void run(Connection c, String... statements) throws SQLException {
        try (Statement s = c.createStatement()) {
            for (String sql : statements) {
                s.execute(sql);
            }
        }
    }

    /** All rows as text; without arguments by the text protocol. */
    static List<List<String>> rows(Connection c, String sql, Object... args) throws SQLException {
        if (args.length == 0) {
            try (Statement s = c.createStatement(); ResultSet r = s.executeQuery(sql)) {
                return read(r);
            }
        }
        try (PreparedStatement s = c.prepareStatement(sql)) {
            for (int i = 0; i < args.length; i++) {
                s.setObject(i + 1, args[i]);
            }
            try (ResultSet r = s.executeQuery()) {
                return read(r);
            }
        }
    }

    static List<List<String>> read(ResultSet r) throws SQLException {
        List<List<String>> all = new ArrayList<>();
        int n = r.getMetaData().getColumnCount();
        while (r.next()) {
            List<String> row = new ArrayList<>();
            for (int i = 1; i <= n; i++) {
                row.add(r.getString(i));
            }
            all.add(row);
        }
        return all;
    }

    /** The first column of the first row. */
    static String one(Connection c, String sql, Object... args) throws SQLException {
        List<List<String>> all = rows(c, sql, args);
        return all.isEmpty() ? null : all.get(0).get(0);
    }

    static List<String> row(String... values) {
        return Arrays.asList(values);
    }

    private static String show(Object o) {
        String text = o instanceof byte[] b ? Arrays.toString(b) : String.valueOf(o);
        return text.length() > 300 ? text.substring(0, 300) + "…" : text;
    }

    private Expect() {}
}
