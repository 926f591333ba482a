package com.spkipinning

/**
 * The engine: the natives of `rust/ffi/src/java.rs`, which is where they are documented. JNI and not uniffi, because a
 * handshake should not wait for JNA.
 *
 * Loading the library looks for every member by its name: `consumer-rules.pro` keeps them.
 */
internal object NativeCheck {
    /** Why there is no engine; null if there is one. Until it has been read, no other member may be called. */
    @JvmField
    val failure: Throwable?

    /** Takes events, on the thread on which they happen. Only asked for while [setListening] is on. */
    @Volatile
    @JvmField
    var listener: ((String) -> Unit)? = null

    init {
        failure = try {
            System.loadLibrary("spki_pinning")
            null
        } catch (error: Throwable) { // a library of another platform, one that is damaged, one that is not there
            error
        }
    }

    /** Null: the connection goes ahead. Otherwise why not, as JSON. Counts, and tells the listener. */
    @JvmStatic
    external fun check(host: String?, chain: Array<ByteArray>, validated: Boolean, stack: String): String?

    /** As [check], without a trace. */
    @JvmStatic
    external fun evaluate(host: String?, chain: Array<ByteArray>, validated: Boolean, stack: String): String?

    @JvmStatic
    external fun verdict(host: String?, chain: Array<ByteArray>, validated: Boolean): String

    @JvmStatic
    external fun isPinned(host: String?): Boolean

    /** Counts the configurations; negative if nothing that was judged before counts. */
    @JvmStatic
    external fun generation(): Long

    @JvmStatic
    external fun initialize(document: String): String

    @JvmStatic
    external fun disable()

    @JvmStatic
    external fun status(): String

    /** Makes an event of what was noticed here; `notice` is the name of one of `Notice` in `rust/core/src/event.rs`. */
    @JvmStatic
    external fun report(notice: String, host: String?, message: String, stack: String)

    @JvmStatic
    external fun setListening(listening: Boolean)

    /** Called by the engine. */
    @JvmStatic
    fun onEvent(event: String) {
        listener?.invoke(event)
    }
}
