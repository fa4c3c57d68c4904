package io.github.sae4j.internal.folders;

import io.github.sae4j.format.BadFileException;
import io.github.sae4j.internal.files.Sha256;
import io.github.sae4j.internal.json.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A JSON object with a checksum: its last member {@value #SEAL} is the SHA-256 of the others,
 * written on one line. Without it, a flipped digit in a run's records would silently give other
 * weights or metrics.
 */
public final class SealedJson {
  /** Name of the member that holds the checksum. */
  public static final String SEAL = "sha256";

  private SealedJson() {}

  /**
   * Writes an object atomically.
   *
   * @param file the file; an existing one is replaced
   * @param members the object; its seal, if it has one, is computed anew
   * @throws IOException if it cannot be written
   */
  public static void write(Path file, Map<String, Object> members) throws IOException {
    Map<String, Object> sealed = new LinkedHashMap<>(members);
    sealed.remove(SEAL);
    sealed.put(SEAL, seal(sealed));
    Durable.write(file, Json.pretty(sealed));
  }

  /**
   * Reads an object and checks its seal.
   *
   * @param file the file
   * @param maxBytes the largest size to accept, in bytes
   * @return its members without the seal
   * @throws BadFileException if the file is missing, is no JSON object, has no seal or was changed
   * @throws IOException if reading fails
   */
  public static Map<String, Object> read(Path file, int maxBytes) throws IOException {
    Map<String, Object> members = Json.readObject(file, maxBytes);
    Object seal = members.remove(SEAL);
    if (!seal(members).equals(seal)) {
      throw new BadFileException(
          file,
          seal == null
              ? "expected its checksum as the member " + SEAL + ", found none"
              : "damaged or edited: its content does not match its checksum");
    }
    return members;
  }

  /**
   * Whether an object carries a checksum at all. Those of runs made before there was one do not.
   *
   * @param file the file
   * @param maxBytes the largest size to accept, in bytes
   * @return true if it has the member
   * @throws BadFileException if the file is missing or no JSON object
   * @throws IOException if reading fails
   */
  public static boolean isSealed(Path file, int maxBytes) throws IOException {
    return Json.readObject(file, maxBytes).containsKey(SEAL);
  }

  private static String seal(Map<String, Object> members) {
    MessageDigest digest = Sha256.digest();
    digest.update(Json.line(members).getBytes(StandardCharsets.UTF_8));
    return Sha256.hex(digest);
  }
}
