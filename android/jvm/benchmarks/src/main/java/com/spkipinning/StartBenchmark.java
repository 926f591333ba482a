package com.spkipinning;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** The start of an app, each time in a process of its own that has compiled nothing yet. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(15)
@Warmup(iterations = 0)
@Measurement(iterations = 1)
public class StartBenchmark {
    private String document;

    @Setup
    public void write() throws Exception {
        document = Inputs.document(100, Inputs.pin("leaf"));
    }

    /** `System.loadLibrary` and `JNI_OnLoad`. */
    @Benchmark
    public Object load() {
        if (NativeCheck.failure != null) throw new IllegalStateException(NativeCheck.failure);
        return NativeCheck.INSTANCE;
    }

    /** The same, and a configuration of 100 domains. */
    @Benchmark
    public String loadAndInitialize() {
        load();
        String answer = NativeCheck.initialize(document, true);
        if (!answer.contains("\"ok\":true")) throw new IllegalStateException(answer);
        return answer;
    }
}
