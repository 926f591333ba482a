package com.spkipinning

import java.time.Instant
import java.util.concurrent.Callable
import java.util.concurrent.Executors
import kotlin.random.Random
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

/**
 * Random arguments to every native, by several threads: each is answered as it should be, and nothing is written where it
 * should not. It says most where the address sanitizer watches (`npm run test:sanitizers`). The system properties `odd.rounds`
 * and `odd.seed` say how many, and which.
 */
class OddArgumentsTest {
    private val library = HostLibrary
    private val pinned = "example.com"
    private val chain = listOf("leaf", "intermediate", "root").map(Vectors::der)
    private val pins = listOf("leaf", "other-root").map(Vectors::pin)
    private val readable = Vectors.good.keys.map(Vectors::der)
    private val allowed = Vectors.good.keys.filter { Vectors.pin(it) in pins }.map(Vectors::der)
    private val broken = Vectors.broken.keys.map(Vectors::der)
    private val document = """{"$pinned": {"publicKeyHashes": [${pins.joinToString { "\"$it\"" }}]}}"""
    private val large = ByteArray(10_000_000) { 0x30 }
    private val barelyTooLarge = chain[0].copyOf(256 * 1024 + 1)

    /** Neither a host of the configuration nor a document: a text, half a surrogate pair for one, or none. */
    private fun Random.text(): String? = when (nextInt(10)) {
        0 -> null
        1 -> ""
        2 -> "a\u0000b"
        3 -> "\uD800"
        4 -> "\uDC00\uD800".repeat(nextInt(1, 400))
        5 -> "\uD83D\uDD12".repeat(nextInt(1, 2000))
        6 -> "x".repeat(nextInt(1_000_000))
        7 -> "{\"".repeat(nextInt(300)) + "example.org"
        else -> String(CharArray(nextInt(64)) { nextInt(0x10000).toChar() })
    }

    private fun Random.certificate(): ByteArray? = when (nextInt(16)) {
        0 -> null
        1 -> ByteArray(0)
        2 -> large
        3 -> barelyTooLarge
        4 -> broken.random(this)
        5 -> readable.random(this).let { it.copyOf(nextInt(it.size)) }
        6 -> nextBytes(nextInt(4000))
        else -> readable.random(this)
    }

    private fun Random.chain(): Array<ByteArray?>? = when (nextInt(12)) {
        0 -> null
        1 -> emptyArray()
        2 -> arrayOfNulls(nextInt(1, 100_000))
        3 -> Array(nextInt(30, 40)) { chain[0] }
        4 -> Array(nextInt(1, 200)) { certificate() }
        5, 6 -> chain.toTypedArray()
        7 -> Array(nextInt(1, 6)) { large }
        else -> Array(nextInt(1, 6)) { certificate() }
    }

    /** What has to become of a chain at the pinned host, by the contract and not by what the library does. */
    private fun reason(chain: Array<ByteArray?>?): String = when {
        chain.isNullOrEmpty() -> "empty-chain"
        chain.size > 32 || chain.any { it != null && it.size > 256 * 1024 } -> "chain-too-large"
        chain.any { der -> readable.none { it.contentEquals(der) } } -> "unparsable-chain"
        chain.any { der -> allowed.any { it.contentEquals(der) } } -> "pin-matched"
        else -> "no-pin-matched"
    }

    private fun judge(random: Random) {
        val given = random.chain()
        val kept = given?.map { it?.contentHashCode() }
        val stack = random.text() ?: ""
        val expected = reason(given)
        assertEquals(expected, parse(NativeCheck.verdict(pinned, given, true))["reason"].asString)
        for (judge in listOf(NativeCheck::check, NativeCheck::evaluate)) {
            val refusal = judge(pinned, given, true, stack)
            assertEquals(expected.takeIf { it != "pin-matched" }, refusal?.let { parse(it)["reason"].asString })
        }
        assertEquals("chain-not-validated", parse(NativeCheck.verdict(pinned, given, false))["reason"].asString)

        // A host that nobody pinned is let through, and one that is none is refused, whatever the chain.
        val host = random.text()
        val refusal = NativeCheck.check(host, given, true, stack)
        assertEquals(NativeCheck.isPinned(host), refusal != null)
        if (refusal != null) assertEquals("missing-host", parse(refusal)["reason"].asString)
        assertEquals(kept, given?.map { it?.contentHashCode() }, "what was given is as it was")
    }

    private fun callTheOthers(random: Random) {
        val text = random.text()
        val answer = parse(NativeCheck.initialize(text, random.nextBoolean()))
        assertFalse(answer["ok"].asBoolean, "what is no document changes nothing")
        assertFalse(NativeCheck.start(text))
        assertThrows<RuntimeException> { NativeCheck.report(text, random.text(), random.text() ?: "", random.text() ?: "") }
        NativeCheck.report("internal-error", random.text(), random.text() ?: "", random.text() ?: "")
        NativeCheck.watch(text)
        NativeCheck.tellStack("stack ${random.nextInt(4)}", random.nextBoolean())
        assertTrue(NativeCheck.watched().startsWith("["))
        NativeCheck.setListening(random.nextBoolean())
        NativeCheck.cameToForeground()
        for (port in listOf(Int.MIN_VALUE, -1, 0, 65536, Int.MAX_VALUE)) {
            // Not a host that a resolver would be asked for.
            val host = listOf(null, "", "\uD800", "127.0.0.1").random(random)
            assertFalse(parse(NativeCheck.verify(host, port))["ok"].asBoolean)
        }
        assertFalse(parse(NativeCheck.update())["ok"].asBoolean)
        assertTrue(NativeCheck.generation() > 0)
        parse(NativeCheck.status())
    }

    @Test
    fun every_native_takes_whatever_it_is_given() {
        val rounds = Integer.getInteger("odd.rounds", 50)
        val seed = java.lang.Long.getLong("odd.seed", Instant.now().epochSecond)
        println("odd arguments: seed $seed, $rounds rounds by each of $THREADS threads")
        library.setNow(Instant.parse("2026-06-01T00:00:00Z").toEpochMilli())
        library.onEvent = { parse(it) }
        assertTrue(parse(library.initialize(document))["ok"].asBoolean)
        val pool = Executors.newFixedThreadPool(THREADS)
        val work = List(THREADS) { thread ->
            Callable {
                val random = Random(seed + thread)
                repeat(rounds) {
                    judge(random)
                    if (it % 10 == 0) callTheOthers(random)
                }
            }
        }
        pool.invokeAll(work).forEach { it.get() }
        pool.shutdown()
        library.disable()
    }

    private companion object {
        const val THREADS = 4
    }
}
