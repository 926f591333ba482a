package com.spkipinning

import com.sun.jna.NativeLibrary
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
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

    /** The calls by which the bindings make sure that they fit, and their numbers on this machine. */
    @Test
    fun its_uniffi_interface_is_that_of_this_machine() = Arm64Library(path).use { library ->
        val host = NativeLibrary.getInstance(System.getProperty("library.host"))
        val methods = listOf(
            "check", "disable", "evaluate", "generation", "initialize", "is_pinned", "set_event_listener", "status", "verdict",
        )
        val functions = methods.map { "uniffi_spki_pinning_checksum_method_pinningengine_$it" } + listOf(
            "ffi_spki_pinning_uniffi_contract_version",
            "uniffi_spki_pinning_checksum_constructor_pinningengine_shared",
            "uniffi_spki_pinning_checksum_method_eventlistener_on_event",
        )
        for (function in functions) {
            assertEquals(host.getFunction(function).invokeInt(emptyArray()) and 0xffff, library.call(function).toInt() and 0xffff)
        }
    }

    @Test
    fun uniffi_and_jni_lead_to_the_same_engine() = Arm64Library(path).use { library ->
        library.initialize(document("leaf"))
        assertTrue(library.isPinned("example.com"))
        val status = library.allocate(32) // RustCallStatus: a code, then a buffer for an error
        status.write(0, ByteArray(32), 0, 32)
        val engine = library.call("uniffi_spki_pinning_fn_constructor_pinningengine_shared", status)
        library.call("uniffi_spki_pinning_fn_method_pinningengine_disable", engine, status)
        assertEquals(0, status.getByte(0).toInt())
        assertFalse(library.isPinned("example.com"))
        assertEquals(2L, library.generation())
    }
}
