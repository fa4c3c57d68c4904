package io.github.sae4j.bench;

import io.github.sae4j.bench.peers.Blas;
import io.github.sae4j.bench.peers.Peers;
import io.github.sae4j.bench.results.AlternatingRuns;
import io.github.sae4j.bench.results.Contender;
import io.github.sae4j.bench.scene.Scene;
import io.github.sae4j.bench.scene.Shape;
import io.github.sae4j.bench.scene.Step;
import io.github.sae4j.config.Architecture;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.Devices;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.options.Recipe;
import java.util.List;
import java.util.Locale;

/** The participants of a comparison and their contenders. */
public final class Setup implements AutoCloseable {
  /** Untimed runs of our kernels, at least. */
  static final int OUR_WARMUPS = 8;

  /** The recipes whose steps are compared with the peers that they follow. */
  static final List<Recipe> RECIPES = List.of(Recipe.SAELENS, Recipe.ELEUTHER);

  private final CompareOptions options;
  private final Peers peers;
  private final Device device;
  private final Device single;

  public Setup(CompareOptions options) {
    this.options = options;
    this.peers = options.peers() ? Peers.open(options.torchBackend()) : Peers.NONE;
    this.device = options.ours() ? open(options.threads()) : null;
    this.single = options.ours() ? open(1) : null;
  }

  private Device open(int threads) {
    return Devices.open(options.device(), options.deviceOptions(threads));
  }

  public CompareOptions options() {
    return options;
  }

  public Peers peers() {
    return peers;
  }

  /** Our device with all threads, or null. */
  public Device device() {
    return device;
  }

  /** Our device with the given number of threads: 1 or all. */
  public Device device(int threads) {
    return threads == 1 ? single : device;
  }

  /** Draws a scene in our device's memory. */
  public Scene scene(Shape shape) {
    return new Scene(device == null ? new OffHeap() : device.openMemory(), shape);
  }

  /** Least time of the untimed runs of ours: enough for the compiler to finish. */
  double warmSeconds() {
    return options.warmMillis() * 1e-3;
  }

  /** How contenders are timed. */
  public AlternatingRuns runs() {
    return new AlternatingRuns(
        options.rounds(), options.pauseMillis(), options.sampleMillis() * 1e-3);
  }

  public Contender ourProduct(Scene scene, Matrix out, int threads) {
    return new Contender(
        "sae4j product" + suffix(threads),
        threads,
        OUR_WARMUPS,
        warmSeconds(),
        () -> device(threads).product(scene.x(), false, scene.wEnc(), true, out));
  }

  public Contender blasProduct(
      Blas blas, Scene scene, Matrix out, boolean transposed, int threads) {
    Matrix w = transposed ? scene.wEnc() : scene.wEncTransposed();
    return new Contender(
        blas.name() + " product " + layout(transposed) + suffix(threads),
        threads,
        1,
        () -> {
          blas.setThreads(threads);
          blas.product(scene.x(), w, transposed, out);
        });
  }

  public Contender torchProduct(Scene scene, Matrix out, boolean transposed, int threads) {
    Matrix w = transposed ? scene.wEnc() : scene.wEncTransposed();
    return new Contender(
        "libtorch product " + layout(transposed) + suffix(threads),
        threads,
        1,
        () -> {
          peers.torch().setThreads(threads);
          peers.torch().product(scene.x(), w, transposed, out);
        });
  }

  public Contender torchProductTopK(Scene scene, Matrix out, int threads) {
    return new Contender(
        "libtorch product + topk" + suffix(threads),
        threads,
        1,
        () -> {
          peers.torch().setThreads(threads);
          peers
              .torch()
              .productTopK(scene.x(), scene.wEncTransposed(), false, out, scene.shape().k());
        });
  }

  public Contender torchEncode(Scene scene, int threads) {
    return new Contender(
        "libtorch linear, relu, topk" + suffix(threads),
        threads,
        1,
        () -> {
          peers.torch().setThreads(threads);
          peers.torch().encode(scene, null);
        });
  }

  public Contender ourEncode(Scene scene, SparseCodes codes, int threads) {
    return new Contender(
        "sae4j encode + top-k" + suffix(threads),
        threads,
        OUR_WARMUPS,
        warmSeconds(),
        () ->
            device(threads)
                .encode(
                    scene.encoder(),
                    scene.x(),
                    Ranked.topK(scene.shape().k(), Relu.BEFORE),
                    codes));
  }

  public Contender ourStep(Recipe recipe, Step step, int threads) {
    return new Contender(
        "sae4j step " + label(recipe) + suffix(threads),
        threads,
        OUR_WARMUPS,
        warmSeconds(),
        step::run);
  }

  public Contender ourStep(Architecture architecture, Step step, int threads) {
    return new Contender(
        "sae4j step " + label(architecture) + suffix(threads),
        threads,
        OUR_WARMUPS,
        warmSeconds(),
        step::run);
  }

  public Contender peerStep(String name, Step step, int threads) {
    return new Contender(
        "libtorch step " + name + suffix(threads),
        threads,
        0,
        () -> {
          peers.torch().setThreads(threads);
          step.run();
        });
  }

  /** A recipe's name as configurations spell it. */
  public static String label(Recipe recipe) {
    return recipe.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** An architecture's name as configurations spell it. */
  public static String label(Architecture architecture) {
    return architecture.name().toLowerCase(Locale.ROOT);
  }

  /** Names contain the number of threads only if it is not the default. */
  public String suffix(int threads) {
    return threads == options.threads() ? "" : " (" + threads + " thread)";
  }

  private static String layout(boolean transposed) {
    return transposed ? "W[n,d]" : "W[d,n]";
  }

  @Override
  public void close() {
    if (device != null) {
      device.close();
      single.close();
    }
  }
}
