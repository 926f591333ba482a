package com.spkipinning

import com.facebook.react.modules.network.CustomClientBuilder
import com.facebook.react.modules.network.NetworkingModule
import com.facebook.react.modules.network.OkHttpClientProvider
import com.facebook.react.modules.websocket.WebSocketModule
import com.facebook.soloader.SoLoader
import java.io.File
import java.util.concurrent.CompletableFuture
import java.util.concurrent.ExecutionException
import java.util.concurrent.TimeUnit.SECONDS
import javax.net.ssl.SSLPeerUnverifiedException
import okhttp3.OkHttp
import okhttp3.OkHttpClient
import okhttp3.Protocol
import okhttp3.Request
import okhttp3.Response
import okhttp3.WebSocket
import okhttp3.WebSocketListener
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import org.robolectric.annotation.ConscryptMode

/**
 * The same cases for this package, for react-native-ssl-public-key-pinning and for OkHttp's CertificatePinner. What becomes
 * of them is the table for Android in docs/comparison.md, which has to say what is measured. SPKI_UPDATE_COMPARISON=1 writes
 * it.
 */
@RunWith(RobolectricTestRunner::class)
@ConscryptMode(ConscryptMode.Mode.OFF) // it would take the place of JSSE
@Config(sdk = [35], shadows = [ShadowArguments::class], instrumentedPackages = ["com.facebook.react", "com.facebook.jni"])
class ComparisonTest {
    /** `measure` returns a cell of the table. One that is not `good` is printed bold. */
    private class Case(val title: String, val good: String, val base: () -> OkHttpClient, val measure: (Candidate) -> String)

    private val application by lazy { RuntimeEnvironment.getApplication() }
    private val leaf = Testbed.host("leaf")
    private val root = Testbed.host("root")
    private val subdomains = mapOf("includeSubdomains" to true)

    /** Set up by `setUp`, which returns the request that must not go ahead. */
    private fun blocks(title: String, base: () -> OkHttpClient = ::plainClient, setUp: (Candidate) -> () -> Any) =
        Case(title, "blocked", base) { if (goesAhead(setUp(it))) "let through" else "blocked" }

    /** Set up by `setUp`, which returns the request that has to go ahead. */
    private fun works(title: String, base: () -> OkHttpClient = ::plainClient, setUp: (Candidate) -> () -> Any) =
        Case(title, "works", base) { if (goesAhead(setUp(it))) "works" else "blocked" }

    /** A mistake that an app makes in pinning `leaf`, and what comes of it if it is not told. */
    private fun mistake(title: String, domain: String, vararg options: Pair<String, Any>) =
        Case(title, "an error", ::plainClient) {
            try {
                it.pin(mapOf(domain to options.toMap()))
                if (goesAhead { it.fetch.get(leaf.url()) }) "pins nothing" else "blocks the right server"
            } catch (_: Refused) {
                "an error"
            }
        }

    private fun request(work: () -> Any) = work

    private fun plainClient() = plain().build()

    private fun conscrypt() = plain(Tls("Conscrypt")).build()

    private fun http1() = plain().protocols(listOf(Protocol.HTTP_1_1)).build()

    private val connections = listOf(
        works("the pin is that of the leaf, the intermediate or the root") { candidate ->
            for (role in listOf("leaf", "intermediate", "root")) {
                candidate.pin(leaf.host, WRONG_PIN, leaf.pin(role))
                candidate.fetch.getAnew(leaf.url())
            }
            request { candidate.fetch.getAnew(leaf.url()) }
        },
        works("keys: RSA 2048 and 4096, P-256, P-384, Ed25519") { candidate ->
            val hosts = listOf("rsa2048", "rsa4096", "p256", "p384", "ed25519").map(Testbed::host)
            candidate.pin(hosts.associate { it.host to mapOf("publicKeyHashes" to listOf(it.pin(), WRONG_PIN)) })
            request { hosts.forEach { candidate.fetch.get(it.url()) } }
        },
        works("a host that is not pinned") { candidate ->
            candidate.pin(root.host, WRONG_PIN)
            request { candidate.fetch.get(leaf.url()) }
        },
        blocks("a wrong pin") { candidate ->
            candidate.pin(leaf.host, WRONG_PIN)
            request { candidate.fetch.get(leaf.url()) }
        },
        works("a wrong pin, then the right one") { candidate ->
            candidate.pin(leaf.host, WRONG_PIN)
            goesAhead { candidate.fetch.get(leaf.url()) }
            candidate.pin(leaf.host, leaf.pin())
            request { candidate.fetch.get(leaf.url()) }
        },
        blocks("the server has changed its key") { candidate ->
            val host = Testbed.host("rotating")
            candidate.pin(host.host, host.pin())
            candidate.fetch.get(host.url())
            Testbed.control("POST", "/rotate?host=rotating&to=B")
            request { candidate.fetch.getAnew(host.url()) }
        },
        pooled("http1", "HTTP/1.1"),
        pooled("h2", "HTTP/2"),
        resumed("tickets12", "TLS 1.2, JSSE", ::plainClient),
        resumed("tickets13", "TLS 1.3, JSSE", ::plainClient),
        resumed("tickets12", "TLS 1.2, Conscrypt", ::conscrypt),
        resumed("tickets13", "TLS 1.3, Conscrypt", ::conscrypt),
        blocks("a second host with a wrong pin, on the HTTP/2 connection of a first") { candidate ->
            val (first, second) = Testbed.host("coalesced-a") to Testbed.host("coalesced-b")
            candidate.pin(second.host, WRONG_PIN)
            candidate.fetch.get(first.url())
            request { candidate.fetch.get(second.url()) }
        },
        blocks("the host with a trailing dot: `https://example.com./`") { candidate ->
            candidate.pin(leaf.host, WRONG_PIN)
            request { candidate.fetch.get(withDot(leaf)) }
        },
        blocks("the same, on an open connection") { candidate ->
            candidate.pin(leaf.host, leaf.pin())
            candidate.fetch.get(withDot(leaf))
            candidate.pin(leaf.host, WRONG_PIN)
            request { candidate.fetch.get(withDot(leaf)) }
        },
        blocks("the URL has the address, the `Host` header the pinned name") { candidate ->
            candidate.pin(leaf.host, WRONG_PIN)
            request { candidate.fetch.get("https://127.0.0.1:${leaf.port}/") { header("Host", leaf.host) } }
        },
        blocks("a redirect to a host with a wrong pin") { candidate ->
            candidate.pin(root.host, WRONG_PIN)
            request { candidate.fetch.get(leaf.url("/redirect?to=${root.url()}")) }
        },
    )

    private fun pooled(name: String, protocol: String) = blocks("an open $protocol connection, after the pins changed") {
        val host = Testbed.host(name)
        it.pin(host.host, host.pin())
        it.fetch.get(host.url())
        it.pin(host.host, WRONG_PIN)
        request { it.fetch.get(host.url()) }
    }

    private fun resumed(name: String, how: String, base: () -> OkHttpClient) =
        blocks("a resumed TLS session, after the pins changed ($how)", base) {
            val host = Testbed.host(name)
            it.pin(host.host, host.pin())
            it.fetch.get(host.url())
            assertTrue("a premise: sessions are resumed", it.fetch.getAnew(host.url()).isResumed)
            it.pin(host.host, WRONG_PIN)
            request { it.fetch.getAnew(host.url()) }
        }

    private fun withDot(host: TestbedHost) = host.url().replace(host.host, "${host.host}.")

    private val chains = listOf(
        deceitful("the pinned certificate, sent behind a chain that it did not issue", "appended", "intermediate"),
        deceitful("a valid certificate for the host, of another authority", "impostor", "leaf"),
        deceitful("an issuer with the name of the pinned one, which is sent along", "same-name-ca", "intermediate"),
        deceitful("a certificate of somebody below the pinned one who may not issue any", "rogue-issuer", "intermediate") {
            plain(Tls("JSSE", Testbed.withRogueCa)).build()
        },
        deceitful("the first of these, with validation switched off by the app", "appended", "intermediate") {
            trustingAll().build()
        },
    )

    private fun deceitful(
        title: String,
        name: String,
        role: String,
        base: () -> OkHttpClient = ::plainClient,
    ) = blocks(title, base) {
        val host = Testbed.host(name)
        it.pin(host.host, leaf.pin(role))
        request { it.fetch.get(host.url()) }
    }

    private val stacks = listOf(
        blocks("WebSocket, a wrong pin") { candidate ->
            candidate.pin(leaf.host, WRONG_PIN)
            request { candidate.webSocket.open(leaf.url("/ws")) }
        },
        blocks("WebSocket, over an open connection after the pins changed", ::http1) { candidate ->
            val host = Testbed.host("http1")
            candidate.pin(host.host, host.pin())
            candidate.webSocket.get(host.url())
            candidate.pin(host.host, WRONG_PIN)
            request { candidate.webSocket.open(host.url("/ws")) }
        },
        blocks("WebSocket, open while the pins change") { candidate ->
            candidate.pin(leaf.host, leaf.pin())
            val open = candidate.webSocket.open(leaf.url("/ws"))
            candidate.pin(leaf.host, WRONG_PIN)
            request { open.echo("hello") }
        },
        blocks("images and `expo/fetch`, a wrong pin") { candidate ->
            candidate.pin(leaf.host, WRONG_PIN)
            request { candidate.image.get(leaf.url("/image.png")) }
        },
        Case("another library sets React Native's client builder afterwards", "blocked", ::plainClient) { candidate ->
            candidate.pin(leaf.host, WRONG_PIN)
            NetworkingModule.setCustomClientBuilder(CustomClientBuilder {})
            inReactNative(candidate) { if (goesAhead { it.fetch.get(leaf.url()) }) "let through" else "blocked" }
        },
        Case("the client builder that another library had set before", "works", ::plainClient) { candidate ->
            var calls = 0
            NetworkingModule.setCustomClientBuilder(CustomClientBuilder { calls++ })
            candidate.pin(leaf.host, leaf.pin())
            inReactNative(candidate) {
                it.fetch.get(leaf.url())
                if (calls > 0) "works" else "dropped"
            }
        },
    )

    private fun inReactNative(candidate: Candidate, measure: (Candidate) -> String) =
        if (candidate is InReactNative) measure(candidate) else NOT_APPLICABLE

    private val rules = listOf(
        blocks("`includeSubdomains`, a wrong pin") { candidate ->
            candidate.pin("spki.test", WRONG_PIN, more = subdomains)
            request { candidate.fetch.get(leaf.url()) }
        },
        blocks("the server has the parent domain's pin, but not that of its own entry") { candidate ->
            val parent = mapOf("publicKeyHashes" to listOf(leaf.pin()), "includeSubdomains" to true)
            candidate.pin(mapOf("spki.test" to parent, leaf.host to mapOf("publicKeyHashes" to listOf(WRONG_PIN))))
            request { candidate.fetch.get(leaf.url()) }
        },
        works("`excludedSubdomains`") { candidate ->
            candidate.pin("spki.test", WRONG_PIN, more = subdomains + ("excludedSubdomains" to listOf(leaf.host)))
            request { candidate.fetch.get(leaf.url()) }
        },
        works("`reportOnly`, a wrong pin") { candidate ->
            candidate.pin(leaf.host, WRONG_PIN, more = mapOf("reportOnly" to true))
            request { candidate.fetch.get(leaf.url()) }
        },
        works("`expirationDate` in the past, a wrong pin") { candidate ->
            candidate.pin(leaf.host, WRONG_PIN, more = mapOf("expirationDate" to "2024-01-01"))
            request { candidate.fetch.get(leaf.url()) }
        },
        works("a pin that begins with `sha256/`") { candidate ->
            candidate.pin(leaf.host, "sha256/${leaf.pin()}")
            request { candidate.fetch.get(leaf.url()) }
        },
        works("a domain in capitals") { candidate ->
            candidate.pin(leaf.host.uppercase(), leaf.pin())
            request { candidate.fetch.get(leaf.url()) }
        },
    )

    private val wrong = "publicKeyHashes" to listOf(WRONG_PIN)

    private val mistakes = listOf(
        mistake("no pins: `[]`", leaf.host, "publicKeyHashes" to emptyList<String>()),
        mistake("`publicKeyHashes` left out", leaf.host),
        mistake("a hash in hex", leaf.host, "publicKeyHashes" to listOf("ab".repeat(32))),
        mistake("a SHA-1 hash", leaf.host, "publicKeyHashes" to listOf("2jmj7l5rSw0yVb/vlWAYkK/YBwk=")),
        mistake("a URL as a domain", "https://${leaf.host}", wrong),
        mistake("`*.example.com`, with all subdomains in mind", "*.test", wrong),
        mistake("a typo: `includeSubdomain`", "spki.test", wrong, "includeSubdomain" to true),
        mistake("a date that there is not: `2024-02-30`", leaf.host, wrong, "expirationDate" to "2024-02-30"),
    )

    private val sections = mapOf(
        "**Connections**" to connections,
        "**Chains that deceive**" to chains,
        "**Beyond `fetch`**" to stacks,
        "**Rules**" to rules,
        "**Mistakes in the configuration**" to mistakes,
    )

    @Test
    fun `the table for Android is what is measured`() {
        val names = candidates(::plainClient).map { it().name }
        val header = listOf(listOf("") + names, List(names.size + 1) { "---" })
        val rows = sections.flatMap { (title, cases) -> listOf(listOf(title) + names.map { "" }) + cases.map(::row) }
        val file = File(System.getProperty("spki.comparison"))
        val measured = withTable(file.readText(), header.map(::line), rows.map(::line))
        if (System.getenv("SPKI_UPDATE_COMPARISON") == "1") file.writeText(measured)
        assertEquals("SPKI_UPDATE_COMPARISON=1 npm run test:android writes it", measured, file.readText())
        assertEquals("where this package fails", emptyList<List<String>>(), rows.filterNot { it.last().isFine() })
    }

    /** The page with the table for this OkHttp. The second one, for OkHttp 5, has only what is not in the first. */
    private fun withTable(page: String, header: List<String>, rows: List<String>): String {
        val okHttp = OkHttp.VERSION.substringBefore('.')
        val (begin, end) = "<!-- Android, OkHttp $okHttp, by ComparisonTest.kt -->\n" to "<!-- end of OkHttp $okHttp -->"
        val (before, after) = page.substringBefore(begin) to page.substringAfter(end)
        return before + begin + (header + rows.filter { it !in before }).joinToString("") + end + after
    }

    private fun line(cells: List<String>) = cells.joinToString(" | ", "| ", " |\n")

    private fun String.isFine() = "**" !in this && this != NOT_OFFERED

    private fun candidates(base: () -> OkHttpClient): List<() -> Candidate> =
        listOf({ Peer(base(), application) }, { OkHttpAlone(base()) }, { ThisPackage(base(), application) })

    private fun row(case: Case): List<String> = listOf(case.title) + candidates(case.base).map { candidate ->
        reset()
        val cell = try {
            case.measure(candidate())
        } catch (_: NotOffered) {
            NOT_OFFERED
        } catch (error: Throwable) {
            throw AssertionError(case.title, error)
        }
        if (cell in setOf(case.good, NOT_OFFERED, NOT_APPLICABLE)) cell else "**$cell**"
    }

    private fun reset() {
        SoLoader.setInTestMode()
        loadNoNativeCode()
        unpinned()
        OkHttpClientProvider.setOkHttpClientFactory(null)
        NetworkingModule.setCustomClientBuilder(null)
        WebSocketModule.setCustomClientBuilder(null)
    }

    /** False if the pins have ended it. Any other failure is one of the test. */
    private fun goesAhead(request: () -> Any): Boolean = try {
        request()
        true
    } catch (error: SSLPeerUnverifiedException) {
        if (error !is SslPinningException && !error.message!!.startsWith("Certificate pinning failure!")) throw error
        false
    } catch (_: Cut) {
        false
    }

    /** An open WebSocket has come to its end. */
    private class Cut : Exception()

    private class Opened(client: OkHttpClient, url: String) : WebSocketListener() {
        private val open = CompletableFuture<Unit>()
        private val echo = CompletableFuture<String>()
        private val socket = client.newWebSocket(Request.Builder().url(url).build(), this)

        override fun onOpen(webSocket: WebSocket, response: Response) {
            open.complete(Unit)
        }

        override fun onMessage(webSocket: WebSocket, text: String) {
            echo.complete(text)
        }

        override fun onFailure(webSocket: WebSocket, t: Throwable, response: Response?) {
            open.completeExceptionally(t)
            echo.completeExceptionally(Cut())
        }

        fun awaitOpen() = apply { await(open) }

        fun echo(text: String): String {
            socket.send(text)
            return await(echo)
        }

        private fun <T> await(future: CompletableFuture<T>): T = try {
            future.get(10, SECONDS)
        } catch (error: ExecutionException) {
            throw error.cause!!
        }
    }

    private fun OkHttpClient.open(url: String) = Opened(this, url).awaitOpen()

    private companion object {
        const val NOT_OFFERED = "not offered"
        const val NOT_APPLICABLE = "—"
    }
}
