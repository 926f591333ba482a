package com.spkipinning

/** The class whose natives `rust/ffi` registers. */
object NativeCheck {
    /** Receives what the engine reports while it is listened to. */
    @Volatile
    var listener: (String) -> Unit = {}

    @JvmStatic
    external fun check(host: String?, chain: Array<ByteArray?>?, validated: Boolean, stack: String): String?

    @JvmStatic
    external fun evaluate(host: String?, chain: Array<ByteArray?>?, validated: Boolean, stack: String): String?

    @JvmStatic
    external fun verdict(host: String?, chain: Array<ByteArray?>?, validated: Boolean): String

    @JvmStatic
    external fun isPinned(host: String?): Boolean

    @JvmStatic
    external fun generation(): Long

    @JvmStatic
    external fun start(surroundings: String?): Boolean

    @JvmStatic
    external fun initialize(document: String?, embedded: Boolean): String

    @JvmStatic
    external fun disable()

    @JvmStatic
    external fun status(): String

    @JvmStatic
    external fun report(notice: String?, host: String?, message: String, stack: String)

    @JvmStatic
    external fun setListening(listening: Boolean)

    @JvmStatic
    external fun update(): String

    @JvmStatic
    external fun cameToForeground()

    @JvmStatic
    external fun verify(host: String?, port: Int): String

    @JvmStatic
    external fun watch(host: String?)

    @JvmStatic
    external fun watched(): String

    @JvmStatic
    external fun tellStack(stack: String?, hooked: Boolean)

    /** Called by the library. */
    @JvmStatic
    fun onEvent(event: String) = listener(event)

    /** Called by the library: nothing is trusted here. */
    @JvmStatic
    @Suppress("UNUSED_PARAMETER")
    fun validatedPath(host: String, sent: Array<ByteArray>): Array<ByteArray>? = null

    /** Called by the library. */
    @JvmStatic
    fun onPinsChanged() = Unit
}

/** Natives of a library that was built for tests. */
object NativeTesting {
    @JvmStatic
    external fun setNow(now: Long)

    @JvmStatic
    external fun useRealClock()

    @JvmStatic
    external fun panicInNextCall()
}
