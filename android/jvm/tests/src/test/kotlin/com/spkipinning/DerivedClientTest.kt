package com.spkipinning

import java.util.concurrent.TimeUnit.MINUTES
import okhttp3.ConnectionPool
import okhttp3.OkHttpClient
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test

/** Clients that share something with one that has the library, or were made from it and changed. */
class DerivedClientTest {
    private val host = Testbed.host("http1")
    private val pool = ConnectionPool(5, 1, MINUTES)
    private val client = SpkiPinning.install(plain().connectionPool(pool)).build()

    @BeforeEach
    fun reset() = unpinned()

    @AfterEach
    fun close() = pool.evictAll()

    private fun OkHttpClient.changed(change: OkHttpClient.Builder.() -> Unit) = newBuilder().apply(change).build()

    @Test
    fun `a pool that is shared with a client without the library lends no connection of that one`() {
        val other = plain().connectionPool(pool).build()
        for (name in listOf("http1", "h2")) {
            val server = Testbed.host(name)
            val first = other.get(server.url())
            assertEquals(first.connection, other.get(server.url()).connection, "a premise: it is in the pool")
            assertNotEquals(first.connection, client.get(server.url()).connection)
            pinHost(name, WRONG_PIN)
            assertRefused("no-pin-matched") { client.get(server.url()) }
            unpinned()
        }
    }

    @Test
    fun `who takes the interceptors out does not take pinning out of new connections`() {
        val without = client.changed {
            interceptors().clear()
            networkInterceptors().clear()
        }
        pinHost("http1", WRONG_PIN)
        assertRefused("no-pin-matched") { without.get(host.url()) }
        assertEquals(0, Testbed.requests("http1"))
    }

    @Test
    fun `who takes the application interceptor out has open connections judged by the pins in force all the same`() {
        val without = client.changed { interceptors().clear() }
        assertEquals(200, without.get(host.url()).status)
        val document = """{"${host.host}": {"publicKeyHashes": ["$WRONG_PIN"]}}"""
        NativeCheck.initialize(document, embedded = false) // past Configuration, which would cut them
        assertRefused("no-pin-matched") { without.get(host.url()) }
        assertEquals(1, Testbed.requests("http1"))
    }

    @Test
    fun `who takes the hostname verifier out does not take pinning out of HTTP`() {
        val without = client.changed { hostnameVerifier { _, _ -> true } }
        pinHost("http1", host.pin())
        assertEquals(200, without.get(host.url()).status)
        pinHost("http1", WRONG_PIN)
        assertRefused("no-pin-matched") { without.get(host.url()) }
        assertEquals(1, Testbed.requests("http1"))
    }

    @Test
    fun `TLS of the app's own, set afterwards, is judged too`() {
        val other = Tls("Conscrypt")
        val changed = client.changed { sslSocketFactory(other.context.socketFactory, other.trustManager) }
        pinHost("http1", host.pin("intermediate"))
        assertEquals(200, changed.get(host.url()).status)
        pinHost("http1", WRONG_PIN)
        assertRefused("no-pin-matched") { changed.get(host.url()) }
        assertEquals(1, Testbed.requests("http1"))
    }

    @Test
    fun `each of several Host headers counts`() {
        val url = "https://127.0.0.1:${Testbed.host("leaf").port}/"
        pinHost("leaf", WRONG_PIN)
        for (order in listOf(listOf("leaf.spki.test", "other.test"), listOf("other.test", "leaf.spki.test"))) {
            assertRefused("no-pin-matched") { client.get(url) { order.forEach { addHeader("Host", it) } } }
        }
        assertEquals(0, Testbed.requests("leaf"))
    }

    @Test
    fun `a second configuration without the host lets it go, and a third holds for open connections`() {
        pinHost("http1", WRONG_PIN)
        assertRefused("no-pin-matched") { client.get(host.url()) }
        pin("elsewhere.test", WRONG_PIN)
        assertEquals(200, client.get(host.url()).status)
        pinHost("http1", WRONG_PIN)
        assertRefused("no-pin-matched") { client.get(host.url()) }
    }
}
