package com.spkipinning

/** The configuration in force, as the app changes it. */
internal object Configuration {
    /**
     * Takes a document into force, for the very next request: open connections that it does not allow are cut by then.
     *
     * @return the engine's answer: `{"ok": true, …}`; or `{"ok": false, "problems"}`, and nothing has changed.
     */
    fun initialize(document: String): String = changed { NativeCheck.initialize(document, embedded = false) }

    /** Pins nothing any more. */
    fun disable(): Unit = changed { NativeCheck.disable() }

    private fun <T> changed(change: () -> T): T {
        val before = Judge.generation()
        val answer = change()
        if (Judge.generation() != before) EmbeddedConfiguration.isReplaced()
        LiveSockets.judgeAgain()
        return answer
    }
}
