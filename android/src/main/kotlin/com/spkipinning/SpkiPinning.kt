package com.spkipinning

import android.content.Context
import android.util.Log
import java.util.concurrent.atomic.AtomicBoolean
import okhttp3.OkHttpClient

/** Pinning for the HTTP clients of an app. Those of React Native are pinned without a call. */
public object SpkiPinning {
    private val isStarted = AtomicBoolean()

    /**
     * Pins the clients of React Native, and puts the configuration into force that the app carries as the asset
     * `ssl-pinning.json`, if it does. Has been called already in an app's main process; a second call changes nothing.
     */
    @JvmStatic
    public fun start(context: Context) {
        if (!isStarted.compareAndSet(false, true)) return
        PinningHooks.install(context.applicationContext ?: context)
        EmbeddedConfiguration.load(context)?.let { Log.e("SpkiPinning", "Hosts that are pinned are not reached: $it") }
    }

    /** For tests: as in a new process. */
    internal fun forgetStart() = isStarted.set(false)

    /**
     * Has every connection of a client judged by the pins in force, HTTP and WebSocket, now and after each change of them.
     * Everything else of the client stays as it is: trust manager, client certificates, proxy, DNS, pins of OkHttp's own.
     *
     * Call it last: what replaces the builder's `sslSocketFactory` or `hostnameVerifier` afterwards takes WebSockets out.
     *
     * ```kotlin
     * val client = SpkiPinning.install(OkHttpClient.Builder()).build()
     * ```
     *
     * @return the same builder. A second call changes nothing.
     */
    @JvmStatic
    public fun install(builder: OkHttpClient.Builder): OkHttpClient.Builder {
        val client = builder.build() // the only way to see what the builder has, and would take by default
        val trustManager = client.x509TrustManager
        if (trustManager != null) { // none: a client without TLS
            val verifier = client.hostnameVerifier
            if (verifier !is PinningHostnameVerifier || !verifier.isFor(trustManager)) {
                builder.hostnameVerifier(PinningHostnameVerifier(verifier, trustManager))
            }
            val sockets = client.sslSocketFactory
            if (sockets !is PinningSocketFactory) {
                builder.sslSocketFactory(PinningSocketFactory(sockets), trustManager)
            }
        }
        if (PinningInterceptor !in builder.interceptors()) builder.addInterceptor(PinningInterceptor)
        if (PinningInterceptor !in builder.networkInterceptors()) builder.addNetworkInterceptor(PinningInterceptor)
        return builder
    }
}
