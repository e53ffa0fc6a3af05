package peers;

import static peers.Checks.atOnce;
import static peers.Checks.check;
import static peers.Checks.longText;
import static peers.Checks.want;

import com.alipay.remoting.BizContext;
import com.alipay.remoting.Connection;
import com.alipay.remoting.CustomSerializer;
import com.alipay.remoting.CustomSerializerManager;
import com.alipay.remoting.DefaultCustomSerializer;
import com.alipay.remoting.InvokeContext;
import com.alipay.remoting.InvokeFuture;
import com.alipay.remoting.ResponseStatus;
import com.alipay.remoting.exception.ConnectionClosedException;
import com.alipay.remoting.exception.SerializationException;
import com.alipay.remoting.rpc.HeartbeatCommand;
import com.alipay.remoting.rpc.RequestCommand;
import com.alipay.remoting.rpc.ResponseCommand;
import com.alipay.remoting.rpc.RpcClient;
import com.alipay.remoting.rpc.RpcCommandFactory;
import com.alipay.remoting.rpc.RpcResponseFuture;
import com.alipay.remoting.rpc.RpcServer;
import com.alipay.remoting.rpc.DefaultInvokeFuture;
import com.alipay.remoting.rpc.exception.InvokeException;
import com.alipay.remoting.rpc.exception.InvokeSendFailedException;
import com.alipay.remoting.rpc.exception.InvokeServerException;
import com.alipay.remoting.rpc.exception.InvokeTimeoutException;
import com.alipay.remoting.rpc.protocol.SyncUserProcessor;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** A server of Bolt and clients that call it through a proxy; what they see is printed, a line for each check. */
public final class Bolt {
    /** What is asked. */
    static final class Ask implements Serializable {
        private static final long serialVersionUID = 1;
        final String service;
        final String text;

        Ask(String service, String text) {
            this.service = service;
            this.text = text;
        }
    }

    /** A question without a header. */
    static final class Bare implements Serializable {
        private static final long serialVersionUID = 1;
    }

    /** The header of a question is a map, as SOFARPC writes it. */
    static final class Headers extends DefaultCustomSerializer {
        @Override
        public <T extends RequestCommand> boolean serializeHeader(T request, InvokeContext context) throws SerializationException {
            Ask ask = (Ask) ((com.alipay.remoting.rpc.protocol.RpcRequestCommand) request).getRequestObject();
            try {
                ByteArrayOutputStream bytes = new ByteArrayOutputStream();
                DataOutputStream out = new DataOutputStream(bytes);
                for (String s : new String[] {"sofa_head_target_service", ask.service, "sofa_head_method_name", "ask"}) {
                    byte[] b = s.getBytes(StandardCharsets.UTF_8);
                    out.writeInt(b.length);
                    out.write(b);
                }
                request.setHeader(bytes.toByteArray());
                return true;
            } catch (IOException e) {
                throw new SerializationException("the header", e);
            }
        }
    }

    static CountDownLatch onewayCame; // one for each version
    static final CountDownLatch held = new CountDownLatch(1);
    static final CountDownLatch release = new CountDownLatch(1);

    static final class Answering extends SyncUserProcessor<Ask> {
        @Override
        public Object handleRequest(BizContext context, Ask ask) throws Exception {
            switch (ask.text) {
                case "throw":
                    throw new IllegalStateException("as it was asked to");
                case "hold":
                    held.countDown();
                    release.await();
                    return "late";
                case "oneway":
                    onewayCame.countDown();
                    return null;
                default:
                    return ask.text + " of " + ask.service + " within " + context.getClientTimeout();
            }
        }

        @Override
        public String interest() {
            return Ask.class.getName();
        }
    }

    static void fails(Class<? extends Exception> as, String text, Checks.Check check) throws Exception {
        try {
            check.run();
        } catch (Exception e) {
            want(as == e.getClass() && (e.getMessage() + e.getCause()).contains(text), e + " by " + e.getCause());
            return;
        }
        throw new AssertionError("it did not fail");
    }

    public static void main(String[] args) throws Exception {
        String[] versions = Arrays.copyOfRange(args, 2, args.length); // as _PROTOCOL=2&_VERSION=1
        onewayCame = new CountDownLatch(versions.length);
        CustomSerializerManager.registerCustomSerializer(Ask.class.getName(), new Headers());
        RpcServer server = new RpcServer("127.0.0.1", Integer.parseInt(args[0]), true);
        server.registerUserProcessor(new Answering());
        server.startup();
        RpcClient client = new RpcClient();
        client.startup();
        for (String version : versions) {
            calls(client, args[1] + "?" + version, version.replaceAll("[^0-9]+", " ").trim());
        }
        String to = args[1];
        check("oneway", () -> want(onewayCame.await(20, TimeUnit.SECONDS), "not all of them came"));
        System.in.read(); // what the proxy thinks of the server is looked at before
        check("the server ends with a call under way", () -> {
            RpcResponseFuture future = client.invokeWithFuture(to, new Ask("stock", "hold"), 60_000);
            want(held.await(20, TimeUnit.SECONDS), "the call did not come");
            server.shutdown();
            fails(ConnectionClosedException.class, "", () -> future.get(20_000));
            release.countDown();
        });
        client.shutdown();
        System.out.println("done");
        System.exit(0);
    }

    static void calls(RpcClient client, String to, String version) {
        check("answers " + version, () -> {
            for (String text : new String[] {"short", "", longText()}) {
                String got = (String) client.invokeSync(to, new Ask("stock", text), 30_000);
                want(got.startsWith(text + " of stock within "), got.substring(0, Math.min(100, got.length())));
                int within = Integer.parseInt(got.substring(got.lastIndexOf(' ') + 1));
                want(within > 0 && within <= 20_000, "the server has " + within + " ms"); // of the route
            }
        });
        check("many at a time " + version, () -> atOnce(4, mine -> {
            List<RpcResponseFuture> futures = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                futures.add(client.invokeWithFuture(to, new Ask("stock", mine + " call " + i), 30_000));
            }
            for (int i = 0; i < 100; i++) {
                String got = (String) futures.get(i).get(30_000);
                want(got.startsWith(mine + " call " + i + " of"), got);
            }
        }));
        check("what the server throws " + version, () -> fails(InvokeServerException.class, "as it was asked to",
            () -> client.invokeSync(to, new Ask("stock", "throw"), 30_000)));
        check("no route " + version, () -> fails(InvokeException.class, "NO_PROCESSOR", () -> client.invokeSync(to, new Ask("nobody", ""), 30_000)));
        check("no header " + version, () -> fails(InvokeException.class, "NO_PROCESSOR", () -> client.invokeSync(to, new Bare(), 30_000)));
        check("no server " + version, () -> fails(InvokeSendFailedException.class, "", () -> client.invokeSync(to, new Ask("down", ""), 30_000)));
        check("the route's time " + version, () -> fails(InvokeTimeoutException.class, "responseCommand TIMEOUT",
            () -> client.invokeSync(to, new Ask("mute", ""), 30_000)));
        check("a heartbeat " + version, () -> {
            Connection connection = client.getConnection(to, 20_000);
            HeartbeatCommand beat = new HeartbeatCommand();
            InvokeFuture future = new DefaultInvokeFuture(beat.getId(), null, null, beat.getProtocolCode().getFirstByte(), new RpcCommandFactory());
            connection.addInvokeFuture(future);
            connection.getChannel().writeAndFlush(beat);
            ResponseCommand answer = (ResponseCommand) future.waitResponse(20_000);
            want(answer != null && answer.getResponseStatus() == ResponseStatus.SUCCESS, "answered " + answer);
        });
        check("oneway " + version + " is sent", () -> client.oneway(to, new Ask("stock", "oneway")));
    }
}
