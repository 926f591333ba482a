package com.spkipinning

import java.util.concurrent.Callable
import java.util.concurrent.Executors
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** What the emulator has no threads and no exceptions for: the contract on this machine's JVM, whatever way leads in. */
abstract class HostLibraryContract : LibraryContract() {
    @Test
    fun a_listener_that_throws_has_no_say_in_a_connection() {
        val chain = listOf(Vectors.der("leaf"))
        val pins = "[\"${Vectors.pin("other-leaf")}\", \"${Vectors.pin("other-root")}\"]"
        library.onEvent = { error("as a test asked for") }
        library.initialize("""{"example.com": {"publicKeyHashes": $pins}}""")
        assertEquals("no-pin-matched", parse(library.check("example.com", chain)!!)["reason"].asString)
        library.initialize("""{"example.com": {"publicKeyHashes": $pins, "reportOnly": true}}""")
        assertNull(library.check("example.com", chain))
    }

    /** Not in the emulator, whose strings are UTF-8 where Java's are modified UTF-8. */
    @Test
    fun a_text_outside_the_basic_plane_comes_through() {
        val problem = parse(library.initialize("""{"example.com": {"publicKeyHashes": ["🔒"]}}""")).array("problems").first()
        assertTrue("🔒" in problem["message"].asString, "$problem")
    }

    @Test
    fun sixty_four_threads_check_while_configurations_change() {
        val chain = listOf("leaf", "intermediate", "root").map(Vectors::der)
        val (right, wrong) = listOf("leaf", "other-leaf").map {
            """{"example.com": {"publicKeyHashes": ["${Vectors.pin(it)}", "${Vectors.pin("other-root")}"]}}"""
        }
        library.onEvent = {}
        library.initialize(right)
        val pool = Executors.newFixedThreadPool(64)
        val checks = List(64) {
            pool.submit(
                Callable { List(200) { library.check("example.com", chain)?.let { parse(it)["reason"].asString } } },
            )
        }
        repeat(200) { library.initialize(if (it % 2 == 0) wrong else right) }
        val reasons = checks.flatMap { it.get() }.toSet()
        pool.shutdown()
        assertTrue((reasons - setOf(null, "no-pin-matched")).isEmpty(), "$reasons")
        assertNull(library.check("example.com", chain))
    }
}
