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
    external fun initialize(document: String?): String

    @JvmStatic
    external fun disable()

    @JvmStatic
    external fun status(): String

    @JvmStatic
    external fun report(notice: String?, host: String?, message: String, stack: String)

    @JvmStatic
    external fun setListening(listening: Boolean)

    /** Called by the library. */
    @JvmStatic
    fun onEvent(event: String) = listener(event)
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
