package com.spkipinning

import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

/** The natives on this machine's JVM. */
class HostLibraryTest : HostLibraryContract() {
    override val library = HostLibrary

    /** Not in the emulator, which cannot throw. */
    @Test
    fun what_nobody_defined_cannot_be_reported() {
        for (notice in listOf("hook-replacd", null)) {
            assertThrows<RuntimeException> { library.report(notice, null, "a mistake of ours") }
        }
    }
}
