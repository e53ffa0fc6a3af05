package peers;

import static peers.Checks.atOnce;
import static peers.Checks.check;
import static peers.Checks.longText;
import static peers.Checks.want;

import java.io.Serializable;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.apache.dubbo.common.constants.CommonConstants;
import org.apache.dubbo.common.utils.NetUtils;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.MethodConfig;
import org.apache.dubbo.config.ProtocolConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.ServiceConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;
import org.apache.dubbo.rpc.ProtocolServer;
import org.apache.dubbo.rpc.RpcContext;
import org.apache.dubbo.rpc.RpcException;
import org.apache.dubbo.rpc.TimeoutCountDown;
import org.apache.dubbo.rpc.model.ApplicationModel;
import org.apache.dubbo.rpc.protocol.dubbo.DubboProtocol;

/** A provider of Dubbo, at two ports, and consumers that call it through a proxy; what they see is printed, a line for each check. */
public final class Dubbo {
    /** What is called. */
    public interface Stock {
        String ask(String text);

        Order order(Order order, List<Order> more, int[][] numbers, Map<String, Object> others);

        String fail(String text) throws Refusal;

        void tell(String text);

        String hold(String text) throws InterruptedException;

        CompletableFuture<String> later(String text);
    }

    /** Something of all kinds. */
    public static final class Order implements Serializable {
        private static final long serialVersionUID = 1;
        public long number;
        public String text;
        public Date at;
        public double price;
        public byte[] bytes;
        public boolean paid;
        public Size size;
        public Order parent;
        public List<Order> parts = new ArrayList<>();

        static Order of(long number, int depth) {
            Order o = new Order();
            o.number = number;
            o.text = "ä €\uD83D\uDE00 " + number;
            o.at = new Date(1_700_000_000_000L + number);
            o.price = number / 3.0;
            o.bytes = new byte[(int) (Math.abs(number) % 3000)];
            Arrays.fill(o.bytes, (byte) number);
            o.paid = number % 2 == 0;
            o.size = number % 2 == 0 ? Size.LARGE : Size.SMALL;
            for (int i = 0; i < depth; i++) {
                Order part = of(number * 10 + i, depth - 1);
                part.parent = o; // a circle
                o.parts.add(part);
            }
            return o;
        }

        String print() {
            StringBuilder all = new StringBuilder();
            all.append(number).append(' ').append(text).append(' ').append(at.getTime()).append(' ').append(price).append(' ').append(Arrays.hashCode(bytes)).append(paid).append(size);
            for (Order part : parts) {
                all.append(part.parent == this ? " [" : " {").append(part.print()).append(']');
            }
            return all.toString();
        }
    }

    /** One of several. */
    public enum Size { SMALL, LARGE }

    /** What a service throws. */
    public static final class Refusal extends Exception {
        private static final long serialVersionUID = 1;

        public Refusal(String why) {
            super(why);
        }
    }

    static final CountDownLatch told = new CountDownLatch(1);
    static final CountDownLatch[] held = {new CountDownLatch(1), new CountDownLatch(1)};
    static final CountDownLatch[] release = {new CountDownLatch(1), new CountDownLatch(1)};

    /** The provider. */
    public static final class Shop implements Stock {
        private final String group;

        Shop(String group) {
            this.group = group;
        }

        @Override
        public String ask(String text) {
            TimeoutCountDown left = (TimeoutCountDown) RpcContext.getServerAttachment().getObjectAttachment(CommonConstants.TIME_COUNTDOWN_KEY);
            return text + " of " + group + " at " + RpcContext.getServiceContext().getLocalPort() + " traced " + RpcContext.getServerAttachment().getAttachment("traceparent")
                + " within " + (left == null ? -1 : left.timeRemaining(TimeUnit.MILLISECONDS));
        }

        @Override
        public Order order(Order order, List<Order> more, int[][] numbers, Map<String, Object> others) {
            Order answer = order;
            answer.text = more.get(0).print() + Arrays.deepToString(numbers) + others.get("date") + others.get("nothing") + (others.get("again") == order);
            return answer;
        }

        @Override
        public String fail(String text) throws Refusal {
            throw new Refusal(text);
        }

        @Override
        public void tell(String text) {
            told.countDown();
        }

        @Override
        public String hold(String text) throws InterruptedException {
            int n = Integer.parseInt(text);
            held[n].countDown();
            release[n].await();
            return text + " held";
        }

        @Override
        public CompletableFuture<String> later(String text) {
            return CompletableFuture.supplyAsync(() -> text, CompletableFuture.delayedExecutor(3500, TimeUnit.MILLISECONDS));
        }
    }

    static void within20s(BooleanSupplier is, String what) throws InterruptedException {
        for (long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20); !is.getAsBoolean(); Thread.sleep(10)) {
            want(System.nanoTime() < end, what);
        }
    }

    static RpcException refused(Checks.Check check) throws Exception {
        try {
            check.run();
        } catch (RpcException e) {
            return e;
        }
        throw new AssertionError("it did not fail");
    }

    static ReferenceConfig<Stock> reference(String to, String path, String group) {
        ReferenceConfig<Stock> r = new ReferenceConfig<>();
        r.setInterface(Stock.class);
        r.setUrl("dubbo://" + to + "/" + path);
        r.setGroup(group);
        r.setVersion("1.0.0");
        r.setScope("remote");
        r.setCheck(false);
        r.setRetries(0);
        r.setTimeout(30_000);
        MethodConfig oneway = new MethodConfig();
        oneway.setName("tell");
        oneway.setReturn(false);
        r.setMethods(Collections.singletonList(oneway));
        r.setParameters(new LinkedHashMap<>(Map.of("heartbeat", "1000", "heartbeat.timeout", "2000", "share-connections", "1")));
        return r;
    }

    @SuppressWarnings("deprecation") // nothing else tells whether an invoker is available
    public static void main(String[] args) throws Exception {
        Field local = NetUtils.class.getDeclaredField("HOST_ADDRESS"); // else clients call another address of this machine than the loopback one
        local.setAccessible(true);
        local.set(null, "127.0.0.1");
        int[] ports = {Integer.parseInt(args[0]), Integer.parseInt(args[1])};
        String to = args[2];
        ApplicationConfig application = new ApplicationConfig("peers");
        application.setQosEnable(false);
        List<ProtocolConfig> protocols = new ArrayList<>();
        for (int port : ports) {
            ProtocolConfig p = new ProtocolConfig("dubbo", port);
            p.setId("dubbo" + port);
            p.setHost("127.0.0.1");
            p.setParameters(new LinkedHashMap<>(Map.of("heartbeat", "1000", "heartbeat.timeout", "2000")));
            protocols.add(p);
        }
        DubboBootstrap all = DubboBootstrap.getInstance().application(application).registry(new RegistryConfig("N/A")).protocols(protocols);
        for (String group : new String[] {"red", "blue"}) {
            ServiceConfig<Stock> s = new ServiceConfig<>();
            s.setInterface(Stock.class);
            s.setRef(new Shop(group));
            s.setGroup(group);
            s.setVersion("1.0.0");
            s.setProtocols(protocols);
            all.service(s);
        }
        String name = Stock.class.getName();
        Map<String, ReferenceConfig<Stock>> references = new LinkedHashMap<>();
        references.put("red", reference(to, name, "red"));
        references.put("blue", reference(to, name, "blue"));
        references.put("green", reference(to, name, "green"));
        references.put("mute", reference(to, "mute", "red"));
        references.put("down", reference(to, "down", "red"));
        references.values().forEach(all::reference);
        all.start();
        calls(references, ports);
        check("oneway", () -> want(told.await(20, TimeUnit.SECONDS), "it did not come"));
        System.in.read(); // what the proxy thinks of the server is looked at before
        Stock red = references.get("red").get();
        check("a server ends with a call under way", () -> {
            CompletableFuture<String> call = CompletableFuture.supplyAsync(() -> unchecked(() -> red.hold("0")));
            want(held[0].await(20, TimeUnit.SECONDS), "the call did not come");
            Thread closing = new Thread(() -> {
                for (ProtocolServer s : DubboProtocol.getDubboProtocol(ApplicationModel.defaultModel()).getServers()) {
                    if (s.getUrl().getPort() == ports[0]) {
                        s.getRemotingServer().close(10_000);
                    }
                }
            });
            closing.start();
            within20s(() -> red.ask("next").contains(" at " + ports[1]), "the other server is not called");
            release[0].countDown();
            want(call.get(20, TimeUnit.SECONDS).equals("0 held"), "another answer");
            closing.join(20_000);
            want(!closing.isAlive(), "the proxy keeps its connection");
        });
        check("the proxy ends with a call under way", () -> {
            CompletableFuture<String> call = CompletableFuture.supplyAsync(() -> unchecked(() -> red.hold("1")));
            want(held[1].await(20, TimeUnit.SECONDS), "the call did not come");
            System.out.println("end");
            within20s(() -> !references.get("red").getInvoker().isAvailable(), "the proxy takes calls");
            want(!call.isDone(), "the call is over");
            release[1].countDown();
            want(call.get(20, TimeUnit.SECONDS).equals("1 held"), "another answer");
        });
        System.out.println("done");
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    interface Answering {
        String answer() throws Exception;
    }

    static String unchecked(Answering a) {
        try {
            return a.answer();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    static void calls(Map<String, ReferenceConfig<Stock>> references, int[] ports) {
        Stock red = references.get("red").get();
        check("answers", () -> {
            for (String text : new String[] {"short", "", "ä €\uD83D\uDE00", longText()}) {
                RpcContext.getClientAttachment().setAttachment("traceparent", "of mine");
                String got = red.ask(text);
                boolean well = false;
                for (int port : ports) { // the second one's, as long as the checks have not found the first, which has just been started
                    well |= got.startsWith(text + " of red at " + port + " traced of mine within ");
                }
                want(well, got.substring(0, Math.min(100, got.length())));
                int within = Integer.parseInt(got.substring(got.lastIndexOf(' ') + 1));
                want(within > 0 && within <= 20_000, "the server has " + within + " ms"); // of the route
            }
        });
        check("groups", () -> want(references.get("blue").get().ask("x").startsWith("x of blue at"), "another group"));
        check("arguments", () -> {
            Order order = Order.of(7, 4);
            Map<String, Object> others = new LinkedHashMap<>();
            others.put("date", 3L);
            others.put("nothing", null);
            others.put("again", order);
            String sent = Order.of(-3, 3).print();
            Order got = red.order(order, Arrays.asList(Order.of(-3, 3), order), new int[][] {{1, 70000}, {}, {-5}}, others);
            want(got.text.equals(sent + "[[1, 70000], [], [-5]]3nulltrue"), got.text);
            got.text = order.text;
            want(Objects.equals(got.print(), order.print()), got.print());
        });
        check("many at a time", () -> atOnce(8, mine -> {
            for (int i = 0; i < 100; i++) {
                String got = red.ask(mine + " call " + i);
                want(got.startsWith(mine + " call " + i + " of"), got);
            }
        }));
        check("what the service throws", () -> {
            try {
                red.fail("as it was asked to");
            } catch (Refusal e) {
                want(e.getMessage().equals("as it was asked to"), e.getMessage());
                return;
            }
            throw new AssertionError("it did not fail");
        });
        check("no route", () -> {
            RpcException e = refused(() -> references.get("green").get().ask(""));
            want(e.getMessage().contains("heddle: no route"), e.getMessage());
        });
        check("no server", () -> {
            RpcException e = refused(() -> references.get("down").get().ask(""));
            want(e.getMessage().contains("heddle: connect to 127.0.0.1:1"), e.getMessage());
        });
        check("the route's time", () -> {
            RpcException e = refused(() -> references.get("mute").get().ask(""));
            want(e.isTimeout() && e.getMessage().contains("heddle: "), e.getMessage());
        });
        check("a call that takes longer than silence is borne", () -> want(red.later("slow").get(20, TimeUnit.SECONDS).equals("slow"), "another answer"));
        check("oneway is sent", () -> red.tell("oneway"));
    }
}
