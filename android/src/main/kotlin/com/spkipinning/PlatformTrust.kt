package com.spkipinning

import java.security.KeyStore
import java.security.cert.CertificateFactory
import java.security.cert.X509Certificate
import javax.net.ssl.TrustManagerFactory
import javax.net.ssl.X509TrustManager

/** Whom this device and the app's network security configuration trust, for the connections of the engine itself. */
internal object PlatformTrust {
    /** For tests: another than the platform's. */
    @Volatile
    var trustManager: X509TrustManager? = null

    private val platform: X509TrustManager by lazy {
        val factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm())
        factory.init(null as KeyStore?)
        factory.trustManagers.filterIsInstance<X509TrustManager>().first()
    }

    /** The path that is valid for what a server has sent, leaf first. Throws if there is none. */
    fun path(host: String, sent: Array<ByteArray>): Array<ByteArray> {
        val factory = CertificateFactory.getInstance("X.509")
        val certificates = sent.map { factory.generateCertificate(it.inputStream()) as X509Certificate }
        val path = ValidatedPath(trustManager ?: platform).find(certificates, host)
        return Array(path.size) { path[it].encoded }
    }
}
