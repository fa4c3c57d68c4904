package io.github.sae4j.training;

import static io.github.sae4j.training.GoldenCase.distance;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.checkpoint.SaeCheckpoint;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.device.Device;
import io.github.sae4j.device.EveryDevice;
import io.github.sae4j.internal.composed.ComposedTrainingStep;
import io.github.sae4j.internal.composed.Observation;
import io.github.sae4j.internal.layout.writing.SaeLensWriter;
import io.github.sae4j.internal.tensors.SafetensorsFile;
import io.github.sae4j.internal.tensors.TensorFile;
import io.github.sae4j.internal.tensors.TensorInfo;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.objective.AuxK;
import io.github.sae4j.objective.DeadTopK;
import io.github.sae4j.objective.MultiTopK;
import io.github.sae4j.objective.Reconstruction;
import io.github.sae4j.sae.Folding;
import io.github.sae4j.sae.SaeConfig;
import io.github.sae4j.sae.SaeMetadata;
import io.github.sae4j.sae.SaeWeights;
import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.step.DeadLatentRule;
import io.github.sae4j.step.Parameter;
import io.github.sae4j.step.StepReport;
import io.github.sae4j.step.StepSpec;
import io.github.sae4j.step.TrainingState;
import io.github.sae4j.step.TrainingStep;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * Compares the training step with steps that the peers computed: the files of the resource folder
 * {@code golden} and, if the system property {@code golden.dir} is set, those of that folder. The
 * composed step runs on every device, which shows codes and gradients; a device that compiles its
 * own step runs that too. Prints one line a file with the largest errors over all devices.
 */
class GoldenTrainingTest {
  /** Everything of step 0; float32 of two implementations, sums in different orders. */
  private static final double STEP = 1e-5;

  /**
   * The update of the whole run, and codes and reconstructions of later steps. Adam divides by the
   * gradient's size, which turns rounding of small gradients into larger relative differences.
   */
  private static final double UPDATE = 1e-4;

  /** Tensors of an exported SAE, of which each architecture has some. */
  private static final List<String> EXPORTED =
      List.of("W_enc", "b_enc", "W_dec", "b_dec", "threshold", "b_gate", "b_mag", "r_mag");

  @TempDir private static Path temporary;

  @TestFactory
  Stream<DynamicTest> everyFile() throws IOException, URISyntaxException {
    List<Path> folders = new ArrayList<>();
    folders.add(Path.of(GoldenTrainingTest.class.getResource("/golden").toURI()));
    String more = System.getProperty("golden.dir");
    if (more != null) {
      folders.add(Path.of(more));
    }
    List<DynamicTest> tests = new ArrayList<>();
    for (Path folder : folders) {
      List<Path> files = safetensors(folder);
      assertTrue(!files.isEmpty(), "no *.safetensors in " + folder);
      for (Path file : files) {
        String name = file.getFileName().toString();
        tests.add(DynamicTest.dynamicTest(name, file.toUri(), () -> holdAgainst(file)));
      }
    }
    return tests.stream();
  }

  private static List<Path> safetensors(Path folder) throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.filter(path -> path.toString().endsWith(".safetensors")).sorted().toList();
    }
  }

  private static void holdAgainst(Path path) throws IOException {
    try (GoldenCase golden = new GoldenCase(path)) {
      Errors errors = new Errors(golden.settings());
      for (Device device : EveryDevice.Opened.all()) {
        Run run = new Run(golden, device, errors);
        run.composed();
        run.compiled();
      }
      System.out.printf(
          Locale.ROOT,
          "golden %s recipe=%s step=%.2e update=%.2e%n",
          path.getFileName(),
          golden.settings().config().run().recipe(),
          errors.step,
          errors.update);
      assertEquals(List.of(), errors.failures);
    }
  }

  /** The largest errors of a case, and those out of bounds. */
  private static final class Errors {
    private final GoldenSettings settings;
    private final List<String> failures = new ArrayList<>();
    private double step;
    private double update;

    Errors(GoldenSettings settings) {
      this.settings = settings;
    }

    void step(String what, double error) {
      step = Math.max(step, error);
      check(what, error, STEP);
    }

    void update(String what, double error) {
      update = Math.max(update, error);
      check(what, error, UPDATE);
    }

    /** NaN is a failure too. */
    void check(String what, double error, double most) {
      if (!(error <= most)) {
        fail(what + ": relative error " + error + " > " + most);
      }
    }

    void fail(String what) {
      List<String> unknown = settings.notUnderstood();
      failures.add(unknown.isEmpty() ? what : what + " (metadata not understood: " + unknown + ")");
    }
  }

  /** One run of a case on one device. */
  private static final class Run {
    private final GoldenCase golden;
    private final Device device;
    private final Errors errors;
    private final StepSpec spec;
    private final boolean multi;

    /**
     * Latents whose counters are not compared: selected at value 0, where the peer breaks ties
     * arbitrarily.
     */
    private final boolean[] arbitrary;

    private int step;

    Run(GoldenCase golden, Device device, Errors errors) throws IOException {
      this.golden = golden;
      this.device = device;
      this.errors = errors;
      this.spec = golden.spec();
      this.multi = spec.objective().find(MultiTopK.class).isPresent();
      this.arbitrary = new boolean[spec.shape().dSae()];
    }

    void composed() throws IOException {
      try (OffHeap memory = device.openMemory()) {
        TrainingState state = golden.state(memory);
        List<IOException> unreadable = new ArrayList<>();
        try (TrainingStep composed =
            new ComposedTrainingStep(
                device,
                spec,
                state,
                seen -> {
                  try {
                    compare(seen, state);
                  } catch (IOException e) {
                    unreadable.add(e);
                  }
                })) {
          run(composed, state, memory, "");
        }
        assertEquals(List.of(), unreadable);
      }
    }

    /**
     * The device's own step shows no codes: its losses and its result are compared, but for the
     * ties that {@link #composed} found.
     */
    void compiled() throws IOException {
      try (OffHeap memory = device.openMemory()) {
        TrainingState state = golden.state(memory);
        try (TrainingStep compiled = device.compile(spec, state)) {
          if (!(compiled instanceof ComposedTrainingStep)) {
            run(compiled, state, memory, "compiled ");
          }
        }
      }
    }

    private void run(TrainingStep training, TrainingState state, OffHeap memory, String kind)
        throws IOException {
      for (step = 0; step < golden.steps(); step++) {
        Matrix x = golden.batch(step, memory);
        StepReport report = training.run(x, golden.settings().lr(), step + 1, false);
        compare(kind + "losses", golden.lossError(step, report, state));
      }
      training.synchronize();
      for (Parameter parameter : state.parameters()) {
        String name = golden.theirs(parameter.name());
        float[] init = golden.floats("init." + name);
        float[] ours = minus(parameter.value().toArray(), init);
        float[] theirs = minus(golden.floats("final." + name), init);
        errors.update(where(kind + "update of " + name), distance(ours, theirs));
      }
      if (golden.has("export.acts")) {
        compareExport(state, memory, kind);
      }
      if (!golden.has("final.since_fired")) {
        return;
      }
      long[] sinceFired = golden.integers("final.since_fired");
      for (int i = 0; i < arbitrary.length; i++) {
        if (!arbitrary[i] && state.sinceFired()[i] != sinceFired[i]) {
          errors.fail(
              where(kind + "since_fired of latent " + i)
                  + (": " + state.sinceFired()[i] + ", expected " + sinceFired[i]));
        }
      }
    }

    /**
     * What a run leaves behind, folded, beside what SAELens leaves; and what it computes of the
     * last batch once it is loaded.
     */
    private void compareExport(TrainingState state, OffHeap memory, String kind)
        throws IOException {
      TrainingConfig config = golden.settings().config();
      SaeConfig serving =
          new SaeConfig(
              state.dIn(),
              state.wDec().cols(),
              state.dSae(),
              config.inferenceActivation(state),
              false,
              config.sae().applyBDecToInput(),
              config.data().normalizeActivations().inputNormalization(),
              SaeMetadata.NONE);
      SaeWeights weights =
          new SaeWeights(
              memory, state.wEnc(), state.bEnc(), state.wDec(), state.bDec(), state.wSkip());
      Folding folding = Folding.of(state.wDec(), 1f, config.sae().rescaleActsByDecoderNorm());
      Path folder = Files.createTempDirectory(temporary, "export");
      SaeLensWriter.write(folder, serving, weights, folding);
      try (TensorFile written = SafetensorsFile.open(folder.resolve("sae_weights.safetensors"))) {
        for (String name : EXPORTED) {
          if (golden.has("export." + name)) {
            float[] ours = floats(written, name);
            // The peer's file has columns by latent as ours; the golden file has rows.
            float[] rows = name.equals("W_enc") ? transposed(ours, state.dSae()) : ours;
            float[] theirs = golden.floats("export." + name);
            if (name.equals("threshold")) {
              // Only positive values are served: below 0 a threshold is as good as 0, and so left.
              for (int i = 0; i < theirs.length; i++) {
                theirs[i] = Math.max(0f, theirs[i]);
              }
            }
            errors.update(where(kind + "exported " + name), distance(rows, theirs));
          }
        }
      }
      Matrix x = golden.batch(golden.steps() - 1, memory);
      try (SparseAutoencoder sae = SaeCheckpoint.load(folder, device)) {
        SparseCodes codes = memory.codes(x.rows(), 1);
        sae.encode(x, codes);
        errors.update(
            where(kind + "exported codes"),
            distance(dense(codes, (Matrix) null), golden.floats("export.acts")));
        Matrix out = memory.matrix(x.rows(), x.cols());
        sae.decode(codes, x, out);
        errors.update(
            where(kind + "exported sae_out"),
            distance(out.toArray(), golden.floats("export.sae_out")));
      }
    }

    private static float[] floats(TensorFile file, String name) throws IOException {
      TensorInfo tensor = file.tensor(name);
      float[] values = new float[Math.toIntExact(tensor.elements())];
      try (OffHeap memory = new OffHeap()) {
        Matrix all = memory.vector(values.length);
        file.readFloats(tensor, 0, values.length, all.segment(), 0);
        return all.toArray();
      }
    }

    private static float[] transposed(float[] matrix, int columns) {
      float[] turned = new float[matrix.length];
      int rows = matrix.length / columns;
      for (int i = 0; i < turned.length; i++) {
        turned[i] = matrix[i % rows * columns + i / rows];
      }
      return turned;
    }

    private void compare(Observation seen, TrainingState state) throws IOException {
      String prefix = "step" + step + ".";
      Matrix norms = null;
      try (OffHeap memory = device.openMemory()) {
        if (spec.forward().rescaleByDecoderNorm()
            || golden.settings().config().sparsity().aprilUpdate()) {
          norms = memory.vector(spec.shape().dSae());
          device.rowNorms(state.wDec(), norms);
        }
        float[] ours = dense(seen.codes(), norms);
        if (golden.has(prefix + "acts")) {
          compare("codes", distance(ours, golden.floats(prefix + "acts")));
        } else if (golden.has(prefix + "codes.indices")) {
          long[] indices = golden.integers(prefix + "codes.indices");
          float[] values = golden.floats(prefix + "codes.values");
          compare(
              "codes",
              distance(ours, dense(indices, values, golden.settings().config().sae().k())));
        }
      }
      if (golden.has(prefix + "anchor.acts")) {
        compareColumns(seen, prefix);
        compareGradients(seen, state);
        return;
      }
      if (golden.has(prefix + "sae_out")) {
        Matrix out = published(seen).out();
        compare("sae_out", distance(out.toArray(), golden.floats(prefix + "sae_out")));
      }
      if (golden.has(prefix + "dead")) {
        compareDead(seen, golden.integers(prefix + "dead"));
      }
      compareGradients(seen, state);
    }

    /** The rows and their positives of a contrastive step. */
    private void compareColumns(Observation seen, String prefix) throws IOException {
      List<Observation.TermView> views = seen.terms();
      int terms = views.size() / 2;
      for (int column = 0; column < 2; column++) {
        String at = prefix + (column == 0 ? "anchor." : "positive.");
        Observation.TermView main = views.get(column * terms);
        compare(
            at + "acts", distance(dense(main.codes(), (Matrix) null), golden.floats(at + "acts")));
        for (int i = 0; i < terms && golden.has(at + "decoded_embedding_k"); i++) {
          String kind =
              switch (views.get(i).term()) {
                case DeadTopK multi -> "decoded_embedding_4k";
                case AuxK aux -> "decoded_embedding_aux";
                default -> "decoded_embedding_k";
              };
          Observation.TermView view = views.get(column * terms + i);
          compare(at + kind, distance(view.out().toArray(), golden.floats(at + kind)));
          if (column == 0 && i > 0) {
            // The latents that were dead before the first column are those of the observation.
            String codes = view.term() instanceof AuxK ? "auxiliary_embedding" : "acts_4k";
            float[] ours = dense(view.codes(), seen.dead());
            compare(at + codes, distance(ours, golden.floats(at + codes)));
          }
        }
      }
    }

    private void compareGradients(Observation seen, TrainingState state) throws IOException {
      for (Parameter parameter : step == 0 ? state.parameters() : List.<Parameter>of()) {
        compareGradient(golden.theirs(parameter.name()), seen.gradients().of(parameter.name()));
      }
    }

    /** What sparsify publishes is of the 4k latents, where there are any. */
    private Observation.TermView published(Observation seen) {
      return seen.of(multi ? MultiTopK.class : Reconstruction.class);
    }

    private void compareDead(Observation seen, long[] dead) throws IOException {
      // A mask taken after the step's count already holds this step's ties, another only those of
      // the steps before.
      if (spec.deadLatents().counting().afterStep()) {
        markTies(seen);
      }
      for (int i = 0; i < dead.length; i++) {
        if (!arbitrary[i] && seen.dead()[i] != (dead[i] != 0)) {
          errors.fail(where("dead mask of latent " + i) + ": expected " + (dead[i] != 0));
        }
      }
      if (!spec.deadLatents().counting().afterStep()) {
        markTies(seen);
      }
    }

    private void compareGradient(String name, Matrix gradient) throws IOException {
      float[] theirs = golden.floats("step0.grad." + name);
      errors.step(where("gradient of " + name), distance(gradient.toArray(), theirs));
    }

    private void compare(String what, double error) {
      if (step == 0) {
        errors.step(where(what), error);
      } else {
        errors.check(where(what), error, UPDATE);
      }
    }

    private String where(String what) {
      return device.name() + ", step " + step + ", " + what;
    }

    /**
     * Marks the latents that we or the peer selected at value 0; a positive activation makes a
     * counter certain again.
     */
    private void markTies(Observation seen) throws IOException {
      if (spec.deadLatents().fired() != DeadLatentRule.Fired.SELECTED) {
        return;
      }
      // Files of the second set hold dense codes, in which zeros do not show: ours alone are known.
      if (golden.has("step" + step + ".codes.indices")) {
        long[] indices = golden.integers("step" + step + ".codes.indices");
        float[] values = golden.floats("step" + step + ".codes.values");
        for (int i = 0; i < values.length; i++) {
          arbitrary[(int) indices[i]] |= values[i] == 0;
        }
      }
      SparseCodes codes = published(seen).codes();
      boolean[] positive = new boolean[arbitrary.length];
      boolean ties = false;
      for (int b = 0; b < codes.rows(); b++) {
        for (int slot = 0; slot < codes.length(b); slot++) {
          positive[codes.index(b, slot)] |= codes.value(b, slot) > 0;
          arbitrary[codes.index(b, slot)] |= codes.value(b, slot) == 0;
          ties |= codes.value(b, slot) == 0;
        }
      }
      for (int i = 0; i < arbitrary.length; i++) {
        // The peer's 4k set is not in the file: any latent may have been among its zeros.
        arbitrary[i] |= ties && multi;
        arbitrary[i] &= !positive[i];
      }
    }

    /** Activations by latent, {@code [rows, d_sae]}. */
    private float[] dense(SparseCodes codes, Matrix norms) {
      float[] dense = new float[codes.rows() * spec.shape().dSae()];
      for (int b = 0; b < codes.rows(); b++) {
        for (int slot = 0; slot < codes.length(b); slot++) {
          int latent = codes.index(b, slot);
          float norm = norms == null ? 1 : norms.get(0, latent);
          dense[b * spec.shape().dSae() + latent] = codes.value(b, slot) * norm;
        }
      }
      return dense;
    }

    /** The same of codes that number the dead latents, from 0. */
    private float[] dense(SparseCodes codes, boolean[] dead) {
      int[] latents = IntStream.range(0, dead.length).filter(i -> dead[i]).toArray();
      float[] dense = new float[codes.rows() * dead.length];
      for (int b = 0; b < codes.rows(); b++) {
        for (int slot = 0; slot < codes.length(b); slot++) {
          dense[b * dead.length + latents[codes.index(b, slot)]] = codes.value(b, slot);
        }
      }
      return dense;
    }

    private float[] dense(long[] indices, float[] values, int k) {
      float[] dense = new float[values.length / k * spec.shape().dSae()];
      for (int i = 0; i < values.length; i++) {
        dense[i / k * spec.shape().dSae() + (int) indices[i]] = values[i];
      }
      return dense;
    }

    private static float[] minus(float[] a, float[] b) {
      float[] difference = new float[a.length];
      for (int i = 0; i < a.length; i++) {
        difference[i] = a[i] - b[i];
      }
      return difference;
    }
  }
}
