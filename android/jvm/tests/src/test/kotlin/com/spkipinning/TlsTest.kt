package com.spkipinning

import java.nio.file.Path
import java.security.cert.Certificate
import java.security.cert.X509Certificate
import java.util.Base64
import java.util.concurrent.atomic.AtomicBoolean
import javax.net.ssl.X509TrustManager
import okhttp3.Cache
import okhttp3.CertificatePinner
import okhttp3.CipherSuite
import okhttp3.ConnectionSpec
import okhttp3.Handshake
import okhttp3.Interceptor
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.TlsVersion
import okhttp3.tls.HandshakeCertificates
import okhttp3.tls.HeldCertificate
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.CsvSource
import org.junit.jupiter.params.provider.ValueSource

/** What an attacker, the app or the platform can do to TLS, under both of the TLS libraries there are. */
class TlsTest {
    @TempDir
    lateinit var directory: Path

    @BeforeEach
    fun reset() = unpinned()

    @ParameterizedTest
    @CsvSource("JSSE,tickets12", "JSSE,tickets13", "Conscrypt,tickets12", "Conscrypt,tickets13")
    fun `a resumed session is judged by the pins in force now`(provider: String, name: String) {
        val host = Testbed.host(name)
        val client = pinned(Tls(provider))
        assertFalse(client.get(host.url()).isResumed)
        assertTrue(client.getAnew(host.url()).isResumed, "a premise: as ever where nothing is pinned")
        for (role in listOf("intermediate", "root", "leaf")) {
            pinHost(name, host.pin(role))
            val again = client.getAnew(host.url())
            assertEquals(listOf(200, true), listOf(again.status, again.isResumed), role)
        }
        val before = Testbed.requests(name)
        pinHost(name, WRONG_PIN)
        client.connectionPool.evictAll()
        repeat(2) { assertRefused("no-pin-matched") { client.get(host.url()) } }
        assertEquals(before, Testbed.requests(name))
        pinHost(name, host.pin())
        assertEquals(200, client.get(host.url()).status, "the right server is let in again")
    }

    @ParameterizedTest
    @ValueSource(strings = ["JSSE", "Conscrypt"])
    fun `a chain that only looks as if it held the pin is refused`(provider: String) {
        val client = pinned(Tls(provider))
        pinHost("appended", Testbed.host("leaf").pin("intermediate"))
        assertRefused("no-pin-matched") { client.get(Testbed.host("appended").url()) }
        for (role in listOf("leaf", "intermediate")) {
            pinHost("leaf", Testbed.host("leaf").pin(role))
            assertRefused("no-pin-matched") { client.get(Testbed.host("impostor").url()) }
            assertRefused("no-pin-matched") { client.get(Testbed.host("same-name-ca").url()) }
        }
        val rogue = pinned(Tls(provider, Testbed.withRogueCa))
        pinHost("leaf", *listOf("leaf", "intermediate", "root").map { Testbed.host("leaf").pin(it) }.toTypedArray())
        assertRefused("no-pin-matched") { rogue.get(Testbed.host("rogue-issuer").url()) }
    }

    @ParameterizedTest
    @ValueSource(strings = ["JSSE", "Conscrypt"])
    fun `what really issued the leaf may be pinned, whatever else was sent`(provider: String) {
        for (role in listOf("leaf", "intermediate", "root")) {
            pinHost("appended", Testbed.host("appended").pin(role))
            assertEquals(200, pinned(Tls(provider)).get(Testbed.host("appended").url()).status, role)
        }
    }

    @Test
    fun `switching validation off does not switch pinning off`() {
        val client = SpkiPinning.install(trustingAll()).build()
        for (name in listOf("self-signed", "expired", "leaf")) {
            val host = Testbed.host(name)
            assertEquals(200, client.getAnew(host.url()).status, "as ever where nothing is pinned")
            pinHost(name, host.servedPins.first())
            assertRefused("chain-not-validated") { client.getAnew(host.url()) }
            unpinned()
        }
    }

    @Test
    fun `a trust manager that tells the path, as Android's do, is asked for it`() {
        val root = HeldCertificate.Builder().certificateAuthority(0).build()
        val leaf = HeldCertificate.Builder().signedBy(root).build().certificate
        val asked = mutableListOf<String>()

        @Suppress("unused") // Android finds the method by reflection
        val telling = object : X509TrustManager by Tls("JSSE").trustManager {
            fun checkServerTrusted(chain: Array<X509Certificate>, authType: String, host: String): List<X509Certificate> {
                asked += host
                return listOf(chain.first(), root.certificate)
            }
        }
        val session = SessionWith(listOf(leaf, Testbed.ca))
        val chain = ValidatedPath(telling).of(session, "a.test")
        assertEquals(listOf(true, listOf(leaf, root.certificate)), listOf(chain.isValidated, chain.certificates))
        assertEquals(listOf("a.test"), asked)
    }

    @ParameterizedTest
    @ValueSource(strings = ["nothing", "null", "exception", "error"])
    fun `a trust manager of the app's that tells no path vouches for nobody`(answer: String) {
        val tls = Tls("JSSE")

        @Suppress("unused")
        val odd = object : X509TrustManager by tls.trustManager {
            fun checkServerTrusted(chain: Array<X509Certificate>, authType: String, host: String): List<X509Certificate>? =
                when (answer) {
                    "nothing" -> emptyList()
                    "null" -> null
                    "exception" -> throw IllegalStateException(authType + host)
                    else -> throw StackOverflowError()
                }
        }
        val client = SpkiPinning.install(plain().sslSocketFactory(tls.context.socketFactory, odd)).build()
        val host = Testbed.host("appended")
        assertEquals(200, client.get(host.url()).status, "as ever where nothing is pinned")
        pinHost("appended", Testbed.host("leaf").pin("intermediate"))
        assertTrue(refusal { client.getAnew(host.url()) }.reason in listOf("no-pin-matched", "chain-not-validated"))
        assertEquals(1, Testbed.requests("appended"))
        pinHost("appended", host.pin("root"))
        if (!answer.startsWith("e")) assertEquals(200, client.get(host.url()).status, "its real path is found without it")
    }

    @Test
    fun `a trust manager of the app's that tells what was sent for the path lets no other certificate in`() {
        val tls = Tls("JSSE")
        val telling = object : X509TrustManager by tls.trustManager {
            @Suppress("unused")
            fun checkServerTrusted(chain: Array<X509Certificate>, authType: String, host: String) = chain.toList()
        }
        val host = Testbed.host("appended")
        val plain = { plain().sslSocketFactory(tls.context.socketFactory, telling) }
        val pinned = SpkiPinning.install(plain()).build()
        val changed = pinned().newBuilder().sslSocketFactory(tls.context.socketFactory, telling).build()
        val say = Interceptor { it.proceed(it.request()).newBuilder().header("Cache-Control", "max-age=86400").build() }
        val cache = Cache(directory.toFile(), 1 shl 20)
        val caching = SpkiPinning.install(plain().cache(cache).addNetworkInterceptor(say)).build()
        for (client in listOf(pinned, changed, caching)) {
            assertEquals(200, client.get(host.url()).status, "as ever where nothing is pinned")
        }
        pinHost("appended", Testbed.host("leaf").pin("intermediate"))
        for (client in listOf(pinned, changed, caching)) {
            val reason = refusal { client.getAnew(host.url()) }.reason
            assertTrue(reason in listOf("no-pin-matched", "chain-not-validated"), reason)
        }
        assertEquals(3, Testbed.requests("appended"))
        pinHost("appended", host.pin("root"))
        assertEquals(200, pinned.get(host.url()).status, "its real path is found without it")
    }

    /** On Android OkHttp takes for the path of a handshake what the trust manager tells; on a JVM it finds one. */
    @Test
    fun `what OkHttp has of such a trust manager is no path either`() {
        val root = HeldCertificate.Builder().certificateAuthority(0).build()
        val leaf = HeldCertificate.Builder().signedBy(root).build().certificate
        val stranger = HeldCertificate.Builder().build().certificate
        val isPath = { told: List<X509Certificate> ->
            chainOf(Handshake.get(TlsVersion.TLS_1_3, CipherSuite.TLS_AES_128_GCM_SHA256, told, emptyList())).isValidated
        }
        assertEquals(listOf(true, true), listOf(listOf(leaf), listOf(leaf, root.certificate)).map(isPath))
        val none = listOf(listOf(), listOf(leaf, stranger), listOf(leaf, root.certificate, stranger))
        assertEquals(listOf(false, false, false), none.map(isPath))
        assertFalse(chainOf(null).isValidated)
    }

    @Test
    fun `a leaf that the app itself trusts may be pinned`() {
        val leaf = HeldCertificate.Builder().addSubjectAlternativeName("own.spki.test").build()
        val path = ValidatedPath(Tls("JSSE", listOf(leaf.certificate)).trustManager)
        assertFalse(path.of(SessionWith(listOf(Testbed.ca)), "own.spki.test").isValidated)
        val chain = path.of(SessionWith(listOf(leaf.certificate)), "own.spki.test")
        assertEquals(listOf(true, listOf(leaf.certificate)), listOf(chain.isValidated, chain.certificates))
    }

    @Test
    fun `a hostname verifier of the app's own is asked, and cannot make up for a pin`() {
        val host = Testbed.host("wrong-host")
        val isFriendly = AtomicBoolean()
        val client = SpkiPinning.install(plain().hostnameVerifier { _, _ -> isFriendly.get() }).build()
        assertFalse(assertThrows(Exception::class.java) { client.get(host.url()) } is SslPinningException)
        isFriendly.set(true)
        assertEquals(200, client.get(host.url()).status)
        pinHost("wrong-host", WRONG_PIN)
        assertRefused("no-pin-matched") { client.get(host.url()) }
    }

    @Test
    fun `pins of OkHttp's own hold beside ours`() {
        val host = Testbed.host("leaf")
        pinHost("leaf", host.pin())
        val own = { pin: String -> CertificatePinner.Builder().add(host.host, "sha256/$pin").build() }
        val client = { pin: String -> SpkiPinning.install(plain().certificatePinner(own(pin))).build() }
        assertEquals(200, client(host.pin()).get(host.url()).status)
        val error = assertThrows(Exception::class.java) { client(WRONG_PIN).get(host.url()) }
        assertTrue("Certificate pinning failure!" in error.message!!)
    }

    @ParameterizedTest
    @ValueSource(strings = ["JSSE", "Conscrypt"])
    fun `client certificates are still sent`(provider: String) {
        val held = HeldCertificate.decode(Testbed.clientCertificates.first().pem() + Testbed.clientKey)
        val keys = HandshakeCertificates.Builder().heldCertificate(held, Testbed.clientCertificates.last()).build()
        val client = pinned(Tls(provider, keys = arrayOf(keys.keyManager)))
        val host = Testbed.host("client-cert")
        pinHost("client-cert", host.pin())
        client.newCall(Request.Builder().url(host.url()).build()).execute().use {
            assertEquals(listOf(200, held.certificate), listOf(it.code, it.handshake!!.localCertificates.first()))
        }
    }

    @Test
    fun `a proxy makes no difference`() {
        ConnectProxy().use { proxy ->
            val client = pinned().newBuilder().proxy(proxy.address).build()
            val host = Testbed.host("intermediate")
            pinHost("intermediate", host.pin())
            assertEquals(200, client.get(host.url()).status)
            assertEquals(1, proxy.tunnels.get())
            pinHost("intermediate", WRONG_PIN)
            assertRefused("no-pin-matched") { client.get(host.url()) }
            assertEquals(1, Testbed.requests("intermediate"))
        }
    }

    @Test
    fun `a second host on an HTTP 2 connection's address is judged by its own pins`() {
        val (a, b) = Testbed.host("coalesced-a") to Testbed.host("coalesced-b")
        val bare = plain().build()
        assertEquals(bare.get(a.url()).connection, bare.get(b.url()).connection, "a premise: OkHttp alone shares it")
        val client = pinned()
        pinHost("coalesced-b", WRONG_PIN)
        assertEquals(200, client.get(a.url()).status)
        assertRefused("no-pin-matched") { client.get(b.url()) }
        pinHost("coalesced-b", b.pin())
        assertEquals(200, client.get(b.url()).status)
    }

    @Test
    fun `with the library no two hosts share an HTTP 2 connection`() {
        val client = pinned()
        val connections = listOf("coalesced-a", "coalesced-b").map { client.get(Testbed.host(it).url()).connection }
        assertNotEquals(connections[0], connections[1])
    }

    @Test
    fun `a client that shares connections all the same is judged for each request`() {
        // As one would be that got a verifier of OkHttp's own after install().
        val client = pinned().newBuilder().hostnameVerifier(OkHttpClient().hostnameVerifier).build()
        val (a, b) = Testbed.host("coalesced-a") to Testbed.host("coalesced-b")
        assertEquals(client.get(a.url()).connection, client.get(b.url()).connection)
        pinHost("coalesced-b", WRONG_PIN)
        assertEquals(200, client.get(a.url()).status)
        assertRefused("no-pin-matched") { client.get(b.url()) }
        assertEquals(3, Testbed.requests("coalesced-a"))
    }

    @Test
    fun `a client that is made for every request reuses connections`() {
        val base = plain().build()
        val get = { SpkiPinning.install(base.newBuilder()).build().get(Testbed.host("http1").url()).connection }
        assertEquals(get(), get())
    }

    @Test
    fun `a second install changes nothing`() {
        val once = pinned()
        val twice = SpkiPinning.install(once.newBuilder()).build()
        assertEquals(
            listOf(once.sslSocketFactory, once.hostnameVerifier, once.interceptors, once.networkInterceptors),
            listOf(twice.sslSocketFactory, twice.hostnameVerifier, twice.interceptors, twice.networkInterceptors),
        )
    }

    @Test
    fun `a client without TLS stays as it is`() {
        val builder = OkHttpClient.Builder().connectionSpecs(listOf(ConnectionSpec.CLEARTEXT))
        assertEquals(null, SpkiPinning.install(builder).build().x509TrustManager)
    }
}

private fun X509Certificate.pem(): String =
    "-----BEGIN CERTIFICATE-----\n${Base64.getMimeEncoder().encodeToString(encoded)}\n-----END CERTIFICATE-----\n"
