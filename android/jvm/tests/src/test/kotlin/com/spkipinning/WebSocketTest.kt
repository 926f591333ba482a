package com.spkipinning

import java.net.ProtocolException
import java.util.concurrent.CompletableFuture
import java.util.concurrent.ExecutionException
import java.util.concurrent.TimeUnit.SECONDS
import okhttp3.OkHttpClient
import okhttp3.Protocol
import okhttp3.Request
import okhttp3.Response
import okhttp3.WebSocket
import okhttp3.WebSocketListener
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.CsvSource

/** WebSockets: OkHttp runs no network interceptor for them. */
class WebSocketTest {
    private val host = Testbed.host("http1")

    @BeforeEach
    fun reset() = unpinned()

    /** One that is open, or failed while opening. */
    private class Opened(client: OkHttpClient, url: String, header: String?) : WebSocketListener() {
        private val response = CompletableFuture<Response>()
        val message = CompletableFuture<String>()
        val end = CompletableFuture<Throwable>()
        private val socket = client.newWebSocket(
            Request.Builder().url(url).apply { header?.let { header("Host", it) } }.build(),
            this,
        )

        override fun onOpen(webSocket: WebSocket, response: Response) {
            this.response.complete(response)
        }

        override fun onMessage(webSocket: WebSocket, text: String) {
            message.complete(text)
        }

        override fun onFailure(webSocket: WebSocket, t: Throwable, response: Response?) {
            this.response.completeExceptionally(t)
            end.complete(t)
        }

        fun response(): Response = try {
            response.get(10, SECONDS)
        } catch (error: ExecutionException) {
            throw error.cause!!
        }

        fun echo(text: String): String {
            response()
            socket.send(text)
            return message.get(10, SECONDS)
        }

        fun close() = socket.cancel()
    }

    private fun OkHttpClient.open(url: String = host.url("/ws"), header: String? = null) = Opened(this, url, header)

    @Test
    fun `a pinned WebSocket opens, and one with a wrong pin fails before anything is sent`() {
        val client = pinned()
        pinHost("http1", host.pin("intermediate"))
        client.open().apply { assertEquals("hello", echo("hello")) }.close()
        assertEquals(1, Testbed.requests("http1"))
        pinHost("http1", WRONG_PIN)
        val events = eventsOf { assertRefused("no-pin-matched") { client.open().response() } }
        assertEquals(listOf(host.host), events.map { it.getString("serverHostname") })
        assertEquals(1, Testbed.requests("http1"))
    }

    @Test
    fun `an open WebSocket is cut when its server is no longer allowed`() {
        val open = pinned().open().apply { response() }
        pinHost("http1", host.pin())
        assertEquals("hello", open.echo("hello"), "still allowed, so still open")
        pinHost("http1", WRONG_PIN)
        open.end.get(10, SECONDS)
    }

    @Test
    fun `a WebSocket does not get past the pins on a pooled connection`() {
        val client = pinned().newBuilder().protocols(listOf(Protocol.HTTP_1_1)).build()
        // The second one is a WebSocket that the server does not want: no network interceptor has seen its connection.
        val ways = listOf(
            { client.get(host.url()) },
            { assertThrows(ProtocolException::class.java) { client.open(host.url("/file/0")).response() } },
        )
        for (leaveConnection in ways) {
            unpinned()
            leaveConnection()
            client.open().response()
            assertEquals(1, accepted(), "a premise: it takes the connection that is there")
            leaveConnection()
            assertEquals(2, accepted())
            NativeCheck.initialize("""{"${host.host}": {"publicKeyHashes": ["$WRONG_PIN"]}}""", embedded = false)
            assertRefused("no-pin-matched") { client.open().response() }
            assertEquals(listOf(3, 3), listOf(Testbed.requests("http1"), accepted()))
        }
    }

    @Test
    fun `a WebSocket whose Host header names a pinned host is refused, as nobody sees by which key`() {
        val client = pinned()
        val leaf = Testbed.host("leaf")
        val byAddress = "https://127.0.0.1:${leaf.port}/ws"
        pin("elsewhere.test", WRONG_PIN)
        client.open(byAddress, leaf.host).apply { response() }.close()
        pinHost("leaf", WRONG_PIN)
        for (header in listOf(leaf.host, "${leaf.host}:443", "a.LEAF.spki.test.")) {
            assertRefused("chain-not-validated") { client.open(byAddress, header).response() }
        }
        assertEquals(1, Testbed.requests("leaf"))
        pinHost("leaf", leaf.pin())
        client.open(leaf.url("/ws"), "${leaf.host}:${leaf.port}").apply { response() }.close()
    }

    private fun accepted() = Testbed.control("GET", "/connections?host=http1").getInt("accepted")

    @ParameterizedTest
    @CsvSource("JSSE,tickets12", "JSSE,tickets13", "Conscrypt,tickets12", "Conscrypt,tickets13")
    fun `a WebSocket on a resumed TLS session is judged by the pins in force now`(provider: String, name: String) {
        val resuming = Testbed.host(name)
        val client = pinned(Tls(provider))
        client.get(resuming.url())
        client.connectionPool.evictAll()
        client.open(resuming.url("/ws")).apply { assertEquals("resumed", response().header("x-testbed-handshake")) }.close()
        pinHost(name, resuming.pin("intermediate"))
        client.open(resuming.url("/ws")).apply { assertEquals("resumed", response().header("x-testbed-handshake")) }.close()
        pinHost(name, WRONG_PIN)
        val before = Testbed.requests(name)
        assertRefused("no-pin-matched") { client.open(resuming.url("/ws")).response() }
        assertEquals(before, Testbed.requests(name))
    }
}
