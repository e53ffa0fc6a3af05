import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Generated keys, of one row and of several, by every way of inserting. */
final class Keys {
    static void addTo(Map<String, Check> checks) {
        checks.put("generated_keys", (c, t) -> keys(t, "", "events"));
        checks.put("generated_keys_prepared", (c, t) -> keys(t, "useServerPrepStmts=true", "events"));
        checks.put("generated_keys_rewritten", (c, t) -> keys(t, "rewriteBatchedStatements=true", "events"));
        checks.put("generated_keys_snowflake", (c, t) -> keys(t, "useServerPrepStmts=true", "flakes"));
        checks.put("generated_keys_not_the_sharding_key", Keys::notes);
        checks.put("generated_keys_given", Keys::given);
    }

    private static void keys(Target t, String options, String table) throws SQLException {
        // MariaDB's driver gives the first key of a statement only, unless it is told otherwise.
        try (Connection c = t.open(options + "&returnMultiValuesGeneratedIds=true")) {
            Expect.run(c, "DROP TABLE IF EXISTS " + table,
                "CREATE TABLE " + table + " (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, what VARCHAR(20))");
            List<List<String>> want = new ArrayList<>();
            try (Statement s = c.createStatement()) {
                Expect.equal(3, s.executeUpdate("INSERT INTO " + table + " (what) VALUES ('a'), ('b'), ('c')", Statement.RETURN_GENERATED_KEYS));
                pair(want, s, "a", "b", "c");
            }
            try (PreparedStatement s = c.prepareStatement("INSERT INTO " + table + " (what) VALUES (?), (?)", Statement.RETURN_GENERATED_KEYS)) {
                s.setString(1, "d");
                s.setString(2, "e");
                Expect.equal(2, s.executeUpdate());
                pair(want, s, "d", "e");
            }
            try (PreparedStatement s = c.prepareStatement("INSERT INTO " + table + " (what) VALUES (?)", Statement.RETURN_GENERATED_KEYS)) {
                for (String what : new String[] {"f", "g", "h"}) {
                    s.setString(1, what);
                    s.addBatch();
                }
                s.executeBatch();
                pair(want, s, "f", "g", "h");
            }
            Expect.equal(want, Expect.rows(c, "SELECT id, what FROM " + table + " ORDER BY what"));
        }
    }

    /** Pairs the keys that the driver gives with what was inserted. */
    private static void pair(List<List<String>> want, Statement s, String... whats) throws SQLException {
        try (ResultSet r = s.getGeneratedKeys()) {
            List<List<String>> keys = Expect.read(r);
            Expect.equal(whats.length, keys.size());
            for (int i = 0; i < whats.length; i++) {
                want.add(Expect.row(keys.get(i).get(0), whats[i]));
            }
        }
    }

    private static void notes(Connection plain, Target t) throws SQLException {
        try (Connection c = t.open("returnMultiValuesGeneratedIds=true")) {
            notesOn(c);
        }
    }

    private static void notesOn(Connection c) throws SQLException {
        Expect.run(c, "DROP TABLE IF EXISTS notes",
            "CREATE TABLE notes (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, owner INT NOT NULL, note TEXT, KEY (owner))");
        List<List<String>> want = new ArrayList<>();
        try (Statement s = c.createStatement()) {
            s.executeUpdate("INSERT INTO notes (owner, note) VALUES (1, 'a'), (2, 'b'), (3, 'c'), (1, 'd')", Statement.RETURN_GENERATED_KEYS);
            pair(want, s, "a", "b", "c", "d");
        }
        Expect.equal(want, Expect.rows(c, "SELECT id, note FROM notes ORDER BY note"));
        Expect.equal(want.get(0).get(0), Expect.one(c, "SELECT LAST_INSERT_ID()"));
    }

    /** A key that the application gives is no generated one, and the generated ones stay clear of it. */
    private static void given(Connection c, Target t) throws SQLException {
        Expect.run(c, "DROP TABLE IF EXISTS events",
            "CREATE TABLE events (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, what VARCHAR(20))",
            "INSERT INTO events (id, what) VALUES (5, 'given')");
        for (int i = 0; i < 10; i++) {
            Expect.run(c, "INSERT INTO events (id, what) VALUES (NULL, 'null'), (DEFAULT, 'default')");
        }
        Expect.equal("21", Expect.one(c, "SELECT COUNT(DISTINCT id) FROM events"));
    }

    private Keys() {}
}
