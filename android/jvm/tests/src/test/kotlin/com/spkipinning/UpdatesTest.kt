package com.spkipinning

import java.io.File
import java.security.KeyPairGenerator
import java.security.Signature
import java.util.Base64
import org.json.JSONArray
import org.json.JSONObject
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeAll
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test

/** Signed pins and `verifySslPinning`, over the engine's own connections, which trust whom a trust manager of Java does. */
class UpdatesTest {
    private val host = Testbed.host("rotating")
    private val server = Testbed.host("leaf")

    @BeforeEach
    fun reset() = unpinned()

    private fun settings(server: String) = JSONObject().put(
        "updates",
        JSONObject().put("url", "https://$server/published/pins.jwt").put("publicKeys", JSONArray().put(PEM)),
    )

    /** What an earlier test has stored is in force first, as in an app. */
    private fun initialize(pin: String, server: String = "localhost:${this.server.port}") = initialize(
        JSONObject().put("domains", JSONObject().put(host.host, pins(pin))).put("settings", settings(server)),
    )

    private fun pinLocalhost(pin: String) = initialize(JSONObject().put("localhost", pins(pin)))

    private fun pins(vararg pins: String) = JSONObject().put("publicKeyHashes", JSONArray(pins))

    private fun publish(vararg pins: String) {
        val now = System.currentTimeMillis() / 1000
        version += 1
        val claims = JSONObject().put("iat", now).put("exp", now + 86_400).put("version", version)
            .put("domains", JSONObject().put(host.host, pins(*pins)))
        val header = JSONObject().put("alg", "EdDSA").put("typ", "pins+jwt")
        val signed = listOf(header, claims).joinToString(".") { encode(it.toString().toByteArray()) }
        val signature = Signature.getInstance("Ed25519").apply { initSign(KEYS.private) }
        signature.update(signed.toByteArray())
        Testbed.publish("pins.jwt", "$signed.${encode(signature.sign())}")
    }

    private fun update() = JSONObject(NativeCheck.update())

    @Test
    fun `an app that a rotated key has locked out recovers without a restart`() {
        publish(host.pin(), WRONG_PIN)
        initialize(host.pin())
        assertTrue(update().getBoolean("ok"))
        val client = pinned()
        assertEquals(200, client.get(host.url()).status)
        Testbed.control("POST", "/rotate?host=rotating&to=B")
        assertRefused("no-pin-matched") { client.getAnew(host.url()) }
        publish(host.nextPin, WRONG_PIN)
        val answer = update()
        assertTrue(answer.getBoolean("ok"), answer.toString())
        assertEquals(version, answer.getLong("version"))
        assertEquals(200, client.getAnew(host.url()).status)
        val status = JSONObject(NativeCheck.status())
        assertEquals("update", status.getJSONArray("domains").getJSONObject(0).getString("source"))
        assertTrue(File(FOLDER, "updates.json").isFile)
    }

    @Test
    fun `a connection that is open is cut when its pins are taken away from afar`() {
        publish(host.pin(), WRONG_PIN)
        initialize(host.pin())
        assertTrue(update().getBoolean("ok"))
        val client = pinned()
        val first = client.get(host.url())
        assertEquals(1, client.connectionPool.connectionCount())
        publish(WRONG_PIN, server.pin())
        val events = eventsOf { assertTrue(update().getBoolean("ok")) }
        assertRefused("no-pin-matched") { client.get(host.url()) }
        assertEquals(200, first.status)
        assertTrue(events.any { it.getString("reason") == "update-applied" && it.getString("kind") == "info" })
        assertTrue(events.any { it.getString("reason") == "no-pin-matched" }, "the idle connection has been judged again")
    }

    @Test
    fun `a manifest of somebody else is refused`() {
        initialize(host.pin())
        Testbed.publish("pins.jwt", "e30.e30.e30")
        val answer = update()
        assertFalse(answer.getBoolean("ok"))
        assertEquals("manifest-type", answer.getJSONObject("error").getString("code"))
    }

    @Test
    fun `a server that the platform does not trust serves no pins`() {
        initialize(host.pin(), "127.0.0.1:${server.port}") // where there is no connection from before
        PlatformTrust.trustManager = null // that of this JVM, which does not know the testbed
        try {
            val error = update().getJSONObject("error")
            assertEquals("update-unreachable", error.getString("code"), error.toString())
            val verified = JSONObject(NativeCheck.verify("localhost", server.port))
            assertEquals("certificate-unknown-issuer", verified.getJSONObject("error").getString("code"))
        } finally {
            PlatformTrust.trustManager = Tls("JSSE").trustManager
        }
    }

    @Test
    fun `a host is verified by a handshake of the engine, and each stack by what is noted`() {
        pinLocalhost(server.pin())
        val verified = JSONObject(NativeCheck.verify("localhost", server.port))
        assertTrue(verified.getBoolean("ok"), verified.toString())
        assertEquals(server.pin(), verified.getJSONObject("verdict").getString("matchedPin"))

        val client = pinned()
        val url = "https://localhost:${server.port}/"
        client.get(url)
        NativeCheck.watch("localhost")
        assertEquals("[]", NativeCheck.watched(), "nothing was asked")
        NativeCheck.watch("localhost")
        client.get(url) // over the connection from before
        val seen = JSONArray(NativeCheck.watched())
        assertEquals("pin-matched", seen.getJSONObject(0).getString("reason"))
        NativeCheck.watch("localhost")
        plain().build().get(url) // a client that goes by the pins
        assertEquals("[]", NativeCheck.watched())
        NativeCheck.watch("localhost")
        client.getAnew(url)
        assertEquals("okhttp", JSONArray(NativeCheck.watched()).getJSONObject(0).getString("stack"))

        pinLocalhost(WRONG_PIN)
        val wrong = JSONObject(NativeCheck.verify("localhost", server.port))
        assertEquals("no-pin-matched", wrong.getJSONObject("verdict").getString("reason"))
        val other = JSONObject(NativeCheck.verify("localhost", Testbed.host("http1").port))
        assertEquals("certificate-wrong-host", other.getJSONObject("error").getString("code"))
    }

    companion object {
        private val KEYS = KeyPairGenerator.getInstance("Ed25519").generateKeyPair()
        private val PEM = "-----BEGIN PUBLIC KEY-----\n" +
            Base64.getEncoder().encodeToString(KEYS.public.encoded) + "\n-----END PUBLIC KEY-----"
        private val FOLDER: File = File.createTempFile("spki", "pinning").apply { delete() }
        private var version = 0L

        private fun encode(bytes: ByteArray): String = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes)

        /** The engine of this process is started once. */
        @BeforeAll
        @JvmStatic
        fun start() {
            NativeCheck.failure?.let { throw it }
            PlatformTrust.trustManager = Tls("JSSE").trustManager
            assertTrue(NativeCheck.start(JSONObject().put("folder", FOLDER.path).toString()))
        }

        @AfterAll
        @JvmStatic
        fun cleanUp() {
            unpinned()
            FOLDER.deleteRecursively()
            PlatformTrust.trustManager = null
        }
    }
}
