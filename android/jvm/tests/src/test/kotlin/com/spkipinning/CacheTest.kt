package com.spkipinning

import java.net.URLEncoder
import java.nio.file.Path
import okhttp3.Cache
import okhttp3.CacheControl
import okhttp3.Interceptor
import okhttp3.OkHttpClient
import okhttp3.Request
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** What OkHttp's cache has of a host, perhaps from before its pins and from somebody else. Nothing is connected for it. */
class CacheTest {
    @TempDir
    lateinit var directory: Path

    private val host = Testbed.host("rotating")

    @BeforeEach
    fun reset() {
        unpinned()
        Testbed.control("POST", "/rotate?host=rotating&to=A")
    }

    /** Connections that are left would be cut, with events, in other tests. */
    @AfterEach
    fun close() = clients.forEach { it.connectionPool.evictAll() }

    private val clients = mutableListOf<OkHttpClient>()

    /** One whose servers all say the same of how long their answers may be kept. */
    private fun caching(cacheControl: String = "max-age=86400"): OkHttpClient {
        val say = Interceptor { chain ->
            chain.proceed(chain.request()).newBuilder().header("Cache-Control", cacheControl).build()
        }
        val builder = plain().cache(Cache(directory.toFile(), 1 shl 20)).addNetworkInterceptor(say)
        return SpkiPinning.install(builder).build().also(clients::add)
    }

    /** Whoever has answered until now, from now on it is the server with the other key, and that one is pinned. */
    private fun takeOver(client: OkHttpClient) {
        Testbed.control("POST", "/rotate?host=rotating&to=B")
        client.connectionPool.evictAll()
        pinHost("rotating", host.nextPin)
    }

    @Test
    fun `an answer from before the pins is taken if it came by a pinned key`() {
        val client = caching()
        client.get(host.url())
        assertEquals(200, client.get(host.url()).status)
        for (role in listOf("leaf", "intermediate", "root")) {
            pinHost("rotating", host.pin(role))
            assertEquals(200, client.get(host.url()).status, role)
        }
        pin(host.host, WRONG_PIN, reportOnly = true)
        assertEquals(200, client.get(host.url()).status)
        assertEquals(1, Testbed.requests("rotating"), "a premise: it is out of the cache")
    }

    @Test
    fun `an answer from before the pins that came by another key is not taken, but asked for afresh`() {
        val client = caching()
        client.get(host.url())
        pinHost("rotating", WRONG_PIN)
        assertRefused("no-pin-matched") { client.get(host.url()) }
        assertEquals(1, Testbed.requests("rotating"))
        takeOver(client)
        repeat(2) { assertEquals(200, client.get(host.url()).status) }
        assertEquals(2, Testbed.requests("rotating"), "and the cache has the right server's now")
    }

    @Test
    fun `that the right server confirms an answer does not make it its own`() {
        val client = caching("no-cache")
        Testbed.publish("resource", "content")
        val request = Request.Builder().url(host.url("/published/resource")).build()
        fun codes() = client.newCall(request).execute().use { listOf(it.networkResponse?.code, it.cacheResponse?.code) }
        assertEquals(listOf(200, null), codes())
        assertEquals(listOf(304, 200), codes(), "a premise: it is confirmed")
        takeOver(client)
        assertEquals(listOf(200, null), codes())
        assertEquals(listOf(304, 200), codes())
    }

    /** A redirect of the pinned host's to `elsewhere` that the cache has, and nothing of where it leads to. */
    private fun assertNotFollowed(client: OkHttpClient, url: String, elsewhere: TestbedHost) {
        assertEquals(200, client.get(url).status)
        Testbed.control("POST", "/reset")
        pinHost("rotating", WRONG_PIN)
        client.cache!!.urls().apply { while (hasNext()) if (next().startsWith(elsewhere.url())) remove() }
        assertRefused("no-pin-matched") { client.get(url) }
        assertEquals(0, Testbed.requests("root"), "not one request has followed it")
    }

    @Test
    fun `a redirect from before the pins leads nobody away from a pinned host`() {
        val client = caching()
        val elsewhere = Testbed.host("root")
        val url = host.url("/redirect?to=${elsewhere.url()}")
        assertNotFollowed(client, url, elsewhere)
        takeOver(client)
        assertEquals(200, client.get(url).status)
        assertEquals(listOf(1, 1), listOf("rotating", "root").map(Testbed::requests))
    }

    @Test
    fun `nor does one that the cache has led to from another host`() {
        val client = caching()
        val (first, elsewhere) = Testbed.host("intermediate") to Testbed.host("root")
        val url = first.url("/redirect?to=" + URLEncoder.encode(host.url("/redirect?to=${elsewhere.url()}"), "UTF-8"))
        assertNotFollowed(client, url, elsewhere)
        pinHost("rotating", host.pin())
        assertEquals(200, client.get(url).status)
    }

    @Test
    fun `a redirect that a pinned host has given itself is followed at once`() {
        pinHost("rotating", host.pin())
        assertEquals(200, caching("no-store").get(host.url("/redirect?to=${Testbed.host("root").url()}")).status)
        assertEquals(listOf(1, 1), listOf("rotating", "root").map(Testbed::requests))
    }

    @Test
    fun `who wants an answer out of the cache alone is told why there is none`() {
        val client = caching()
        val fromCache = { client.get(host.url()) { cacheControl(CacheControl.FORCE_CACHE) } }
        client.get(host.url())
        assertEquals(200, fromCache().status)
        pinHost("rotating", WRONG_PIN)
        assertRefused("no-pin-matched") { fromCache() }
        assertEquals(1, Testbed.requests("rotating"))
    }
}
