package com.spkipinning

import com.facebook.react.bridge.LifecycleEventListener
import com.facebook.react.bridge.Promise
import com.facebook.react.bridge.ReactApplicationContext
import com.facebook.react.module.annotations.ReactModule
import java.util.concurrent.Executors

/**
 * What JavaScript calls. There is one engine for the process and, after a reload, a new module beside the old one: the last
 * one that listens gets the events.
 */
@ReactModule(name = NativeSpkiPinningSpec.NAME)
public class SpkiPinningModule(context: ReactApplicationContext) : NativeSpkiPinningSpec(context) {
    private val listener: (String) -> Unit = { emitOnEvent(it) }

    /** For answers that wait for a network. */
    private val background = Executors.newCachedThreadPool { work -> Thread(work, "spki-pinning").apply { isDaemon = true } }

    private val foreground = object : LifecycleEventListener {
        override fun onHostResume() {
            if (NativeCheck.failure == null) NativeCheck.cameToForeground()
        }

        override fun onHostPause() = Unit

        override fun onHostDestroy() = Unit
    }

    init {
        SpkiPinning.start(context.applicationContext ?: context)
        PinningHooks.assert()
        context.addLifecycleEventListener(foreground)
    }

    override fun initialize(document: String, promise: Promise) {
        answer(promise) {
            PinningHooks.assert()
            Configuration.initialize(document)
        }
    }

    override fun disable(promise: Promise) {
        answer(promise) {
            Configuration.disable()
            null
        }
    }

    override fun getStatus(promise: Promise) {
        answer(promise) { NativeCheck.status() }
    }

    override fun update(promise: Promise) {
        background.execute { answer(promise) { NativeCheck.update() } }
    }

    override fun verify(host: String, port: Double, promise: Promise) {
        background.execute { answer(promise) { NativeCheck.verify(host, port.toInt()) } }
    }

    override fun watch(host: String) {
        if (NativeCheck.failure == null) NativeCheck.watch(host)
    }

    override fun watched(promise: Promise) {
        answer(promise) { NativeCheck.watched() }
    }

    override fun setListening(listening: Boolean) {
        if (NativeCheck.failure != null) return
        synchronized(NativeCheck) {
            if (listening) {
                NativeCheck.listener = listener
            } else if (NativeCheck.listener !== listener) {
                return // another module's by now
            }
            NativeCheck.setListening(listening)
            if (!listening) NativeCheck.listener = null
        }
    }

    override fun invalidate() {
        setListening(false)
        reactApplicationContext.removeLifecycleEventListener(foreground)
        background.shutdown()
        super.invalidate()
    }

    private fun answer(promise: Promise, work: () -> String?) {
        try {
            NativeCheck.failure?.let { throw it }
            promise.resolve(work())
        } catch (error: Throwable) {
            val message = "The engine of react-native-spki-pinning cannot be used: $error"
            promise.reject("E_SSL_PINNING_UNAVAILABLE", message, error)
        }
    }
}
