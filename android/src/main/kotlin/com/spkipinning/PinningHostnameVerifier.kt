package com.spkipinning

import javax.net.ssl.HostnameVerifier
import javax.net.ssl.SSLSession
import javax.net.ssl.X509TrustManager

/**
 * Judges every TLS connection at the end of its handshake, before anything is sent over it.
 *
 * It is the one place of OkHttp that every connection passes: those of WebSockets, which run no network interceptors, and
 * those of resumed sessions, for which no trust manager is asked. Nor does it matter who made the sockets: an
 * `SSLSocketFactory` of the app's own, with its client certificates, stays as it is.
 *
 * Its price: OkHttp lets two hosts share an HTTP/2 connection only where its own verifier is used.
 */
internal class PinningHostnameVerifier(
    private val delegate: HostnameVerifier,
    private val trustManager: X509TrustManager,
) : HostnameVerifier {
    private val path = ValidatedPath(trustManager)

    /** Throws an [SslPinningException], which OkHttp treats as its own `SSLPeerUnverifiedException`. */
    override fun verify(host: String, session: SSLSession): Boolean {
        // First, or a change of pins in between would find it neither here nor there.
        val live = LiveSockets.isEstablished(host, path)
        if (!delegate.verify(host, session)) return false
        val generation = Judge.generation()
        Judge.check(host) { path.of(session, host) }?.let { throw it }
        live?.allow(host, generation)
        return true
    }

    /** Whether it judges by this trust manager. */
    fun isFor(trustManager: X509TrustManager): Boolean = this.trustManager === trustManager

    /** OkHttp reuses the connections of a client whose verifier is equal; React Native makes a client per request. */
    override fun equals(other: Any?): Boolean =
        other is PinningHostnameVerifier && other.delegate == delegate && isFor(other.trustManager)

    override fun hashCode(): Int = delegate.hashCode()
}
