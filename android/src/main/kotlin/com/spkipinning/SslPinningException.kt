package com.spkipinning

import javax.net.ssl.SSLPeerUnverifiedException
import org.json.JSONObject

/**
 * A connection does not hold the keys that are pinned for its host; nothing was sent over it.
 *
 * OkHttp takes an [SSLPeerUnverifiedException] for final: it tries neither another TLS version nor another address. The
 * message names the host, the pins that were served and those that were expected.
 */
public class SslPinningException internal constructor(
    message: String,
    /** As the connection named it; null if nobody knows. */
    public val serverHostname: String?,
    /** Stable, kebab-case: `no-pin-matched`, `chain-not-validated`, … */
    public val reason: String,
    /** Base64, leaf first. */
    public val servedPins: List<String>,
) : SSLPeerUnverifiedException(message) {
    internal companion object {
        /** Of what [NativeCheck.check] answers. */
        fun of(refusal: String): SslPinningException {
            val json = JSONObject(refusal)
            val served = json.getJSONArray("servedPins")
            return SslPinningException(
                json.getString("message"),
                if (json.isNull("serverHostname")) null else json.getString("serverHostname"),
                json.getString("reason"),
                List(served.length()) { served.getString(it) },
            )
        }

        /** For a connection that could not be judged, and therefore does not go ahead. */
        fun unjudged(host: String?, why: String, cause: Throwable?): SslPinningException {
            val message = "SSL pinning refused ${host ?: "a connection without a host name"} (internal-error): $why"
            val refusal = SslPinningException(message, host, "internal-error", emptyList())
            refusal.initCause(cause)
            return refusal
        }
    }
}
