package com.spkipinning

import org.json.JSONArray
import org.json.JSONObject
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource

/** Connections that are open while pins end, or are back because somebody has set the clock. */
class TimeTest {
    private val client = pinned()

    private companion object {
        const val DAY = 86_400_000L
        const val END = 20_819 * DAY // 2027-01-01
    }

    @BeforeEach
    fun reset() {
        unpinned()
        NativeTesting.setNow(END - DAY)
    }

    @AfterEach
    fun setBack() {
        client.connectionPool.evictAll()
        NativeTesting.useRealClock()
    }

    private fun entry(pin: String, vararg more: Pair<String, Any>) =
        JSONObject(mapOf("publicKeyHashes" to JSONArray(listOf(pin))) + more)

    @ParameterizedTest
    @ValueSource(strings = ["http1", "h2"])
    fun `an open connection is judged by the parent's pins once its own have ended`(name: String) {
        val host = Testbed.host(name)
        val parent = entry(WRONG_PIN, "includeSubdomains" to true)
        initialize(JSONObject().put("spki.test", parent).put(host.host, entry(host.pin(), "expirationDate" to "2027-01-01")))
        repeat(2) { assertEquals(200, client.get(host.url()).status) }
        NativeTesting.setNow(END)
        assertRefused("no-pin-matched") { client.get(host.url()) }
        assertEquals(2, Testbed.requests(name), "nothing reached the server")
    }

    @ParameterizedTest
    @ValueSource(strings = ["http1", "h2"])
    fun `a connection that was opened while a clock was wrong is judged by the pins that are back`(name: String) {
        val host = Testbed.host(name)
        initialize(JSONObject().put(host.host, entry(WRONG_PIN, "expirationDate" to "2027-01-01")))
        NativeTesting.setNow(END + DAY)
        assertEquals(200, client.get(host.url()).status, "as configured: the pins have ended")
        NativeTesting.setNow(END - DAY)
        assertRefused("no-pin-matched") { client.get(host.url()) }
        assertEquals(1, Testbed.requests(name))
    }
}
