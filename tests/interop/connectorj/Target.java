import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;

/** One of the databases that the checks are run on. */
final class Target {
    final String name;
    final String database;
    final boolean mariadb; // the driver, not the server
    private final String prefix; // scheme://host:port/

    Target(String scheme, String argument) {
        name = argument.substring(0, argument.indexOf('='));
        int slash = argument.indexOf('/');
        database = argument.substring(slash + 1);
        mariadb = scheme.equals("jdbc:mariadb");
        prefix = scheme + "://" + argument.substring(name.length() + 1, slash + 1);
    }

    /** The table of many rows, in a database of its own. */
    String big() {
        return "big_" + name + ".big";
    }

    /** MySQL's driver gives the state of a deadlock to a lock time-out. */
    String lockTimeout() {
        return mariadb ? "HY000" : "40001";
    }

    boolean plain() {
        return name.equals("plain");
    }

    /** Opens a connection as root; options are URL parameters joined by &amp;. */
    Connection open(String options) throws SQLException {
        return open("root", "", database, options);
    }

    Connection open(String user, String password, String database, String options) throws SQLException {
        return DriverManager.getConnection(prefix + database + "?" + options, user, password);
    }
}
