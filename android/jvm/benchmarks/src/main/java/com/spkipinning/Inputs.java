package com.spkipinning;

import java.io.ByteArrayInputStream;
import java.io.File;
import java.nio.file.Files;
import java.security.Provider;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.stream.IntStream;
import okhttp3.CertificatePinner;
import org.conscrypt.Conscrypt;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** What is measured with: the chain of three P-256 certificates of tests/vectors, and as many domains as are wanted. */
final class Inputs {
    static final String HOST = "api.example.com";

    private static final String SPARE = "r/mIkG3eEpVdm+u/ko/cwxzOMo1bk4TyHIlByibiA5E=";
    private static final List<String> CHAIN = List.of("leaf", "intermediate", "root");

    private Inputs() {}

    /** As a TLS library hands them over: `JDK`, or `Conscrypt`, which is Android's. */
    static List<X509Certificate> chain(String library) throws Exception {
        Provider provider = library.equals("Conscrypt") ? Conscrypt.newProvider() : null;
        CertificateFactory factory =
            provider == null ? CertificateFactory.getInstance("X.509") : CertificateFactory.getInstance("X.509", provider);
        List<X509Certificate> chain = new ArrayList<>();
        for (String id : CHAIN) {
            byte[] der = Base64.getDecoder().decode(certificate(id).getString("der"));
            chain.add((X509Certificate) factory.generateCertificate(new ByteArrayInputStream(der)));
        }
        return chain;
    }

    static String pin(String id) throws Exception {
        return certificate(id).getString("pin");
    }

    private static JSONObject certificate(String id) throws Exception {
        String file = Files.readString(new File(System.getProperty("spki.vectors"), "certificates.json").toPath());
        return new JSONObject(file).getJSONObject("certificates").getJSONObject(id);
    }

    /** Names of domains, {@link #HOST} in the middle of them. */
    static List<String> domains(int count) {
        return IntStream.range(0, count).mapToObj(n -> n == count / 2 ? HOST : "h" + n + ".example.com").toList();
    }

    /** The pins of each domain: that of the host, or any, and a spare one. */
    static List<String> pins(String domain, String pin) {
        return domain.equals(HOST) ? List.of(pin, SPARE) : List.of("YLh1dUR9y6Kja30RrAn7JKnbQG/uEtLMkBgFF2Fuihg=", SPARE);
    }

    /** As react-native-ssl-public-key-pinning fills it. */
    static CertificatePinner certificatePinner(List<String> domains, String pin) {
        CertificatePinner.Builder builder = new CertificatePinner.Builder();
        for (String domain : domains) {
            String[] pins = pins(domain, pin).stream().map(each -> "sha256/" + each).toArray(String[]::new);
            builder.add(domain, pins);
        }
        return builder.build();
    }

    static String document(int domains, String pin) throws JSONException {
        JSONObject document = new JSONObject();
        for (String domain : domains(domains)) {
            document.put(domain, new JSONObject().put("publicKeyHashes", new JSONArray(pins(domain, pin))));
        }
        return document.toString();
    }
}
