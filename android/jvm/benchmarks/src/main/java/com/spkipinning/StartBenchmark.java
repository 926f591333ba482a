package com.spkipinning;

import java.util.List;
import java.util.concurrent.TimeUnit;
import okhttp3.CertificatePinner;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The start of an app with an embedded configuration, each time in a process of its own that has compiled and loaded nothing
 * yet; `0` domains: the library alone, or nothing but the builder.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(11)
@Warmup(iterations = 0)
@Measurement(iterations = 1)
public class StartBenchmark {
    @Param({"0", "1", "100", "10000"})
    public int domains;

    private String document;
    private List<String> names;
    private String pin;

    @Setup
    public void write() throws Exception {
        pin = Inputs.pin("leaf");
        names = Inputs.domains(domains);
        document = Inputs.document(domains, pin);
    }

    /** `System.loadLibrary` and `JNI_OnLoad`, and what the app carries into force. */
    @Benchmark
    public Object thisPackage() {
        if (NativeCheck.failure != null) throw new IllegalStateException(NativeCheck.failure);
        String wrong = domains == 0 ? null : EmbeddedConfiguration.INSTANCE.put(document);
        if (wrong != null) throw new IllegalStateException(wrong);
        return NativeCheck.INSTANCE;
    }

    /** OkHttp's classes are loaded on the way, which an app needs for its first request anyway. */
    @Benchmark
    public CertificatePinner certificatePinner() {
        return Inputs.certificatePinner(names, pin);
    }
}
