package com.spkipinning

import java.io.File
import java.net.HttpURLConnection
import java.net.URI
import java.security.cert.CertificateFactory
import java.security.cert.X509Certificate
import org.json.JSONObject

/** One server; `docs/architecture.md` says what there is. */
class TestbedHost(private val json: JSONObject) {
    val host: String get() = json.getString("host")
    val port: Int get() = json.getInt("port")
    val nextPin: String get() = json.getString("nextPin")
    val servedPins: List<String> get() = json.getJSONArray("servedPins").let { pins -> List(pins.length(), pins::getString) }

    fun pin(role: String = "leaf"): String = json.getJSONObject("pins").getString(role)

    fun url(path: String = "/"): String = "https://$host:$port$path"
}

/** The servers of rust/testbed, started once; the end of this process is the end of its input, and ends it. */
object Testbed {
    private val process = ProcessBuilder(System.getProperty("spki.testbed"))
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start()
    private val document = JSONObject(process.inputStream.bufferedReader().readLine())

    val ca: X509Certificate = certificates("caFile").single()
    val withRogueCa: List<X509Certificate> = certificates("rogueCaFile")
    val clientCertificates: List<X509Certificate> = certificates("clientCertFile")
    val clientKey: String = File(document.getString("clientKeyFile")).readText()

    fun host(name: String): TestbedHost = TestbedHost(document.getJSONObject("hosts").getJSONObject(name))

    /** How many requests have reached the HTTP layer of a host. */
    fun requests(name: String): Int = control("GET", "/requests?host=$name").getInt("count")

    /** Has every server serve something under `/published/NAME`. */
    fun publish(name: String, content: String) = control("POST", "/publish?name=$name", content)

    fun control(method: String, path: String, body: String = ""): JSONObject {
        val connection = URI(document.getString("controlUrl") + path).toURL().openConnection() as HttpURLConnection
        connection.requestMethod = method
        if (body.isNotEmpty()) {
            connection.doOutput = true
            connection.outputStream.use { it.write(body.toByteArray()) }
        }
        return JSONObject(connection.inputStream.bufferedReader().readText())
    }

    private fun certificates(member: String): List<X509Certificate> = File(document.getString(member)).inputStream().use {
        CertificateFactory.getInstance("X.509").generateCertificates(it).map { each -> each as X509Certificate }
    }
}
