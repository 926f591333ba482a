package com.spkipinning

import com.facebook.react.bridge.Promise
import com.facebook.react.bridge.ReactApplicationContext
import com.facebook.react.module.annotations.ReactModule

/**
 * What JavaScript calls. There is one engine for the process and, after a reload, a new module beside the old one: the last
 * one that listens gets the events.
 */
@ReactModule(name = NativeSpkiPinningSpec.NAME)
public class SpkiPinningModule(context: ReactApplicationContext) : NativeSpkiPinningSpec(context) {
    private val listener: (String) -> Unit = { emitOnEvent(it) }

    init {
        SpkiPinning.start(context.applicationContext ?: context)
        PinningHooks.assert()
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
