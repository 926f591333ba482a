package com.spkipinning;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Arrays;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * A port of this machine as if it were some way off: a relay to it, through which each byte takes a while in either direction.
 * Only TCP's own handshake takes no time.
 */
final class DistantPort implements AutoCloseable {
    private final ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    /** One thread, and first come, first served where two are due at once: so nothing overtakes. */
    private final ScheduledExecutorService onTheWay = Executors.newSingleThreadScheduledExecutor(DistantPort::daemon);
    private final int target;
    private final long oneWayMs;

    DistantPort(int target, long oneWayMs) throws IOException {
        this.target = target;
        this.oneWayMs = oneWayMs;
        daemon(this::accept).start();
    }

    int port() {
        return listener.getLocalPort();
    }

    private void accept() {
        try {
            while (true) {
                Socket near = listener.accept();
                Socket far = new Socket(listener.getInetAddress(), target);
                daemon(() -> relay(near, far)).start();
                daemon(() -> relay(far, near)).start();
            }
        } catch (IOException closed) {
            // That is the end of it.
        }
    }

    private void relay(Socket from, Socket to) {
        try {
            to.setTcpNoDelay(true);
            OutputStream output = to.getOutputStream();
            byte[] buffer = new byte[16 * 1024];
            for (int length; (length = from.getInputStream().read(buffer)) >= 0; ) {
                byte[] bytes = Arrays.copyOf(buffer, length);
                later(() -> output.write(bytes));
            }
            later(to::shutdownOutput);
        } catch (IOException closed) {
            later(to::close);
        }
    }

    private void later(Arrival arrival) {
        Runnable quietly = () -> {
            try {
                arrival.happen();
            } catch (IOException closed) {
                // Whoever it was for has gone.
            }
        };
        onTheWay.schedule(quietly, oneWayMs, TimeUnit.MILLISECONDS);
    }

    private interface Arrival {
        void happen() throws IOException;
    }

    private static Thread daemon(Runnable work) {
        Thread thread = new Thread(work, "distant port");
        thread.setDaemon(true);
        return thread;
    }

    /** Nothing new comes through; what is under way arrives. */
    @Override
    public void close() throws IOException {
        listener.close();
    }
}
