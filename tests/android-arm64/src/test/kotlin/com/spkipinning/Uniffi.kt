package com.spkipinning

import com.github.unidbg.pointer.UnidbgPointer
import java.io.ByteArrayOutputStream
import java.io.DataOutputStream
import java.io.File
import java.nio.ByteBuffer
import net.fornwall.jelf.ElfFile

/** The C functions that uniffi has put into a library, by their names. */
fun uniffiFunctions(path: String): Set<String> {
    val symbols = ElfFile.fromBuffer(ByteBuffer.wrap(File(path).readBytes())).dynamicSymbolTableSection
    val names = List(symbols.numberOfSymbols) { symbols.getELFSymbol(it).name.orEmpty() }
    return names.filter { it.startsWith("uniffi_spki_pinning_") || it.startsWith("ffi_spki_pinning_") }.toSet()
}

/**
 * The engine as uniffi's bindings call it, in an emulated library: all but numbers crosses in a `RustBuffer`. One that is
 * handed over belongs to the library, one that comes back is freed here.
 */
class UniffiEngine(private val library: Arm64Library) : AutoCloseable {
    /** `RustCallStatus`: how a call went, 0 if well, and behind it a buffer that says what was wrong. */
    private val status = library.allocate(8 + BUFFER_BYTES)

    private val handle = succeed { library.call("uniffi_spki_pinning_fn_constructor_pinningengine_shared", status) }

    fun disable() {
        succeed { library.call(METHOD + "disable", share(), status) }
    }

    fun initialize(document: String) = answer("initialize", buffer(document.toByteArray())).decodeToString()

    fun status() = answer("status").decodeToString()

    /** `host`: a byte that says whether there is one, the length of its name, and its name. */
    fun check(host: ByteArray, chain: List<ByteArray>, validated: Boolean, stack: String): String? {
        val bytes = ByteArrayOutputStream()
        DataOutputStream(bytes).run {
            writeInt(chain.size)
            chain.forEach {
                writeInt(it.size)
                write(it)
            }
        }
        val isValidated = if (validated) 1 else 0
        val answer = answer("check", buffer(host), buffer(bytes.toByteArray()), isValidated, buffer(stack.toByteArray()))
        return if (answer[0] == 0.toByte()) null else answer.decodeToString(startIndex = 1 + Int.SIZE_BYTES)
    }

    override fun close() {
        succeed { library.call("uniffi_spki_pinning_fn_free_pinningengine", handle, status) }
    }

    /** Every method takes the handle it is called by away. */
    private fun share() = succeed { library.call("uniffi_spki_pinning_fn_clone_pinningengine", handle, status) }

    private fun answer(method: String, vararg arguments: Any): ByteArray {
        val answer = library.allocate(BUFFER_BYTES)
        succeed { library.call(METHOD + method, share(), *arguments, status, result = answer) }
        return take(answer)
    }

    private fun buffer(bytes: ByteArray): UnidbgPointer {
        val source = library.allocate(bytes.size)
        source.write(0, bytes, 0, bytes.size)
        val buffer = library.allocate(BUFFER_BYTES)
        succeed { library.call("ffi_spki_pinning_rustbuffer_from_bytes", bytes.size, source, status, result = buffer) }
        return buffer
    }

    /** What is in a buffer, which is freed. */
    private fun take(buffer: UnidbgPointer): ByteArray {
        val bytes = buffer.getPointer(16).getByteArray(0, buffer.getLong(8).toInt()) // capacity, length, where
        succeed { library.call("ffi_spki_pinning_rustbuffer_free", buffer, status) }
        return bytes
    }

    private fun succeed(call: () -> Long): Long {
        status.write(0, ByteArray(8 + BUFFER_BYTES), 0, 8 + BUFFER_BYTES)
        val answer = call()
        if (status.getByte(0).toInt() == 0) return answer
        val reason = library.allocate(BUFFER_BYTES)
        reason.write(0, status.getByteArray(8, BUFFER_BYTES), 0, BUFFER_BYTES)
        error(take(reason).decodeToString())
    }

    private companion object {
        const val METHOD = "uniffi_spki_pinning_fn_method_pinningengine_"
        const val BUFFER_BYTES = 24
    }
}
