package com.spkipinning

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** The arm64 library as apps get it, without what is for tests. */
class ShippedLibraryTest {
    private val path = System.getProperty("library.arm64.shipped")
    private val chain = listOf("leaf", "intermediate", "root").map(Vectors::der)

    private fun document(id: String) =
        """{"example.com": {"publicKeyHashes": ["${Vectors.pin(id)}", "${Vectors.pin("other-root")}"]}}"""

    @Test
    fun it_judges_handshakes() = Arm64Library(path).use { library ->
        assertEquals(0L, library.generation())
        library.initialize(document("intermediate"))
        assertNull(library.check("example.com", chain))
        library.initialize(document("other-leaf"))
        assertEquals("no-pin-matched", parse(library.check("example.com", chain)!!)["reason"].asString)
        assertEquals(emptyList<String>(), library.log)
    }

    @Test
    fun it_has_no_hooks_for_tests() = Arm64Library(path).use { library ->
        assertTrue(runCatching { library.setNow(0) }.isFailure)
    }
}
