package com.spkipinning

import java.security.GeneralSecurityException
import java.security.cert.X509Certificate
import okhttp3.Handshake

/** The certificates of a connection. */
internal class Chain(
    /** Leaf first. */
    val certificates: List<X509Certificate>,
    /** Whether this is the path that was validated, and not just what the server sent. */
    val isValidated: Boolean,
) {
    val encoded: Array<ByteArray> by lazy { Array(certificates.size) { certificates[it].encoded } }
}

/** What OkHttp takes for the path of a handshake: not valid if there was none, or a trust manager has told one that is none. */
internal fun chainOf(handshake: Handshake?): Chain {
    val certificates = handshake?.peerCertificates.orEmpty().filterIsInstance<X509Certificate>()
    val isPath = certificates.zipWithNext().all { (certificate, issuer) -> certificate.isSignedBy(issuer) }
    return Chain(certificates, isValidated = certificates.isNotEmpty() && isPath)
}

internal fun X509Certificate.isSignedBy(issuer: X509Certificate): Boolean = try {
    verify(issuer.publicKey)
    true
} catch (_: GeneralSecurityException) {
    false
}

/**
 * Puts connections before the engine. Nothing is decided here but what becomes of a connection if there is no answer: it
 * is refused if its host is pinned, or might be, and let alone otherwise.
 */
internal object Judge {
    /** The name of OkHttp in events. */
    private const val STACK = "okhttp"

    private val NO_CHAIN = emptyArray<ByteArray>()

    /** Judges a connection, with event and count: what to end it with, or null. `chain` is only asked for if it matters. */
    fun check(host: String?, chain: () -> Chain): SslPinningException? {
        EmbeddedConfiguration.refusal(host)?.let { return reported("configuration-not-in-force", it) }
        return judge(host, chain, NativeCheck::check) { reported("internal-error", it) }
    }

    /** As [check], without a trace. */
    fun evaluate(host: String?, chain: () -> Chain): SslPinningException? =
        EmbeddedConfiguration.refusal(host) ?: judge(host, chain, NativeCheck::evaluate) { it }

    /** The number of the configuration in force; negative if nothing that was judged before counts. */
    fun generation(): Long = try {
        if (NativeCheck.failure == null) NativeCheck.generation() else -1
    } catch (_: Throwable) {
        -1
    }

    private fun judge(
        host: String?,
        chain: () -> Chain,
        question: (String?, Array<ByteArray>, Boolean, String) -> String?,
        unjudged: (SslPinningException) -> SslPinningException,
    ): SslPinningException? {
        if (NativeCheck.failure != null) return null // then nothing could be pinned but by an embedded configuration
        return try {
            val goesAhead = !NativeCheck.isPinned(host) && question(host, NO_CHAIN, true, STACK) == null
            if (goesAhead) return null
            val known = chain()
            question(host, known.encoded, known.isValidated, STACK)?.let(SslPinningException::of)
        } catch (error: Throwable) {
            if (mayBePinned(host)) unjudged(SslPinningException.unjudged(host, "$error", error)) else null
        }
    }

    /** Makes an event of what the engine has not decided itself; without an engine nobody listens either. */
    private fun reported(notice: String, refusal: SslPinningException): SslPinningException {
        try {
            if (NativeCheck.failure == null) {
                NativeCheck.report(notice, refusal.serverHostname, refusal.message.orEmpty(), STACK)
            }
        } catch (_: Throwable) {
            // what counts is that the connection ends
        }
        return refusal
    }

    private fun mayBePinned(host: String?): Boolean = try {
        NativeCheck.isPinned(host)
    } catch (_: Throwable) {
        true
    }
}
