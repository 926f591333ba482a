import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.stream.Collectors;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipInputStream;

/** Unpacks the classes.jar of each AAR of one directory into another, unless the same AARs are there already. */
public class ExplodeAars {
    public static void main(String[] arguments) throws IOException {
        Path from = Path.of(arguments[0]);
        Path to = Path.of(arguments[1]);
        List<Path> aars;
        try (var files = Files.list(from)) {
            aars = files.filter(file -> file.toString().endsWith(".aar")).sorted().collect(Collectors.toList());
        }
        String wanted = aars.stream().map(ExplodeAars::describe).collect(Collectors.joining("\n"));
        Path stamp = from.resolve("unpacked.txt");
        if (Files.exists(stamp) && Files.isDirectory(to) && Files.readString(stamp).equals(wanted)) return;
        delete(to);
        for (Path aar : aars) unpack(aar, to);
        Files.writeString(stamp, wanted);
    }

    private static String describe(Path file) {
        try {
            return file.getFileName() + " " + Files.size(file);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static void unpack(Path aar, Path to) throws IOException {
        try (ZipFile zip = new ZipFile(aar.toFile())) {
            ZipEntry jar = zip.getEntry("classes.jar");
            if (jar == null) return;
            try (ZipInputStream classes = new ZipInputStream(zip.getInputStream(jar))) {
                for (ZipEntry entry; (entry = classes.getNextEntry()) != null; ) {
                    if (entry.isDirectory()) continue;
                    Path target = to.resolve(entry.getName()).normalize();
                    if (!target.startsWith(to)) throw new IOException(aar + " has an entry outside: " + entry.getName());
                    Files.createDirectories(target.getParent());
                    Files.copy(classes, target, StandardCopyOption.REPLACE_EXISTING);
                }
            }
        }
    }

    private static void delete(Path directory) throws IOException {
        if (!Files.exists(directory)) return;
        Files.walkFileTree(directory, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.delete(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path visited, IOException error) throws IOException {
                Files.delete(visited);
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
