package com.spkipinning;

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryUsage;
import java.util.function.Supplier;

/**
 * What pins take on the heap, by what is in use with and without them after the garbage is gone. Those of this package are
 * not on the heap, but that of Rust: `rust/core/benches/memory.rs` counts them there.
 */
public final class MemoryMeasurement {
    private MemoryMeasurement() {}

    /** Prints a line for each number of domains: the number, a tab, bytes by OkHttp, a tab, bytes by this package. */
    public static void main(String[] arguments) throws Exception {
        String pin = Inputs.pin("leaf");
        for (int domains : new int[] {1, 100, 10_000}) {
            // Few domains drown in what the VM does besides: as many configurations as make a number that shows.
            int copies = Math.max(1, 10_000 / domains);
            long okhttp = bytes(copies, () -> Inputs.certificatePinner(Inputs.domains(domains), pin));
            String document = Inputs.document(domains, pin);
            long here = bytes(1, () -> Configuration.INSTANCE.initialize(document));
            System.out.println(domains + "\t" + okhttp + "\t" + here);
        }
    }

    /** For one of so many copies. */
    private static long bytes(int copies, Supplier<Object> make) {
        make.get(); // loads what classes it needs
        Object[] kept = new Object[copies];
        long before = used();
        for (int index = 0; index < copies; index++) kept[index] = make.get();
        long after = used();
        if (kept[copies - 1] == null) throw new IllegalStateException(); // and keeps all of them alive until here
        return Math.max(0, (after - before) / copies);
    }

    private static long used() {
        long least = Long.MAX_VALUE;
        for (int round = 0; round < 5; round++) {
            System.gc();
            MemoryUsage usage = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage();
            least = Math.min(least, usage.getUsed());
        }
        return least;
    }
}
