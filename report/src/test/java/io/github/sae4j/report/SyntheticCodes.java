package io.github.sae4j.report;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import io.github.sae4j.kernels.Activation;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.SparseAutoencoder;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Codes, tokens and a dictionary of any size, for trying pages of sizes that no test can train:
 * each token has a topic, and fires the latents of its topic and of common ones.
 *
 * <pre>{@code
 * java ... io.github.sae4j.report.SyntheticCodes FOLDER ROWS LATENTS K WIDTH
 * sae4j report --sae FOLDER/sae --codes FOLDER/codes.safetensors --tokens FOLDER/x.tokens.jsonl
 * }</pre>
 */
final class SyntheticCodes {
  private static final int CONTEXT = 128;
  private static final int WORDS = 20_000;

  private SyntheticCodes() {}

  public static void main(String[] args) throws IOException {
    Path folder = Files.createDirectories(Path.of(args[0]));
    int rows = Integer.parseInt(args[1]);
    int latents = Integer.parseInt(args[2]);
    int k = Integer.parseInt(args[3]);
    int width = Integer.parseInt(args[4]);
    writeCodes(folder.resolve("codes.safetensors"), rows, latents, k);
    writeTokens(folder.resolve("x.tokens.jsonl"), rows);
    try (Device device = Devices.open("auto", DeviceOptions.DEFAULT);
        SparseAutoencoder sae = dictionary(device, latents, width, k)) {
      SaeCheckpoint.save(folder.resolve("sae"), sae);
    }
  }

  /** A dictionary of random directions. */
  static SparseAutoencoder dictionary(Device device, int latents, int width, int k) {
    SplittableRandom random = new SplittableRandom(3);
    SaeWeights weights = SaeWeights.allocate(device, width, latents);
    float[] row = new float[width];
    for (Matrix matrix : new Matrix[] {weights.wEnc(), weights.wDec()}) {
      for (int i = 0; i < latents; i++) {
        for (int j = 0; j < width; j++) {
          row[j] = (float) (random.nextGaussian() / Math.sqrt(width));
        }
        matrix.write(i, 1, row, 0);
      }
    }
    SaeConfig config =
        SaeConfig.of(width, latents, Activation.Ranked.topK(k, Activation.Ranked.Relu.AFTER));
    return new SparseAutoencoder(device, config, weights);
  }

  /** Which word a row is: common words are common. */
  private static int word(int row) {
    SplittableRandom random = new SplittableRandom(row * 7919L);
    return (int) Math.min(WORDS - 1, Math.pow(WORDS, random.nextDouble()) - 1);
  }

  static void writeTokens(Path file, int rows) throws IOException {
    try (BufferedWriter out = Files.newBufferedWriter(file)) {
      for (int first = 0; first < rows; first += CONTEXT) {
        out.write("{\"row0\":" + first + ",\"source\":\"text " + first / CONTEXT % 100);
        out.write("\",\"tokens\":[");
        for (int row = first; row < Math.min(rows, first + CONTEXT); row++) {
          int word = word(row);
          out.write(row == first ? "\"" : ",\"");
          out.write((word % 3 == 0 ? "##" : "") + "w" + Integer.toString(word, 36) + "\"");
        }
        out.write("]}\n");
      }
    }
  }

  static void writeCodes(Path file, int rows, int latents, int k) throws IOException {
    long cells = (long) rows * k;
    String header =
        "{\"indices\":{\"dtype\":\"I32\",\"shape\":["
            + rows
            + ","
            + k
            + "],\"data_offsets\":[0,"
            + 4 * cells
            + "]},\"values\":{\"dtype\":\"F32\",\"shape\":["
            + rows
            + ","
            + k
            + "],\"data_offsets\":["
            + 4 * cells
            + ","
            + 8 * cells
            + "]}}";
    byte[] text = (header + " ".repeat(-header.length() & 7)).getBytes(StandardCharsets.US_ASCII);
    try (FileChannel out =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      ByteBuffer head = ByteBuffer.allocate(8 + text.length).order(ByteOrder.LITTLE_ENDIAN);
      head.putLong(text.length).put(text).flip();
      out.write(head);
      ByteBuffer batch = ByteBuffer.allocate(4 * k * 1024).order(ByteOrder.LITTLE_ENDIAN);
      int[] code = new int[k];
      for (boolean indices : new boolean[] {true, false}) {
        for (int row = 0; row < rows; row++) {
          SplittableRandom random = new SplittableRandom(row);
          choose(word(row), random, code, latents);
          for (int i = 0; i < k; i++) {
            if (indices) {
              batch.putInt(code[i]);
            } else {
              batch.putFloat((float) (0.05 + -Math.log(random.nextDouble()) * (1 + code[i] % 5)));
            }
          }
          if (!batch.hasRemaining() || row == rows - 1) {
            out.write(batch.flip());
            batch.clear();
          }
        }
      }
    }
  }

  /** Half of the latents belong to the word, the others are drawn, common ones more often. */
  private static void choose(int word, SplittableRandom random, int[] code, int latents) {
    boolean again = true;
    while (again) {
      for (int i = 0; i < code.length; i++) {
        code[i] =
            i < code.length / 2
                ? (int) ((word * 2654435761L + i * 40503L * (1 + word % 7)) % latents)
                : (int) Math.min(latents - 1, Math.pow(latents, random.nextDouble()) - 1);
      }
      Arrays.sort(code);
      again = false;
      for (int i = 1; i < code.length; i++) {
        if (code[i] <= code[i - 1]) {
          code[i] = code[i - 1] + 1;
        }
      }
      again = code[code.length - 1] >= latents;
    }
  }
}
