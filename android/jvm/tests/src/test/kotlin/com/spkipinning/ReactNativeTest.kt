package com.spkipinning

import com.facebook.imagepipeline.common.Priority
import com.facebook.imagepipeline.image.EncodedImage
import com.facebook.imagepipeline.producers.BaseConsumer
import com.facebook.imagepipeline.producers.FetchState
import com.facebook.imagepipeline.producers.InternalRequestListener
import com.facebook.imagepipeline.producers.NetworkFetcher
import com.facebook.imagepipeline.producers.SettableProducerContext
import com.facebook.imagepipeline.request.ImageRequest
import com.facebook.react.bridge.BaseJavaModule
import com.facebook.react.bridge.JavaOnlyArray
import com.facebook.react.bridge.JavaOnlyMap
import com.facebook.react.modules.fresco.FrescoModule
import com.facebook.react.modules.network.CustomClientBuilder
import com.facebook.react.modules.network.NetworkingModule
import com.facebook.react.modules.network.OkHttpClientFactory
import com.facebook.react.modules.network.OkHttpClientProvider
import com.facebook.react.modules.websocket.WebSocketModule
import com.facebook.soloader.SoLoader
import java.io.InputStream
import java.util.concurrent.CompletableFuture
import java.util.concurrent.ExecutionException
import java.util.concurrent.TimeUnit.SECONDS
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertSame
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config

/** React Native's own modules, as an app has them, against real servers. */
@RunWith(RobolectricTestRunner::class)
@Config(
    sdk = [35],
    shadows = [ShadowArguments::class, ShadowCxxCallbackImpl::class],
    instrumentedPackages = ["com.facebook.react"],
)
class ReactNativeTest {
    private val context by lazy { RecordingContext(RuntimeEnvironment.getApplication()) }
    private val host = Testbed.host("http1")
    private var webSockets = 0

    /** A factory of the app's own: the testbed's certificates are trusted, its names found. */
    private val appFactory = OkHttpClientFactory {
        val tls = Tls("JSSE")
        OkHttpClientProvider.createClientBuilder().dns(Loopback())
            .sslSocketFactory(tls.context.socketFactory, tls.trustManager).build()
    }

    @Before
    fun reset() {
        SoLoader.setInTestMode()
        unpinned()
        OkHttpClientProvider.setOkHttpClientFactory(null)
        NetworkingModule.setCustomClientBuilder(null)
        WebSocketModule.setCustomClientBuilder(null)
        reactField(OkHttpClientProvider::class.java, "client").set(null, null)
    }

    /** The app's factory first, then the library. */
    private fun installed() {
        OkHttpClientProvider.setOkHttpClientFactory(appFactory)
        PinningHooks.install(RuntimeEnvironment.getApplication())
        eventsOf {} // the test before had these places, so that they count as taken from us
    }

    private fun request(module: NetworkingModule, url: String): String {
        module.sendRequest("GET", url, 1.0, JavaOnlyArray(), JavaOnlyMap(), "text", false, 0.0, false)
        val data = StringBuilder()
        while (true) {
            val (name, arguments) = context.next("didReceiveNetworkData", "didCompleteNetworkResponse")
            data.append(arguments)
            if (name == "didCompleteNetworkResponse") return data.toString()
        }
    }

    private fun networking() = NetworkingModule(context).apply { initialize() }

    /** How it opens, or fails to. */
    private fun openWebSocket(): Pair<String, String> {
        val id = ++webSockets
        WebSocketModule(context).connect(host.url("/ws").replace("https", "wss"), null, null, id.toDouble())
        while (true) {
            val event = context.next("websocketOpen", "websocketFailed")
            if ("id=$id.0" in event.second) return event // another one may be cut at the same time
        }
    }

    /** The bytes of an image, by the fetcher that React Native gives Fresco. */
    @Suppress("UNCHECKED_CAST")
    private fun fetchImage(): ByteArray {
        val config = FrescoModule.getDefaultConfigBuilder(context).build()
        val fetcher = config.networkFetcher as NetworkFetcher<FetchState>
        val request = ImageRequest.fromUri(host.url("/image.png"))!!
        val listener = InternalRequestListener(null, null)
        val level = ImageRequest.RequestLevel.FULL_FETCH
        val producer = SettableProducerContext(request, "id", listener, null, level, false, false, Priority.HIGH, config)
        val image = CompletableFuture<ByteArray>()
        val callback = object : NetworkFetcher.Callback {
            override fun onResponse(response: InputStream, responseLength: Int) {
                image.complete(response.readBytes())
            }

            override fun onFailure(throwable: Throwable) {
                image.completeExceptionally(throwable)
            }

            override fun onCancellation() = onFailure(AssertionError("cancelled"))
        }
        fetcher.fetch(fetcher.createFetchState(NoConsumer, producer), callback)
        try {
            return image.get(10, SECONDS)
        } catch (error: ExecutionException) {
            throw error.cause!!
        }
    }

    @Test
    fun `images are pinned`() {
        installed()
        pinHost("http1", host.pin())
        assertEquals("PNG", fetchImage().decodeToString(1, 4))
        pinHost("http1", WRONG_PIN)
        assertRefused("no-pin-matched") { fetchImage() }
        assertEquals(1, Testbed.requests("http1"))
    }

    @Test
    fun `fetch is pinned, and says why it fails`() {
        installed()
        val module = networking()
        pinHost("http1", host.pin("intermediate"))
        assertTrue("hello from http1" in request(module, host.url()))
        pinHost("http1", WRONG_PIN)
        val failed = request(module, host.url())
        for (part in listOf("SSL pinning refused", host.host, host.pin(), WRONG_PIN)) assertTrue(failed, part in failed)
        assertEquals(1, Testbed.requests("http1"))
    }

    @Test
    fun `fetch reuses connections`() {
        installed()
        val module = networking()
        repeat(3) { request(module, host.url()) }
        assertEquals(1, Testbed.control("GET", "/connections?host=http1").getInt("accepted"))
    }

    @Test
    fun `a WebSocket is pinned, and says why it fails`() {
        installed()
        pinHost("http1", host.pin())
        assertEquals("websocketOpen", openWebSocket().first)
        pinHost("http1", WRONG_PIN)
        val (name, arguments) = openWebSocket()
        assertEquals("websocketFailed", name)
        assertTrue(arguments, "no-pin-matched" in arguments)
        assertEquals(1, Testbed.requests("http1"))
    }

    @Test
    fun `the client of expo fetch is pinned`() {
        installed()
        pinHost("http1", WRONG_PIN)
        assertRefused("no-pin-matched") { OkHttpClientProvider.createClient().get(host.url()) }
    }

    @Test
    fun `the clients that React Native makes by itself are pinned, and the one of fetch has its cache`() {
        PinningHooks.install(RuntimeEnvironment.getApplication())
        val forFetch = OkHttpClientProvider.createClient(RuntimeEnvironment.getApplication())
        val builder = reactField(NetworkingModule::class.java, "customClientBuilder").get(null) as CustomClientBuilder
        fun cacheOfRequest() = forFetch.newBuilder().apply(builder::apply).build().cache
        assertNotNull(cacheOfRequest())
        assertSame(cacheOfRequest(), cacheOfRequest())
        assertNull(OkHttpClientProvider.createClient().cache)
        assertTrue(forFetch.hostnameVerifier is PinningHostnameVerifier)
        assertTrue(OkHttpClientProvider.getOkHttpClient().hostnameVerifier is PinningHostnameVerifier)
        OkHttpClientProvider.setOkHttpClientFactory(appFactory)
        assertNull("a factory of the app's own decides about that", cacheOfRequest())
    }

    @Test
    fun `builders that were there before are still applied`() {
        val applied = mutableListOf<String>()
        NetworkingModule.setCustomClientBuilder { applied += "fetch" }
        WebSocketModule.setCustomClientBuilder { applied += "websocket" }
        installed()
        request(networking(), host.url())
        openWebSocket()
        assertEquals(listOf("fetch", "websocket"), applied)
    }

    @Test
    fun `who takes a builder from us does not take pinning out`() {
        installed()
        val module = networking()
        NetworkingModule.setCustomClientBuilder { it.addInterceptor { chain -> chain.proceed(chain.request()) } }
        WebSocketModule.setCustomClientBuilder { }
        pinHost("http1", WRONG_PIN)
        assertTrue("no-pin-matched" in request(module, host.url()))
        assertTrue("no-pin-matched" in openWebSocket().second)
    }

    @Test
    fun `who takes everything from us is put in line before the next module is made, with an event`() {
        installed()
        val applied = mutableListOf<String>()
        OkHttpClientProvider.setOkHttpClientFactory(appFactory)
        NetworkingModule.setCustomClientBuilder { applied += "other" }
        WebSocketModule.setCustomClientBuilder { applied += "another" }
        val events = eventsOf { SpkiPinningPackage().getReactModuleInfoProvider() }
        assertEquals(List(3) { "hook-replaced" }, events.map { it.getString("reason") })
        pinHost("http1", WRONG_PIN)
        assertRefused("no-pin-matched") { OkHttpClientProvider.createClient().get(host.url()) }
        assertTrue("no-pin-matched" in request(networking(), host.url()))
        assertTrue("no-pin-matched" in openWebSocket().second)
        assertEquals(listOf("other", "another"), applied)
        eventsOf {}
        assertEquals(0, eventsOf { PinningHooks.assert() }.size)
    }

    @Test
    fun `a module whose client was made before is pinned all the same`() {
        OkHttpClientProvider.setOkHttpClientFactory(appFactory)
        val early = networking()
        OkHttpClientProvider.getOkHttpClient()
        PinningHooks.install(RuntimeEnvironment.getApplication())
        pinHost("http1", host.pin())
        repeat(2) { assertTrue("hello" in request(early, host.url())) }
        assertEquals(1, Testbed.control("GET", "/connections?host=http1").getInt("accepted"))
        pinHost("http1", WRONG_PIN)
        assertTrue("no-pin-matched" in request(early, host.url()))
        assertTrue("no-pin-matched" in openWebSocket().second)
    }

    @Test
    fun `the module takes a configuration into force, answers with problems, and is told events`() {
        installed()
        val module = SpkiPinningPackage().getModule("SpkiPinning", context) as SpkiPinningModule
        val refused = promised { module.initialize("""{"https://x.com": {"publicKeyHashes": []}}""", it) }!!
        assertTrue(refused, refused.startsWith("""{"ok":false,"problems":[{"""))
        val answer = promised { module.initialize("""{"${host.host}": {"publicKeyHashes": ["$WRONG_PIN"]}}""", it) }!!
        assertTrue(answer, "\"ok\":true" in answer)
        assertTrue("no-pin-matched" in request(networking(), host.url()))
        assertTrue(promised(module::getStatus)!!.startsWith("""{"active":true"""))
        assertNull(promised(module::disable))
        assertTrue("hello" in request(networking(), host.url()))
    }

    @Test
    fun `a host is verified, and each of React Native's stacks is seen when its pins are asked`() {
        installed()
        val module = SpkiPinningModule(context)
        val server = Testbed.host("leaf")
        // By the trust of this JVM, which does not know the testbed: UpdatesTest has one that does.
        val verified = JSONObject(promised { module.verify("localhost", server.port.toDouble(), it) }!!)
        assertEquals("certificate-unknown-issuer", verified.getJSONObject("error").getString("code"))
        pinHost("http1", host.pin())
        val requests = mapOf("fetch" to { request(networking(), host.url()) }, "websocket" to { openWebSocket().second })
        for ((stack, request) in requests) {
            module.watch(host.host)
            assertEquals("nothing is asked yet", "[]", promised(module::watched))
            module.watch(host.host)
            request()
            assertTrue(stack, "pin-matched" in promised(module::watched)!!)
        }
        val stacks = JSONObject(promised(module::getStatus)!!).getJSONArray("stacks").toString()
        for (stack in listOf("fetch", "websocket", "image", "expo-fetch")) assertTrue(stacks, "\"$stack\"" in stacks)
        val update = JSONObject(promised(module::update)!!)
        assertEquals("updates-not-configured", update.getJSONObject("error").getString("code"))
    }

    @Test
    fun `JavaScript is told events, those that happened before it listened too`() {
        installed()
        val fresh = Testbed.host("p256") // no other test leaves connections to it, which would be cut with events
        val refused = { assertTrue("no-pin-matched" in request(networking(), fresh.url())) }
        pinHost("p256", WRONG_PIN)
        refused()
        val module = SpkiPinningModule(context)
        reactField(BaseJavaModule::class.java, "mEventEmitterCallback").set(module, ShadowCxxCallbackImpl.newCallback())
        module.setListening(true)
        refused()
        module.setListening(false)
        refused()
        val emitted = ShadowCxxCallbackImpl.emitted.toList()
        assertEquals(listOf("onEvent", "onEvent"), emitted.map { it[0] })
        for ((_, event) in emitted) assertEquals(fresh.host, JSONObject(event as String).getString("serverHostname"))
    }

    @Test
    fun `after a reload the new module hears events, and the old one does not take them away`() {
        installed()
        val (old, new) = SpkiPinningModule(context) to SpkiPinningModule(context)
        old.setListening(true)
        val oldListener = NativeCheck.listener
        new.setListening(true)
        val newListener = NativeCheck.listener
        assertTrue(newListener != null && newListener !== oldListener)
        old.invalidate()
        assertSame(newListener, NativeCheck.listener)
        new.invalidate()
        assertNull(NativeCheck.listener)
    }
}

/** Fresco asks for one; a fetcher leaves it alone. */
private object NoConsumer : BaseConsumer<EncodedImage>() {
    override fun onNewResultImpl(newResult: EncodedImage?, status: Int) = Unit

    override fun onFailureImpl(t: Throwable) = Unit

    override fun onCancellationImpl() = Unit
}
