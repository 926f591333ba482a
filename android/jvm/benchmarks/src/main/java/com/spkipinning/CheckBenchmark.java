package com.spkipinning;

import java.security.cert.X509Certificate;
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
 * One connection judged: everything between the validated chain and the answer, with ours the crossing to Rust included.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
public class CheckBenchmark {
    /** Who has made the certificates. */
    @Param({"JDK", "Conscrypt"})
    public String certificates;

    /** Whose pin is that of the host. */
    @Param({"leaf", "intermediate", "root"})
    public String match;

    @Param({"1", "100", "1000", "10000"})
    public int domains;

    private List<X509Certificate> chain;
    private CertificatePinner certificatePinner;

    @Setup
    public void pin() throws Exception {
        chain = Inputs.chain(certificates);
        String pin = Inputs.pin(match);
        certificatePinner = Inputs.certificatePinner(Inputs.domains(domains), pin);
        Configuration.INSTANCE.initialize(Inputs.document(domains, pin));
        if (!NativeCheck.isPinned(Inputs.HOST)) throw new IllegalStateException("nothing is judged");
    }

    @Benchmark
    public Object thisPackage() {
        SslPinningException refusal = Judge.INSTANCE.check(Inputs.HOST, () -> new Chain(chain, true));
        if (refusal != null) throw new IllegalStateException(refusal);
        return chain;
    }

    /** Throws if it refuses. */
    @Benchmark
    public Object certificatePinner() throws Exception {
        certificatePinner.check(Inputs.HOST, chain);
        return chain;
    }
}
