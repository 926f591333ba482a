package com.spkipinning

import com.google.gson.JsonArray
import com.google.gson.JsonObject
import java.time.Instant
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory

/** What the library promises over JNI, on whatever processor it runs. */
abstract class LibraryContract {
    abstract val library: Library

    private val now = Instant.parse("2026-06-01T00:00:00Z").toEpochMilli()
    private val chain = listOf("leaf", "intermediate", "root").map(Vectors::der)
    private val right = document("leaf", "other-leaf")
    private val wrong = document("other-leaf", "other-root")
    private val events = mutableListOf<JsonObject>()

    private fun document(vararg ids: String, more: String = "") =
        """{"example.com": {"publicKeyHashes": [${ids.joinToString { "\"${Vectors.pin(it)}\"" }}]$more}}"""

    private fun initialize(document: String) = assertTrue(parse(library.initialize(document))["ok"].asBoolean)

    private fun refusal(answer: String?) = parse(assertNotNull(answer, "it goes ahead").let { answer!! })

    private fun listen() {
        library.onEvent = { events += parse(it) }
        library.setListening(true)
    }

    @BeforeEach
    fun start() {
        library.setNow(now)
        listen() // what other tests have left is taken away
        events.clear()
        library.disable()
    }

    // The shared vectors

    @Test
    fun every_file_of_vectors_is_run_by_one_of_these_tests() {
        val run = setOf("certificates", "hosts", "pins", "options", "matching", "expiry", "overlap", "verdicts")
        assertEquals(run.map { "$it.json" }.toSet(), Vectors.files)
    }

    @TestFactory
    fun certificates(): List<DynamicTest> {
        initialize(wrong)
        val good = Vectors.good.keys.map { id ->
            dynamicTest(id) {
                val served = parse(library.verdict("example.com", listOf(Vectors.der(id)))).getAsJsonArray("servedPins")
                assertEquals(listOf(Vectors.pin(id)), served.map { it.asString })
            }
        }
        val broken = Vectors.broken.keys.map { id ->
            dynamicTest(id) {
                val verdict = parse(library.verdict("example.com", listOf(Vectors.der(id))))
                assertEquals("unparsable-chain", verdict["reason"].asString)
                assertEquals(JsonArray(), verdict["servedPins"])
            }
        }
        return good + broken
    }

    /** By what becomes of them as keys of a configuration. */
    @TestFactory
    fun hosts() = Vectors.raw("hosts.json").array("cases").map { case ->
        dynamicTest(case["name"].asString) {
            val key = JsonObject().apply {
                add(
                    case["input"].asString,
                    JsonObject().apply { add("publicKeyHashes", pins(Vectors.pin("leaf"), Vectors.pin("root"))) },
                )
            }
            // Beside `settings` the keys are names of domains, whatever they look like.
            val document = JsonObject().apply { add("domains", key) }
            val answer = parse(library.initialize(document.toString()))
            val found = answer["problems"]?.asJsonArray?.single()?.asJsonObject
            val host = if (found == null) domain()["domain"].asString else null
            assertEquals(case["host"].text(), host, case["why"].asString)
            assertEquals(case["code"].text(), found?.get("code")?.asString, case["why"].asString)
            assertSuggests(case["suggestion"].text(), found)
        }
    }

    /** By what becomes of them in a configuration. */
    @TestFactory
    fun pins() = Vectors.raw("pins.json").array("cases").map { case ->
        dynamicTest(case["name"].asString) {
            library.setNow(0)
            val spare = Vectors.pin("leaf")
            val pinned = JsonObject().apply { add("publicKeyHashes", pins(case["input"].asString, spare)) }
            val answer = parse(library.initialize(JsonObject().apply { add("example.com", pinned) }.toString()))
            val found = problems(answer)
            val expected = listOfNotNull(case["code"].text(), case["warning"].text())
            assertEquals(expected, found.map { it["code"].asString }, case["why"].asString)
            val pin = if (answer["ok"].asBoolean) domain().getAsJsonArray("pins")[0].asString else null
            assertEquals(case["pin"].text(), pin, case["why"].asString)
            if (pin == null) assertSuggests(case["suggestion"].text(), found[0])
        }
    }

    @TestFactory
    fun options() = documents("options.json")

    @TestFactory
    fun matching() = documents("matching.json")

    @TestFactory
    fun expiry() = documents("expiry.json")

    @TestFactory
    fun overlap() = documents("overlap.json")

    @TestFactory
    fun verdicts() = documents("verdicts.json")

    private fun documents(name: String): List<DynamicTest> {
        val file = Vectors.documents(name)
        val cases = file.array("cases").map { DocumentCase(file, it) }
        assertEquals(cases.size, cases.map { it.name }.toSet().size, "every case has a name of its own")
        return cases.map { dynamicTest(it.name) { run(it) } }
    }

    private fun run(case: DocumentCase) {
        library.disable() // else it is told what the case takes away from the one before it
        library.setNow(case.now)
        val answer = parse(library.initialize(case.document))
        case.problems?.let { expected ->
            val found = problems(answer)
            val keys = listOf("path", "code", "severity")
            assertEquals(expected.map { it.only(keys) }, found.map { it.only(keys) }, case.why)
            expected.zip(found).forEach { (one, other) -> assertSuggests(one["suggestion"].text(), other) }
            assertEquals(expected.none { it["severity"].asString == "error" }, answer["ok"].asBoolean, case.why)
        }
        case.expected?.let { expected ->
            assertTrue(answer["ok"].asBoolean, "$answer")
            val verdict = parse(library.verdict(case.host, case.chain))
            assertEquals(expected, verdict.only(expected.keySet()), case.why)
            // What a handshake asks is the same in less words.
            val refused = library.evaluate(case.host, case.chain)
            assertEquals(refused, library.check(case.host, case.chain))
            assertEquals(verdict["verdict"].asString == "blocked", refused != null, case.why)
            if (refused != null) {
                val keys = listOf("reason", "entry", "servedPins")
                assertEquals(verdict.only(keys), parse(refused).only(keys))
                // What is longer than any host name is cut.
                assertEquals(case.host?.take(253), parse(refused)["serverHostname"].text())
                assertTrue(library.isPinned(case.host))
            }
        }
    }

    private fun problems(answer: JsonObject) = answer.array(if (answer["ok"].asBoolean) "warnings" else "problems")

    private fun domain() = parse(library.status()).array("domains").single()

    private fun pins(vararg pins: String) = JsonArray().apply { pins.forEach(::add) }

    private fun JsonObject.only(keys: Iterable<String>) = JsonObject().also { keys.forEach { key -> it.add(key, this[key]) } }

    private fun assertSuggests(expected: String?, problem: JsonObject?) {
        if (expected == null) return
        val suggestion = problem?.get("suggestion")?.text().orEmpty()
        assertTrue(expected in suggestion, "\"$suggestion\" does not contain \"$expected\"")
    }

    // Checks

    @Test
    fun a_check_counts_and_tells_the_listener_and_an_evaluation_does_neither() {
        initialize(wrong)
        val before = counters()
        refusal(library.evaluate("example.com", chain))
        library.verdict("example.com", chain)
        assertEquals(before, counters())
        assertTrue(events.isEmpty())

        refusal(library.check("example.com", chain, stack = "websocket"))
        assertEquals(before["blocked"].asLong + 1, counters()["blocked"].asLong)
        val event = events.single()
        assertEquals("example.com", event["serverHostname"].asString)
        assertEquals("no-pin-matched", event["reason"].asString)
        assertEquals("websocket", event["stack"].asString)
        assertEquals(now, event["timestamp"].asLong)
        assertEquals(chain.size, event.getAsJsonArray("servedPins").size())
        assertTrue(event["enforced"].asBoolean)
    }

    private fun counters() = parse(library.status()).getAsJsonObject("counters")

    @Test
    fun a_refusal_names_host_and_served_and_pinned_keys() {
        initialize(wrong)
        val message = refusal(library.check("Example.com.", chain))["message"].asString
        for (part in listOf("Example.com.", Vectors.pin("leaf"), Vectors.pin("root"), Vectors.pin("other-leaf"))) {
            assertTrue(part in message, message)
        }
    }

    @Test
    fun a_chain_that_was_not_validated_satisfies_no_pin() {
        initialize(right)
        assertNull(library.check("example.com", chain))
        assertEquals(
            "chain-not-validated",
            refusal(library.check("example.com", chain, validated = false))["reason"].asString,
        )
        assertNull(library.check("example.org", chain, validated = false))
    }

    @Test
    fun report_only_goes_ahead_with_an_event() {
        initialize(document("other-leaf", "other-root", more = """, "reportOnly": true"""))
        assertNull(library.check("example.com", chain))
        assertFalse(events.single()["enforced"].asBoolean)
    }

    @Test
    fun bad_chains_are_refused_for_pinned_hosts_and_nothing_to_others() {
        initialize(right)
        val certificate = chain[0]
        val cases = listOf(
            null to "empty-chain",
            emptyList<ByteArray>() to "empty-chain",
            listOf(null) to "unparsable-chain",
            listOf(certificate, null) to "unparsable-chain",
            listOf(ByteArray(0)) to "unparsable-chain",
            List(100) { certificate } to "chain-too-large",
            listOf(ByteArray(1_000_000) { 0x30 }) to "chain-too-large",
            listOf(certificate, ByteArray(1_000_000)) to "chain-too-large",
        )
        for ((bad, reason) in cases) {
            assertEquals(reason, refusal(library.check("example.com", bad))["reason"].asString)
            assertEquals(reason, refusal(library.evaluate("example.com", bad))["reason"].asString)
            assertNull(library.check("example.org", bad))
        }
        assertEquals(cases.map { it.second }, events.map { it["reason"].asString })
    }

    private val badHosts =
        listOf(null, "", "a".repeat(100_000), "exa\u0000mple.com", "\uD800.example.com", "\uD83D\uDD12.com")

    @Test
    fun bad_hosts_are_refused_while_hosts_are_pinned() {
        val cases = badHosts.filter(library::carries)
        initialize(right)
        assertEquals("missing-host", refusal(library.check(null, chain))["reason"].asString)
        assertTrue(library.isPinned(null))
        cases.forEach { library.check(it, chain) } // whatever the verdict, it is one
        library.disable()
        cases.forEach { assertNull(library.check(it, chain)) }
        assertFalse(library.isPinned(null))
    }

    @Test
    fun a_configuration_that_is_not_there_is_refused() {
        initialize(right)
        assertFalse(parse(library.initialize(null))["ok"].asBoolean)
        assertTrue(library.isPinned("example.com"))
    }

    @Test
    fun each_configuration_has_a_generation() {
        val before = library.generation()
        initialize(right)
        assertEquals(before + 1, library.generation())
        assertTrue(library.isPinned("example.com"))
        library.disable()
        assertEquals(before + 2, library.generation())
        assertFalse(library.isPinned("example.com"))
    }

    // Events

    @Test
    fun events_wait_for_a_listener() {
        library.setListening(false)
        initialize(wrong)
        refusal(library.check("example.com", chain))
        assertTrue(events.isEmpty())
        listen()
        assertEquals("no-pin-matched", events.single()["reason"].asString)
    }

    @Test
    fun what_the_app_reports_waits_for_a_listener_too() {
        initialize(wrong)
        library.setListening(false)
        library.report("hook-replaced", null, "who called what", stack = "")
        library.report("unverified-response", "example.com", "what was cut off", stack = "fetch")
        assertTrue(events.isEmpty())
        listen()
        val (replaced, unverified) = events
        assertEquals("warning", replaced["kind"].asString)
        assertEquals("hook-replaced", replaced["reason"].asString)
        assertEquals("who called what", replaced["message"].asString)
        assertFalse(replaced["enforced"].asBoolean)
        assertEquals("unverified-response", unverified["reason"].asString)
        assertEquals("example.com", unverified["serverHostname"].asString)
        assertTrue(unverified["enforced"].asBoolean)
    }

    // Panics

    @Test
    fun a_panic_refuses_a_pinned_host_and_tells_the_listener() {
        initialize(right)
        library.panicInNextCall()
        assertEquals("internal-error", refusal(library.check("example.com", chain))["reason"].asString)
        assertEquals("internal-error", events.single()["reason"].asString)
        library.panicInNextCall()
        assertEquals("internal-error", refusal(library.evaluate("example.com", chain))["reason"].asString)
        assertNull(library.check("example.com", chain), "the next one is fine")
    }

    @Test
    fun a_panic_does_not_touch_a_host_that_is_not_pinned() {
        initialize(right)
        library.panicInNextCall()
        assertNull(library.check("example.org", chain))
    }

    @Test
    fun a_panic_never_turns_pinning_off() {
        initialize(right)
        library.panicInNextCall()
        val problem = parse(library.initialize("{}")).array("problems").single()
        assertEquals("internal-error", problem["code"].asString)
        library.panicInNextCall()
        library.disable()
        library.panicInNextCall()
        assertTrue(library.isPinned("example.org"))
        library.panicInNextCall()
        assertTrue(library.generation() < 0)
        library.panicInNextCall()
        assertEquals("internal-error", parse(library.status())["error"].asString)
        assertTrue(library.isPinned("example.com"))
    }
}
