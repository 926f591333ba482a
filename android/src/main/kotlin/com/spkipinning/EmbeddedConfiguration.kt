package com.spkipinning

import android.content.Context
import java.io.FileNotFoundException
import java.io.IOException
import java.util.Locale
import org.json.JSONException
import org.json.JSONObject

/**
 * The configuration that an app carries as the asset `ssl-pinning.json`: in force before any code of the app runs, and
 * until the app sets another.
 *
 * If there is no engine on this device, the hosts that it names are not reached, nor their subdomains. If it is not valid,
 * no host is, because nobody knows which were meant.
 */
internal object EmbeddedConfiguration {
    private const val ASSET = "ssl-pinning.json"

    /** A configuration that ought to be in force and is not. `domains`: the keys that it has; null: it may have any. */
    private class Unmet(private val domains: List<String>?, val why: String, val cause: Throwable? = null) {
        fun mayName(host: String?): Boolean {
            if (host == null || domains == null) return true
            val name = plain(host)
            return domains.any { name == it || name.endsWith(".$it") || (isAddress(it) && isAddress(name)) }
        }
    }

    @Volatile
    private var unmet: Unmet? = null

    /** Puts the asset into force, if there is one: null, or what is wrong with it. */
    fun load(context: Context): String? = try {
        put(context.assets.open(ASSET).use { it.readBytes().decodeToString() })
    } catch (_: FileNotFoundException) {
        null
    } catch (error: IOException) {
        val unreadable = Unmet(null, "$ASSET cannot be read: $error", error)
        unmet = unreadable
        unreadable.why
    }

    /** Puts a document into force: null, or what is wrong with it. */
    fun put(document: String): String? {
        unmet = tryToInitialize(document)
        return unmet?.why
    }

    private fun tryToInitialize(document: String): Unmet? = try {
        NativeCheck.failure?.let { throw it }
        val answer = JSONObject(NativeCheck.initialize(document, embedded = true))
        if (answer.getBoolean("ok")) null else Unmet(null, "$ASSET is not valid: ${answer.getJSONArray("problems")}")
    } catch (error: Throwable) {
        Unmet(domainsOf(document), "$ASSET is not in force, because the engine cannot be used: $error", error)
    }

    /** Null if they cannot be had without the engine: it alone knows what an internationalised name becomes. */
    private fun domainsOf(document: String): List<String>? = try {
        val json = JSONObject(document)
        val keys = (json.optJSONObject("domains") ?: json).keys().asSequence().map(::plain).toList()
        keys.takeIf { all -> all.all { key -> key.all { it.code < 128 } } }
    } catch (_: JSONException) {
        null
    }

    private fun plain(host: String): String = host.lowercase(Locale.ROOT).trimEnd('.')

    /** Or what may be read as one. They have many spellings, which the engine alone knows. */
    private fun isAddress(name: String): Boolean {
        val last = name.substringAfterLast('.')
        return ':' in name || last.startsWith("0x") || last.all(Char::isDigit)
    }

    /** The app has set another configuration, or none, of which the engine knows. */
    fun isReplaced() {
        unmet = null
    }

    /** What to end a connection with that the configuration may name, as long as it is not in force. */
    fun refusal(host: String?): SslPinningException? =
        unmet?.takeIf { it.mayName(host) }?.let { SslPinningException.unjudged(host, it.why, it.cause) }
}
