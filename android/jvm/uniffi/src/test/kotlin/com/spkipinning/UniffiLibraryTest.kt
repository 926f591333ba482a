package com.spkipinning

import com.spkipinning.engine.EventListener
import com.spkipinning.engine.Notice
import com.spkipinning.engine.PinningEngine
import java.nio.charset.MalformedInputException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

/** The documented way into the engine: uniffi's Kotlin over JNA. */
class UniffiLibraryTest : HostLibraryContract() {
    override val library = UniffiLibrary

    /** What JNI carries as U+FFFD throws here, before there is an engine to judge it: no connection can go ahead by it. */
    @Test
    fun half_a_surrogate_pair_does_not_get_through() {
        val half = "\uD800.example.com"
        assertFalse(library.carries(half))
        assertThrows<MalformedInputException> { library.check(half, listOf(Vectors.der("leaf"))) }
        assertThrows<MalformedInputException> { library.isPinned(half) }
        assertThrows<MalformedInputException> { library.initialize("""{"$half": {}}""") }
    }

    @Test
    fun every_object_is_the_engine_of_the_process() {
        val document = """{"example.com": {"publicKeyHashes": ["${Vectors.pin("leaf")}"]}}"""
        PinningEngine.shared().use { assertTrue(parse(it.initialize(document))["ok"].asBoolean) }
        PinningEngine.shared().use { assertTrue(it.isPinned("example.com")) }
        assertTrue(library.isPinned("example.com"))
    }

    @Test
    fun a_listener_that_is_replaced_hears_no_more() {
        val heard = mutableListOf<String>()
        PinningEngine.shared().use { engine ->
            for (name in listOf("first", "second")) {
                engine.setEventListener(object : EventListener {
                    override fun onEvent(event: String) {
                        heard += name
                    }
                })
            }
            engine.report(Notice.HOOK_REPLACED, null, "", "")
        }
        assertEquals(listOf("second"), heard)
    }
}
