package com.spkipinning

import java.io.IOException
import java.net.InetAddress
import java.security.KeyStore
import java.security.cert.Certificate
import java.security.cert.X509Certificate
import javax.net.ssl.HostnameVerifier
import javax.net.ssl.KeyManager
import javax.net.ssl.SSLContext
import javax.net.ssl.SSLSession
import javax.net.ssl.TrustManagerFactory
import javax.net.ssl.X509TrustManager
import okhttp3.Dns
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.Response
import org.conscrypt.Conscrypt
import org.json.JSONArray
import org.json.JSONObject
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.fail

/** No key has this hash. */
const val WRONG_PIN = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE="

/** The state before each test. */
fun unpinned() {
    NativeCheck.failure?.let { throw it }
    NativeCheck.disable()
    eventsOf {} // forgets those that wait for a listener
    Testbed.control("POST", "/reset")
}

/** Takes a configuration into force as the module does. */
fun initialize(document: JSONObject) {
    val answer = JSONObject(Configuration.initialize(document.toString()))
    if (!answer.getBoolean("ok")) fail<Unit>(answer.toString())
}

/** Pins a name, with its subdomains unless it is an IP address. */
fun pin(domain: String, vararg pins: String, reportOnly: Boolean = false) {
    val options = JSONObject()
        .put("includeSubdomains", !Regex("[\\d.]+").matches(domain))
        .put("publicKeyHashes", JSONArray(pins))
        .put("reportOnly", reportOnly)
    initialize(JSONObject().put(domain, options))
}

/** Pins a host of the testbed. */
fun pinHost(name: String, vararg pins: String) = pin(Testbed.host(name).host, *pins)

/** The TLS of a client. */
class Tls(provider: String, anchors: List<X509Certificate> = listOf(Testbed.ca), keys: Array<KeyManager>? = null) {
    val trustManager: X509TrustManager
    val context: SSLContext

    init {
        val store = KeyStore.getInstance(KeyStore.getDefaultType()).apply { load(null, null) }
        anchors.forEachIndexed { index, anchor -> store.setCertificateEntry("$index", anchor) }
        val conscrypt = Conscrypt.newProviderBuilder().provideTrustManager(true).build()
        val isConscrypt = provider == "Conscrypt"
        val factory =
            if (isConscrypt) TrustManagerFactory.getInstance("PKIX", conscrypt) else TrustManagerFactory.getInstance("PKIX")
        factory.init(store)
        trustManager = factory.trustManagers.filterIsInstance<X509TrustManager>().single()
        context = if (isConscrypt) SSLContext.getInstance("TLS", conscrypt) else SSLContext.getInstance("TLS")
        context.init(keys, arrayOf(trustManager), null)
    }
}

/** Stands in for DNS: every name is on loopback. */
class Loopback(private val addresses: Int = 1) : Dns {
    override fun lookup(hostname: String): List<InetAddress> = List(addresses) { InetAddress.getByName("127.0.0.1") }
}

/** A session with a server that has sent these. */
class SessionWith(
    private val certificates: List<X509Certificate>,
    session: SSLSession = SSLContext.getDefault().createSSLEngine().session,
) : SSLSession by session {
    override fun getPeerCertificates(): Array<Certificate> = certificates.toTypedArray()
}

/** What an app would have without the library, trusting the testbed. */
fun plain(tls: Tls = Tls("JSSE")): OkHttpClient.Builder =
    OkHttpClient.Builder().dns(Loopback()).sslSocketFactory(tls.context.socketFactory, tls.trustManager)

/** An app that takes any certificate for any name. */
fun trustingAll(): OkHttpClient.Builder {
    val all = object : X509TrustManager {
        override fun checkClientTrusted(chain: Array<X509Certificate>, authType: String) = Unit
        override fun checkServerTrusted(chain: Array<X509Certificate>, authType: String) = Unit
        override fun getAcceptedIssuers() = emptyArray<X509Certificate>()
    }
    val context = SSLContext.getInstance("TLS").apply { init(null, arrayOf(all), null) }
    return OkHttpClient.Builder().dns(Loopback()).sslSocketFactory(context.socketFactory, all)
        .hostnameVerifier(HostnameVerifier { _, _ -> true })
}

/** A client with the library. */
fun pinned(tls: Tls = Tls("JSSE")): OkHttpClient = SpkiPinning.install(plain(tls)).build()

/** What the testbed says of the connection that a request came over. */
class Answer(response: Response) {
    val status: Int = response.code
    val body: String = response.peekBody(1 shl 20).string()
    val connection: String? = response.header("x-testbed-connection")
    val isResumed: Boolean = response.header("x-testbed-handshake") == "resumed"
    val protocol: String? = response.header("x-testbed-protocol")
    val tls: String? = response.header("x-testbed-tls")
}

fun OkHttpClient.get(url: String, change: Request.Builder.() -> Unit = {}): Answer =
    newCall(Request.Builder().url(url).apply(change).build()).execute().use(::Answer)

/** As [get], over a connection that is closed before. */
fun OkHttpClient.getAnew(url: String): Answer {
    connectionPool.evictAll()
    return get(url)
}

/** The refusal that a request ends with; anything else fails the test. */
fun refusal(request: () -> Any): SslPinningException {
    val error = try {
        request()
        null
    } catch (thrown: IOException) {
        thrown
    }
    return error as? SslPinningException ?: throw AssertionError("the request was not refused", error)
}

fun assertRefused(reason: String, request: () -> Any) = assertEquals(reason, refusal(request).reason)

/** The events that happen while something is done. */
fun eventsOf(work: () -> Unit): List<JSONObject> {
    val events = mutableListOf<JSONObject>()
    NativeCheck.listener = { synchronized(events) { events += JSONObject(it) } }
    NativeCheck.setListening(true)
    try {
        work()
    } finally {
        NativeCheck.setListening(false)
        NativeCheck.listener = null
    }
    return synchronized(events) { events.toList() }
}

fun JSONObject.strings(member: String): List<String> =
    getJSONArray(member).let { array -> List(array.length(), array::getString) }
