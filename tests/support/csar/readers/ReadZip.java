import java.io.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.security.MessageDigest;
import java.util.*;
import java.util.zip.*;

/** Prints digest and name of each entry of a ZIP, as ZipFile ("file") or ZipInputStream ("stream") reads it. */
public class ReadZip {
    private static final PrintStream OUT = new PrintStream(new FileOutputStream(FileDescriptor.out), false);

    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("file")) {
            try (ZipFile archive = new ZipFile(arguments[1])) {
                for (ZipEntry entry : Collections.list(archive.entries())) {
                    try (InputStream content = archive.getInputStream(entry)) {
                        print(entry, content);
                    }
                }
            }
        } else {
            try (ZipInputStream archive = new ZipInputStream(Files.newInputStream(Path.of(arguments[1])))) {
                for (ZipEntry entry = archive.getNextEntry(); entry != null; entry = archive.getNextEntry()) {
                    print(entry, archive);
                }
            }
        }
        OUT.flush();
    }

    private static void print(ZipEntry entry, InputStream content) throws Exception {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        byte[] buffer = new byte[1 << 16];
        long size = 0;
        for (int count = content.read(buffer); count > 0; count = content.read(buffer)) {
            digest.update(buffer, 0, count);
            size += count;
        }
        if (entry.isDirectory() && size > 0) {
            throw new ZipException("a folder with content");
        }
        String line = HexFormat.of().formatHex(digest.digest()) + " " + entry.getName();
        OUT.write(line.getBytes(StandardCharsets.UTF_8));
        OUT.write(0);
    }
}
