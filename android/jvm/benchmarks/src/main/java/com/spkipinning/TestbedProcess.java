package com.spkipinning;

import java.io.BufferedReader;
import java.io.File;
import java.io.FileInputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.security.KeyStore;
import java.security.Provider;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import org.conscrypt.Conscrypt;
import org.json.JSONException;
import org.json.JSONObject;

/** The servers of rust/testbed, and the TLS of a client that trusts them: Conscrypt, as on Android. */
final class TestbedProcess implements AutoCloseable {
    /** One server. */
    record Server(JSONObject json) {
        String host() throws JSONException {
            return json.getString("host");
        }

        String pin(String role) throws JSONException {
            return json.getJSONObject("pins").getString(role);
        }

        int port() throws JSONException {
            return json.getInt("port");
        }
    }

    final X509TrustManager trustManager;

    private static final Provider CONSCRYPT = Conscrypt.newProviderBuilder().provideTrustManager(true).build();

    private final Process process;
    private final JSONObject document;

    TestbedProcess() throws Exception {
        process = new ProcessBuilder(System.getProperty("spki.testbed"))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
        document = new JSONObject(new BufferedReader(new InputStreamReader(process.getInputStream())).readLine());
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream file = new FileInputStream(new File(document.getString("caFile")))) {
            store.setCertificateEntry("root", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX", CONSCRYPT);
        factory.init(store);
        trustManager = (X509TrustManager) factory.getTrustManagers()[0];
    }

    Server server(String name) throws JSONException {
        return new Server(document.getJSONObject("hosts").getJSONObject(name));
    }

    /** Makes sockets that know no session. */
    SSLSocketFactory newSocketFactory() throws Exception {
        SSLContext context = SSLContext.getInstance("TLS", CONSCRYPT);
        context.init(null, new TrustManager[] {trustManager}, null);
        return context.getSocketFactory();
    }

    /** The end of its input ends it. */
    @Override
    public void close() throws Exception {
        process.getOutputStream().close();
        process.waitFor();
    }
}
