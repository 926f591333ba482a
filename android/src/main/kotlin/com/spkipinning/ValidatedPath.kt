package com.spkipinning

import android.net.http.X509TrustManagerExtensions
import java.security.cert.CertPathBuilder
import java.security.cert.CertStore
import java.security.cert.CollectionCertStoreParameters
import java.security.cert.PKIXBuilderParameters
import java.security.cert.PKIXCertPathBuilderResult
import java.security.cert.TrustAnchor
import java.security.cert.X509CertSelector
import java.security.cert.X509Certificate
import javax.net.ssl.SSLSession
import javax.net.ssl.X509TrustManager

/**
 * Finds the path that a trust manager accepts among the certificates that a server sent. Servers may send anything behind
 * their own chain, so that what they sent proves nothing: only who really issued the leaf may satisfy a pin.
 */
internal class ValidatedPath(
    private val trustManager: X509TrustManager,
    private val remembered: RememberedPaths = RememberedPaths(),
) {
    /**
     * Android's own trust managers, with an app's network security configuration, tell the path: that is what their method
     * of three arguments is for. Null for a trust manager without it.
     */
    private val extensions: X509TrustManagerExtensions? by lazy {
        try {
            X509TrustManagerExtensions(trustManager)
        } catch (_: IllegalArgumentException) {
            null
        }
    }

    /** The path; or what was sent, as not validated, if there is none. */
    fun of(session: SSLSession, host: String): Chain {
        val sent = session.peerCertificates.filterIsInstance<X509Certificate>()
        return try {
            remembered.get(host, sent) { find(sent, host) }
        } catch (_: Exception) { // no path, by as many exceptions as there are trust managers and providers
            Chain(sent, isValidated = false)
        }
    }

    /** The path. Throws if there is none. */
    fun find(sent: List<X509Certificate>, host: String): List<X509Certificate> =
        extensions?.checkServerTrusted(sent.toTypedArray(), AUTH_TYPE, host)?.takeIf { isPlatforms || isPath(it, sent) }
            ?: build(sent, trustManager.acceptedIssuers.toList())

    private val isPlatforms = listOf("android.", "com.android.").any(trustManager.javaClass.name::startsWith)

    /** One of an app's own may answer with what was sent, or with nothing, as many that only forward do. */
    private fun isPath(told: List<X509Certificate>, sent: List<X509Certificate>): Boolean =
        told.firstOrNull() == sent.first() && told.zipWithNext().all { (certificate, issuer) ->
            (issuer.basicConstraints >= 0 || issuer in trustManager.acceptedIssuers) && certificate.isSignedBy(issuer)
        }

    /** From the leaf to one of the anchors, by the rules of RFC 5280. */
    private fun build(sent: List<X509Certificate>, anchors: List<X509Certificate>): List<X509Certificate> {
        val leaf = sent.first()
        if (leaf in anchors) return listOf(leaf)
        val target = X509CertSelector().apply { certificate = leaf }
        val parameters = PKIXBuilderParameters(anchors.map { TrustAnchor(it, null) }.toSet(), target)
        parameters.isRevocationEnabled = false // the trust manager's business, which has let the connection through
        parameters.addCertStore(CertStore.getInstance("Collection", CollectionCertStoreParameters(sent)))
        val found = CertPathBuilder.getInstance("PKIX").build(parameters) as PKIXCertPathBuilderResult
        return found.certPath.certificates.filterIsInstance<X509Certificate>() + found.trustAnchor.trustedCert
    }

    private companion object {
        /** Trust managers want one, and make nothing of it. The same as OkHttp's. */
        const val AUTH_TYPE = "RSA"
    }
}
