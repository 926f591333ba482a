package com.spkipinning;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.json.JSONArray;
import org.json.JSONObject;
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
        int initialisations = 2 * 3;
        int starts = 2 * 4;
        assertEquals(checks + initialisations + starts, new Runner(options).run().size());
    }

    @Test
    void requests_are_compared_in_turns() throws Exception {
        JSONArray found = RequestMeasurement.measure(new RequestMeasurement.Turns(3, 3, 3));
        assertEquals(2 * 3 * 5, found.length()); // distances, connections, ways to pin or not to
        for (int index = 0; index < found.length(); index++) {
            JSONObject each = found.getJSONObject(index);
            JSONArray ratio = each.getJSONArray("ratio");
            assertTrue(each.getString("name").equals("nothing") == (ratio.getDouble(1) == 1), each.toString());
            assertTrue(0 < ratio.getDouble(0) && ratio.getDouble(0) <= ratio.getDouble(2), each.toString());
        }
    }
}
