import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLWarning;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** Statements, transactions, results, batches and errors. */
final class Statements {
    static void addTo(Map<String, Check> checks) {
        checks.put("transactions", Statements::transactions);
        checks.put("isolation", Statements::isolation);
        checks.put("stream_text", (c, t) -> stream(t, "useServerPrepStmts=false", Integer.MIN_VALUE));
        checks.put("stream_prepared", (c, t) -> stream(t, "useServerPrepStmts=true", Integer.MIN_VALUE));
        checks.put("stream_cursor", (c, t) -> stream(t, "useServerPrepStmts=true&useCursorFetch=true", 500));
        checks.put("batch", (c, t) -> batch(t, "useServerPrepStmts=true"));
        checks.put("batch_rewritten", (c, t) -> batch(t, "rewriteBatchedStatements=true"));
        checks.put("batch_bulk", (c, t) -> batch(t, "useServerPrepStmts=true&useBulkStmts=true&useBatchMultiSend=true"));
        checks.put("batch_failing", Statements::failingBatch);
        checks.put("multi_statements", Statements::multiStatements);
        checks.put("errors", (c, t) -> errors(t, "useServerPrepStmts=false"));
        checks.put("errors_prepared", (c, t) -> errors(t, "useServerPrepStmts=true"));
        checks.put("found_rows", Statements::foundRows);
        checks.put("warnings", Statements::warnings);
        checks.put("max_rows", Statements::maxRows);
        checks.put("load_data_local", Statements::loadDataLocal);
    }

    static void accounts(Connection c) throws SQLException {
        Expect.run(c, "DROP TABLE IF EXISTS accounts",
            "CREATE TABLE accounts (id INT NOT NULL PRIMARY KEY, balance INT NOT NULL)",
            "INSERT INTO accounts VALUES (1, 100), (2, 100), (3, 100), (4, 100)");
    }

    /** A file of several packets, and one that does not exist. */
    private static void loadDataLocal(Connection c, Target t) throws Exception {
        Expect.run(c, "DROP TABLE IF EXISTS loaded", "CREATE TABLE loaded (id INT NOT NULL PRIMARY KEY, v VARCHAR(60))");
        Path file = Files.createTempFile("rows", ".csv");
        String load = " INTO TABLE loaded FIELDS TERMINATED BY ','";
        try (Connection own = t.open(t.mariadb ? "allowLocalInfile=true" : "allowLoadLocalInfile=true")) {
            Files.write(file, IntStream.range(0, 60000).mapToObj(i -> i + "," + "v".repeat(50)).toList());
            Expect.equal(60000, Expect.update(own, "LOAD DATA LOCAL INFILE '" + file + "'" + load));
            Expect.equal("60000", Expect.one(own, "SELECT COUNT(*) FROM loaded"));
            try {
                Expect.update(own, "LOAD DATA LOCAL INFILE '" + file + ".missing'" + load);
                throw new AssertionError("a file that does not exist was loaded");
            } catch (SQLException e) {
                Expect.equal("60000", Expect.one(own, "SELECT COUNT(*) FROM loaded"));
            }
        } finally {
            Files.delete(file);
        }
    }

    private static String sum(Connection c) throws SQLException {
        return Expect.one(c, "SELECT SUM(balance) FROM accounts");
    }

    private static void transactions(Connection c, Target t) throws SQLException {
        accounts(c);
        try (Connection other = t.open("useServerPrepStmts=true")) {
            c.setAutoCommit(false);
            Expect.equal(1, Expect.update(c, "UPDATE accounts SET balance = balance - 10 WHERE id = 1"));
            Expect.equal(1, Expect.update(c, "UPDATE accounts SET balance = balance + 20 WHERE id = 2"));
            Expect.equal("410", sum(c));
            Expect.equal("400", sum(other));
            c.rollback();
            Expect.equal("400", sum(c));
            Expect.equal(4, Expect.update(c, "UPDATE accounts SET balance = balance + 1"));
            Savepoint half = c.setSavepoint("half");
            Expect.equal(3, Expect.update(c, "DELETE FROM accounts WHERE id IN (1, 2, 3)"));
            Expect.equal("101", sum(c));
            c.rollback(half);
            Savepoint unnamed = c.setSavepoint();
            Expect.update(c, "DELETE FROM accounts");
            c.rollback(unnamed);
            c.releaseSavepoint(c.setSavepoint("end"));
            c.commit();
            c.setAutoCommit(true);
            Expect.equal("404", sum(other));
            c.setReadOnly(true);
            Expect.equal("404", sum(c));
        }
    }

    private static void isolation(Connection c, Target t) throws SQLException {
        accounts(c);
        for (int level : new int[] {Connection.TRANSACTION_READ_COMMITTED, Connection.TRANSACTION_SERIALIZABLE, Connection.TRANSACTION_REPEATABLE_READ}) {
            c.setTransactionIsolation(level);
            Expect.equal(level, c.getTransactionIsolation());
            Expect.equal("400", sum(c));
        }
    }

    private static void stream(Target t, String options, int fetchSize) throws SQLException {
        try (Connection c = t.open(options)) {
            for (String order : options.endsWith("=false") ? new String[] {"", " ORDER BY id"} : new String[] {" ORDER BY id"}) {
                try (PreparedStatement s = c.prepareStatement("SELECT * FROM " + t.big() + " WHERE id <= ?" + order)) {
                    s.setFetchSize(t.mariadb && fetchSize < 0 ? 1 : fetchSize);
                    s.setInt(1, 100000);
                    try (ResultSet r = s.executeQuery()) {
                        long n = 0;
                        long sum = 0;
                        for (; r.next(); n++) {
                            sum += r.getLong(1);
                        }
                        Expect.equal(100000L, n);
                        Expect.equal(5000050000L, sum);
                    }
                }
            }
        }
    }

    private static void batch(Target t, String options) throws SQLException {
        try (Connection c = t.open(options)) {
            Expect.run(c, "DROP TABLE IF EXISTS batches", "CREATE TABLE batches (id INT NOT NULL PRIMARY KEY, v VARCHAR(50))");
            try (PreparedStatement s = c.prepareStatement("INSERT INTO batches (id, v) VALUES (?, ?)")) {
                for (int i = 0; i < 1000; i++) {
                    s.setInt(1, i);
                    s.setString(2, "v'" + i + "\\");
                    s.addBatch();
                }
                int[] counts = s.executeBatch();
                Expect.equal(1000, counts.length);
                Expect.that(IntStream.of(counts).allMatch(n -> n == 1 || n == Statement.SUCCESS_NO_INFO), "counts of the batch");
            }
            Expect.equal(List.of(Expect.row("1000", "499500", "1000")),
                Expect.rows(c, "SELECT COUNT(*), SUM(id), SUM(v = CONCAT('v''', id, '\\\\')) FROM batches"));
            try (PreparedStatement s = c.prepareStatement("UPDATE batches SET v = ? WHERE id = ?")) {
                for (int i = 0; i < 50; i++) {
                    s.setString(1, "new");
                    s.setInt(2, i * 2);
                    s.addBatch();
                }
                Expect.equal(50, s.executeBatch().length);
            }
            Expect.equal("50", Expect.one(c, "SELECT COUNT(*) FROM batches WHERE v = 'new'"));
        }
    }

    private static void failingBatch(Connection c, Target t) throws SQLException {
        accounts(c);
        c.setAutoCommit(false);
        try (Statement s = c.createStatement()) {
            s.addBatch("INSERT INTO accounts VALUES (5, 100)");
            s.addBatch("INSERT INTO accounts VALUES (1, 100)");
            try {
                s.executeBatch();
                throw new AssertionError("no error");
            } catch (BatchUpdateException e) {
                Expect.equal(1062, e.getErrorCode());
                Expect.equal("23000", e.getSQLState());
            }
        }
        c.rollback();
        c.setAutoCommit(true);
        Expect.equal("400", sum(c));
    }

    private static void multiStatements(Connection c, Target t) throws SQLException {
        Expect.fails(1064, "42000", () -> Expect.run(c, "SELECT 1; SELECT 2"));
        try (Connection m = t.open("allowMultiQueries=true"); Statement s = m.createStatement()) {
            accounts(m);
            Expect.that(s.execute("SELECT 1; UPDATE accounts SET balance = 5; SELECT COUNT(*) FROM accounts WHERE balance = 5"), "no result");
            Expect.equal(List.of(Expect.row("1")), Expect.read(s.getResultSet()));
            Expect.that(!s.getMoreResults(), "the second is no result");
            Expect.equal(4, s.getUpdateCount());
            Expect.that(s.getMoreResults(), "no third result");
            Expect.equal(List.of(Expect.row("4")), Expect.read(s.getResultSet()));
            Expect.that(!s.getMoreResults() && s.getUpdateCount() == -1, "no end");
            Expect.equal("4", Expect.one(m, "SELECT 4"));
        }
    }

    private static void errors(Target t, String options) throws SQLException {
        try (Connection c = t.open(options)) {
            accounts(c);
            Expect.fails(1062, "23000", () -> execute(c, "INSERT INTO accounts VALUES (?, 1)", 1));
            Expect.fails(1146, "42S02", () -> Expect.rows(c, "SELECT * FROM missing WHERE id = ?", 1));
            Expect.fails(1054, "42S22", () -> Expect.rows(c, "SELECT nothing FROM accounts WHERE id = ?", 1));
            Expect.fails(1064, "42000", () -> execute(c, "SELEC ?", 1));
            Expect.fails(1366, t.mariadb ? "22007" : "22001", () -> execute(c, "INSERT INTO accounts VALUES (?, 'x')", 9));
            Expect.fails(1049, "42000", () -> Expect.run(c, "USE no_such_database"));
            Expect.equal("1", Expect.one(c, "SELECT 1"));
        }
        Expect.fails(1045, "28000", () -> t.open("native", "wrong", t.database, options).close());
        Expect.fails(1045, "28000", () -> t.open("nobody", "x", t.database, options).close());
        Expect.fails(1049, "42000", () -> t.open("root", "", "no_such_database", options).close());
    }

    private static int execute(Connection c, String sql, Object... args) throws SQLException {
        try (PreparedStatement s = c.prepareStatement(sql)) {
            for (int i = 0; i < args.length; i++) {
                s.setObject(i + 1, args[i]);
            }
            return s.executeUpdate();
        }
    }

    /** Both drivers count by default the rows that were found, not those that changed. */
    private static void foundRows(Connection c, Target t) throws SQLException {
        accounts(c);
        Expect.equal(4, Expect.update(c, "UPDATE accounts SET balance = 100"));
        Expect.equal(1, Expect.update(c, "UPDATE accounts SET balance = 100 WHERE id = 3"));
        Expect.equal(0, Expect.update(c, "UPDATE accounts SET balance = 100 WHERE id = 9"));
        try (Connection changed = t.open("useAffectedRows=true")) {
            Expect.equal(0, Expect.update(changed, "UPDATE accounts SET balance = 100"));
        }
    }

    private static void warnings(Connection c, Target t) throws SQLException {
        accounts(c);
        try (Statement s = c.createStatement()) {
            s.executeQuery("SELECT id, CAST('12x' AS SIGNED) FROM accounts WHERE id = 2").close();
            warned(1292, 1, s.getWarnings());
            s.executeUpdate("INSERT IGNORE INTO accounts VALUES (1, 1), (2, 2), (8, 8)");
            warned(1062, 2, s.getWarnings());
        }
    }

    private static void warned(int code, int count, SQLWarning first) {
        int n = 0;
        for (SQLWarning w = first; w != null; w = w.getNextWarning()) {
            Expect.equal(code, w.getErrorCode());
            n++;
        }
        Expect.equal(count, n);
    }

    /** MySQL Connector/J sends SET SQL_SELECT_LIMIT for it. */
    private static void maxRows(Connection c, Target t) throws SQLException {
        accounts(c);
        try (Statement s = c.createStatement()) {
            s.setMaxRows(3);
            try (ResultSet r = s.executeQuery("SELECT id FROM accounts ORDER BY id DESC")) {
                Expect.equal(List.of(Expect.row("4"), Expect.row("3"), Expect.row("2")), Expect.read(r));
            }
            s.setMaxRows(0);
            try (ResultSet r = s.executeQuery("SELECT id FROM accounts")) {
                Expect.equal(4, Expect.read(r).size());
            }
        }
    }

    private Statements() {}
}
