import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;

/** What migration tools do: locks, their own history table, DDL, and a look at what is there. */
final class Migrations {
    static void addTo(Map<String, Check> checks) {
        checks.put("named_lock", Migrations::namedLock);
        checks.put("history_table", Migrations::history);
        checks.put("lock_table", Migrations::lockTable);
        checks.put("select_for_update", Migrations::forUpdate);
        checks.put("ddl", Migrations::ddl);
        checks.put("drop_several", Migrations::dropSeveral);
        checks.put("show", Migrations::show);
        checks.put("foreign_key_checks", Migrations::foreignKeyChecks);
        checks.put("lock_tables", Migrations::lockTables);
        checks.put("joins", Migrations::joins);
    }

    /** Flyway's lock on MySQL and MariaDB. */
    private static void namedLock(Connection c, Target t) throws SQLException {
        String name = "Flyway-" + t.database;
        try (Connection other = t.open("")) {
            Expect.equal("1", Expect.one(c, "SELECT GET_LOCK(?, 10)", name));
            Expect.equal("0", Expect.one(other, "SELECT GET_LOCK(?, 0)", name));
            Expect.equal("0", Expect.one(other, "SELECT IS_FREE_LOCK('" + name + "')"));
            Expect.run(c, "DROP TABLE IF EXISTS accounts");
            Expect.equal("1", Expect.one(c, "SELECT RELEASE_LOCK(?)", name));
            Expect.equal("1", Expect.one(other, "SELECT GET_LOCK('" + name + "', 0)"));
            Expect.equal(null, Expect.one(c, "SELECT RELEASE_LOCK('never taken " + name + "')"));
            Expect.equal("1", Expect.one(other, "SELECT RELEASE_ALL_LOCKS()"));
        }
        try (Connection third = t.open("")) {
            Expect.equal("1", Expect.one(third, "SELECT GET_LOCK('" + name + "', 0)"));
        }
        Expect.equal("1", Expect.one(c, "SELECT GET_LOCK('" + name + "', 5)"));
    }

    /** Flyway's table, as it creates, reads and writes it. */
    private static void history(Connection c, Target t) throws SQLException {
        String table = "`" + t.database + "`.`flyway_schema_history`";
        Expect.run(c, "DROP TABLE IF EXISTS " + table, "CREATE TABLE " + table + " (`installed_rank` INT NOT NULL, `version` VARCHAR(50), "
            + "`description` VARCHAR(200) NOT NULL, `type` VARCHAR(20) NOT NULL, `script` VARCHAR(1000) NOT NULL, `checksum` INT, "
            + "`installed_by` VARCHAR(100) NOT NULL, `installed_on` TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, `execution_time` INT NOT NULL, "
            + "`success` BOOL NOT NULL, CONSTRAINT " + table.replace("`" + t.database + "`.", "").replace("history`", "history_pk`") + " PRIMARY KEY (`installed_rank`)) ENGINE=InnoDB "
            + "AS SELECT 1 as \"installed_rank\", '1' as \"version\", 'baseline' as \"description\", 'BASELINE' as \"type\", '' as \"script\", 7 as \"checksum\", "
            + "'me' as \"installed_by\", CURRENT_TIMESTAMP as \"installed_on\", 0 as \"execution_time\", TRUE as \"success\"",
            "CREATE INDEX `flyway_schema_history_s_idx` ON " + table + " (`success`)");
        try (PreparedStatement s = c.prepareStatement("INSERT INTO " + table + " (`installed_rank`, `version`, `description`, `type`, `script`, `checksum`, "
            + "`installed_by`, `execution_time`, `success`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")) {
            Object[] values = {2, "1.1", "add", "SQL", "V1_1__add.sql", -5, "root", 12, true};
            for (int i = 0; i < values.length; i++) {
                s.setObject(i + 1, values[i]);
            }
            Expect.equal(1, s.executeUpdate());
        }
        try (Statement s = c.createStatement();
             ResultSet r = s.executeQuery("SELECT `installed_rank`,`version`,`success`,`installed_on` FROM " + table + " WHERE `installed_rank` > 0 ORDER BY `installed_rank`")) {
            Expect.that(r.next() && r.getInt(1) == 1 && r.getBoolean(3) && r.next() && r.getInt(1) == 2 && r.getTimestamp(4) != null && !r.next(), "history");
        }
        Expect.run(c, "DROP TABLE " + table);
    }

    /** Liquibase's lock table. */
    private static void lockTable(Connection c, Target t) throws SQLException {
        Expect.run(c, "DROP TABLE IF EXISTS DATABASECHANGELOGLOCK", "CREATE TABLE DATABASECHANGELOGLOCK (ID INT NOT NULL, `LOCKED` BIT(1) NOT NULL, "
            + "LOCKGRANTED datetime NULL, LOCKEDBY VARCHAR(255) NULL, CONSTRAINT PK_DATABASECHANGELOGLOCK PRIMARY KEY (ID))",
            "DELETE FROM DATABASECHANGELOGLOCK", "INSERT INTO DATABASECHANGELOGLOCK (ID, `LOCKED`) VALUES (1, 0)");
        c.setAutoCommit(false);
        Expect.equal(1, Expect.update(c, "UPDATE DATABASECHANGELOGLOCK SET `LOCKED` = 1, LOCKEDBY = 'host', LOCKGRANTED = NOW() WHERE ID = 1 AND `LOCKED` = 0"));
        c.commit();
        Expect.equal(0, Expect.update(c, "UPDATE DATABASECHANGELOGLOCK SET `LOCKED` = 1, LOCKEDBY = 'host', LOCKGRANTED = NOW() WHERE ID = 1 AND `LOCKED` = 0"));
        c.commit();
        c.setAutoCommit(true);
        Expect.run(c, "DROP TABLE DATABASECHANGELOGLOCK");
    }

    private static void forUpdate(Connection c, Target t) throws SQLException {
        Statements.accounts(c);
        c.setAutoCommit(false);
        Expect.equal("100", Expect.one(c, "SELECT balance FROM accounts WHERE id = ? FOR UPDATE", 1));
        try (Connection other = t.open("")) {
            Expect.run(other, "SET innodb_lock_wait_timeout = 1");
            Expect.fails(1205, t.lockTimeout(), () -> Expect.rows(other, "SELECT balance FROM accounts WHERE id = 1 FOR UPDATE NOWAIT"));
            Expect.equal(List.of(Expect.row("100")), Expect.rows(other, "SELECT balance FROM accounts WHERE id = 2 FOR UPDATE"));
            Expect.equal(4, Expect.rows(c, "SELECT * FROM accounts ORDER BY id FOR UPDATE").size());
            Expect.fails(1205, t.lockTimeout(), () -> Expect.update(other, "UPDATE accounts SET balance = 0 WHERE id = 3"));
        }
        c.commit();
    }

    private static void ddl(Connection c, Target t) throws SQLException {
        Statements.accounts(c);
        Expect.run(c, "ALTER TABLE accounts ADD COLUMN note VARCHAR(20) NOT NULL DEFAULT 'none', ADD INDEX by_note (note)",
            "CREATE INDEX by_balance ON accounts (balance)", "ALTER TABLE accounts MODIFY balance BIGINT NOT NULL");
        Expect.equal(List.of(Expect.row("4", "none")), Expect.rows(c, "SELECT COUNT(*), MAX(note) FROM accounts"));
        Expect.fails(1060, "42S21", () -> Expect.run(c, "ALTER TABLE accounts ADD COLUMN note INT"));
        Expect.fails(1050, "42S01", () -> Expect.run(c, "CREATE TABLE accounts (id INT NOT NULL PRIMARY KEY)"));
        Expect.run(c, "CREATE TABLE IF NOT EXISTS accounts (id INT NOT NULL PRIMARY KEY)", "DROP INDEX by_balance ON accounts",
            "ALTER TABLE accounts DROP COLUMN note", "TRUNCATE TABLE accounts");
        Expect.equal("0", Expect.one(c, "SELECT COUNT(*) FROM accounts"));
        Expect.run(c, "DROP TABLE accounts", "DROP TABLE IF EXISTS accounts");
        Expect.fails(1051, "42S02", () -> Expect.run(c, "DROP TABLE accounts"));
    }

    private static void dropSeveral(Connection c, Target t) throws SQLException {
        Statements.accounts(c);
        Expect.run(c, "CREATE TABLE IF NOT EXISTS lone (id INT NOT NULL PRIMARY KEY)", "CREATE TABLE IF NOT EXISTS batches (id INT NOT NULL PRIMARY KEY)",
            "DROP TABLE lone, accounts, batches", "DROP TABLE IF EXISTS lone, accounts, batches");
        Expect.equal(List.of(), Expect.rows(c, "SHOW TABLES WHERE Tables_in_" + t.database + " IN ('lone', 'accounts', 'batches')"));
    }

    private static void show(Connection c, Target t) throws SQLException {
        Statements.accounts(c);
        Expect.equal(List.of(Expect.row("accounts", "BASE TABLE")), Expect.rows(c, "SHOW FULL TABLES LIKE 'acc%'"));
        Expect.equal(List.of(Expect.row("accounts", "BASE TABLE")), Expect.rows(c, "SHOW FULL TABLES FROM `" + t.database + "` WHERE Table_type = 'BASE TABLE' AND Tables_in_" + t.database + " = 'accounts'"));
        Expect.equal(List.of(Expect.row("id", "int(11)", "NO", "PRI", null, ""), Expect.row("balance", "int(11)", "NO", "", null, "")), Expect.rows(c, "DESCRIBE accounts"));
        String create = Expect.rows(c, "SHOW CREATE TABLE accounts").get(0).get(1);
        Expect.that(create.startsWith("CREATE TABLE `accounts` (\n  `id` int(11) NOT NULL"), create);
        Expect.equal("PRIMARY", Expect.rows(c, "SHOW INDEX FROM accounts").get(0).get(2));
        Expect.equal("accounts", Expect.rows(c, "SHOW TABLE STATUS LIKE 'accounts'").get(0).get(0));
        Expect.equal(List.of(Expect.row(t.database)), Expect.rows(c, "SHOW DATABASES LIKE '" + t.database + "'"));
        Expect.equal(List.of(Expect.row("lower_case_table_names", "0")), Expect.rows(c, "SHOW VARIABLES LIKE 'lower_case_table_names'"));
        Expect.that(!Expect.rows(c, "SHOW ENGINES").isEmpty() && !Expect.rows(c, "SHOW COLLATION").isEmpty() && !Expect.rows(c, "SHOW CHARACTER SET").isEmpty(), "an empty list");
        Expect.that(!Expect.rows(c, "SHOW FULL PROCESSLIST").isEmpty() && !Expect.rows(c, "SHOW GRANTS").isEmpty() && !Expect.rows(c, "SHOW PLUGINS").isEmpty(), "an empty list");
    }

    private static void foreignKeyChecks(Connection c, Target t) throws SQLException {
        Expect.run(c, "SET FOREIGN_KEY_CHECKS = 0", "DROP TABLE IF EXISTS parents", "DROP TABLE IF EXISTS children",
            "CREATE TABLE children (parent_id BIGINT NOT NULL, n INT NOT NULL, PRIMARY KEY (parent_id, n), FOREIGN KEY (parent_id) REFERENCES parents (id))",
            "CREATE TABLE parents (id BIGINT NOT NULL PRIMARY KEY)", "INSERT INTO children VALUES (1, 1), (2, 1), (3, 1), (4, 1)", "SET FOREIGN_KEY_CHECKS = 1");
        Expect.fails(1452, "23000", () -> Expect.run(c, "INSERT INTO children VALUES (7, 1), (8, 1), (9, 1)"));
        Expect.equal("4", Expect.one(c, "SELECT COUNT(*) FROM children"));
        Expect.run(c, "DROP TABLE children", "DROP TABLE parents");
    }

    private static void lockTables(Connection c, Target t) throws SQLException {
        Statements.accounts(c);
        Expect.run(c, "LOCK TABLES accounts WRITE", "UPDATE accounts SET balance = balance + 1");
        try (Connection other = t.open("")) {
            Expect.run(other, "SET lock_wait_timeout = 1");
            Expect.fails(1205, t.lockTimeout(), () -> Expect.run(other, "INSERT INTO accounts VALUES (9, 9)"));
            Expect.run(c, "UNLOCK TABLES");
            Expect.run(other, "INSERT INTO accounts VALUES (9, 9)");
        }
    }

    private static void joins(Connection c, Target t) throws SQLException {
        Expect.run(c, "DROP TABLE IF EXISTS children", "DROP TABLE IF EXISTS parents", "DROP TABLE IF EXISTS countries",
            "CREATE TABLE countries (code CHAR(2) NOT NULL PRIMARY KEY, name VARCHAR(50))", "CREATE TABLE parents (id BIGINT NOT NULL PRIMARY KEY, code CHAR(2))",
            "CREATE TABLE children (parent_id BIGINT NOT NULL, n INT NOT NULL, PRIMARY KEY (parent_id, n))",
            "INSERT INTO countries VALUES ('DE', 'Germany'), ('FR', 'France')", "INSERT INTO parents VALUES (1, 'DE'), (2, 'FR'), (3, 'DE'), (4, 'FR'), (5, NULL)",
            "INSERT INTO children SELECT id, 1 FROM parents", "INSERT INTO children VALUES (1, 2), (2, 2), (4, 2)");
        Expect.equal(List.of(Expect.row("France", "4"), Expect.row("Germany", "3"), Expect.row(null, "1")), Expect.rows(c,
            "SELECT k.name, COUNT(*) AS n FROM parents p JOIN children c ON c.parent_id = p.id LEFT JOIN countries k ON k.code = p.code GROUP BY k.name ORDER BY n DESC"));
        Expect.equal(List.of(Expect.row("4"), Expect.row("3")), Expect.rows(c,
            "SELECT id FROM parents p WHERE EXISTS (SELECT 1 FROM children c WHERE c.parent_id = p.id) AND id < ? ORDER BY id DESC LIMIT ?", 5, 2));
    }

    private Migrations() {}
}
