package peers;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** What peers check, and print a line for. */
final class Checks {
    private Checks() {
    }

    interface Check {
        void run() throws Exception;
    }

    static void check(String name, Check check) {
        try {
            check.run();
            System.out.println("ok " + name);
        } catch (Throwable e) {
            System.out.println("not ok " + name + ": " + e);
        }
    }

    static void want(boolean is, String what) {
        if (!is) {
            throw new AssertionError(what);
        }
    }

    /** What is longer than any buffer. */
    static String longText() {
        StringBuilder all = new StringBuilder();
        for (int i = 0; i < 200_000; i++) {
            all.append(i % 10);
        }
        return all.toString();
    }

    interface Calling {
        void calls(String mine) throws Exception;
    }

    /** So many threads call at a time, each with a name of its own. */
    static void atOnce(int n, Calling calling) throws InterruptedException {
        List<Thread> threads = new ArrayList<>();
        List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());
        for (int t = 0; t < n; t++) {
            String mine = "thread " + t;
            threads.add(new Thread(() -> {
                try {
                    calling.calls(mine);
                } catch (Throwable e) {
                    failures.add(e);
                }
            }));
        }
        threads.forEach(Thread::start);
        for (Thread t : threads) {
            t.join();
        }
        want(failures.isEmpty(), failures.toString());
    }
}
