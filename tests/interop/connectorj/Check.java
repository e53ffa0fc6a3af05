import java.sql.Connection;

/** One check: it is given a connection with the driver's defaults, which is closed after it. */
interface Check {
    void run(Connection c, Target target) throws Exception;
}
