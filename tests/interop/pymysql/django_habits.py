"""What Django's backend for MySQL and MariaDB sends: at connect, to look at the schema, to migrate, and in a test."""

from pymysql import err

from ask import equal, fails, one, rows, run


def connect(c, target):
    """Its first questions of a server."""
    version, mode, engine, auto_null, lower, zones = rows(c, """
        SELECT VERSION(),
               @@sql_mode,
               @@default_storage_engine,
               @@sql_auto_is_null,
               @@lower_case_table_names,
               CONVERT_TZ('2001-01-01 01:00:00', 'UTC', 'UTC') IS NOT NULL
    """)[0]
    assert "MariaDB" in version and version.startswith("10."), version
    equal(("InnoDB", 0, 0), (engine, auto_null, lower))
    assert "STRICT_TRANS_TABLES" in mode, mode
    run(c, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", "SET SQL_AUTO_IS_NULL = 0")
    equal("READ-COMMITTED", one(c, "SELECT @@tx_isolation"))


def migrate(c, target):
    """Its own table, a table with a foreign key that is added later, and the editor's statements."""
    run(
        c,
        "SET FOREIGN_KEY_CHECKS = 0",
        "DROP TABLE IF EXISTS `django_migrations`",
        "DROP TABLE IF EXISTS `children`",
        "DROP TABLE IF EXISTS `parents`",
        "SET FOREIGN_KEY_CHECKS = 1",
        "CREATE TABLE `django_migrations` (`id` bigint AUTO_INCREMENT NOT NULL PRIMARY KEY, `app` varchar(255) NOT NULL, "
        "`name` varchar(255) NOT NULL, `applied` datetime(6) NOT NULL)",
        "CREATE TABLE `parents` (`id` bigint NOT NULL PRIMARY KEY, `name` varchar(100) NOT NULL)",
        "CREATE TABLE `children` (`parent_id` bigint NOT NULL, `n` integer NOT NULL, `made` datetime(6) NOT NULL, PRIMARY KEY (`parent_id`, `n`))",
        "ALTER TABLE `children` ADD CONSTRAINT `children_parent_id_fk` FOREIGN KEY (`parent_id`) REFERENCES `parents` (`id`)",
        "ALTER TABLE `parents` ADD COLUMN `email` varchar(254) DEFAULT '' NOT NULL",
        "ALTER TABLE `parents` ALTER COLUMN `email` DROP DEFAULT",
        "ALTER TABLE `parents` MODIFY `name` varchar(120) NULL",
        "ALTER TABLE `parents` CHANGE `name` `full_name` varchar(120) NULL",
        "CREATE INDEX `parents_email` ON `parents` (`email`)",
    )
    with c.cursor() as cursor:
        cursor.execute(
            "INSERT INTO `django_migrations` (`app`, `name`, `applied`) VALUES (%s, %s, %s) RETURNING `django_migrations`.`id`",
            ("shop", "0001_initial", "2026-01-01 00:00:00.000001"),
        )
        equal(((1,),), cursor.fetchall())
    c.commit()
    equal([("shop", "0001_initial")], rows(c, "SELECT `django_migrations`.`app`, `django_migrations`.`name` FROM `django_migrations`"))
    run(c, "INSERT INTO parents VALUES (1, 'a', 'x'), (2, 'b', 'y'), (3, 'c', 'z')", "INSERT INTO children VALUES (1, 1, NOW(6)), (2, 1, NOW(6))")
    c.commit()
    fails(1452, err.IntegrityError, lambda: run(c, "INSERT INTO children VALUES (9, 1, NOW(6))"))
    run(c, "DROP TABLE `django_migrations` CASCADE")


def introspect(c, target):
    """inspectdb and the autodetector."""
    migrate(c, target)
    listed = rows(c, """
        SELECT table_name, table_type, table_comment FROM information_schema.tables WHERE table_schema = DATABASE()
    """)
    equal({"children", "parents"}, {"children", "parents"} & {r[0] for r in listed})
    assert ("parents", "BASE TABLE") in rows(c, "SHOW FULL TABLES"), "SHOW FULL TABLES"
    equal(
        [("full_name", "varchar", 120, None), ("id", "bigint", None, 19)],
        rows(c, """
            SELECT column_name, data_type, character_maximum_length, numeric_precision FROM information_schema.columns
            WHERE table_name = %s AND table_schema = DATABASE() AND column_name <> 'email' ORDER BY column_name
        """, ("parents",)),
    )
    equal(
        [("children_parent_id_fk", "parent_id", "parents", "id")],
        rows(c, """
            SELECT kc.`constraint_name`, kc.`column_name`, kc.`referenced_table_name`, kc.`referenced_column_name`
            FROM information_schema.key_column_usage AS kc
            WHERE kc.table_schema = DATABASE() AND kc.table_name = %s AND kc.referenced_table_name IS NOT NULL
        """, ("children",)),
    )
    equal(
        [("PRIMARY", "id"), ("parents_email", "email")],
        [(r[2], r[4]) for r in rows(c, "SHOW INDEX FROM `parents`")],
    )
    with c.cursor() as cursor:
        cursor.execute("SELECT * FROM `parents` LIMIT 1")
        equal(["id", "full_name", "email"], [d[0] for d in cursor.description])


def flush(c, target):
    """How a test case empties the database."""
    migrate(c, target)
    run(c, "SET FOREIGN_KEY_CHECKS = 0", "DELETE FROM `children`", "TRUNCATE `parents`", "SET FOREIGN_KEY_CHECKS = 1")
    equal([0, 0], [one(c, "SELECT COUNT(*) FROM children"), one(c, "SELECT COUNT(*) FROM parents")])


def subqueries(c, target):
    """Counts of several tables in one question, as dashboards ask it."""
    migrate(c, target)
    equal([(2, 3)], rows(c, "SELECT (SELECT COUNT(*) FROM children), (SELECT COUNT(*) FROM parents)"))


def queries(c, target):
    """The shapes that the ORM sends."""
    migrate(c, target)
    equal([(1,)], rows(c, "SELECT 1 AS `a` FROM `parents` WHERE `parents`.`id` = 1 LIMIT 1"))
    equal(
        [("c", 0), ("b", 1), ("a", 1)],
        rows(c, "SELECT `parents`.`full_name`, COUNT(`children`.`n`) AS `kids` FROM `parents` LEFT OUTER JOIN `children` ON "
                "(`parents`.`id` = `children`.`parent_id`) GROUP BY `parents`.`id`, `parents`.`full_name` ORDER BY `parents`.`full_name` DESC"),
    )
    equal([(2,)], rows(c, "SELECT COUNT(*) FROM (SELECT DISTINCT `children`.`parent_id` AS `col1` FROM `children`) subquery"))
    run(c, "INSERT INTO `parents` (`id`, `full_name`, `email`) VALUES (1, 'new', '') ON DUPLICATE KEY UPDATE `full_name` = VALUES(`full_name`)")
    equal([("new",)], rows(c, "SELECT `full_name` FROM `parents` WHERE `id` IN (1, 77) FOR UPDATE"))
    run(c, "UPDATE `parents` SET `id` = 1, `full_name` = 'all columns', `email` = '' WHERE `parents`.`id` = 1")
    c.rollback()
    equal([("a",)], rows(c, "SELECT `full_name` FROM `parents` WHERE `id` = 1"))


def checks():
    return {"django_" + f.__name__: f for f in (connect, migrate, introspect, flush, queries, subqueries)}
