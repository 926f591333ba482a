package com.spkipinning

import com.github.unidbg.AndroidEmulator
import com.github.unidbg.Module
import com.github.unidbg.arm.backend.Unicorn2Factory
import com.github.unidbg.file.linux.LinuxFileSystem
import com.github.unidbg.linux.android.AndroidARM64Emulator
import com.github.unidbg.linux.android.AndroidResolver
import com.github.unidbg.linux.android.LogCatHandler
import com.github.unidbg.linux.android.dvm.AbstractJni
import com.github.unidbg.linux.android.dvm.BaseVM
import com.github.unidbg.linux.android.dvm.DvmClass
import com.github.unidbg.linux.android.dvm.DvmObject
import com.github.unidbg.linux.android.dvm.StringObject
import com.github.unidbg.linux.android.dvm.VM
import com.github.unidbg.linux.android.dvm.VaList
import com.github.unidbg.linux.android.dvm.VarArg
import com.github.unidbg.linux.android.dvm.array.ArrayObject
import com.github.unidbg.linux.android.dvm.array.ByteArray as ByteArrayObject
import com.github.unidbg.pointer.UnidbgPointer
import java.io.File
import unicorn.Arm64Const

/** A library for arm64 Android in a process of its own, emulated: Android 6's linker, C library and log are real. */
class Arm64Library(path: String) :
    AbstractJni(),
    Library,
    AutoCloseable {
    /** What was written to Android's log, a line each. */
    val log = mutableListOf<String>()

    private val emulator: AndroidEmulator = Emulator { log += it }
    private val vm: VM
    private val module: Module
    private val check: DvmClass
    private val testing: DvmClass

    override var onEvent: (String) -> Unit = {}

    init {
        emulator.memory.setLibraryResolver(AndroidResolver(23))
        vm = emulator.createDalvikVM()
        vm.setJni(this)
        val library = vm.loadLibrary(File(path), false)
        library.callJNI_OnLoad(emulator)
        module = library.module
        check = vm.resolveClass("com/spkipinning/NativeCheck")
        testing = vm.resolveClass("com/spkipinning/NativeTesting")
    }

    override fun check(host: String?, chain: List<ByteArray?>?, validated: Boolean, stack: String) = check.text(
        "check(Ljava/lang/String;[[BZLjava/lang/String;)Ljava/lang/String;",
        host.java(),
        chain.java(),
        validated,
        stack.java(),
    )

    override fun evaluate(host: String?, chain: List<ByteArray?>?, validated: Boolean) = check.text(
        "evaluate(Ljava/lang/String;[[BZLjava/lang/String;)Ljava/lang/String;",
        host.java(),
        chain.java(),
        validated,
        "".java(),
    )

    override fun verdict(host: String?, chain: List<ByteArray?>?, validated: Boolean) =
        check.text("verdict(Ljava/lang/String;[[BZ)Ljava/lang/String;", host.java(), chain.java(), validated)!!

    override fun isPinned(host: String?) =
        check.callStaticJniMethodBoolean(emulator, "isPinned(Ljava/lang/String;)Z", host.java())

    override fun generation() = check.callStaticJniMethodLong(emulator, "generation()J")

    override fun initialize(document: String?) =
        check.text("initialize(Ljava/lang/String;Z)Ljava/lang/String;", document.java(), false)!!

    override fun disable() = check.callStaticJniMethod(emulator, "disable()V")

    override fun status() = check.text("status()Ljava/lang/String;")!!

    override fun report(notice: String?, host: String?, message: String, stack: String) = check.callStaticJniMethod(
        emulator,
        "report(Ljava/lang/String;Ljava/lang/String;Ljava/lang/String;Ljava/lang/String;)V",
        notice.java(),
        host.java(),
        message.java(),
        stack.java(),
    )

    override fun setListening(listening: Boolean) = check.callStaticJniMethod(emulator, "setListening(Z)V", listening)

    override fun setNow(now: Long) = testing.callStaticJniMethod(emulator, "setNow(J)V", now)

    override fun panicInNextCall() = testing.callStaticJniMethod(emulator, "panicInNextCall()V")

    /** Calls a C function that the library exports. `result`: where it is to put a structure that it returns. */
    fun call(function: String, vararg arguments: Any, result: UnidbgPointer? = null): Long {
        val symbol = module.findSymbolByName(function, false) ?: error("$function is not exported")
        if (result != null) emulator.backend.reg_write(Arm64Const.UC_ARM64_REG_X8, result.peer)
        return symbol.call(emulator, *arguments).toLong()
    }

    /** Memory of the emulated process, until that ends. */
    fun allocate(bytes: Int): UnidbgPointer = emulator.memory.malloc(bytes, true).pointer

    override fun callStaticVoidMethodV(vm: BaseVM, dvmClass: DvmClass, signature: String, vaList: VaList) =
        event(signature, vaList.getObjectArg(0))

    override fun callStaticVoidMethod(vm: BaseVM, dvmClass: DvmClass, signature: String, varArg: VarArg) =
        event(signature, varArg.getObjectArg(0))

    private fun event(signature: String, text: StringObject) {
        check(signature == "com/spkipinning/NativeCheck->onEvent(Ljava/lang/String;)V") { "what is $signature?" }
        onEvent(text.value)
    }

    private fun DvmClass.text(method: String, vararg arguments: Any?): String? =
        callStaticJniMethodObject<StringObject?>(emulator, method, *arguments)?.value

    private fun String?.java() = this?.let { StringObject(vm, it) }

    private fun List<ByteArray?>?.java(): DvmObject<*>? =
        this?.let { chain -> ArrayObject(*chain.map { it?.let { bytes -> ByteArrayObject(vm, bytes) } }.toTypedArray()) }

    override fun close() = emulator.close()
}

/** The emulator, with an ear for the log. */
private class Emulator(private val log: (String) -> Unit) :
    AndroidARM64Emulator("com.spkipinning.test", null, listOf(Unicorn2Factory(true))) {
    override fun createFileSystem(rootDir: File) = object : LinuxFileSystem(this, rootDir) {
        override fun getLogCatHandler() = LogCatHandler { _, level, tag, text -> log("$level/$tag: $text") }
    }
}
