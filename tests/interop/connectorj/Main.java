import java.sql.Connection;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * Runs every check of one Connector/J on the targets that the arguments name. The first argument is the scheme of the
 * URLs, jdbc:mariadb or jdbc:mysql; the others are NAME=host:port/database. One line is printed for each check.
 */
public final class Main {
    private static final ExecutorService worker = Executors.newCachedThreadPool(r -> {
        Thread t = new Thread(r);
        t.setDaemon(true);
        return t;
    });

    public static void main(String[] args) {
        for (int i = 1; i < args.length; i++) {
            Target target = new Target(args[0], args[i]);
            Map<String, Check> checks = new LinkedHashMap<>();
            Types.addTo(checks);
            Statements.addTo(checks);
            Keys.addTo(checks);
            Schema.addTo(checks);
            Migrations.addTo(checks);
            Sessions.addTo(checks, target);
            checks.forEach((name, check) -> report(target, name, check));
        }
        System.out.println("done");
    }

    private static void report(Target target, String name, Check check) {
        Future<?> run = worker.submit(() -> {
            try (Connection c = target.open("")) {
                check.run(c, target);
            }
            return null;
        });
        String line = "ok " + target.name + "/" + name;
        try {
            run.get(30, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            line = "not " + line + ": " + describe(e.getCause());
        } catch (Exception e) {
            line = "not " + line + ": " + e;
        }
        System.out.println(line);
    }

    private static String describe(Throwable e) {
        StringBuilder text = new StringBuilder(e.toString());
        if (e instanceof SQLException s) {
            text.append(" [").append(s.getErrorCode()).append(' ').append(s.getSQLState()).append(']');
        }
        for (StackTraceElement frame : e.getStackTrace()) {
            if (!frame.getClassName().contains(".") && !frame.getClassName().equals("Expect")) {
                text.append(" at ").append(frame.getFileName()).append(':').append(frame.getLineNumber());
                break;
            }
        }
        return text.toString().replaceAll("\\s+", " ");
    }
}
