package com.spkipinning

import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** The natives on arm64 Android. */
class Arm64LibraryTest : LibraryContract() {
    override val library = emulated

    @Test
    fun a_panic_is_in_the_log_by_its_place_alone() {
        library.log.clear()
        library.panicInNextCall()
        library.generation()
        val line = library.log.single()
        assertTrue(line.startsWith("E/SpkiPinning: ") && "testing.rs:" in line, line)
        assertFalse("as a test asked for" in line, line)
    }

    @Test
    fun the_log_is_quiet_on_success_and_on_a_refusal() {
        library.log.clear()
        library.initialize("""{"example.com": {"publicKeyHashes": ["${Vectors.pin("leaf")}", "${Vectors.pin("root")}"]}}""")
        library.check("example.com", listOf(Vectors.der("leaf")))
        library.check("example.com", listOf(Vectors.der("other-leaf")))
        assertEquals(emptyList<String>(), library.log)
    }

    companion object {
        private val emulated = Arm64Library(System.getProperty("library.arm64"))

        @JvmStatic
        @AfterAll
        fun close() = emulated.close()
    }
}
