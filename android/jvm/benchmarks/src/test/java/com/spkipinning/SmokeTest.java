package com.spkipinning;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Runs every benchmark for an instant; one that throws fails the test. */
class SmokeTest {
    @Test
    void every_benchmark_runs() throws RunnerException {
        Options options = new OptionsBuilder()
            .forks(0)
            .warmupIterations(0)
            .measurementIterations(1)
            .measurementTime(TimeValue.milliseconds(1))
            .shouldFailOnError(true)
            .verbosity(VerboseMode.SILENT)
            .build();
        int checks = 2 * 2 * 3 * 4; // methods, makers of certificates, places of the match, numbers of domains
        int starts = 2;
        assertEquals(checks + starts, new Runner(options).run().size());
    }
}
