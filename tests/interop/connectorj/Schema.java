import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What tools read of the schema. */
final class Schema {
    static void addTo(Map<String, Check> checks) {
        checks.put("result_metadata", Schema::results);
        checks.put("prepared_metadata", Schema::prepared);
        checks.put("get_tables", Schema::tables);
        checks.put("get_columns", Schema::columns);
        checks.put("get_primary_keys", Schema::primaryKeys);
        checks.put("get_index_info", Schema::indexes);
        checks.put("get_imported_keys", Schema::importedKeys);
        checks.put("metadata_by_information_schema", Schema::byInformationSchema);
        checks.put("get_catalogs", Schema::catalogs);
        checks.put("server_info", Schema::server);
        checks.put("information_schema", Schema::informationSchema);
    }

    private static void create(Connection c) throws SQLException {
        Expect.run(c, "DROP TABLE IF EXISTS children", "DROP TABLE IF EXISTS parents", "DROP TABLE IF EXISTS countries",
            "DROP VIEW IF EXISTS seen", "CREATE TABLE countries (code CHAR(2) NOT NULL PRIMARY KEY, name VARCHAR(50)) COMMENT 'where'",
            "CREATE TABLE parents (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(30) NOT NULL DEFAULT 'x' COMMENT 'called')",
            "CREATE TABLE children (parent_id BIGINT NOT NULL, n INT NOT NULL, price DECIMAL(10,2), note TEXT, PRIMARY KEY (parent_id, n), "
                + "KEY by_price (price), CONSTRAINT fk_parent FOREIGN KEY (parent_id) REFERENCES parents (id) ON DELETE CASCADE)");
    }

    /** The rows of a metadata result, of some of its columns. */
    private static List<List<String>> pick(ResultSet r, String... names) throws SQLException {
        List<List<String>> all = new ArrayList<>();
        try (r) {
            while (r.next()) {
                List<String> row = new ArrayList<>();
                for (String name : names) {
                    row.add(r.getString(name));
                }
                all.add(row);
            }
        }
        return all;
    }

    private static void results(Connection c, Target t) throws SQLException {
        create(c);
        try (PreparedStatement s = c.prepareStatement("SELECT p.id AS x, p.name, COUNT(*) AS n FROM parents p JOIN children k ON k.parent_id = p.id GROUP BY p.id, p.name");
             ResultSet r = s.executeQuery()) {
            ResultSetMetaData m = r.getMetaData();
            // The drivers disagree on whether the name is the label and the table its alias; neither may be a physical one.
            Expect.equal("x", m.getColumnLabel(1));
            Expect.equal(t.database, m.getCatalogName(1));
            Expect.that(List.of("p", "parents").contains(m.getTableName(1)), "table " + m.getTableName(1));
            Expect.equal("BIGINT VARCHAR BIGINT", m.getColumnTypeName(1) + " " + m.getColumnTypeName(2) + " " + m.getColumnTypeName(3));
            Expect.equal(30, m.getPrecision(2));
            Expect.equal(ResultSetMetaData.columnNoNulls, m.isNullable(1));
        }
    }

    private static void prepared(Connection c, Target t) throws SQLException {
        create(c);
        try (Connection p = t.open("useServerPrepStmts=true");
             PreparedStatement s = p.prepareStatement("SELECT parent_id, price FROM children WHERE parent_id = ? AND n = ?")) {
            Expect.equal(2, s.getParameterMetaData().getParameterCount());
            Expect.equal(2, s.getMetaData().getColumnCount());
            Expect.equal("price", s.getMetaData().getColumnLabel(2));
            Expect.equal(2, s.getMetaData().getScale(2));
        }
    }

    private static void tables(Connection c, Target t) throws SQLException {
        create(c);
        DatabaseMetaData m = c.getMetaData();
        Expect.equal(List.of(Expect.row(t.database, "children", "TABLE"), Expect.row(t.database, "countries", "TABLE"),
                Expect.row(t.database, "parents", "TABLE")),
            pick(m.getTables(t.database, null, "%", new String[] {"TABLE"}), "TABLE_CAT", "TABLE_NAME", "TABLE_TYPE").stream()
                .filter(r -> List.of("children", "countries", "parents").contains(r.get(1))).toList());
        Expect.equal(List.of(Expect.row("parents")), pick(m.getTables(t.database, null, "par%", null), "TABLE_NAME"));
        Expect.equal(List.of(), pick(m.getTables(t.database, null, "none%", null), "TABLE_NAME"));
    }

    private static void columns(Connection c, Target t) throws SQLException {
        create(c);
        DatabaseMetaData m = c.getMetaData();
        Expect.equal(List.of(
                Expect.row(t.database, "children", "parent_id", "-5", "19", "NO", "1", "", "NO"),
                Expect.row(t.database, "children", "n", "4", "10", "NO", "2", "", "NO"),
                Expect.row(t.database, "children", "price", "3", "10", "YES", "3", "", "NO"),
                Expect.row(t.database, "children", "note", "-1", "65535", "YES", "4", "", "NO")),
            pick(m.getColumns(t.database, null, "children", null), "TABLE_CAT", "TABLE_NAME", "COLUMN_NAME", "DATA_TYPE",
                "COLUMN_SIZE", "IS_NULLABLE", "ORDINAL_POSITION", "REMARKS", "IS_AUTOINCREMENT"));
        Expect.equal(List.of(Expect.row("name", "called")), pick(m.getColumns(t.database, null, "parents", "name"), "COLUMN_NAME", "REMARKS"));
    }

    private static void primaryKeys(Connection c, Target t) throws SQLException {
        create(c);
        Expect.equal(List.of(Expect.row(t.database, "children", "n", "2", "PRIMARY"), Expect.row(t.database, "children", "parent_id", "1", "PRIMARY")),
            pick(c.getMetaData().getPrimaryKeys(t.database, null, "children"), "TABLE_CAT", "TABLE_NAME", "COLUMN_NAME", "KEY_SEQ", "PK_NAME"));
    }

    private static void indexes(Connection c, Target t) throws SQLException {
        create(c);
        List<List<String>> got = pick(c.getMetaData().getIndexInfo(t.database, null, "children", false, true), "NON_UNIQUE", "INDEX_NAME", "ORDINAL_POSITION", "COLUMN_NAME");
        Expect.equal(List.of("PRIMARY parent_id", "PRIMARY n", "by_price price"), got.stream().map(r -> r.get(1) + " " + r.get(3)).toList());
    }

    private static void importedKeys(Connection c, Target t) throws SQLException {
        create(c);
        DatabaseMetaData m = c.getMetaData();
        Expect.equal(List.of(Expect.row(t.database, "parents", "id", t.database, "children", "parent_id", "fk_parent", "0")),
            pick(m.getImportedKeys(t.database, null, "children"), "PKTABLE_CAT", "PKTABLE_NAME", "PKCOLUMN_NAME", "FKTABLE_CAT", "FKTABLE_NAME",
                "FKCOLUMN_NAME", "FK_NAME", "DELETE_RULE"));
        Expect.equal(List.of(Expect.row("children", "fk_parent")), pick(m.getExportedKeys(t.database, null, "parents"), "FKTABLE_NAME", "FK_NAME"));
    }

    /** MySQL's driver asks SHOW by default, MariaDB's the information schema always. */
    private static void byInformationSchema(Connection c, Target t) throws SQLException {
        try (Connection i = t.open("useInformationSchema=true")) {
            tables(i, t);
            columns(i, t);
            primaryKeys(i, t);
            indexes(i, t);
            importedKeys(i, t);
        }
    }

    private static void catalogs(Connection c, Target t) throws SQLException {
        List<String> names = pick(c.getMetaData().getCatalogs(), "TABLE_CAT").stream().map(r -> r.get(0)).toList();
        Expect.that(names.contains(t.database) && names.contains("information_schema"), "catalogs: " + names);
        Expect.that(names.stream().noneMatch(n -> n.contains("hxphys")), "physical schemas: " + names);
        Expect.equal(t.database, c.getCatalog());
        c.setCatalog("big_" + t.name);
        Expect.equal("10", Expect.one(c, "SELECT COUNT(*) FROM big WHERE id <= 10"));
        Expect.equal("big_" + t.name, c.getCatalog());
    }

    private static void server(Connection c, Target t) throws SQLException {
        DatabaseMetaData m = c.getMetaData();
        String version = m.getDatabaseProductVersion().replaceFirst("^5\\.5\\.5-", ""); // MySQL's driver keeps the prefix
        Expect.that(version.startsWith("10.11."), "version " + version);
        Expect.equal(version, Expect.one(c, "SELECT VERSION()"));
        Expect.that(c.isValid(5), "not valid");
        Expect.that(m.supportsTransactions(), "capabilities");
    }

    private static void informationSchema(Connection c, Target t) throws SQLException {
        create(c);
        Expect.equal(List.of(Expect.row(t.database, "children", "BASE TABLE", "InnoDB")), Expect.rows(c,
            "SELECT table_schema, table_name, table_type, engine FROM information_schema.tables WHERE table_schema = ? AND table_name LIKE ?", t.database, "chil%"));
        Expect.equal(List.of(Expect.row("id", "bigint(20)", "PRI"), Expect.row("name", "varchar(30)", "")), Expect.rows(c,
            "SELECT column_name, column_type, column_key FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'parents' ORDER BY ordinal_position"));
        Expect.equal(List.of(Expect.row("fk_parent", "children", "parents")), Expect.rows(c,
            "SELECT constraint_name, table_name, referenced_table_name FROM information_schema.referential_constraints WHERE constraint_schema = ?", t.database));
        Expect.equal("0", Expect.one(c, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name LIKE 'hxphys%'"));
    }

    private Schema() {}
}
