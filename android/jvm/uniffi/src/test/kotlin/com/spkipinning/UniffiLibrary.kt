package com.spkipinning

import com.spkipinning.engine.EventListener
import com.spkipinning.engine.Notice
import com.spkipinning.engine.PinningEngine

/**
 * [PinningEngine] with the face of [Library]. What its types rule out becomes what they offer for it: a chain that is not
 * there is an empty one, a certificate that is not there an empty one, no document an empty one.
 */
object UniffiLibrary : Library {
    private val engine = PinningEngine.shared()

    override var onEvent: (String) -> Unit = {}

    override fun check(host: String?, chain: List<ByteArray?>?, validated: Boolean, stack: String) =
        engine.check(host, certificates(chain), validated, stack)

    override fun evaluate(host: String?, chain: List<ByteArray?>?, validated: Boolean) =
        engine.evaluate(host, certificates(chain), validated)

    override fun verdict(host: String?, chain: List<ByteArray?>?, validated: Boolean) =
        engine.verdict(host, certificates(chain), validated)

    override fun isPinned(host: String?) = engine.isPinned(host)

    override fun generation() = engine.generation()?.toLong() ?: -1

    override fun initialize(document: String?) = engine.initialize(document.orEmpty())

    override fun disable() = engine.disable()

    override fun status() = engine.status()

    override fun report(notice: String?, host: String?, message: String, stack: String) =
        engine.report(Notice.valueOf(notice!!.uppercase().replace('-', '_')), host, message, stack)

    override fun setListening(listening: Boolean) = engine.setEventListener(Listener.takeIf { listening })

    override fun setNow(now: Long) = engine.testingSetNow(now)

    override fun panicInNextCall() = engine.testingPanicInNextCall()

    /** uniffi's encoder wants every surrogate to have its other half. */
    override fun carries(host: String?) = host == null || Charsets.UTF_8.newEncoder().canEncode(host)

    private fun certificates(chain: List<ByteArray?>?) = chain.orEmpty().map { it ?: ByteArray(0) }

    private object Listener : EventListener {
        override fun onEvent(event: String) = UniffiLibrary.onEvent(event)
    }
}
