package com.spkipinning

/** What the engine has for tests, in a library that was built with the feature `testing`. */
object NativeTesting {
    init {
        NativeCheck.failure?.let { throw it }
    }

    @JvmStatic
    external fun setNow(now: Long)

    @JvmStatic
    external fun useRealClock()

    @JvmStatic
    external fun panicInNextCall()
}
