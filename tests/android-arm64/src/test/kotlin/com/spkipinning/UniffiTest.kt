package com.spkipinning

import com.sun.jna.NativeLibrary
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

/** uniffi's C functions on arm64 Android, in the library as apps get it. */
class UniffiTest {
    private val path = System.getProperty("library.arm64.shipped")
    private val host = System.getProperty("library.host")
    private val chain = listOf("leaf", "intermediate", "root").map(Vectors::der)
    private val document = """{"example.com": {"publicKeyHashes": ["${Vectors.pin("leaf")}", "${Vectors.pin("root")}"]}}"""
    private val none = byteArrayOf(0)
    private val exampleCom = byteArrayOf(1, 0, 0, 0, 11) + "example.com".toByteArray()

    /** Bindings compare the numbers with those they were made for, which are the same for every processor. */
    @Test
    fun its_functions_and_their_checksums_are_those_of_this_machine() = Arm64Library(path).use { library ->
        val functions = uniffiFunctions(path)
        assertEquals(uniffiFunctions(host).filter { "_testing_" !in it }.toSet(), functions)
        val numbers = functions.filter { "_checksum_" in it } + "ffi_spki_pinning_uniffi_contract_version"
        assertTrue("uniffi_spki_pinning_checksum_method_pinningengine_check" in numbers, "$numbers")
        val expected = NativeLibrary.getInstance(host)
        for (function in numbers) {
            val number = expected.getFunction(function).invokeInt(emptyArray())
            assertEquals(number.toShort(), library.call(function).toShort(), function)
        }
    }

    @Test
    fun a_configuration_comes_into_force_and_connections_are_judged() = Arm64Library(path).use { library ->
        UniffiEngine(library).use { engine ->
            assertTrue(parse(engine.initialize(document))["ok"].asBoolean)
            assertNull(engine.check(exampleCom, chain, validated = true, "test"))
            val refusal = parse(engine.check(exampleCom, chain, validated = false, "test")!!)
            assertEquals("chain-not-validated", refusal["reason"].asString)
            assertEquals("example.com", refusal["serverHostname"].asString)
            val other = engine.check(exampleCom, listOf(Vectors.der("other-leaf")), validated = true, "test")!!
            assertEquals("no-pin-matched", parse(other)["reason"].asString)
            assertEquals("missing-host", parse(engine.check(none, emptyList(), validated = true, "test")!!)["reason"].asString)
            val status = parse(engine.status())
            assertEquals("example.com", status.array("domains").single()["domain"].asString)
            assertEquals(3, status.getAsJsonObject("counters")["blocked"].asInt)
        }
        assertEquals(emptyList<String>(), library.log)
    }

    @Test
    fun it_leads_to_the_engine_of_jni() = Arm64Library(path).use { library ->
        library.initialize(document)
        assertTrue(library.isPinned("example.com"))
        UniffiEngine(library).use { it.disable() }
        assertFalse(library.isPinned("example.com"))
        assertEquals(2L, library.generation())
    }

    @Test
    fun an_argument_that_cannot_be_read_is_an_error() = Arm64Library(path).use { library ->
        UniffiEngine(library).use { engine ->
            val neither = byteArrayOf(7)
            val error = assertThrows<IllegalStateException> { engine.check(neither, chain, validated = true, "test") }
            assertTrue("host" in error.message!!, error.message)
            engine.initialize(document)
            assertNull(engine.check(exampleCom, chain, validated = true, "test"), "the next call is fine")
        }
    }
}
