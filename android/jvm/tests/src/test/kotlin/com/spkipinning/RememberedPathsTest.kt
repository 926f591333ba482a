package com.spkipinning

import java.security.cert.X509Certificate
import java.util.concurrent.TimeUnit.MINUTES
import java.util.concurrent.TimeUnit.SECONDS
import javax.net.ssl.X509TrustManager
import okhttp3.OkHttpClient
import okhttp3.tls.HeldCertificate
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test

/** For how long, and for what, a trust manager's answer stands for the next connection too. */
class RememberedPathsTest {
    /** Trusts what `trusted` says at the moment, and counts how often it is asked for a path. */
    private class Asked(var trusted: List<X509Certificate>, delegate: X509TrustManager) : X509TrustManager by delegate {
        var count = 0

        override fun getAcceptedIssuers(): Array<X509Certificate> = trusted.toTypedArray().also { count++ }
    }

    private val root = HeldCertificate.Builder().certificateAuthority(0).validityInterval(0, Long.MAX_VALUE / 1_000_000).build()
    private val leaf = issue("a.test")
    private val asked = Asked(listOf(root.certificate), trustingAll().build().x509TrustManager!!)
    private var nanos = 0L
    private var millis = System.currentTimeMillis()
    private val path = ValidatedPath(asked, RememberedPaths({ nanos }, { millis }))

    @BeforeEach
    fun reset() = unpinned()

    private fun issue(name: String, change: HeldCertificate.Builder.() -> Unit = {}): X509Certificate =
        HeldCertificate.Builder().addSubjectAlternativeName(name).signedBy(root).apply(change).build().certificate

    private fun pathOf(vararg sent: X509Certificate, host: String = "a.test"): Chain = path.of(SessionWith(sent.asList()), host)

    /** How often the trust manager is asked in the course of something. */
    private fun asks(work: () -> Unit): Int = asked.count.let { before ->
        work()
        asked.count - before
    }

    private fun isAskedFor(vararg sent: X509Certificate, host: String = "a.test"): Boolean =
        asks { assertTrue(pathOf(*sent, host = host).isValidated) } == 1

    private fun passes(seconds: Long) {
        nanos += SECONDS.toNanos(seconds)
        millis += SECONDS.toMillis(seconds)
    }

    @Test
    fun `the same certificates of the same host have the path that was told`() {
        assertTrue(isAskedFor(leaf))
        repeat(3) { assertEquals(listOf(leaf, root.certificate), pathOf(leaf).certificates) }
        assertFalse(isAskedFor(leaf))
    }

    @Test
    fun `other certificates are asked for, were it by one that is sent along or by their order`() {
        val other = issue("a.test")
        assertTrue(isAskedFor(leaf))
        for (sent in listOf(listOf(leaf, other), listOf(other, leaf), listOf(other), listOf(leaf))) {
            assertTrue(isAskedFor(*sent.toTypedArray()), "$sent")
            assertFalse(isAskedFor(*sent.toTypedArray()), "$sent")
        }
    }

    @Test
    fun `another host is asked for`() {
        assertTrue(isAskedFor(leaf))
        for (host in listOf("b.test", "a.test.")) assertTrue(isAskedFor(leaf, host = host), host)
    }

    @Test
    fun `what is not trusted is asked for each time, and so is what is trusted no more once its minute is over`() {
        asked.trusted = emptyList()
        repeat(3) { assertEquals(1, asks { assertFalse(pathOf(leaf).isValidated) }) }
        asked.trusted = listOf(root.certificate)
        assertTrue(isAskedFor(leaf))
        asked.trusted = emptyList()
        assertEquals(0, asks { assertTrue(pathOf(leaf).isValidated) })
        passes(seconds = 60)
        repeat(3) { assertEquals(1, asks { assertFalse(pathOf(leaf).isValidated) }) }
    }

    @Test
    fun `a path is remembered for a minute, however often it is asked for`() {
        assertTrue(isAskedFor(leaf))
        repeat(2) {
            repeat(59) {
                passes(seconds = 1)
                assertFalse(isAskedFor(leaf), "after ${it + 1} seconds")
            }
            passes(seconds = 1)
            assertTrue(isAskedFor(leaf))
        }
    }

    @Test
    fun `a device that has slept for a minute, or whose clock is set, has the path asked for`() {
        assertTrue(isAskedFor(leaf))
        for (step in listOf(MINUTES.toMillis(1), -MINUTES.toMillis(1))) {
            millis += step
            assertTrue(isAskedFor(leaf), "$step")
            assertFalse(isAskedFor(leaf), "$step")
        }
        nanos += MINUTES.toNanos(1)
        assertTrue(isAskedFor(leaf), "the clock was set back for as long as it took")
    }

    @Test
    fun `a path of which a certificate has expired meanwhile, or is not valid yet, is asked for`() {
        // Within the time that PKIX takes for now, each.
        val ends = issue("a.test") { validityInterval(millis - 50_000, millis + 50_000) }
        assertTrue(isAskedFor(ends))
        millis = ends.notAfter.time
        assertFalse(isAskedFor(ends))
        millis += 1
        assertTrue(isAskedFor(ends))
        millis = ends.notBefore.time
        assertTrue(isAskedFor(ends), "more than a minute before")
        assertFalse(isAskedFor(ends))
        millis -= 1
        assertTrue(isAskedFor(ends))
    }

    @Test
    fun `paths of 32 hosts are remembered, and those that were told last`() {
        val hosts = (1..RememberedPaths.MOST + 1).map { "$it.test" }
        for (host in hosts) assertTrue(isAskedFor(leaf, host = host))
        for (host in hosts.drop(1)) assertFalse(isAskedFor(leaf, host = host), host)
        assertTrue(isAskedFor(leaf, host = hosts.first()))
    }

    private fun client(trustManager: X509TrustManager, base: OkHttpClient.Builder = plain()): OkHttpClient =
        SpkiPinning.install(base.sslSocketFactory(Tls("JSSE").context.socketFactory, trustManager)).build()

    @Test
    fun `new connections of a client have the path asked for once, and are judged by the pins in force`() {
        val host = Testbed.host("leaf")
        asked.trusted = listOf(Testbed.ca)
        val client = client(asked)
        pinHost("leaf", host.pin("root"))
        assertEquals(1, asks { repeat(3) { assertEquals(200, client.getAnew(host.url()).status) } })
        pinHost("leaf", WRONG_PIN)
        assertEquals(0, asks { assertRefused("no-pin-matched") { client.getAnew(host.url()) } })
        assertEquals(3, Testbed.requests("leaf"))
    }

    @Test
    fun `a path that one trust manager has told is none for another`() {
        val host = Testbed.host("leaf")
        asked.trusted = listOf(Testbed.ca)
        val client = client(asked)
        pinHost("leaf", host.pin("root"))
        assertEquals(200, client.get(host.url()).status)
        val other = Asked(emptyList(), asked)
        assertRefused("chain-not-validated") { client(other, client.newBuilder()).getAnew(host.url()) }
    }
}
