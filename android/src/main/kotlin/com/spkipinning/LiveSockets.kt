package com.spkipinning

import java.io.IOException
import java.net.InetAddress
import java.net.Socket
import java.util.WeakHashMap
import javax.net.ssl.SSLSocket
import javax.net.ssl.SSLSocketFactory

/**
 * The TLS connections that are open, to cut those that the pins in force do not allow any more: one in the pool, which a
 * WebSocket could take without a handshake, one that a response is still coming over, the one of a WebSocket.
 */
internal object LiveSockets {
    /** A connection whose handshake is done, and the socket below TLS. */
    class Live(val socket: Socket, val host: String, val path: ValidatedPath) {
        /** For which hosts it may be used, by the configuration of that generation. */
        private class Allowed(val generation: Long, val hosts: Set<String>)

        @Volatile
        private var allowed = Allowed(-1, emptySet())

        fun isAllowed(host: String, generation: Long): Boolean =
            allowed.let { generation >= 0 && it.generation == generation && host in it.hosts }

        /** `generation`: as it was before the judgement, so that none is remembered for a later one. */
        @Synchronized
        fun allow(host: String, generation: Long) {
            if (generation < allowed.generation) return
            val others = allowed.takeIf { it.generation == generation }?.hosts.orEmpty()
            allowed = Allowed(generation, others + host)
        }

        fun chain(tls: SSLSocket): Chain = path.of(tls.session, host)
    }

    /** A socket whose handshake is not done yet. */
    private class Begun(val tls: SSLSocket, val socket: Socket, val host: String)

    private val live = WeakHashMap<SSLSocket, Live>()

    /** OkHttp makes a socket, shakes hands and verifies the host in one go, on one thread. */
    private val begun = ThreadLocal<Begun>()

    /** The generation that all of [live] has been judged by. */
    @Volatile
    private var judgedBy = 0L

    /** `socket` is the one below TLS: closing that one never waits. */
    fun isBegun(tls: SSLSocket, socket: Socket, host: String) {
        begun.set(Begun(tls, socket, host))
    }

    /** The handshake of this thread's socket is done; null if that is not one of these. */
    fun isEstablished(host: String, path: ValidatedPath): Live? {
        val (tls, socket) = begun.get()?.takeIf { it.host == host }?.let { it.tls to it.socket } ?: return null
        begun.remove()
        return Live(socket, host, path).also { synchronized(live) { live[tls] = it } }
    }

    /** What is known of a connection; null if it is not one of these. */
    fun of(socket: Socket): Live? = synchronized(live) { live[socket] }

    /** Has the connections judged again if another configuration is in force. Returns when those are cut that have to be. */
    fun judgeAgain() {
        val generation = Judge.generation()
        if (generation == judgedBy) return
        synchronized(this) {
            if (generation == judgedBy) return
            val open = synchronized(live) { live.entries.map { it.key to it.value } }
            for ((tls, connection) in open) {
                if (!tls.isClosed && !connection.socket.isClosed) judge(tls, connection, generation)
            }
            judgedBy = generation
        }
    }

    private fun judge(tls: SSLSocket, connection: Live, generation: Long) {
        val chain = { connection.chain(tls) }
        // One that stays is neither counted nor reported a second time.
        val isRefused = Judge.evaluate(connection.host, chain) != null && Judge.check(connection.host, chain) != null
        if (!isRefused) return connection.allow(connection.host, generation)
        try {
            connection.socket.close()
        } catch (_: IOException) {
            // It is closed all the same.
        }
    }
}

/** Makes the sockets that `delegate` makes, and has [LiveSockets] know them. */
internal class PinningSocketFactory(private val delegate: SSLSocketFactory) : SSLSocketFactory() {
    override fun getDefaultCipherSuites(): Array<String> = delegate.defaultCipherSuites

    override fun getSupportedCipherSuites(): Array<String> = delegate.supportedCipherSuites

    override fun createSocket(): Socket = delegate.createSocket()

    /** The one that OkHttp calls. */
    override fun createSocket(socket: Socket, host: String, port: Int, autoClose: Boolean): Socket {
        val tls = delegate.createSocket(socket, host, port, autoClose)
        if (tls is SSLSocket) LiveSockets.isBegun(tls, socket, host)
        return tls
    }

    override fun createSocket(host: String, port: Int): Socket = delegate.createSocket(host, port)

    override fun createSocket(host: String, port: Int, local: InetAddress, localPort: Int): Socket =
        delegate.createSocket(host, port, local, localPort)

    override fun createSocket(host: InetAddress, port: Int): Socket = delegate.createSocket(host, port)

    override fun createSocket(host: InetAddress, port: Int, local: InetAddress, localPort: Int): Socket =
        delegate.createSocket(host, port, local, localPort)

    /** For OkHttp's pool, as in [PinningHostnameVerifier]. */
    override fun equals(other: Any?): Boolean = other is PinningSocketFactory && other.delegate == delegate

    override fun hashCode(): Int = delegate.hashCode()
}
