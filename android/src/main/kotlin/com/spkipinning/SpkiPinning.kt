package com.spkipinning

import android.content.Context
import android.content.pm.PackageManager
import android.util.Log
import java.io.File
import okhttp3.OkHttpClient
import org.json.JSONObject

/** Pinning for the HTTP clients of an app. Those of React Native are pinned without a call. */
public object SpkiPinning {
    private var isStarted = false

    /**
     * Pins the clients of React Native, and puts the configuration into force that the app carries as the asset
     * `ssl-pinning.json`, if it does. Has been called already in an app's main process; a second call changes nothing, but
     * returns when the first one has done all of it.
     */
    @JvmStatic
    @Synchronized
    public fun start(context: Context) {
        if (isStarted) return
        isStarted = true
        PinningHooks.install(context.applicationContext ?: context)
        startEngine(context)
        EmbeddedConfiguration.load(context)?.let { Log.e("SpkiPinning", "Hosts that are pinned are not reached: $it") }
    }

    /** Tells the engine where it may store signed pins and reports, and whose app this is. */
    private fun startEngine(context: Context) {
        if (NativeCheck.failure != null) return
        // Readable before the device is unlocked, as the configuration is; there is no secret in it.
        val storage = context.createDeviceProtectedStorageContext() ?: context
        val app = JSONObject().put("id", context.packageName).put("version", versionOf(context)).put("platform", "android")
        val folder = File(storage.noBackupFilesDir, "spki-pinning").path
        val surroundings = JSONObject().put("folder", folder).put("app", app)
        if (!NativeCheck.start(surroundings.toString())) Log.e("SpkiPinning", "There are no signed pins and no reports")
    }

    /** Null if Android does not know it. */
    private fun versionOf(context: Context): String? = try {
        context.packageManager.getPackageInfo(context.packageName, 0).versionName
    } catch (_: PackageManager.NameNotFoundException) {
        null
    }

    /** For tests: as in a new process. */
    @Synchronized
    internal fun forgetStart() {
        isStarted = false
    }

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
