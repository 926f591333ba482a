package com.spkipinning

import java.io.File
import java.time.Instant
import java.util.Base64
import org.json.JSONArray
import org.json.JSONObject
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test

/**
 * The shared vectors, through [NativeCheck]. `hosts.json` and `pins.json` ask questions that this bridge does not have on
 * their own; they are asked as parts of a configuration.
 */
class VectorsTest {
    private val certificates = JSONObject(read("certificates.json"))

    @BeforeEach
    fun reset() = unpinned()

    @AfterEach
    fun clock() = NativeTesting.useRealClock()

    private fun read(file: String) = File(System.getProperty("spki.vectors"), file).readText()

    /** The DER of a certificate, good or broken, by its id. */
    private fun der(id: String): ByteArray {
        val described = listOf("certificates", "broken").firstNotNullOf { certificates.getJSONObject(it).optJSONObject(id) }
        return Base64.getDecoder().decode(described.getString("der"))
    }

    private fun withPins(text: String): String = Regex("\\$([a-z0-9-]+)(?=[\"'])").replace(text) {
        certificates.getJSONObject("certificates").getJSONObject(it.groupValues[1]).getString("pin")
    }

    @Test
    fun `every certificate has its pin, and none that is broken has one`() {
        val good = certificates.getJSONObject("certificates")
        NativeCheck.initialize("""{"x.test": {"publicKeyHashes": ["$WRONG_PIN"]}}""", embedded = false)
        val pinsOf = { id: String -> verdict("x.test", arrayOf(der(id))).strings("servedPins") }
        for (id in good.keys()) assertEquals(listOf(good.getJSONObject(id).getString("pin")), pinsOf(id), id)
        for (id in certificates.getJSONObject("broken").keys()) assertEquals(emptyList<String>(), pinsOf(id), id)
    }

    @Test
    fun `documents are found wrong, and hosts are judged, as the vectors say`() {
        val ran = listOf("options", "matching", "expiry", "overlap", "verdicts").sumOf { name ->
            val file = JSONObject(withPins(read("$name.json")))
            val cases = file.getJSONArray("cases").objects()
            for (case in cases) runCase(name, file, case)
            cases.size
        }
        println("$ran cases of documents ran")
        assertTrue(ran > 100, "$ran")
    }

    private fun runCase(name: String, file: JSONObject, case: JSONObject) {
        fun member(key: String) = case.opt(key) ?: file.opt(key)
        val about = "$name.json: ${case.getString("name")} (${case.getString("why")})"
        NativeTesting.setNow(Instant.parse(member("now") as String).toEpochMilli())
        NativeCheck.disable()
        val document = case.get("document")
        val text = if (document is String) document.replace('\'', '"') else written(document)
        val answer = JSONObject(NativeCheck.initialize(text, embedded = false))
        case.optJSONArray("problems")?.let { compareProblems(it.objects(), answer, about) }
        val expected = case.optJSONObject("expected") ?: return
        assertTrue(answer.getBoolean("ok"), "$about: $answer")
        val chain = (member("chain") as JSONArray).let { ids -> Array(ids.length()) { der(ids.getString(it)) } }
        val host = case.get("host").takeIf { it != JSONObject.NULL } as String?
        val verdict = verdict(host, chain)
        for (key in expected.keys()) assertEquals("${expected.get(key)}", "${verdict.get(key)}", "$about: $key")

        val isBlocked = verdict.getString("verdict") == "blocked"
        val refusal = NativeCheck.check(host, chain, true, "test")
        assertEquals(isBlocked, refusal != null, about)
        assertEquals(isBlocked, NativeCheck.evaluate(host, chain, true, "test") != null, about)
        if (refusal != null) assertEquals(verdict.getString("reason"), SslPinningException.of(refusal).reason, about)
    }

    private fun verdict(host: String?, chain: Array<ByteArray>) = JSONObject(NativeCheck.verdict(host, chain, true))

    private fun compareProblems(expected: List<JSONObject>, answer: JSONObject, about: String) {
        val found = answer.getJSONArray(if (answer.getBoolean("ok")) "warnings" else "problems").objects()
        val members = listOf("path", "code", "severity")
        assertEquals(expected.map { members.map(it::get) }, found.map { members.map(it::get) }, about)
        for ((wanted, problem) in expected.zip(found)) {
            if (wanted.isNull("suggestion")) continue
            assertTrue(wanted.getString("suggestion") in problem.getString("suggestion"), "$about: $problem")
        }
    }

    /** As JSON text. Not by `toString()`: Android writes `/` as `\/`, which is the same, but hides it from a reader. */
    private fun written(value: Any): String = value.toString()

    private fun JSONArray.objects() = List(length(), ::getJSONObject)

    @Test
    fun `every domain key is taken or refused as the vectors say`() {
        for (case in JSONObject(read("hosts.json")).getJSONArray("cases").objects()) {
            val options = JSONObject().put("publicKeyHashes", JSONArray(listOf(WRONG_PIN)))
            val document = JSONObject().put(case.getString("input"), options).toString()
            val answer = JSONObject(NativeCheck.initialize(document, embedded = false))
            val about = "hosts.json: ${case.getString("name")}: $answer"
            assertEquals(!case.isNull("host"), answer.getBoolean("ok"), about)
            if (case.isNull("host")) {
                val codes = answer.getJSONArray("problems").objects().map { it.getString("code") }
                assertTrue(case.getString("code") in codes, about)
            } else {
                val domain = JSONObject(NativeCheck.status()).getJSONArray("domains").getJSONObject(0).getString("domain")
                assertEquals(case.getString("host"), domain, about)
            }
        }
    }

    @Test
    fun `every pin is taken or refused as the vectors say`() {
        val leaf = certificates.getJSONObject("certificates").getJSONObject("leaf").getString("pin")
        for (case in JSONObject(read("pins.json")).getJSONArray("cases").objects()) {
            val options = JSONObject().put("publicKeyHashes", JSONArray(listOf(case.getString("input"), leaf)))
            NativeTesting.setNow(0)
            val answer = JSONObject(NativeCheck.initialize(JSONObject().put("example.com", options).toString(), embedded = false))
            val about = "pins.json: ${case.getString("name")}: $answer"
            val found = answer.getJSONArray(if (answer.getBoolean("ok")) "warnings" else "problems").objects()
            val codes = listOf("code", "warning").filterNot(case::isNull).map(case::getString)
            assertEquals(codes, found.map { it.getString("code") }, about)
            if (case.isNull("pin")) continue
            val pins = JSONObject(NativeCheck.status()).getJSONArray("domains").getJSONObject(0).strings("pins")
            assertEquals(case.getString("pin"), pins.first(), about)
        }
    }
}
