package com.spkipinning

import android.content.Context
import com.facebook.react.bridge.Arguments
import com.facebook.react.bridge.Callback
import com.facebook.react.bridge.CatalystInstance
import com.facebook.react.bridge.CxxCallbackImpl
import com.facebook.react.bridge.JavaOnlyArray
import com.facebook.react.bridge.JavaOnlyMap
import com.facebook.react.bridge.JavaScriptContextHolder
import com.facebook.react.bridge.JavaScriptModule
import com.facebook.react.bridge.NativeModule
import com.facebook.react.bridge.Promise
import com.facebook.react.bridge.ReactApplicationContext
import com.facebook.react.bridge.RuntimeExecutor
import com.facebook.react.bridge.UIManager
import com.facebook.react.bridge.WritableArray
import com.facebook.react.bridge.WritableMap
import com.facebook.react.turbomodule.core.interfaces.CallInvokerHolder
import com.facebook.soloader.nativeloader.NativeLoader
import com.facebook.soloader.nativeloader.NativeLoaderDelegate
import java.lang.reflect.Proxy
import java.util.concurrent.CompletableFuture
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit.SECONDS
import org.robolectric.annotation.Implementation
import org.robolectric.annotation.Implements
import org.robolectric.shadow.api.Shadow

/** `Arguments` makes maps in native code; its Java-only twins serve on a JVM. */
@Implements(Arguments::class, isInAndroidSdk = false)
class ShadowArguments {
    companion object {
        @JvmStatic
        @Implementation
        fun createArray(): WritableArray = JavaOnlyArray()

        @JvmStatic
        @Implementation
        fun createMap(): WritableMap = JavaOnlyMap()
    }
}

/** What a module emits goes to JavaScript by native code; here it is kept. */
@Implements(CxxCallbackImpl::class, isInAndroidSdk = false)
class ShadowCxxCallbackImpl {
    @Implementation
    fun invoke(arguments: Array<Any?>) {
        emitted += arguments.toList()
    }

    companion object {
        val emitted = LinkedBlockingQueue<List<Any?>>()

        /** What React Native gives a module that emits. */
        fun newCallback(): CxxCallbackImpl {
            loadNoNativeCode()
            return Shadow.newInstanceOf(CxxCallbackImpl::class.java)
        }
    }
}

/** Has React Native's classes do without their native code, which is for Android. */
fun loadNoNativeCode() = NativeLoader.initIfUninitialized(NoLibraries)

private object NoLibraries : NativeLoaderDelegate {
    override fun loadLibrary(shortName: String, flags: Int) = true

    override fun getLibraryPath(libName: String): String? = null

    override fun getSoSourcesVersion() = 0
}

/** A context without JavaScript that keeps what is emitted. */
@Suppress("DEPRECATION", "OVERRIDE_DEPRECATION")
class RecordingContext(base: Context) : ReactApplicationContext(base) {
    val events = LinkedBlockingQueue<Pair<String, Any?>>()

    /** The arguments of the first event with one of these names. */
    fun next(vararg names: String): Pair<String, String> {
        while (true) {
            val (name, arguments) = events.poll(10, SECONDS) ?: throw AssertionError("none of ${names.toList()} came")
            if (name in names) return name to "$arguments"
        }
    }

    override fun emitDeviceEvent(eventName: String, args: Any?) {
        events += eventName to args
    }

    override fun emitDeviceEvent(eventName: String) = emitDeviceEvent(eventName, null)

    /** Takes every call and does nothing. */
    override fun <T : JavaScriptModule> getJSModule(jsInterface: Class<T>): T =
        jsInterface.cast(Proxy.newProxyInstance(jsInterface.classLoader, arrayOf(jsInterface)) { _, _, _ -> null })

    override fun <T : NativeModule> hasNativeModule(nativeModuleInterface: Class<T>) = false

    override fun getNativeModules(): Collection<NativeModule> = emptyList()

    override fun <T : NativeModule> getNativeModule(nativeModuleInterface: Class<T>): T? = null

    override fun getNativeModule(moduleName: String): NativeModule? = null

    override fun getCatalystInstance(): CatalystInstance = throw UnsupportedOperationException()

    override fun hasActiveCatalystInstance() = true

    override fun hasActiveReactInstance() = true

    override fun hasCatalystInstance() = true

    override fun hasReactInstance() = true

    override fun getRuntimeExecutor(): RuntimeExecutor? = null

    override fun destroy() = Unit

    override fun handleException(e: Exception) = throw e

    override fun isBridgeless() = true

    override fun getJavaScriptContextHolder(): JavaScriptContextHolder? = null

    override fun getJSCallInvokerHolder(): CallInvokerHolder? = null

    override fun getFabricUIManager(): UIManager? = null

    override fun getSourceURL(): String? = null

    override fun registerSegment(segmentId: Int, path: String, callback: Callback) = Unit
}

/** What a promise that is handed to a module comes to. */
fun promised(call: (Promise) -> Unit): String? {
    val outcome = CompletableFuture<String?>()
    val type = Promise::class.java
    val promise = Proxy.newProxyInstance(type.classLoader, arrayOf(type)) { _, method, arguments ->
        when (method.name) {
            "resolve" -> outcome.complete(arguments[0] as String?)
            else -> outcome.completeExceptionally(AssertionError(arguments.toList().toString()))
        }
        null
    }
    call(promise as Promise)
    return outcome.get(10, SECONDS)
}

/** A property of React Native that a test has to see or to set back. */
fun reactField(owner: Class<*>, name: String) = owner.getDeclaredField(name).apply { isAccessible = true }
