package com.spkipinning

/** A process that has no engine; [FailClosedTest] runs it. */
fun main() {
    check(NativeCheck.failure is UnsatisfiedLinkError) { "there is a library" }
    val client = pinned()
    fun outcome(url: String): Any = try {
        client.get(url).status
    } catch (refused: SslPinningException) {
        refused.reason
    }

    fun say(about: String) {
        val (leaf, http1) = Testbed.host("leaf") to Testbed.host("http1")
        val (named, other, address) = listOf(leaf.url(), http1.url(), "https://127.0.0.1:${leaf.port}/").map(::outcome)
        println("$about: leaf $named, http1 $other, 127.0.0.1 $address")
    }

    say("before")
    EmbeddedConfiguration.put("""{"domains": {"LEAF.spki.test.": {"includeSubdomains": true, "publicKeyHashes": []}}}""")
    say("named")
    EmbeddedConfiguration.put("""{"domains": {"[::ffff:127.0.0.1]": {"publicKeyHashes": []}}}""")
    say("address")
    EmbeddedConfiguration.put("""{"domains": """)
    say("unreadable")
    EmbeddedConfiguration.isReplaced()
    say("replaced")
    System.exit(0) // OkHttp's threads would stay
}
