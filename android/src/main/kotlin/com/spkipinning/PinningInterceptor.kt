package com.spkipinning

import javax.net.ssl.SSLSocket
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
    private fun hostsOf(request: Request): Set<String> {
        val host = request.url.host
        val asked = request.headers("Host")
        // OkHttp adds one of its own, which says the same as the URL.
        if (asked.all { it == host || it == "$host:${request.url.port}" }) return setOf(host)
        return asked.mapTo(mutableSetOf(host)) { "https://$it/".toHttpUrlOrNull()?.host ?: it }
    }

    /** Its connection is judged in the handshake, by the host of the URL alone, and no network interceptor comes after that. */
    private fun isWebSocket(request: Request) = request.header("Upgrade").equals("websocket", ignoreCase = true)

    /** A host whose certificates nobody will see. */
    private fun refuse(host: String) = Judge.check(host) { Chain(emptyList(), isValidated = false) }?.let { throw it }

    private fun judge(connection: Connection, host: String) {
        val socket = connection.socket()
        val live = LiveSockets.of(socket)
        val generation = Judge.generation()
        if (live?.isAllowed(host, generation) == true) return
        // For a socket that is not of ours what OkHttp takes for the path, which is empty if there is none.
        val chain = { live?.chain(socket as SSLSocket) ?: chainOf(connection.handshake()) }
        // Its handshake was counted and reported already; what is refused now is news.
        if (Judge.evaluate(host, chain) != null) Judge.check(host, chain)?.let { throw it }
        live?.allow(host, generation)
    }
}
