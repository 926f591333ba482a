package com.spkipinning

import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Loading the library into processes whose `NativeCheck` is another, or not there. */
class LoadingTest {
    @TempDir
    lateinit var directory: File

    private val natives = """
        static native String check(String host, byte[][] chain, boolean validated, String stack);
        static native String evaluate(String host, byte[][] chain, boolean validated, String stack);
        static native String verdict(String host, byte[][] chain, boolean validated);
        static native boolean isPinned(String host);
        static native long generation();
        static native boolean start(String surroundings);
        static native String initialize(String document, boolean embedded);
        static native void disable();
        static native String status();
        static native void report(String notice, String host, String message, String stack);
        static native void setListening(boolean listening);
        static native String update();
        static native void cameToForeground();
        static native String verify(String host, int port);
        static native void watch(String host);
        static native String watched();
        static native void tellStack(String stack, boolean hooked);
    """
    private val onEvent = "static void onEvent(String event) {}"
    private val onPinsChanged = "static void onPinsChanged() {}"
    private val validatedPath = "static byte[][] validatedPath(String host, byte[][] sent) { return null; }"
    private val callbacks = onEvent + onPinsChanged + validatedPath

    /** What a JVM of its own prints after it has loaded the library. */
    private fun load(nativeCheck: String, then: String = "\"loaded\""): String {
        val source = directory.resolve("Main.java")
        source.writeText(
            """
            package com.spkipinning;
            class Main {
                public static void main(String[] arguments) {
                    System.load(arguments[0]);
                    System.out.println($then);
                }
            }
            $nativeCheck
            """,
        )
        val java = File(System.getProperty("java.home"), "bin/java").path
        val process = ProcessBuilder(java, source.path, System.getProperty("library.host")).redirectErrorStream(true).start()
        return process.inputStream.bufferedReader().readText().trim().also { process.waitFor() }
    }

    @Test
    fun natives_are_registered() =
        assertEquals("0", load("class NativeCheck { $natives $callbacks }", then = "NativeCheck.generation()"))

    @Test
    fun a_process_without_the_class_gets_the_library_all_the_same() = assertEquals("loaded", load(""))

    /** As a shrinker would leave it that was not told. */
    @Test
    fun a_class_without_one_of_its_members_gets_no_library() {
        val withoutOne = natives.replace("static native void disable();", "")
        val members = listOf(
            natives,
            withoutOne + callbacks,
            callbacks,
            natives + onEvent + onPinsChanged,
            natives + onEvent + validatedPath,
        )
        for (some in members) {
            val printed = load("class NativeCheck { $some }")
            assertTrue("UnsatisfiedLinkError" in printed, printed)
        }
    }
}
