package com.spkipinning

import org.json.JSONObject

/** The configuration in force, as the app changes it. */
internal object Configuration {
    /**
     * Takes a document into force, for the very next request: open connections that it does not allow are cut by then.
     *
     * @return the engine's answer: `{"ok": true, …}`; or `{"ok": false, "problems"}`, and nothing has changed.
     */
    fun initialize(document: String): String {
        val answer = NativeCheck.initialize(document, embedded = false)
        // By its own word: the generation may have changed for another reason at the same time.
        if (JSONObject(answer).getBoolean("ok")) EmbeddedConfiguration.isReplaced()
        LiveSockets.judgeAgain()
        return answer
    }

    /** Pins nothing any more. */
    fun disable() {
        NativeCheck.disable()
        EmbeddedConfiguration.isReplaced()
        LiveSockets.judgeAgain()
    }
}
