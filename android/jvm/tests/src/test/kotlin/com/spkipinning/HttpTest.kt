package com.spkipinning

import java.io.IOException
import java.util.concurrent.CompletableFuture
import java.util.concurrent.CompletionException
import javax.net.ssl.SSLHandshakeException
import javax.net.ssl.SSLPeerUnverifiedException
import javax.net.ssl.X509TrustManager
import okhttp3.CertificatePinner
import okhttp3.HttpUrl.Companion.toHttpUrlOrNull
import okhttp3.OkHttp
import okhttp3.RequestBody.Companion.toRequestBody
import org.json.JSONObject
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource

/** HTTP through a client that has the library installed, against real servers. */
class HttpTest {
    private val client = pinned()

    @BeforeEach
    fun reset() = unpinned()

    @Test
    fun `a pin at the leaf, the intermediate or the root lets requests through`() {
        for (name in listOf("intermediate", "rsa2048", "rsa4096", "p256", "p384", "ed25519", "http1", "h2")) {
            for (role in listOf("leaf", "intermediate", "root")) {
                pinHost(name, Testbed.host(name).pin(role), WRONG_PIN)
                assertEquals(200, client.getAnew(Testbed.host(name).url()).status, "$name $role")
            }
        }
    }

    @Test
    fun `the path of a connection is found once, whatever is configured then`() {
        val host = Testbed.host("leaf")
        val tls = Tls("JSSE")
        var found = 0
        val counting = object : X509TrustManager by tls.trustManager {
            override fun getAcceptedIssuers() = tls.trustManager.acceptedIssuers.also { found++ }
        }
        val client = SpkiPinning.install(plain(tls).sslSocketFactory(tls.context.socketFactory, counting)).build()
        found = 0 // OkHttp asks too, when a client is made
        for (pin in listOf(host.pin(), host.pin("root"))) {
            pinHost("leaf", pin)
            repeat(3) { assertEquals(200, client.get(host.url()).status) }
            assertEquals(1, found)
        }
        assertEquals(1, Testbed.control("GET", "/connections?host=leaf").getInt("accepted"))
    }

    @Test
    fun `a wrong pin fails the request with the reason, and nothing reaches the server`() {
        val host = Testbed.host("root")
        val pins = listOf("leaf", "intermediate", "root").map(host::pin)
        pinHost("root", WRONG_PIN)
        val events = eventsOf {
            val error = refusal { client.get(host.url("/echo")) { post("secret".toRequestBody()) } }
            val said = listOf(error.serverHostname, error.reason, error.servedPins)
            assertEquals(listOf(host.host, "no-pin-matched", pins), said)
            for (part in pins + WRONG_PIN + host.host) assertTrue(part in error.message!!, error.message)
        }
        assertEquals(0, Testbed.requests("root"))
        val event = events.single()
        assertEquals(
            listOf("failure", host.host, "no-pin-matched", true, "okhttp"),
            listOf("kind", "serverHostname", "reason", "enforced", "stack").map(event::get),
        )
        assertEquals(listOf(pins, listOf(WRONG_PIN)), listOf(event.strings("servedPins"), event.strings("expectedPins")))
    }

    @Test
    fun `a refusal is final, as one of OkHttp's own pins is`() {
        val host = Testbed.host("root")
        val pins = CertificatePinner.Builder().add(host.host, "sha256/$WRONG_PIN").build()
        val own = plain().dns(Loopback(addresses = 2)).certificatePinner(pins).build()
        assertThrows(SSLPeerUnverifiedException::class.java) { own.get(host.url()) }
        val handshakes = handshakes("root")
        unpinned()
        pinHost("root", WRONG_PIN)
        assertRefused("no-pin-matched") { client.newBuilder().dns(Loopback(addresses = 2)).build().get(host.url()) }
        assertEquals(handshakes, handshakes("root"))
        // OkHttp 5 tries each address, and judges each.
        assertEquals(if (OkHttp.VERSION.startsWith("4.")) 1 else 2, handshakes)
    }

    private fun handshakes(name: String): Int {
        Thread.sleep(100) // one more could still be coming
        return Testbed.control("GET", "/connections?host=$name").getInt("handshakes")
    }

    @Test
    fun `trailing dot, upper case and subdomain are pinned too`() {
        val host = Testbed.host("leaf")
        for (name in listOf("leaf.spki.test.", "LEAF.spki.TEST", "a.leaf.spki.test", "A.Leaf.spki.test.")) {
            val spelled = host.url().replace(host.host, name)
            pinHost("leaf", host.pin())
            assertEquals(200, client.getAnew(spelled).status, name)
            pinHost("leaf", WRONG_PIN)
            assertRefused("no-pin-matched") { client.get(spelled) }
        }
    }

    @Test
    fun `no spelling that OkHttp takes gets past the pins`() {
        val host = Testbed.host("leaf")
        pinHost("leaf", WRONG_PIN)
        val spelled = listOf(
            "leaf.spki.test..", "leaf%2Espki.test", "leaf%2espki%2Etest%2e", "%6Ceaf.spki.test", "leaf\u3002spki.test",
            "leaf\uFF0Espki\uFF61test", "leaf\u2024spki.test", "\uFF4Ceaf.spki.test", "lea\u00ADf.spki.test",
            "l\u200Beaf.spki.test", "user:password@leaf.spki.test", "other.test@leaf.spki.test", "leaf.spki.test%00.a.test",
            "leaf.spki.test\t", "leaf.\u017Fpki.test", "LEAF.SPKI.TE\u017FT", "a_b.leaf.spki.test",
            "-.leaf.spki.test", "xn--.leaf.spki.test", "a..leaf.spki.test", "\u00DF.leaf.spki.test", "*.leaf.spki.test",
        )
        val urls = spelled.mapNotNull { "https://$it:${host.port}/".toHttpUrlOrNull() }
        assertTrue(urls.size > 12, "a premise: OkHttp takes most of them: $urls")
        for (url in urls) {
            val error = assertThrows(IOException::class.java, { client.get(url.toString()) }, "$url")
            assertTrue(error is SslPinningException || error !is SSLPeerUnverifiedException, "$url: $error")
        }
        assertEquals(0, Testbed.requests("leaf"))
    }

    @Test
    fun `a trailing dot does not get past the pins on a pooled connection`() {
        val host = Testbed.host("leaf")
        assertEquals(200, client.get(host.url().replace(host.host, "${host.host}.")).status)
        pinHost("leaf", WRONG_PIN)
        assertRefused("no-pin-matched") { client.get(host.url().replace(host.host, "${host.host}.")) }
        assertEquals(1, Testbed.requests("leaf"))
    }

    @Test
    fun `an IP literal is pinned too, in every spelling`() {
        val host = Testbed.host("leaf")
        pin("127.0.0.1", host.pin())
        assertEquals(200, client.get("https://127.0.0.1:${host.port}/").status)
        pin("127.0.0.1", WRONG_PIN)
        for (spelled in listOf("127.0.0.1", "[::ffff:127.0.0.1]")) {
            assertRefused("no-pin-matched") { client.get("https://$spelled:${host.port}/") }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = ["http1", "h2"])
    fun `an open connection is judged by the pins in force now`(name: String) {
        val host = Testbed.host(name)
        val first = client.get(host.url())
        pinHost(name, host.pin())
        assertEquals(first.connection, client.get(host.url()).connection, "still allowed, so still used")
        pinHost(name, host.pin("root"))
        assertEquals(first.connection, client.get(host.url()).connection)
        pinHost(name, WRONG_PIN)
        assertRefused("no-pin-matched") { client.get(host.url()) }
        assertEquals(3, Testbed.requests(name), "nothing reached the server")
        pinHost(name, host.pin())
        assertNotEquals(first.connection, client.get(host.url()).connection, "works again")
    }

    @ParameterizedTest
    @ValueSource(strings = ["http1", "h2"])
    fun `a change of pins that nobody told the library of holds for the next request too`(name: String) {
        val host = Testbed.host(name)
        client.get(host.url())
        val document = """{"${host.host}": {"publicKeyHashes": ["$WRONG_PIN"]}}"""
        val answer = NativeCheck.initialize(document, embedded = false) // past Configuration, as a pin update comes
        assertTrue("\"ok\":true" in answer, answer)
        assertRefused("no-pin-matched") { client.get(host.url()) }
        assertEquals(1, Testbed.requests(name))
    }

    @ParameterizedTest
    @ValueSource(strings = ["http1", "h2"])
    fun `a request that is under way is cut when its server is no longer allowed`(name: String) {
        val host = Testbed.host(name)
        pinHost(name, host.pin())
        val slow = CompletableFuture.supplyAsync { client.get(host.url("/slow?ms=20000")) }
        while (Testbed.requests(name) == 0) Thread.sleep(5)
        pinHost(name, WRONG_PIN)
        val error = assertThrows(CompletionException::class.java) { slow.join() }
        assertTrue(error.cause is IOException, "$error")
    }

    @Test
    fun `a rotated key is refused until it is pinned`() {
        val host = Testbed.host("rotating")
        pinHost("rotating", host.pin())
        assertEquals(200, client.get(host.url()).status)
        Testbed.control("POST", "/rotate?host=rotating&to=B")
        assertRefused("no-pin-matched") { client.getAnew(host.url()) }
        pinHost("rotating", host.pin(), host.nextPin)
        assertEquals(200, client.get(host.url()).status)
    }

    @Test
    fun `a host that is not pinned is left alone, errors included`() {
        pin("elsewhere.test", WRONG_PIN)
        val events = eventsOf {
            assertEquals(200, client.get(Testbed.host("leaf").url()).status)
            assertThrows(SSLHandshakeException::class.java) { client.get(Testbed.host("expired").url()) }
            assertThrows(SSLHandshakeException::class.java) { client.get(Testbed.host("self-signed").url()) }
            val wrongName =
                assertThrows(SSLPeerUnverifiedException::class.java) { client.get(Testbed.host("wrong-host").url()) }
            assertFalse(wrongName is SslPinningException)
        }
        assertEquals(0, events.size)
    }

    @Test
    fun `both the host of the URL and the one of a Host header have to satisfy their pins`() {
        val host = Testbed.host("leaf")
        val url = "https://127.0.0.1:${host.port}/"
        for (pinned in listOf(host.host, "127.0.0.1")) {
            pin(pinned, host.pin())
            assertEquals(200, client.get(url) { header("Host", host.host) }.status)
            pin(pinned, WRONG_PIN)
            assertEquals(pinned, refusal { client.get(url) { header("Host", "${host.host}:443") } }.serverHostname)
        }
    }

    @Test
    fun `a redirect to a host that fails its pins is refused and names that host`() {
        pinHost("root", WRONG_PIN)
        val (from, to) = Testbed.host("intermediate") to Testbed.host("root")
        val events = eventsOf {
            assertEquals(to.host, refusal { client.get(from.url("/redirect?to=${to.url()}")) }.serverHostname)
        }
        assertEquals(to.host, events.single().getString("serverHostname"))
        assertEquals(listOf(1, 0), listOf("intermediate", "root").map(Testbed::requests))
    }

    @Test
    fun `report-only goes ahead, and tells once for each connection`() {
        val host = Testbed.host("http1")
        pin(host.host, WRONG_PIN, reportOnly = true)
        val events = eventsOf {
            repeat(3) { assertEquals(200, client.get(host.url()).status) }
            assertEquals(200, client.getAnew(host.url()).status)
        }
        assertEquals(listOf(false, false), events.map { it.getBoolean("enforced") })
    }

    @Test
    fun `connections are counted once, those to hosts that are not pinned included`() {
        fun counters() = JSONObject(NativeCheck.status()).getJSONObject("counters")
        fun counted(work: () -> Unit): List<Int> {
            val before = counters()
            work()
            val after = counters()
            return listOf("checks", "allowed", "blocked").map { after.getInt(it) - before.getInt(it) }
        }
        pinHost("http1", Testbed.host("http1").pin())
        assertEquals(listOf(1, 1, 0), counted { repeat(3) { client.get(Testbed.host("http1").url()) } })
        assertEquals(listOf(1, 1, 0), counted { repeat(3) { client.get(Testbed.host("leaf").url()) } })
        pinHost("intermediate", WRONG_PIN)
        assertEquals(listOf(1, 0, 1), counted { refusal { client.get(Testbed.host("intermediate").url()) } })
    }
}
