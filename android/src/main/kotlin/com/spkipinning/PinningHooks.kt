package com.spkipinning

import android.content.Context
import android.util.Log
import com.facebook.react.modules.network.CustomClientBuilder
import com.facebook.react.modules.network.NetworkingModule
import com.facebook.react.modules.network.OkHttpClientFactory
import com.facebook.react.modules.network.OkHttpClientProvider
import com.facebook.react.modules.websocket.WebSocketModule
import java.lang.reflect.Modifier
import okhttp3.Cache
import okhttp3.OkHttpClient

/**
 * Pins the HTTP clients of React Native. It has three slots for who wants to change them, each for one taker: the factory
 * of all its clients, and a builder for `fetch` and one for WebSockets, which are applied to each request. This takes all
 * three, and calls who was there before.
 *
 * A client out of the factory is pinned whatever happens to the builders. They are for clients that were made before, or by
 * a factory that took our place.
 */
internal object PinningHooks {
    private val STACKS = listOf("fetch", "websocket", "image", "expo-fetch")
    private val factory = Slot(
        "OkHttpClientProvider.setOkHttpClientFactory",
        OkHttpClientProvider::class.java,
        OkHttpClientFactory::class.java,
        ::PinningFactory,
        OkHttpClientProvider::setOkHttpClientFactory,
    )
    private val networking = Slot(
        "NetworkingModule.setCustomClientBuilder",
        NetworkingModule::class.java,
        CustomClientBuilder::class.java,
        { PinningBuilder(it, ::addCache) },
        NetworkingModule::setCustomClientBuilder,
    )
    private val webSocket = Slot(
        "WebSocketModule.setCustomClientBuilder",
        WebSocketModule::class.java,
        CustomClientBuilder::class.java,
        { PinningBuilder(it) },
        WebSocketModule::setCustomClientBuilder,
    )

    @Volatile
    private var context: Context? = null

    /** React Native's own, of which there must be one alone for its directory. */
    private val cache: Cache? by lazy { context?.let { OkHttpClientProvider.createClientBuilder(it).build().cache } }

    /** Takes the slots; `context` is the application's. */
    fun install(context: Context) {
        this.context = context
        assert()
    }

    /** Takes the slots back from whoever has replaced us. Any number of calls does no harm. */
    @Synchronized
    fun assert() {
        listOf(factory, networking, webSocket).filter { it.take() }.forEach { report(it.name) }
        // Fresco and `expo/fetch` have clients of the factory.
        if (NativeCheck.failure == null) STACKS.forEach { NativeCheck.tellStack(it, hooked = true) }
    }

    /**
     * The client that React Native makes for `fetch` has a cache, the others have none. A factory is not told which is
     * asked for; the builder for `fetch` is the place where it is known.
     */
    private fun addCache(builder: OkHttpClient.Builder) {
        val current = factory.get()
        val isReactNativesOwn = current is PinningFactory && current.previous == null
        if (isReactNativesOwn && context != null && builder.build().cache == null) builder.cache(cache)
    }

    private fun report(slot: String) {
        val message = "The app or a library has called $slot after pinning was there. Both are in force now."
        Log.w("SpkiPinning", message)
        // Without an engine nothing is listened to either.
        if (NativeCheck.failure == null) NativeCheck.report("hook-replaced", host = null, message, stack = "")
    }
}

/** Marks what is ours. */
private interface Pinning

private class PinningFactory(val previous: OkHttpClientFactory?) : OkHttpClientFactory, Pinning {
    override fun createNewNetworkModuleClient(): OkHttpClient {
        val others = previous?.createNewNetworkModuleClient()?.newBuilder()
        return SpkiPinning.install(others ?: OkHttpClientProvider.createClientBuilder()).build()
    }
}

private class PinningBuilder(
    private val previous: CustomClientBuilder?,
    private val alsoApply: (OkHttpClient.Builder) -> Unit = {},
) : CustomClientBuilder, Pinning {
    override fun apply(builder: OkHttpClient.Builder) {
        alsoApply(builder)
        previous?.apply(builder)
        SpkiPinning.install(builder) // last, over whatever the others have set
    }
}

/** A static property of React Native that has a setter only. Looked for by its type: names differ between versions. */
private class Slot<T : Any>(
    val name: String,
    owner: Class<*>,
    type: Class<T>,
    private val over: (T?) -> T,
    private val set: (T?) -> Unit,
) {
    private val field = owner.declaredFields
        .firstOrNull { Modifier.isStatic(it.modifiers) && type.isAssignableFrom(it.type) }
        ?.apply { isAccessible = true }
    private var isTaken = false

    init {
        if (field == null) Log.w("SpkiPinning", "$name cannot be read, so that who was there before us is not called")
    }

    fun get(): Any? = field?.get(null)

    /** Whether somebody had taken it from us. */
    fun take(): Boolean {
        val current = get()
        if (current is Pinning || (field == null && isTaken)) return false
        @Suppress("UNCHECKED_CAST")
        set(over(current as T?))
        return isTaken.also { isTaken = true }
    }
}
