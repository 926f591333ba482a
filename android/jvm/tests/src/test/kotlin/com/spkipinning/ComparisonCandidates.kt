package com.spkipinning

import android.app.Application
import com.facebook.react.bridge.JavaOnlyArray
import com.facebook.react.bridge.JavaOnlyMap
import com.facebook.react.modules.network.CustomClientBuilder
import com.facebook.react.modules.network.NetworkingModule
import com.facebook.react.modules.network.OkHttpClientFactory
import com.facebook.react.modules.network.OkHttpClientProvider
import com.facebook.react.modules.websocket.WebSocketModule
import com.sslpublickeypinning.SslPublicKeyPinningModule
import okhttp3.CertificatePinner
import okhttp3.OkHttpClient
import org.json.JSONObject

/** What [ComparisonTest] compares: a way to pin, and the clients that an app gets. */
abstract class Candidate(val name: String) {
    /** As a request of `fetch` would get it now. */
    abstract val fetch: OkHttpClient

    abstract val webSocket: OkHttpClient

    /** The one of images and of `expo/fetch`. */
    abstract val image: OkHttpClient

    /** Pins domains as JavaScript says it: a map of options for each. */
    abstract fun pin(domains: Map<String, Map<String, Any>>)

    /** Pins one domain. */
    fun pin(domain: String, vararg pins: String, more: Map<String, Any> = emptyMap()) =
        pin(mapOf(domain to mapOf("publicKeyHashes" to pins.toList()) + more))
}

/** A configuration was refused. */
class Refused(cause: Throwable) : Exception(cause)

/** There is no way to say that. */
class NotOffered : Exception()

/** An app's own use of OkHttp: one client, which gets other pins by `newBuilder()`. */
class OkHttpAlone(private val base: OkHttpClient) : Candidate("OkHttp CertificatePinner") {
    private var pinner = CertificatePinner.DEFAULT

    override val fetch get() = base.newBuilder().certificatePinner(pinner).build()
    override val webSocket get() = fetch
    override val image get() = fetch

    override fun pin(domains: Map<String, Map<String, Any>>) {
        val builder = CertificatePinner.Builder()
        for ((domain, options) in domains) {
            val isPattern = options["includeSubdomains"] == true
            if ((options.keys - setOf("includeSubdomains", "publicKeyHashes")).isNotEmpty()) throw NotOffered()
            val pins = (options["publicKeyHashes"] as? List<*> ?: throw NotOffered()).map { "$it".withPrefix() }
            refusing { builder.add(if (isPattern) "**.$domain" else domain, *pins.toTypedArray()) }
        }
        pinner = builder.build()
    }

    private fun String.withPrefix() = if (startsWith("sha256/")) this else "sha256/$this"
}

/** What pins React Native's clients: those are made as its modules make them. */
abstract class InReactNative(name: String, base: OkHttpClient) : Candidate(name) {
    init {
        OkHttpClientProvider.setOkHttpClientFactory(OkHttpClientFactory { base.newBuilder().build() })
    }

    override val fetch get() = changed(NetworkingModule::class.java)
    override val webSocket get() = changed(WebSocketModule::class.java)
    override val image get() = OkHttpClientProvider.createClient()

    private fun changed(module: Class<*>): OkHttpClient {
        val builder = OkHttpClientProvider.createClient().newBuilder()
        (reactField(module, "customClientBuilder").get(null) as CustomClientBuilder?)?.apply(builder)
        return builder.build()
    }
}

class ThisPackage(base: OkHttpClient, application: Application) : InReactNative("this package", base) {
    init {
        PinningHooks.install(application)
    }

    override fun pin(domains: Map<String, Map<String, Any>>) {
        PinningHooks.assert() // as the module does
        val answer = JSONObject(Configuration.initialize(JSONObject(domains).toString()))
        if (!answer.getBoolean("ok")) throw Refused(IllegalArgumentException("${answer.getJSONArray("problems")}"))
    }
}

class Peer(base: OkHttpClient, application: Application) : InReactNative("react-native-ssl-public-key-pinning", base) {
    private val module = SslPublicKeyPinningModule(RecordingContext(application))

    init {
        for ((field, value) in mapOf("certificatePinner" to null, "isCustomClientBuilderInitialized" to false)) {
            reactField(SslPublicKeyPinningModule::class.java, field).set(null, value) // as in a new process
        }
    }

    override fun pin(domains: Map<String, Map<String, Any>>) {
        if (domains.values.any { "excludedSubdomains" in it || "reportOnly" in it }) throw NotOffered()
        val options = JavaOnlyMap().apply { domains.forEach { (domain, each) -> putMap(domain, each.toJava()) } }
        refusing { promised { module.initialize(options, it) } }
    }

    private fun Map<String, Any>.toJava() = JavaOnlyMap().also { map ->
        for ((key, value) in this) {
            when (value) {
                is List<*> -> map.putArray(key, JavaOnlyArray.from(value))
                is Boolean -> map.putBoolean(key, value)
                else -> map.putString(key, "$value")
            }
        }
    }
}

private fun refusing(work: () -> Unit) = try {
    work()
} catch (error: Throwable) {
    throw Refused(error)
}
