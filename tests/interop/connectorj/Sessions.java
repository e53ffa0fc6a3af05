import com.mysql.cj.jdbc.JdbcConnection;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/** Logins, TLS, compression, variables and KILL. */
final class Sessions {
    static void addTo(Map<String, Check> checks, Target target) {
        String tls = target.mariadb ? "sslMode=verify-ca&serverSslCert=" + System.getenv("INTEROP_CA") : "sslMode=REQUIRED";
        String clear = target.mariadb ? "sslMode=disable" : "sslMode=DISABLED";
        checks.put("tls", (c, t) -> encrypted(t, tls));
        checks.put("tls_status", (c, t) -> status(t, tls));
        checks.put("login_native", (c, t) -> login(t, "native", "INTEROP_NATIVE", clear));
        checks.put("login_native_tls", (c, t) -> login(t, "native", "INTEROP_NATIVE", tls));
        if (!target.plain()) { // this version of MariaDB has no such plugin
            checks.put("login_sha2", (c, t) -> login(t, "sha2", "INTEROP_SHA2", clear + "&allowPublicKeyRetrieval=true"));
            checks.put("login_sha2_tls", (c, t) -> login(t, "sha2", "INTEROP_SHA2", tls));
        }
        checks.put("compression", (c, t) -> compression(t));
        checks.put("session_variables", Sessions::variables);
        checks.put("variables_at_connect", Sessions::atConnect);
        checks.put("attributes", Sessions::attributes);
        checks.put("kill_query", Sessions::kill);
        checks.put("cancel", Sessions::cancel);
        checks.put("query_timeout", Sessions::timeout);
        checks.put("no_database", Sessions::noDatabase);
        checks.put("session_tracking", (c, t) -> tracking(t));
    }

    /** With these options the driver does not go on without TLS. */
    private static void encrypted(Target t, String tls) throws SQLException {
        try (Connection c = t.open(tls + "&useServerPrepStmts=true")) {
            Expect.equal(5000, Expect.rows(c, "SELECT * FROM " + t.big() + " WHERE id <= ?", 5000).size());
        }
    }

    private static void status(Target t, String tls) throws SQLException {
        try (Connection c = t.open(tls)) {
            String cipher = Expect.rows(c, "SHOW STATUS LIKE 'Ssl_cipher'").get(0).get(1);
            Expect.that(!cipher.isEmpty(), "no cipher");
        }
    }

    private static void login(Target t, String user, String password, String options) throws SQLException {
        for (int i = 0; i < 2; i++) { // the second time by the cache, where there is one
            try (Connection c = t.open(user, System.getenv(password), t.database, options)) {
                Expect.equal(user, Expect.one(c, "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)"));
            }
        }
    }

    private static void compression(Target t) throws SQLException {
        try (Connection c = t.open("useCompression=true&useServerPrepStmts=true")) {
            Expect.equal(5000, Expect.rows(c, "SELECT * FROM " + t.big() + " WHERE id <= ?", 5000).size());
            Expect.equal("3000000", Expect.one(c, "SELECT LENGTH(?)", "x".repeat(3000000)));
        }
    }

    private static void variables(Connection c, Target t) throws SQLException {
        Expect.run(c, "SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci", "SET SESSION sql_mode = 'ANSI_QUOTES,STRICT_ALL_TABLES'",
            "SET time_zone = '+03:00', @@session.group_concat_max_len = 5000, @mine := 5", "SET character_set_results = NULL", "SET NAMES utf8mb4 COLLATE utf8mb4_unicode_ci",
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
        for (int i = 0; i < 3; i++) { // on whatever connection the statements are sent
            Expect.equal(List.of(Expect.row("ANSI_QUOTES,STRICT_ALL_TABLES", "+03:00", "5000", "5", "utf8mb4_unicode_ci", "READ-COMMITTED")), sorted(Expect.rows(c,
                "SELECT @@sql_mode, @@session.time_zone, @@group_concat_max_len, @mine, @@collation_connection, @@tx_isolation")));
        }
        Statements.accounts(c);
        Expect.equal(List.of(Expect.row("1", "x")), Expect.rows(c, "SELECT \"id\", 'x' FROM \"accounts\" WHERE \"id\" = 1"));
        Expect.equal("03:00:00", Expect.one(c, "SELECT TIMEDIFF(NOW(), UTC_TIMESTAMP()) FROM accounts WHERE id = 2"));
    }

    private static List<List<String>> sorted(List<List<String>> rows) {
        String[] modes = rows.get(0).get(0).split(",");
        java.util.Arrays.sort(modes);
        rows.get(0).set(0, String.join(",", modes));
        return rows;
    }

    private static void atConnect(Connection c, Target t) throws SQLException {
        String options = "sessionVariables=sql_mode='ANSI_QUOTES',time_zone='-05:00',wait_timeout=1234";
        try (Connection v = t.open(options)) {
            Expect.equal(List.of(Expect.row("ANSI_QUOTES", "-05:00", "1234")), Expect.rows(v, "SELECT @@sql_mode, @@time_zone, @@wait_timeout").stream()
                .map(r -> Expect.row(r.get(0).replace("STRICT_TRANS_TABLES", "").replaceAll("^,|,$", ""), r.get(1), r.get(2))).toList());
        }
        try (Connection v = t.open(t.mariadb ? "timezone=UTC&forceConnectionTimeZoneToSession=true" : "connectionTimeZone=UTC&forceConnectionTimeZoneToSession=true")) {
            Expect.equal("00:00:00", Expect.one(v, "SELECT TIMEDIFF(NOW(), UTC_TIMESTAMP())"));
        }
    }

    private static void attributes(Connection c, Target t) throws SQLException {
        try (Connection a = t.open("connectionAttributes=program_name:interop,note:" + "n".repeat(3000))) {
            Expect.equal("1", Expect.one(a, "SELECT 1"));
        }
    }

    private static void kill(Connection c, Target t) throws Exception {
        String id = Expect.one(c, "SELECT CONNECTION_ID()");
        for (String sql : new String[] {"SELECT SLEEP(20)", "SELECT COUNT(*), SLEEP(20) FROM " + t.big() + " WHERE id < 100 GROUP BY grp"}) {
            CompletableFuture<Void> slow = CompletableFuture.runAsync(() -> {
                try {
                    Expect.fails(1317, "70100", () -> Expect.rows(c, sql));
                } catch (SQLException e) {
                    throw new RuntimeException(e);
                }
            });
            try (Connection other = t.open("")) {
                for (int i = 0; i < 100 && !slow.isDone(); i++) {
                    Expect.run(other, "KILL QUERY " + id);
                    try {
                        slow.get(50, TimeUnit.MILLISECONDS);
                    } catch (java.util.concurrent.TimeoutException e) {
                        // not begun when it was killed: once more
                    }
                }
                Expect.that(slow.isDone(), "not killed: " + sql);
            }
            slow.get();
        }
        Expect.equal("1", Expect.one(c, "SELECT 1"));
        try (Connection victim = t.open(""); Connection other = t.open("")) {
            Expect.run(other, "KILL " + Expect.one(victim, "SELECT CONNECTION_ID()"));
            Expect.that(!victim.isValid(2), "alive after KILL");
            Expect.fails(1094, "HY000", () -> Expect.run(other, "KILL QUERY 4294967290"));
        }
    }

    private static void cancel(Connection c, Target t) throws Exception {
        try (Statement s = c.createStatement()) {
            CompletableFuture<String> slow = CompletableFuture.supplyAsync(() -> {
                try {
                    s.executeQuery("SELECT COUNT(*), SLEEP(20) FROM " + t.big() + " WHERE id < 100 GROUP BY grp").close();
                    return "a result";
                } catch (SQLException e) {
                    return e.getErrorCode() + "";
                }
            });
            for (int i = 0; i < 100 && !slow.isDone(); i++) {
                s.cancel();
                try {
                    slow.get(50, TimeUnit.MILLISECONDS);
                } catch (java.util.concurrent.TimeoutException e) {
                    // not begun when it was cancelled: once more
                }
            }
            Expect.that(slow.isDone(), "not cancelled");
            Expect.that(!slow.get().equals("a result"), "a result after cancel");
        }
        Expect.equal("1", Expect.one(c, "SELECT 1"));
    }

    private static void timeout(Connection c, Target t) throws SQLException {
        try (Statement s = c.createStatement()) {
            s.setQueryTimeout(1);
            long begun = System.nanoTime();
            try {
                s.executeQuery("SELECT COUNT(*), SLEEP(20) FROM " + t.big() + " WHERE id < 100 GROUP BY grp").close();
                throw new AssertionError("a result in spite of the time-out");
            } catch (SQLException e) {
                Expect.that(e instanceof java.sql.SQLTimeoutException, "got " + e);
            }
            Expect.that(System.nanoTime() - begun < 10_000_000_000L, "late");
        }
        Expect.equal("1", Expect.one(c, "SELECT 1"));
    }

    private static void noDatabase(Connection c, Target t) throws SQLException {
        try (Connection n = t.open("root", "", "", "useServerPrepStmts=true")) {
            Expect.equal(null, Expect.one(n, "SELECT DATABASE()"));
            Expect.fails(1046, "3D000", () -> Expect.rows(n, "SELECT * FROM accounts"));
            Expect.equal("7", Expect.one(n, "SELECT COUNT(*) FROM " + t.big() + " WHERE id <= ?", 7));
            n.setCatalog(t.database);
            Expect.equal(t.database, Expect.one(n, "SELECT DATABASE()"));
        }
        if (!t.plain()) {
            Expect.fails(1044, "42000", () -> t.open("fenced", "", t.database, "").close());
        }
    }

    /** MariaDB's driver believes what it is told of the default database; MySQL's lets the application ask what it was told. */
    private static void tracking(Target t) throws SQLException {
        try (Connection c = t.open("trackSessionState=true"); Statement s = c.createStatement()) {
            for (String database : new String[] {"information_schema", t.database}) {
                s.execute("USE " + database);
                Expect.equal(t.mariadb ? database : "1[" + database + "]", t.mariadb ? c.getCatalog() : told(c));
                Expect.equal(database, Expect.one(c, "SELECT DATABASE()"));
            }
            if (!t.mariadb) {
                s.execute("SET time_zone = '+03:00', autocommit = 1");
                Expect.equal("0[autocommit, ON]0[time_zone, +03:00]", told(c));
                s.execute("SET session_track_state_change = 1");
                Expect.equal("2[1]", told(c));
                s.execute("DO 1");
                Expect.equal("", told(c));
            }
        }
    }

    private static String told(Connection c) throws SQLException {
        return c.unwrap(JdbcConnection.class).getServerSessionStateController().getSessionStateChanges()
            .getSessionStateChangesList().stream().map(x -> x.getType() + x.getValues().toString()).sorted().collect(Collectors.joining());
    }

    private Sessions() {}
}
