package com.spkipinning;

import android.content.ContextWrapper;
import com.facebook.react.modules.network.CustomClientBuilder;
import com.facebook.react.modules.network.NetworkingModule;
import com.facebook.react.modules.network.OkHttpClientProvider;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.lang.reflect.Field;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.stream.IntStream;
import okhttp3.CertificatePinner;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;
import okhttp3.internal.platform.android.AndroidCertificateChainCleaner;
import okhttp3.internal.tls.CertificateChainCleaner;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/**
 * Whole HTTPS requests through React Native's stack: its client, out of its provider, changed for each request as its
 * `NetworkingModule` does that; with this package, as react-native-ssl-public-key-pinning has it on a JVM and on Android,
 * with nothing, and with nothing once more, which shows what the measurement itself is worth.
 *
 * One after the other in turns, so that whatever else the machine does falls on all of them; each is compared with the
 * request without pins of the same turn: the time that passes, and that of the thread on a processor, which nothing else
 * on the machine lengthens.
 *
 * First to a server on this machine, where what pinning adds is largest beside the rest, then to the same as if it were as far
 * away as a near one on the Internet.
 */
public final class RequestMeasurement {
    /** Milliseconds: twenty there and back. */
    private static final long ONE_WAY = 10;

    private static final String SPARE = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";

    private final TestbedProcess testbed;
    private final TestbedProcess.Server server;

    private int port;

    /** What an app's own factory would make: that of this package goes over it. */
    private OkHttpClient unpinned;

    private RequestMeasurement(TestbedProcess testbed) throws Exception {
        this.testbed = testbed;
        server = testbed.server("http1");
        port = server.port();
        OkHttpClientProvider.setOkHttpClientFactory(() -> unpinned.newBuilder().build());
        PinningHooks.INSTANCE.install(new ContextWrapper(null)); // as at the start of an app
    }

    /** How often: with new connections of either kind, with pooled ones, and of each kind to the server that is away. */
    record Turns(int anew, int pooled, int away) {}

    /** Prints a JSON array. `arguments`: the three of {@link Turns}. */
    public static void main(String[] arguments) throws Exception {
        int[] turns = Arrays.stream(arguments).mapToInt(Integer::parseInt).toArray();
        System.out.println(measure(new Turns(turns[0], turns[1], turns[2])));
        System.exit(0); // OkHttp's threads would keep the process for a while
    }

    static JSONArray measure(Turns turns) throws Exception {
        try (TestbedProcess testbed = new TestbedProcess();
                DistantPort away = new DistantPort(testbed.server("http1").port(), ONE_WAY)) {
            RequestMeasurement measurement = new RequestMeasurement(testbed);
            JSONArray found = new JSONArray();
            for (Connection connection : Connection.values()) {
                int often = connection == Connection.POOLED ? turns.pooled : turns.anew;
                // What has more code takes longer until the VM has compiled it.
                measurement.compare(connection, connection.inWords, often, often).forEach(found::put);
            }
            measurement.port = away.port();
            for (Connection connection : Connection.values()) {
                String how = connection.inWords + ", " + 2 * ONE_WAY + " ms away";
                measurement.compare(connection, how, 1, turns.away).forEach(found::put);
            }
            return found;
        }
    }

    /** What a request goes over. */
    private enum Connection {
        /** The first that its client makes. */
        FIRST("first connection to a host"),
        /** A new one, with a full handshake, of a client that has just had another to that host. */
        FURTHER("further connection to a host"),
        POOLED("pooled connection");

        final String inWords;

        Connection(String inWords) {
            this.inWords = inWords;
        }
    }

    /** A way to pin, or not to: what React Native's slot for `fetch` holds then, and its client. */
    private final class Candidate {
        final String name;
        private final CustomClientBuilder slot;
        private final boolean isThisPackage;
        private OkHttpClient client;

        Candidate(String name, CustomClientBuilder slot, boolean isThisPackage) throws Exception {
            this.name = name;
            this.slot = slot;
            this.isThisPackage = isThisPackage;
            renew();
        }

        /** A client that knows no host. */
        void renew() throws Exception {
            if (client != null) client.connectionPool().evictAll();
            unpinned = OkHttpClientProvider.createClientBuilder()
                .dns(host -> List.of(InetAddress.getLoopbackAddress()))
                .sslSocketFactory(testbed.newSocketFactory(), testbed.trustManager)
                .build();
            client = isThisPackage ? OkHttpClientProvider.createClient() : unpinned.newBuilder().build();
        }

        /** The same client, with neither a connection nor a TLS session. */
        void disconnect() throws Exception {
            client.connectionPool().evictAll();
            OkHttpClient.Builder builder =
                client.newBuilder().sslSocketFactory(testbed.newSocketFactory(), testbed.trustManager);
            client = (isThisPackage ? SpkiPinning.install(builder) : builder).build();
        }

        /** From the call to the last byte of the answer. */
        Times request(boolean isAnew) throws IOException, JSONException {
            long start = System.nanoTime();
            long startCpu = THREADS.getCurrentThreadCpuTime();
            OkHttpClient.Builder builder = client.newBuilder();
            if (slot != null) slot.apply(builder);
            Request request = new Request.Builder().url("https://" + server.host() + ":" + port + "/").build();
            try (Response response = builder.build().newCall(request).execute()) {
                response.body().bytes();
                Times times =
                    new Times(System.nanoTime() - start, THREADS.getCurrentThreadCpuTime() - startCpu);
                boolean isFull = "full".equals(response.header("x-testbed-handshake"));
                if (response.code() != 200 || (isAnew && !isFull)) throw new IOException(response.toString());
                return times;
            }
        }
    }

    private List<Candidate> candidates() throws Exception {
        String pin = server.pin("intermediate");
        String document = new JSONObject()
            .put(server.host(), new JSONObject().put("publicKeyHashes", new JSONArray(List.of(pin, SPARE))))
            .toString();
        String answer = Configuration.INSTANCE.initialize(document);
        if (!answer.contains("\"ok\":true")) throw new IllegalStateException(answer);
        CertificatePinner pinner =
            new CertificatePinner.Builder().add(server.host(), "sha256/" + pin, "sha256/" + SPARE).build();
        // SslPublicKeyPinningModule, which cannot be made without a ReactApplicationContext, does just this.
        CustomClientBuilder peer =
            builder -> builder.certificatePinner(pinner).addInterceptor(chain -> chain.proceed(chain.request()));
        // What OkHttp chooses by itself on Android: the trust manager is asked which path it accepts, as by this package.
        CertificateChainCleaner cleaner =
            AndroidCertificateChainCleaner.Companion.buildIfSupported(testbed.trustManager);
        CustomClientBuilder peerOnAndroid = builder -> {
            builder.setCertificateChainCleaner$okhttp(Objects.requireNonNull(cleaner));
            peer.apply(builder);
        };
        return List.of(
            new Candidate("nothing", null, false),
            new Candidate("nothing, once more", null, false),
            new Candidate("react-native-ssl-public-key-pinning", peer, false),
            new Candidate("the same, with OkHttp's cleaner of chains for Android", peerOnAndroid, false),
            new Candidate("this package", slotForFetch(), true));
    }

    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

    /** Nanoseconds. */
    private record Times(long passed, long cpu) {}

    private static CustomClientBuilder slotForFetch() throws ReflectiveOperationException {
        for (Field field : NetworkingModule.class.getDeclaredFields()) {
            if (!CustomClientBuilder.class.isAssignableFrom(field.getType())) continue;
            field.setAccessible(true);
            return (CustomClientBuilder) field.get(null);
        }
        throw new NoSuchFieldException("NetworkingModule has no slot");
    }

    private List<JSONObject> compare(Connection connection, String how, int warmUp, int turns) throws Exception {
        List<Candidate> candidates = candidates();
        List<Integer> order = new ArrayList<>(IntStream.range(0, candidates.size()).boxed().toList());
        Random random = new Random(1);
        Times[][] times = new Times[candidates.size()][turns];
        for (int turn = -warmUp; turn < turns; turn++) {
            Collections.shuffle(order, random); // who comes after whom makes a difference
            for (int index : order) {
                Candidate candidate = candidates.get(index);
                if (connection == Connection.FIRST) candidate.renew();
                if (connection == Connection.FURTHER) candidate.disconnect();
                Times needed = candidate.request(connection != Connection.POOLED);
                if (turn >= 0) times[index][turn] = needed;
            }
        }
        List<JSONObject> found = new ArrayList<>();
        for (int index = 0; index < times.length; index++) {
            Times[] own = times[index];
            double[] passed = new double[turns];
            double[] ratios = new double[turns];
            double[] added = new double[turns];
            for (int turn = 0; turn < turns; turn++) {
                Times base = times[0][turn];
                passed[turn] = own[turn].passed;
                ratios[turn] = (double) own[turn].passed / base.passed;
                added[turn] = own[turn].cpu - base.cpu;
            }
            found.add(new JSONObject()
                .put("how", how)
                .put("name", candidates.get(index).name)
                .put("turns", turns)
                .put("ns", median(passed)[1])
                .put("ratio", new JSONArray(median(ratios)))
                .put("addedCpuNs", new JSONArray(median(added))));
        }
        return found;
    }

    /**
     * The median (a request that the machine has kept waiting is no news about pinning) between those of the ranks that it
     * has with 95 % certainty, whatever the distribution.
     */
    private static double[] median(double[] values) {
        Arrays.sort(values);
        int middle = values.length / 2;
        int half = (int) Math.ceil(0.98 * Math.sqrt(values.length));
        return new double[] {
            values[Math.max(0, middle - half)], values[middle], values[Math.min(values.length - 1, middle + half)]
        };
    }
}
