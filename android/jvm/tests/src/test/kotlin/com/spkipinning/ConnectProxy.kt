package com.spkipinning

import java.io.Closeable
import java.io.InputStream
import java.io.OutputStream
import java.net.InetAddress
import java.net.Proxy
import java.net.ServerSocket
import java.net.Socket
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread

/** An HTTP proxy that tunnels, whatever the name, to the same port on loopback. */
class ConnectProxy : Closeable {
    private val server = ServerSocket(0, 50, InetAddress.getLoopbackAddress())
    val address = Proxy(Proxy.Type.HTTP, server.localSocketAddress)
    val tunnels = AtomicInteger()

    init {
        thread(isDaemon = true) {
            while (!server.isClosed) runCatching { server.accept() }.onSuccess { thread(isDaemon = true) { tunnel(it) } }
        }
    }

    override fun close() = server.close()

    private fun tunnel(client: Socket) {
        val request = generateSequence { client.getInputStream().readLine() }.takeWhile { it.isNotEmpty() }.toList()
        val port = Regex("^CONNECT [^:]+:(\\d+) ").find(request.first())!!.groupValues[1].toInt()
        val upstream = Socket(InetAddress.getLoopbackAddress(), port)
        tunnels.incrementAndGet()
        client.getOutputStream().write("HTTP/1.1 200 OK\r\n\r\n".toByteArray())
        thread(isDaemon = true) { copy(upstream.getInputStream(), client.getOutputStream(), client) }
        copy(client.getInputStream(), upstream.getOutputStream(), upstream)
    }

    private fun copy(from: InputStream, to: OutputStream, end: Socket) {
        runCatching { from.copyTo(to) }
        end.close()
    }

    private fun InputStream.readLine(): String =
        generateSequence { read() }.takeWhile { it != '\n'.code && it >= 0 }.map { it.toChar() }.joinToString("").trim()
}
