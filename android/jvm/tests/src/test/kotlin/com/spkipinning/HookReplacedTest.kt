package com.spkipinning

import com.facebook.react.modules.network.NetworkingModule
import com.facebook.react.modules.network.OkHttpClientProvider
import com.facebook.react.modules.websocket.WebSocketModule
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config

/** That another library took a place of ours, told to whoever listens later. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], instrumentedPackages = ["com.facebook.react"])
class HookReplacedTest {
    @Before
    fun installed() {
        unpinned()
        OkHttpClientProvider.setOkHttpClientFactory(null)
        NetworkingModule.setCustomClientBuilder(null)
        WebSocketModule.setCustomClientBuilder(null)
        PinningHooks.install(RuntimeEnvironment.getApplication())
        eventsOf {} // a test before may have had these places, so that they count as taken from us
    }

    @Test
    fun `it is kept until somebody listens, in line with what else happened`() {
        NetworkingModule.setCustomClientBuilder { }
        PinningHooks.assert()
        pin("replaced.test", WRONG_PIN)
        Judge.check("replaced.test") { Chain(emptyList(), isValidated = true) }
        WebSocketModule.setCustomClientBuilder { }
        PinningHooks.assert()

        val events = eventsOf {}
        assertEquals(listOf("hook-replaced", "empty-chain", "hook-replaced"), events.map { it.getString("reason") })
        assertTrue("$events", "NetworkingModule.setCustomClientBuilder" in events.first().getString("message"))
        assertTrue("$events", "WebSocketModule.setCustomClientBuilder" in events.last().getString("message"))
    }
}
