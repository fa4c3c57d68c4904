package org.example;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;

/** Encodes one row with a trained SAE, from a jar that holds all it needs. */
public final class Encode {
  private Encode() {}

  /** Arguments: the SAE's folder, and the device that auto should take. */
  public static void main(String[] args) throws IOException {
    try (Device device = Devices.open("auto", DeviceOptions.DEFAULT);
        var sae = SaeCheckpoint.load(Path.of(args[0]), device)) {
      float[] activation = new float[sae.config().dIn()];
      Arrays.fill(activation, 0.5f);
      var code = sae.encode(activation);
      System.out.println(device.name() + " " + Arrays.toString(code.indices()));
      if (!device.name().equals(args[1])) {
        throw new IllegalStateException("expected device " + args[1] + ", got " + device.name());
      }
    }
  }
}
