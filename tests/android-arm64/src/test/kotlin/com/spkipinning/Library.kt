package com.spkipinning

/** The library as `NativeCheck` has it, wherever it runs. */
interface Library {
    fun check(host: String?, chain: List<ByteArray?>?, validated: Boolean = true, stack: String = "test"): String?

    fun evaluate(host: String?, chain: List<ByteArray?>?, validated: Boolean = true): String?

    fun verdict(host: String?, chain: List<ByteArray?>?, validated: Boolean = true): String

    fun isPinned(host: String?): Boolean

    fun generation(): Long

    fun initialize(document: String?): String

    fun disable()

    fun status(): String

    fun report(notice: String?, host: String?, message: String, stack: String = "test")

    fun setListening(listening: Boolean)

    fun setNow(now: Long)

    fun panicInNextCall()

    /** Whether it takes such a host to the engine. If it throws instead, a test says so. */
    fun carries(host: String?): Boolean = true

    /** What `onEvent` does. */
    var onEvent: (String) -> Unit
}
