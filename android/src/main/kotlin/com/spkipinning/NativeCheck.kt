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

    /** Begins what the engine does beside checks. */
    @JvmStatic
    external fun start(surroundings: String): Boolean

    /** `embedded`: the configuration is that of the app's build. */
    @JvmStatic
    external fun initialize(document: String, embedded: Boolean): String

    @JvmStatic
    external fun disable()

    @JvmStatic
    external fun status(): String

    /** Makes an event of what was noticed here; `notice` is the name of one of `Notice` in `rust/core/src/event.rs`. */
    @JvmStatic
    external fun report(notice: String, host: String?, message: String, stack: String)

    @JvmStatic
    external fun setListening(listening: Boolean)

    /** Looks for newer signed pins, and waits for what comes of it. */
    @JvmStatic
    external fun update(): String

    @JvmStatic
    external fun cameToForeground()

    /** Makes a handshake of the engine's own, judges it, and waits for that. */
    @JvmStatic
    external fun verify(host: String, port: Int): String

    /** From now on, which network stacks bring connections to this host is noted. */
    @JvmStatic
    external fun watch(host: String)

    @JvmStatic
    external fun watched(): String

    @JvmStatic
    external fun tellStack(stack: String, hooked: Boolean)

    /** Called by the engine. */
    @JvmStatic
    fun onEvent(event: String) {
        listener?.invoke(event)
    }

    /** Called by the engine, for its own connections and on a thread of its own: null, or a throw, is no trust. */
    @JvmStatic
    fun validatedPath(host: String, sent: Array<ByteArray>): Array<ByteArray>? = PlatformTrust.path(host, sent)

    /** Called by the engine, on a thread of its own: pins have come from a signed manifest. */
    @JvmStatic
    fun onPinsChanged() {
        LiveSockets.judgeAgain()
    }
}
