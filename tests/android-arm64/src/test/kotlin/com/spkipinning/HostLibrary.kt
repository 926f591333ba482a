package com.spkipinning

/** This process's own library. */
object HostLibrary : Library {
    init {
        System.load(System.getProperty("library.host"))
    }

    override fun check(host: String?, chain: List<ByteArray?>?, validated: Boolean, stack: String) =
        NativeCheck.check(host, chain?.toTypedArray(), validated, stack)

    override fun evaluate(host: String?, chain: List<ByteArray?>?, validated: Boolean) =
        NativeCheck.evaluate(host, chain?.toTypedArray(), validated, "test")

    override fun verdict(host: String?, chain: List<ByteArray?>?, validated: Boolean) =
        NativeCheck.verdict(host, chain?.toTypedArray(), validated)

    override fun isPinned(host: String?) = NativeCheck.isPinned(host)

    override fun generation() = NativeCheck.generation()

    override fun initialize(document: String?) = NativeCheck.initialize(document, false)

    override fun disable() = NativeCheck.disable()

    override fun status() = NativeCheck.status()

    override fun report(notice: String?, host: String?, message: String, stack: String) =
        NativeCheck.report(notice, host, message, stack)

    override fun setListening(listening: Boolean) = NativeCheck.setListening(listening)

    override fun setNow(now: Long) = NativeTesting.setNow(now)

    override fun panicInNextCall() = NativeTesting.panicInNextCall()

    override var onEvent by NativeCheck::listener
}
