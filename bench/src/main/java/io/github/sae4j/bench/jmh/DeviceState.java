package io.github.sae4j.bench.jmh;

import io.github.sae4j.bench.scene.Shape;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.DeviceOptions;
import io.github.sae4j.device.Devices;
import java.util.OptionalInt;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** The device under test and the size of the test. */
@State(Scope.Benchmark)
public class DeviceState {
  /** Name of the device. */
  @Param("cpu")
  public String device;

  /** Threads of the device; 0 for all processors. */
  @Param("0")
  public int threads;

  /** Vector width in bits; 0 for the preferred one. */
  @Param("0")
  public int vectorBits;

  /** Sizes, {@code BxDxN}. */
  @Param("4096x768x24576")
  public String shape;

  /** Latents per row. */
  @Param("32")
  public int k;

  private Device opened;
  private Device oracle;

  /** For JMH. */
  public DeviceState() {}

  /** Opens the device, and the oracle that results are verified with. */
  @Setup(Level.Trial)
  public void open() {
    opened =
        Devices.open(
            device,
            new DeviceOptions(
                OptionalInt.of(threads == 0 ? Runtime.getRuntime().availableProcessors() : threads),
                vectorBits == 0 ? OptionalInt.empty() : OptionalInt.of(vectorBits)));
    oracle = Devices.open("scalar", DeviceOptions.DEFAULT);
  }

  /** Closes both. */
  @TearDown(Level.Trial)
  public void close() {
    opened.close();
    oracle.close();
  }

  public Device device() {
    return opened;
  }

  public Device oracle() {
    return oracle;
  }

  public Shape size() {
    return Shape.parse(shape, k);
  }

  /** The shape reduced to what the oracle computes quickly; d_in is unchanged. */
  public Shape smallSize() {
    Shape size = size();
    int n = Math.min(size.dSae(), 203);
    return new Shape(Math.min(size.batch(), 37), size.dIn(), n, Math.min(size.k(), n));
  }
}
