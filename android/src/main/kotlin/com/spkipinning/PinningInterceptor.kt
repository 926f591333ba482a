package com.spkipinning

import java.util.WeakHashMap
import okhttp3.Connection
import okhttp3.HttpUrl.Companion.toHttpUrlOrNull
import okhttp3.Interceptor
import okhttp3.Request
import okhttp3.Response

/**
 * Judges the connection that a request is about to be sent over, and throws if it is refused: then nothing has left. A
 * client has it twice.
 *
 * As a network interceptor it sees every HTTP request with its connection, be that new, pooled from before the pins
 * changed, or shared with another host. As an application interceptor it sees the request of a WebSocket too, and has open
 * connections judged before one of them could be taken for it; and it sees what the cache answers.
 */
internal object PinningInterceptor : Interceptor {
    /** For which hosts a connection may be used, by the configuration of that generation. */
    private class Allowed(val generation: Long) {
        val hosts = HashSet<String>()
    }

    private val allowed = WeakHashMap<Connection, Allowed>()

    override fun intercept(chain: Interceptor.Chain): Response {
        val request = chain.request()
        val connection = chain.connection()
        if (connection == null) {
            LiveSockets.judgeAgain()
            if (request.isHttps && isWebSocket(request)) hostsOf(request).forEach { if (it != request.url.host) refuse(it) }
            return CachedAnswers.proceed(chain, ::hostsOf)
        }
        if (request.isHttps) hostsOf(request).forEach { judge(connection, it) }
        return CachedAnswers.proceedToNetwork(chain)
    }

    /** The host of the URL, and those that `Host` headers ask for. The engine knows all ways to spell one. */
    private fun hostsOf(request: Request): Set<String> =
        request.headers("Host").mapTo(mutableSetOf(request.url.host)) { "https://$it/".toHttpUrlOrNull()?.host ?: it }

    /** Its connection is judged in the handshake, by the host of the URL alone, and no network interceptor comes after that. */
    private fun isWebSocket(request: Request) = request.header("Upgrade").equals("websocket", ignoreCase = true)

    /** A host whose certificates nobody will see. */
    private fun refuse(host: String) = Judge.check(host) { Chain(emptyList(), isValidated = false) }?.let { throw it }

    private fun judge(connection: Connection, host: String) {
        val generation = Judge.generation() // before the judgement, so that it is never remembered for a later one
        if (isAllowed(connection, host, generation)) return
        // To find the path again would cost the first request as much as the handshake's own validation.
        if (!LiveSockets.isAllowed(connection.socket(), host, generation)) {
            val chain = { chainOf(connection) }
            // Its handshake was counted and reported already; what is refused now is news.
            if (Judge.evaluate(host, chain) != null) Judge.check(host, chain)?.let { throw it }
        }
        remember(connection, host, generation)
    }

    /** The path; for a socket that is not of ours, what OkHttp takes for it, which is empty if there is none. */
    private fun chainOf(connection: Connection): Chain =
        LiveSockets.chainOf(connection.socket()) ?: chainOf(connection.handshake())

    private fun isAllowed(connection: Connection, host: String, generation: Long): Boolean = synchronized(allowed) {
        val known = allowed[connection]
        known != null && known.generation == generation && host in known.hosts
    }

    private fun remember(connection: Connection, host: String, generation: Long) {
        if (generation < 0) return
        synchronized(allowed) {
            val known = allowed[connection]?.takeIf { it.generation >= generation } ?: Allowed(generation)
            if (known.generation == generation) known.hosts += host
            allowed[connection] = known
        }
    }
}
