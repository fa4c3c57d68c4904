package io.github.sae4j.bench;

import io.github.sae4j.bench.peers.Blas;
import io.github.sae4j.bench.probes.PeakFlops;
import io.github.sae4j.bench.results.Contender;
import io.github.sae4j.bench.results.Ratio;
import io.github.sae4j.bench.results.Section;
import io.github.sae4j.bench.results.Timing;
import io.github.sae4j.bench.scene.Scene;
import io.github.sae4j.bench.scene.Shape;
import io.github.sae4j.bench.scene.Step;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.options.Recipe;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** One thread against all: product, encode and step, ours and the peers', and the peak probe. */
public final class Scaling {
  private Scaling() {}

  /** Times them in alternating rounds. */
  static Section run(Setup setup, Shape shape) {
    Section section = new Section("Threads: " + shape);
    List<Contender> contenders = new ArrayList<>();
    List<Step> steps = new ArrayList<>();
    try (Scene scene = setup.scene(shape)) {
      Matrix out = scene.memory().matrix(shape.batch(), shape.dSae());
      SparseCodes codes = scene.memory().codes(shape.batch(), shape.k());
      for (int threads : Probes.counts(setup)) {
        Contender peak = Probes.peak(setup, threads);
        contenders.add(peak);
        section.work(peak.name(), PeakFlops.flops(threads), "GFLOP/s");
        List<Contender> products = new ArrayList<>();
        for (Blas blas : setup.peers().blas()) {
          products.add(setup.blasProduct(blas, scene, out, true, threads));
        }
        if (setup.options().ours()) {
          products.add(setup.ourProduct(scene, out, threads));
          products.add(setup.ourEncode(scene, codes, threads));
          for (Recipe recipe : Setup.RECIPES) {
            Step step = new DeviceStep(setup.device(threads), recipe, scene);
            steps.add(step);
            contenders.add(setup.ourStep(recipe, step, threads));
          }
        }
        products.forEach(one -> section.work(one.name(), shape.productFlops(), "GFLOP/s"));
        contenders.addAll(products);
      }
      section.add(setup.runs().time(contenders));
      addRatios(setup, section, shape);
    } finally {
      steps.forEach(Step::close);
    }
    return section;
  }

  private static void addRatios(Setup setup, Section section, Shape shape) {
    String one = setup.suffix(1);
    Optional<Timing> product = section.timing("sae4j product" + one);
    if (product.isPresent()) {
      section.add(
          Ratio.of(
                  "product, 1 thread: rate / peak probe",
                  section.timing(Probes.PEAK + one).orElseThrow(),
                  product.get())
              .times(shape.productFlops() / PeakFlops.flops(1))
              .atLeast(0.87)
              .heldIf(shape.equals(Shape.HELD)));
    }
    if (one.isEmpty()) {
      return;
    }
    double bestBlas = 0;
    for (Blas blas : setup.peers().blas()) {
      Optional<Ratio> gain =
          gain(section, blas.name() + " product", blas.name() + " product W[n,d]", one);
      bestBlas = Math.max(bestBlas, gain.map(Ratio::value).orElse(0.0));
      gain.ifPresent(section::add);
    }
    int threads = setup.options().threads();
    gain(section, Probes.PEAK, Probes.PEAK, one)
        .map(gain -> gain.times(PeakFlops.flops(threads) / PeakFlops.flops(1)))
        .map(gain -> gain.named(Probes.PEAK + ": rate of all / 1 thread"))
        .ifPresent(section::add);
    for (String name : List.of("sae4j product", "sae4j encode + top-k")) {
      gain(section, name, name, one).ifPresent(section::add);
    }
    for (Recipe recipe : Setup.RECIPES) {
      String name = "sae4j step " + Setup.label(recipe);
      double wanted = bestBlas;
      gain(section, name, name, one)
          .ifPresent(gain -> section.add(gain.atLeast(wanted).heldIf(shape.equals(Shape.HELD))));
    }
  }

  /** How many times as fast all threads are. */
  private static Optional<Ratio> gain(Section section, String label, String name, String one) {
    Optional<Timing> slow = section.timing(name + one);
    Optional<Timing> fast = section.timing(name);
    return slow.isPresent() && fast.isPresent()
        ? Optional.of(Ratio.of(label + ": 1 thread / all", slow.get(), fast.get()))
        : Optional.empty();
  }
}
