package com.spkipinning

import java.security.cert.X509Certificate
import java.util.concurrent.TimeUnit.MINUTES
import kotlin.math.abs

/**
 * The paths that one trust manager has told within the last minute, so that it is asked once for several connections to a
 * server. Each connection is judged by the pins in force all the same, and the platform validates each full handshake
 * itself: what is remembered is which certificates are the path, neither trust nor a verdict.
 *
 * An answer is given again to the very same question only: the same host, the same certificates in the same order. They are
 * compared byte by byte, because `equals` of older Conscrypts compares SHA-1. That there is no path is never remembered.
 */
internal class RememberedPaths(
    private val nanoTime: () -> Long = System::nanoTime,
    private val wallClock: () -> Long = System::currentTimeMillis,
) {
    private class Path(val sent: List<ByteArray>, val chain: Chain, val sinceNanos: Long, val sinceMillis: Long) {
        /** When all of its certificates are valid. */
        private val validity = chain.certificates.maxOf { it.notBefore.time }..chain.certificates.minOf { it.notAfter.time }

        /** By the wall clock too, because the other stands still while a device sleeps. */
        fun holds(nanos: Long, millis: Long): Boolean =
            nanos - sinceNanos < LIFE_NANOS && abs(millis - sinceMillis) < LIFE_MILLIS && millis in validity

        fun isOf(others: List<ByteArray>): Boolean =
            sent.size == others.size && sent.indices.all { sent[it].contentEquals(others[it]) }
    }

    /** By host, those that were told first at the head. */
    private val paths = LinkedHashMap<String, Path>()

    /** The path, by `find` unless it is remembered. What `find` throws goes through. */
    fun get(host: String, sent: List<X509Certificate>, find: () -> List<X509Certificate>): Chain {
        val encoded = sent.map { it.encoded }
        val (nanos, millis) = nanoTime() to wallClock() // before the answer, so that none is older than it seems
        val known = synchronized(paths) { paths[host] }
        if (known != null && known.isOf(encoded) && known.holds(nanos, millis)) return known.chain
        val chain = Chain(find(), isValidated = true)
        if (chain.certificates.isNotEmpty()) remember(host, Path(encoded, chain, nanos, millis))
        return chain
    }

    private fun remember(host: String, path: Path) = synchronized(paths) {
        paths.values.removeAll { !it.holds(path.sinceNanos, path.sinceMillis) }
        paths.remove(host)
        if (paths.size == MOST) paths.remove(paths.keys.first())
        paths[host] = path
    }

    internal companion object {
        const val MOST = 32
        private val LIFE_NANOS = MINUTES.toNanos(1)
        private val LIFE_MILLIS = MINUTES.toMillis(1)
    }
}
