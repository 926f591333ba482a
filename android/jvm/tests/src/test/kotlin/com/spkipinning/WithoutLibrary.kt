package com.spkipinning

/** A process that has no engine; [FailClosedTest] runs it. */
fun main() {
    check(NativeCheck.failure is UnsatisfiedLinkError) { "there is a library" }
    val client = pinned()
    fun outcome(name: String): Any = try {
        client.get(Testbed.host(name).url()).status
    } catch (refused: SslPinningException) {
        refused.reason
    }

    fun say(about: String) = println("$about: leaf ${outcome("leaf")}, http1 ${outcome("http1")}")

    say("before")
    EmbeddedConfiguration.put("""{"domains": {"LEAF.spki.test.": {"includeSubdomains": true, "publicKeyHashes": []}}}""")
    say("named")
    EmbeddedConfiguration.put("""{"domains": """)
    say("unreadable")
    EmbeddedConfiguration.isReplaced()
    say("replaced")
    System.exit(0) // OkHttp's threads would stay
}
