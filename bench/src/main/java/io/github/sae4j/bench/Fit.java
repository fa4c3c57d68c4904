package io.github.sae4j.bench;

import io.github.sae4j.bench.results.Contender;
import io.github.sae4j.bench.results.Ratio;
import io.github.sae4j.bench.results.Section;
import io.github.sae4j.bench.scene.Scene;
import io.github.sae4j.bench.scene.Shape;
import io.github.sae4j.bench.scene.Step;
import io.github.sae4j.memory.SparseCodes;
import io.github.sae4j.options.Recipe;
import java.util.ArrayList;
import java.util.List;

/** Time as a function of B and of n: least-squares lines and how well they hold. */
public final class Fit {
  private Fit() {}

  /** Times encode and the eleuther step at a quarter, half, three quarters and all of B and n. */
  static Section run(Setup setup, Shape shape) {
    Section section = new Section("Growth in B and n: " + shape);
    if (!setup.options().ours()) {
      return section;
    }
    List<Integer> batches = quarters(shape.batch());
    List<Integer> latents = quarters(shape.dSae());
    for (int batch : batches) {
      time(setup, section, new Shape(batch, shape.dIn(), shape.dSae(), shape.k()));
    }
    for (int n : latents) {
      if (n != shape.dSae()) {
        time(setup, section, new Shape(shape.batch(), shape.dIn(), n, shape.k()));
      }
    }
    for (String what : List.of("encode", "step")) {
      report(
          section,
          what + " in B",
          batches,
          batches.stream().map(batch -> name(what, batch, shape.dSae())).toList());
      report(
          section,
          what + " in n",
          latents,
          latents.stream().map(n -> name(what, shape.batch(), n)).toList());
    }
    return section;
  }

  private static List<Integer> quarters(int all) {
    return List.of(all / 4, all / 2, all / 4 * 3, all);
  }

  private static String name(String what, int batch, int n) {
    return what + " B=" + batch + " n=" + n;
  }

  private static void time(Setup setup, Section section, Shape shape) {
    int threads = setup.options().threads();
    try (Scene scene = setup.scene(shape);
        Step step = new DeviceStep(setup.device(), Recipe.ELEUTHER, scene)) {
      SparseCodes codes = scene.memory().codes(shape.batch(), shape.k());
      Contender encode = setup.ourEncode(scene, codes, threads);
      List<Contender> contenders = new ArrayList<>();
      contenders.add(
          new Contender(
              name("encode", shape.batch(), shape.dSae()),
              threads,
              encode.warmups(),
              encode.warmSeconds(),
              encode.body()));
      contenders.add(
          new Contender(
              name("step", shape.batch(), shape.dSae()),
              threads,
              encode.warmups(),
              encode.warmSeconds(),
              step::run));
      section.add(setup.runs().time(contenders));
    }
  }

  private static void report(
      Section section, String title, List<Integer> sizes, List<String> names) {
    int count = sizes.size();
    double meanX = sizes.stream().mapToDouble(Integer::doubleValue).average().orElseThrow();
    double[] y = new double[count];
    double meanY = 0;
    for (int i = 0; i < count; i++) {
      y[i] = section.seconds(names.get(i)).orElseThrow();
      meanY += y[i] / count;
    }
    double xx = 0;
    double xy = 0;
    double yy = 0;
    for (int i = 0; i < count; i++) {
      double dx = sizes.get(i) - meanX;
      double dy = y[i] - meanY;
      xx += dx * dx;
      xy += dx * dy;
      yy += dy * dy;
    }
    double slope = xy / xx;
    section.add(Ratio.reported(title + ": R² of the line", xy * xy / (xx * yy)));
    section.add(
        Ratio.reported(
            title + ": constant part of the full time", (meanY - slope * meanX) / y[count - 1]));
  }
}
