package io.github.sae4j.bench;

import io.github.sae4j.bench.CompareOptions.Subject;
import io.github.sae4j.bench.peers.Blas;
import io.github.sae4j.bench.peers.JumpReluStep;
import io.github.sae4j.bench.peers.SaelensStep;
import io.github.sae4j.bench.peers.SparsifyStep;
import io.github.sae4j.bench.peers.Torch;
import io.github.sae4j.bench.results.Check;
import io.github.sae4j.bench.results.Contender;
import io.github.sae4j.bench.results.Ratio;
import io.github.sae4j.bench.results.Section;
import io.github.sae4j.bench.results.Timing;
import io.github.sae4j.bench.scene.Reference;
import io.github.sae4j.bench.scene.Scene;
import io.github.sae4j.bench.scene.Shape;
import io.github.sae4j.bench.scene.Step;
import io.github.sae4j.config.Architecture;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.options.Recipe;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Product, encode and whole steps of one shape, all in the same alternating rounds. */
public final class ShapeComparison {
  /** Single precision, sums of a few thousand terms in any order. */
  private static final double PRODUCT_BOUND = 1e-5;

  /** Losses of the first steps; orders of summation differ, and Adam's first steps amplify that. */
  private static final double LOSS_BOUND = 1e-3;

  private static final int CHECKED_STEPS = 2;

  private static final String JUMPRELU_PEER = "as SAELens's JumpReLU (dense)";

  private final Setup setup;
  private final Shape shape;
  private final Set<Subject> subjects;
  private final Section section;

  ShapeComparison(Setup setup, Shape shape) {
    this.setup = setup;
    this.shape = shape;
    this.subjects = setup.options().subjects();
    this.section = new Section("Product, encode, whole step: " + shape);
  }

  /** Runs and returns the table. */
  Section run() {
    int threads = setup.options().threads();
    Torch torch = setup.peers().torch();
    List<Contender> contenders = new ArrayList<>();
    List<Step> steps = new ArrayList<>();
    try (Scene scene = setup.scene(shape)) {
      Matrix out = scene.memory().matrix(shape.batch(), shape.dSae());
      // The peers' product is the reference of all ratios, so it always runs.
      for (Blas blas : setup.peers().blas()) {
        contenders.add(setup.blasProduct(blas, scene, out, false, threads));
        contenders.add(setup.blasProduct(blas, scene, out, true, threads));
      }
      if (torch != null) {
        contenders.add(setup.torchProduct(scene, out, false, threads));
      }
      if (setup.options().ours() && subjects.contains(Subject.PRODUCT)) {
        contenders.add(setup.ourProduct(scene, out, threads));
      }
      for (Contender contender : contenders) {
        checkProduct(contender, scene, out);
      }
      if (subjects.contains(Subject.ENCODE)) {
        addEncoders(scene, out, contenders, threads);
      }
      if (subjects.contains(Subject.STEP)) {
        addSteps(scene, contenders, steps, threads);
      }
      section.add(setup.runs().time(contenders));
      contenders.stream()
          .filter(contender -> !contender.name().contains("step"))
          .forEach(one -> section.work(one.name(), shape.productFlops(), "GFLOP/s"));
      addRatios();
    } finally {
      steps.forEach(Step::close);
    }
    return section;
  }

  private void checkProduct(Contender contender, Scene scene, Matrix out) {
    out.fill(0f);
    contender.body().run();
    section.add(
        new Check(
            contender.name(), Reference.productError(scene.x(), scene.wEnc(), out), PRODUCT_BOUND));
  }

  private void addEncoders(Scene scene, Matrix out, List<Contender> contenders, int threads) {
    SparseCodes codes = scene.memory().codes(shape.batch(), shape.k());
    Torch torch = setup.peers().torch();
    if (torch != null) {
      torch.setThreads(threads);
      torch.encode(scene, codes);
      Contender encode = setup.torchEncode(scene, threads);
      section.add(new Check(encode.name(), Reference.codesError(scene, codes), PRODUCT_BOUND));
      contenders.add(setup.torchProductTopK(scene, out, threads));
      contenders.add(encode);
    }
    if (setup.options().ours()) {
      Contender encode = setup.ourEncode(scene, codes, threads);
      encode.body().run();
      section.add(new Check(encode.name(), Reference.codesError(scene, codes), PRODUCT_BOUND));
      contenders.add(encode);
    }
  }

  private void addSteps(Scene scene, List<Contender> contenders, List<Step> steps, int threads) {
    Torch torch = setup.peers().torch();
    for (Recipe recipe : Setup.RECIPES) {
      Map<String, double[]> losses = new LinkedHashMap<>();
      if (torch != null && setup.options().peerSteps()) {
        torch.setThreads(threads);
        Step step =
            switch (recipe) {
              case SAELENS -> new SaelensStep(scene);
              default -> new SparsifyStep(scene);
            };
        steps.add(step);
        Contender contender = setup.peerStep(peerName(recipe), step, threads);
        contenders.add(contender);
        losses.put(contender.name(), firstLosses(step));
      }
      if (setup.options().ours()) {
        Step step = new DeviceStep(setup.device(), recipe, scene);
        steps.add(step);
        Contender contender = setup.ourStep(recipe, step, threads);
        contenders.add(contender);
        losses.put(contender.name(), firstLosses(step));
      }
      if (losses.size() == 2) {
        List<double[]> both = List.copyOf(losses.values());
        double error = 0;
        for (int i = 0; i < CHECKED_STEPS; i++) {
          double theirs = both.get(0)[i];
          error = Math.max(error, Math.abs(both.get(1)[i] - theirs) / theirs);
        }
        section.add(
            new Check("losses, " + String.join(" and ", losses.keySet()), error, LOSS_BOUND));
      }
    }
    if (setup.options().ours()) {
      addArchitectures(scene, contenders, steps, threads);
    }
  }

  /** The other architectures, with about k latents active a row, as once an SAE is trained. */
  private void addArchitectures(
      Scene scene, List<Contender> contenders, List<Step> steps, int threads) {
    double theta = DeviceStep.threshold(setup.device(), scene);
    for (Architecture architecture : Architecture.values()) {
      if (architecture == Architecture.TOPK) {
        continue;
      }
      Step step = new DeviceStep(setup.device(), architecture, scene, theta);
      steps.add(step);
      contenders.add(setup.ourStep(architecture, step, threads));
      double[] ours = firstLosses(step);
      Torch torch = setup.peers().torch();
      if (architecture == Architecture.JUMPRELU && torch != null && setup.options().peerSteps()) {
        torch.setThreads(threads);
        Step peer = new JumpReluStep(scene, theta, DeviceStep.COEFFICIENT, DeviceStep.BANDWIDTH);
        steps.add(peer);
        contenders.add(setup.peerStep(JUMPRELU_PEER, peer, threads));
        double[] theirs = firstLosses(peer);
        double error = 0;
        for (int i = 0; i < CHECKED_STEPS; i++) {
          error = Math.max(error, Math.abs(ours[i] - theirs[i]) / theirs[i]);
        }
        section.add(new Check("losses of jumprelu, ours and libtorch's", error, LOSS_BOUND));
      }
    }
  }

  private static String peerName(Recipe recipe) {
    return switch (recipe) {
      case SAELENS -> "as SAELens (dense)";
      default -> "as sparsify";
    };
  }

  private static double[] firstLosses(Step step) {
    double[] losses = new double[CHECKED_STEPS];
    for (int i = 0; i < CHECKED_STEPS; i++) {
      losses[i] = step.run();
    }
    return losses;
  }

  private void addRatios() {
    Optional<Timing> mkl = section.fastestTiming("MKL product", "libtorch product W");
    if (setup.peers().torch() != null && setup.peers().torch().backend() != Torch.Backend.MKL) {
      mkl = section.fastestTiming("MKL product");
    }
    Optional<Timing> fastest =
        section.fastestTiming("OpenBLAS product", "MKL product", "libtorch product W");
    ratio("product: rate, ours / fastest BLAS", fastest, section.timing("sae4j product"), 1.0);
    Optional<Timing> encode = section.timing("sae4j encode + top-k");
    limit("encode + top-k: time / MKL's product", encode, mkl, 0.85);
    limit("encode + top-k: time / fastest BLAS's product", encode, fastest, 1.0);
    limit(
        "encode + top-k: time / libtorch's product + topk",
        encode,
        section.fastestTiming("libtorch product + topk"),
        0.75);
    for (Recipe recipe : Setup.RECIPES) {
      Optional<Timing> step = section.timing("sae4j step " + Setup.label(recipe));
      String name = "step " + Setup.label(recipe);
      limit(name + ": time / MKL's product", step, mkl, 0.85);
      limit(
          name + ": time / fastest BLAS's product",
          step,
          fastest,
          recipe == Recipe.SAELENS ? 1.10 : 1.05);
      ratio(
          "step as SAELens (dense): time / " + name,
          section.timing("libtorch step as SAELens (dense)"),
          step,
          10);
      ratio(
          "step as sparsify: time / " + name,
          section.timing("libtorch step as sparsify"),
          step,
          3.5);
    }
    Optional<Timing> plain = section.timing("sae4j step " + Setup.label(Recipe.SAELENS));
    for (Architecture architecture : Architecture.values()) {
      Optional<Timing> step = section.timing("sae4j step " + Setup.label(architecture));
      report("step " + Setup.label(architecture) + ": time / step saelens", step, plain);
    }
    report(
        "step as SAELens (dense): time / step batchtopk",
        section.timing("libtorch step as SAELens (dense)"),
        section.timing("sae4j step " + Setup.label(Architecture.BATCHTOPK)));
    report(
        JUMPRELU_PEER + ": time / step jumprelu",
        section.timing("libtorch step " + JUMPRELU_PEER),
        section.timing("sae4j step " + Setup.label(Architecture.JUMPRELU)));
    report(
        "libtorch step as SAELens (dense): time / MKL's product",
        section.timing("libtorch step as SAELens (dense)"),
        mkl);
    report(
        "libtorch step as sparsify: time / MKL's product",
        section.timing("libtorch step as sparsify"),
        mkl);
    report(
        "libtorch product + topk: time / MKL's product",
        section.timing("libtorch product + topk"),
        mkl);
    report("MKL's product: time / OpenBLAS's", mkl, section.fastestTiming("OpenBLAS product"));
  }

  private void ratio(String name, Optional<Timing> over, Optional<Timing> under, double limit) {
    if (over.isPresent() && under.isPresent()) {
      section.add(
          Ratio.of(name, over.get(), under.get()).atLeast(limit).heldIf(shape.equals(Shape.HELD)));
    }
  }

  private void limit(String name, Optional<Timing> over, Optional<Timing> under, double limit) {
    if (over.isPresent() && under.isPresent()) {
      section.add(
          Ratio.of(name, over.get(), under.get()).atMost(limit).heldIf(shape.equals(Shape.HELD)));
    }
  }

  private void report(String name, Optional<Timing> over, Optional<Timing> under) {
    if (over.isPresent() && under.isPresent()) {
      section.add(Ratio.of(name, over.get(), under.get()));
    }
  }
}
