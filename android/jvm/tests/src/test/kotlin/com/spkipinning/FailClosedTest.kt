package com.spkipinning

import java.security.cert.X509Certificate
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicBoolean
import kotlin.concurrent.thread
import org.json.JSONObject
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test

/** What goes wrong stops connections to pinned hosts, and no others. */
class FailClosedTest {
    @BeforeEach
    fun reset() = unpinned()

    private val none = emptyArray<ByteArray>()

    private fun reason(host: String?, chain: Array<ByteArray>) =
        NativeCheck.check(host, chain, true, "test")?.let { JSONObject(it).getString("reason") }

    @Test
    fun `an engine that panics refuses pinned hosts, and no others`() {
        val client = pinned()
        pinHost("leaf", Testbed.host("leaf").pin())
        for (name in listOf("leaf", "http1")) {
            client.connectionPool.evictAll()
            NativeTesting.panicInNextCall() // "is it pinned?"
            assertEquals(200, client.get(Testbed.host(name).url()).status, name)
        }
        NativeTesting.panicInNextCall()
        assertEquals("internal-error", reason(Testbed.host("leaf").host, arrayOf(Testbed.ca.encoded)))
        NativeTesting.panicInNextCall()
        assertNull(reason(Testbed.host("http1").host, none))
    }

    @Test
    fun `a chain that is empty, too long, too large, or no chain, is refused for pinned hosts only`() {
        pinHost("leaf", Testbed.host("leaf").pin())
        val certificate = Testbed.ca.encoded
        val chains = mapOf(
            "empty-chain" to none,
            "chain-too-large" to Array(100) { certificate },
            "unparsable-chain" to arrayOf(certificate, byteArrayOf(1, 2, 3)),
        ) + mapOf("chain-too-large" to arrayOf(ByteArray(1 shl 20)))
        for ((expected, chain) in chains) {
            assertEquals(expected, reason("leaf.spki.test", chain))
            assertNull(reason("elsewhere.test", chain))
        }
        assertEquals("missing-host", reason(null, arrayOf(certificate)))
        unpinned()
        assertNull(reason(null, none))
    }

    @Test
    fun `a chain that cannot be had is refused for pinned hosts only`() {
        pinHost("leaf", Testbed.host("leaf").pin())
        val broken: () -> Chain = { throw IllegalStateException("no chain") }
        lateinit var refusal: SslPinningException
        val events = eventsOf { refusal = Judge.check("leaf.spki.test", broken)!! }
        assertEquals(listOf("internal-error"), events.map { it.getString("reason") })
        assertEquals(listOf("internal-error", "leaf.spki.test"), listOf(refusal.reason, refusal.serverHostname))
        assertTrue("no chain" in refusal.message!!)
        assertNull(Judge.check("elsewhere.test", broken))
        assertEquals("missing-host", Judge.check(null) { Chain(listOf(Testbed.ca), isValidated = true) }?.reason)
    }

    @Test
    fun `a listener that throws has no say in what becomes of a connection`() {
        val client = pinned()
        pinHost("leaf", WRONG_PIN)
        for (thrown in listOf(IllegalStateException("JavaScript is gone"), StackOverflowError())) {
            NativeCheck.listener = { throw thrown }
            NativeCheck.setListening(true)
            assertRefused("no-pin-matched") { client.get(Testbed.host("leaf").url()) }
            assertEquals(200, client.get(Testbed.host("http1").url()).status)
            NativeCheck.setListening(false)
            NativeCheck.listener = null
        }
    }

    @Test
    fun `64 threads get right answers while configurations are swapped`() {
        val host = Testbed.host("leaf").host
        val chain: () -> Chain = { Chain(listOf<X509Certificate>(Testbed.ca), isValidated = true) }
        val right = Testbed.host("leaf").pin("root")

        // Whichever configuration is in force: for one host a pin is right in all of them, for the other none is in any.
        fun swap(other: Int) = initialize(
            JSONObject()
                .put(host, JSONObject("""{"publicKeyHashes": ["$right", "$WRONG_PIN"]}"""))
                .put("wrong.test", JSONObject("""{"publicKeyHashes": ["$WRONG_PIN"]}"""))
                .put("other$other.test", JSONObject("""{"publicKeyHashes": ["$WRONG_PIN"]}""")),
        )
        swap(0)
        val isOver = AtomicBoolean()
        val threads = Executors.newFixedThreadPool(64)
        val checks = List(64) {
            threads.submit<Int> {
                var count = 0
                while (!isOver.get()) {
                    assertNull(Judge.check(host, chain))
                    assertEquals("no-pin-matched", Judge.check("wrong.test", chain)?.reason)
                    count += 2
                }
                count
            }
        }
        (1..200).forEach(::swap)
        isOver.set(true)
        val count = checks.sumOf { it.get(10, TimeUnit.SECONDS) }
        threads.shutdown()
        assertTrue(count > 1000, "$count")
    }

    @Test
    fun `a configuration that is refused does not make up for an embedded one that is not in force`() {
        assertNotNull(EmbeddedConfiguration.put("""{"domains": {"https://a.test/": {"publicKeyHashes": []}}}"""))
        val isOver = AtomicBoolean()
        // What else changes the generation: who asks which stacks are covered.
        val watcher = thread { while (!isOver.get()) NativeCheck.watch("a.test") }
        try {
            repeat(2000) {
                Configuration.initialize("this is wrong too")
                assertNotNull(EmbeddedConfiguration.refusal("a.test"), "after $it times")
            }
        } finally {
            isOver.set(true)
            watcher.join()
            NativeCheck.watched()
            EmbeddedConfiguration.isReplaced()
        }
    }

    @Test
    fun `without the library an app runs on, and the hosts of an embedded configuration are not reached`() {
        val java = ProcessHandle.current().info().command().get()
        val command = listOf(java, "-cp", System.getProperty("java.class.path"), "-Djava.library.path=/nowhere") +
            listOf("-Dspki.testbed=${System.getProperty("spki.testbed")}", "com.spkipinning.WithoutLibraryKt")
        val process = ProcessBuilder(command).redirectErrorStream(true).start()
        val output = process.inputStream.bufferedReader().readText()
        assertEquals(0, process.waitFor(), output)
        val lines = listOf(
            "before: leaf 200, http1 200, 127.0.0.1 200",
            "named: leaf internal-error, http1 200, 127.0.0.1 200",
            "address: leaf 200, http1 200, 127.0.0.1 internal-error",
            "unreadable: leaf internal-error, http1 internal-error, 127.0.0.1 internal-error",
            "replaced: leaf 200, http1 200, 127.0.0.1 200",
        )
        assertEquals(lines, output.trim().lines().filter { ": leaf" in it }, output)
    }
}
