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

/** Domains come into force: from a document, read strictly, or by the builder that libraries over OkHttp fill. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
public class InitializeBenchmark {
    @Param({"1", "100", "10000"})
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

    @Benchmark
    public String thisPackage() {
        String answer = Configuration.INSTANCE.initialize(document);
        if (!answer.contains("\"ok\":true")) throw new IllegalStateException(answer);
        return answer;
    }

    @Benchmark
    public CertificatePinner certificatePinner() {
        return Inputs.certificatePinner(names, pin);
    }
}
