package com.spkipinning

import com.google.gson.JsonElement
import com.google.gson.JsonObject
import com.google.gson.JsonParser
import java.io.File
import java.time.Instant
import java.util.Base64

/** The shared vectors, read as their README.md says. */
object Vectors {
    private val directory = File(System.getProperty("vectors"))

    /** Every file there is, so that a new one is not overlooked. */
    val files: Set<String> = directory.list()!!.filter { it.endsWith(".json") }.toSet()

    private val certificates = JsonParser.parseString(text("certificates.json")).asJsonObject

    val good: Map<String, JsonObject> = certificates.getAsJsonObject("certificates").objects()
    val broken: Map<String, JsonObject> = certificates.getAsJsonObject("broken").objects()

    /** The DER of a certificate, good or broken. */
    fun der(id: String): ByteArray {
        val certificate = good[id] ?: broken[id] ?: error("there is no certificate $id")
        return Base64.getDecoder().decode(certificate["der"].asString)
    }

    fun pin(id: String): String = (good[id] ?: error("there is no certificate $id"))["pin"].asString

    /** A file as it stands. */
    fun raw(file: String): JsonObject = JsonParser.parseString(text(file)).asJsonObject

    /** A file of documents: `$id` before a quotation mark is the pin of that certificate. */
    fun documents(file: String): JsonObject {
        val resolved = Regex("""\$([a-z0-9-]+)(?=["'])""").replace(text(file)) { pin(it.groupValues[1]) }
        return JsonParser.parseString(resolved).asJsonObject
    }

    private fun text(file: String) = directory.resolve(file).readText()
}

/** One case of a file of documents, with what it has from the file. */
class DocumentCase(file: JsonObject, case: JsonObject) {
    val name: String = case["name"].asString
    val why: String = case["why"].asString

    /** Configuration document, as text. */
    val document: String = case["document"].let {
        if (it.isJsonPrimitive && it.asJsonPrimitive.isString) it.asString.replace('\'', '"') else it.toString()
    }
    val now: Long = Instant.parse((case["now"] ?: file["now"]).asString).toEpochMilli()
    val problems: List<JsonObject>? = case["problems"]?.asJsonArray?.map { it.asJsonObject }
    val expected: JsonObject? = case["expected"]?.asJsonObject
    val host: String? = case["host"]?.text()
    val chain: List<ByteArray>? =
        (case["chain"] ?: file["chain"])?.asJsonArray?.map { Vectors.der(it.asString) }

    init {
        val unknown = case.keySet() - setOf("name", "why", "document", "now", "problems", "host", "chain", "expected")
        require(unknown.isEmpty()) { "$name: what is $unknown?" }
        require(problems != null || expected != null) { "$name: nothing is expected" }
        require(expected == null || (case.has("host") && chain != null)) { "$name: a verdict of what?" }
    }
}

fun JsonElement.text(): String? = if (isJsonNull) null else asString

fun JsonObject.objects(): Map<String, JsonObject> = entrySet().associate { (key, value) -> key to value.asJsonObject }

fun JsonObject.array(name: String): List<JsonObject> = getAsJsonArray(name).map { it.asJsonObject }

fun parse(json: String): JsonObject = JsonParser.parseString(json).asJsonObject
