package com.spkipinning

import android.content.ContentProvider
import android.content.Context
import android.content.ContextWrapper
import android.content.pm.ProviderInfo
import android.content.res.AssetManager
import com.facebook.react.modules.network.OkHttpClientProvider
import com.facebook.soloader.SoLoader
import java.io.File
import java.util.concurrent.CountDownLatch
import java.util.zip.ZipEntry
import java.util.zip.ZipOutputStream
import javax.xml.parsers.DocumentBuilderFactory
import kotlin.concurrent.thread
import org.json.JSONObject
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import org.w3c.dom.Element

/** The early start. Robolectric needs a compiled manifest to start providers by itself; here the test does it. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], instrumentedPackages = ["com.facebook.react"])
class InitializerTest {
    private val app: Context = RuntimeEnvironment.getApplication()
    private val host = Testbed.host("http1")

    @Before
    fun reset() {
        SoLoader.setInTestMode()
        unpinned()
        SpkiPinning.forgetStart()
    }

    @After
    fun setBack() = EmbeddedConfiguration.isReplaced()

    /** The app carries a configuration. */
    private fun embed(document: String) {
        val apk = File.createTempFile("app", ".apk").apply { deleteOnExit() }
        ZipOutputStream(apk.outputStream()).use { zip ->
            for ((name, content) in listOf("AndroidManifest.xml" to "", "assets/ssl-pinning.json" to document)) {
                zip.putNextEntry(ZipEntry(name))
                zip.write(content.toByteArray())
            }
        }
        val add = AssetManager::class.java.getMethod("addAssetPath", String::class.java)
        assertTrue(add.invoke(app.assets, apk.path) as Int > 0)
    }

    private fun start() = SpkiPinningInitializer().attachInfo(app, ProviderInfo())

    private fun status() = JSONObject(NativeCheck.status())

    @Test
    fun `the manifest names a provider that there is, for the app alone, early and before the device is unlocked`() {
        val manifest = File("../../src/main/AndroidManifest.xml")
        val xml = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(manifest)
        val provider = xml.getElementsByTagName("provider").item(0) as Element
        assertTrue(Class.forName(provider.getAttribute("android:name")).getConstructor().newInstance() is ContentProvider)
        assertEquals("false", provider.getAttribute("android:exported"))
        assertEquals("true", provider.getAttribute("android:directBootAware"))
        assertTrue(provider.getAttribute("android:authorities").startsWith("\${applicationId}."))
    }

    @Test
    fun `an app without a configuration of its own is ready to be pinned`() {
        start()
        assertFalse(status().getBoolean("active"))
        assertTrue(OkHttpClientProvider.createClient().hostnameVerifier is PinningHostnameVerifier)
        assertEquals(200, pinned().get(host.url()).status)
    }

    @Test
    fun `an embedded configuration is in force from the start, and until the app sets another`() {
        embed("""{"domains": {"${host.host}": {"publicKeyHashes": ["$WRONG_PIN"]}}, "settings": {}}""")
        start()
        assertRefused("no-pin-matched") { pinned().get(host.url()) }
        pinHost("http1", host.pin())
        SpkiPinning.start(app)
        assertEquals(200, pinned().get(host.url()).status)
    }

    @Test
    fun `an app that leaves out what is embedded is told so`() {
        embed("""{"domains": {"${host.host}": {"publicKeyHashes": ["$WRONG_PIN"]}}, "settings": {}}""")
        start()
        assertRefused("no-pin-matched") { pinned().get(host.url()) }
        val events = eventsOf {
            Configuration.initialize("{}")
            assertEquals(200, pinned().get(host.url()).status)
        }
        val dropped = events.single { it.getString("reason") == "pins-dropped" }
        assertEquals("warning", dropped.getString("kind"))
        assertTrue("$dropped", " the pins of ${host.host}, which were in force" in dropped.getString("message"))
    }

    @Test
    fun `who starts it while somebody else does waits until the configuration is in force`() {
        embed("""{"domains": {"${host.host}": {"publicKeyHashes": ["$WRONG_PIN"]}}}""")
        val (isReading, mayGoOn) = CountDownLatch(1) to CountDownLatch(1)
        val slow = object : ContextWrapper(app) {
            override fun getApplicationContext() = this

            override fun getAssets(): AssetManager {
                isReading.countDown()
                mayGoOn.await()
                return super.getAssets()
            }
        }
        val first = thread { SpkiPinning.start(slow) }
        isReading.await()
        val second = thread { SpkiPinning.start(app) }
        second.join(300)
        assertTrue("it has not returned before there are pins", second.isAlive)
        mayGoOn.countDown()
        listOf(first, second).forEach { it.join() }
        assertRefused("no-pin-matched") { pinned().get(host.url()) }
    }

    @Test
    fun `an embedded configuration that is not valid stops every host, until the app sets one that is`() {
        embed("""{"domains": {"https://${host.host}/": {"publicKeyHashes": ["$WRONG_PIN"]}}}""")
        start()
        val events = eventsOf {
            for (name in listOf("http1", "leaf")) {
                val refusal = refusal { pinned().get(Testbed.host(name).url()) }
                assertTrue(refusal.message, "ssl-pinning.json is not valid" in refusal.message!!)
            }
        }
        val unmet = events.filter { it.getString("reason") == "configuration-not-in-force" }
        val hosts = unmet.map { it.getString("serverHostname") }
        assertEquals(listOf("http1", "leaf").map { Testbed.host(it).host }, hosts.distinct())
        assertNotNull(EmbeddedConfiguration.refusal("any.test"))
        Configuration.initialize("this is wrong too")
        assertNotNull(EmbeddedConfiguration.refusal("any.test"))
        Configuration.initialize("{}")
        assertNull(EmbeddedConfiguration.refusal("any.test"))
        assertEquals(200, pinned().get(host.url()).status)
    }
}
