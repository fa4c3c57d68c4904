package io.github.sae4j.tornado.counting;

import io.github.sae4j.options.Recipe;
import io.github.sae4j.tornado.graph.KernelGraph;
import io.github.sae4j.tornado.graph.KernelGraph.Launch;
import io.github.sae4j.tornado.step.CountedStep;
import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.common.SchedulableTask;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * Prints what the kernels of a training step do, and what a card could do them in at best: {@code
 * CountKernels KERNELS_FILE [CARD [RECIPE ROWS D_IN D_SAE K]]}. TornadoVM compiles the step and
 * prints its kernels into the file; some groups of each are run by {@link Lockstep}, and counted
 * for all.
 */
public final class CountKernels {
  /**
   * Most groups of a task that are run, and lines of them; other groups are taken to do the same.
   */
  private static final int MOST_SAMPLES = 512;

  private static final long MOST_LINES = 5_000_000;

  /** Samples lie this share of all groups apart, so that no stride of the grid is met. */
  private static final double GOLDEN = 0.6180339887498949;

  private final Card card;
  private final Map<String, Line> lines = new LinkedHashMap<>();
  private int tasks;

  private CountKernels(Card card) {
    this.card = card;
  }

  /** A kernel's tasks together. */
  private static final class Line {
    int tasks;
    long items;
    final Counts counts = new Counts();
    double memoryBytes;
    double micros;
    final Map<String, Double> bounds = new LinkedHashMap<>();
  }

  /** Prints a table in Markdown. */
  public static void main(String[] arguments) throws IOException, ReflectiveOperationException {
    Path file = Path.of(arguments[0]);
    Card card = Card.of(arguments.length > 1 ? arguments[1] : "h100");
    Recipe recipe = Recipe.valueOf(arguments.length > 2 ? arguments[2] : "SAELENS");
    int[] shape = {4096, 768, 24576, 32};
    for (int i = 3; i < arguments.length; i++) {
      shape[i - 3] = Integer.parseInt(arguments[i]);
    }
    Files.deleteIfExists(file);
    // Before any class of TornadoVM is loaded.
    System.setProperty("tornado.printKernel", "True");
    System.setProperty("tornado.print.kernel.dir", file.toString());
    CountKernels table = new CountKernels(card);
    try (CountedStep step = new CountedStep(recipe, shape[0], shape[1], shape[2], shape[3])) {
      table.count(step, KernelSource.parseAll(Files.readString(file)));
    }
    System.out.printf(
        Locale.ROOT,
        "%s, %s, B=%d, d_in=%d, d_sae=%d, k=%d%n%n",
        card.name(),
        recipe.name().toLowerCase(Locale.ROOT),
        shape[0],
        shape[1],
        shape[2],
        shape[3]);
    table.print();
    System.exit(0);
  }

  private void count(CountedStep step, List<KernelSource> kernels)
      throws ReflectiveOperationException {
    List<Launch> launches = step.graph().launches();
    List<List<Object>> arguments = arguments(step.graph());
    for (int i = 0; i < launches.size(); i++) {
      Launch launch = launches.get(i);
      KernelSource kernel = kernels.get(i);
      if (!kernel.name.equals(launch.kernel())) {
        throw new IllegalStateException(kernel.name + " printed for " + launch.kernel());
      }
      List<Object> arrays = arguments.get(i);
      step.before(arrays);
      count(kernel, launch, arrays);
    }
  }

  /** The arrays of every task, which TornadoVM keeps to itself. */
  private static List<List<Object>> arguments(KernelGraph graph)
      throws ReflectiveOperationException {
    Field implementation = TaskGraph.class.getDeclaredField("taskGraphImpl");
    implementation.setAccessible(true);
    Object tasks = implementation.get(graph.tasks());
    Field context = tasks.getClass().getDeclaredField("executionContext");
    context.setAccessible(true);
    Object execution = context.get(tasks);
    Method task = execution.getClass().getMethod("getTask", int.class);
    task.setAccessible(true);
    List<List<Object>> all = new ArrayList<>();
    for (int i = 0; i < graph.launches().size(); i++) {
      SchedulableTask scheduled = (SchedulableTask) task.invoke(execution, i);
      all.add(
          Stream.of(scheduled.getArguments())
              .filter(TornadoNativeArray.class::isInstance)
              .toList());
    }
    return all;
  }

  private void count(KernelSource kernel, Launch launch, List<Object> arrays) {
    int groups = launch.groupsX() * launch.groupsY();
    int most = Math.min(MOST_SAMPLES, groups);
    int sampled = 0;
    Counts sum = new Counts();
    Map<Integer, Long> sectors = new HashMap<>();
    while (sampled < most && sum.lines() < MOST_LINES) {
      double part = sampled * GOLDEN;
      int group = most == groups ? sampled : (int) ((part - Math.floor(part)) * groups);
      sum.add(
          Lockstep.run(
              kernel,
              (argument, offset, kind) ->
                  CountedStep.element(
                      arrays.get(argument - 1),
                      (offset - TornadoNativeArray.ARRAY_HEADER)
                          / bytesOf(arrays.get(argument - 1))),
              card,
              new int[] {launch.sizeX(), launch.sizeY()},
              new int[] {group % launch.groupsX(), group / launch.groupsX()},
              new HashMap<>(),
              sectors));
      sampled++;
    }
    double factor = (double) groups / sampled;
    Counts counts = sum.times(factor);
    double memoryBytes = 0;
    for (Map.Entry<Integer, Long> entry : sectors.entrySet()) {
      TornadoNativeArray array = (TornadoNativeArray) arrays.get(entry.getKey() - 1);
      memoryBytes +=
          Math.min(entry.getValue() * factor * 32, array.getNumBytesOfSegmentWithHeader());
    }
    // What a group reads again and L1 no longer has comes from memory, if L2 has lost it as well.
    int size = launch.sizeX() * launch.sizeY();
    double atOnce =
        Math.min(groups, (double) card.multiprocessors() * card.residentGroups(kernel, size));
    double share = atOnce / groups;
    double held = 0;
    for (Map.Entry<Integer, Long> entry : sectors.entrySet()) {
      TornadoNativeArray array = (TornadoNativeArray) arrays.get(entry.getKey() - 1);
      held +=
          Math.min(entry.getValue() * factor * share * 32, array.getNumBytesOfSegmentWithHeader());
    }
    if (held > card.l2Bytes()) {
      memoryBytes += (counts.l1Misses - counts.groupSectors) * 32.0;
    }
    add(kernel, launch, groups, counts, memoryBytes);
  }

  private static int bytesOf(Object array) {
    return array instanceof uk.ac.manchester.tornado.api.types.arrays.FloatArray
            || array instanceof uk.ac.manchester.tornado.api.types.arrays.IntArray
        ? 4
        : 8;
  }

  private void add(
      KernelSource kernel, Launch launch, int groups, Counts counts, double memoryBytes) {
    tasks++;
    int size = launch.sizeX() * launch.sizeY();
    int resident = card.residentGroups(kernel, size);
    double perMicro = card.gigahertz() * 1000;
    // Few groups do not fill the card.
    double busy = Math.min(card.multiprocessors(), groups);
    long waves = Math.ceilDiv(groups, (long) card.multiprocessors() * resident);
    Map<String, Double> bounds = new LinkedHashMap<>();
    bounds.put("fma", counts.fma * 32.0 / card.fmaPerCycle() / busy / perMicro);
    bounds.put(
        "issue",
        (counts.floating + counts.globalRequests + counts.localRequests + counts.barriers)
            / (card.issuePerCycle() * busy)
            / perMicro);
    bounds.put("local", counts.localCycles / busy / perMicro);
    bounds.put("L2", counts.l1Misses * 32.0 / (card.l2Gigabytes() * 1000));
    bounds.put("memory", memoryBytes / (card.dramGigabytes() * 1000));
    bounds.put("waiting", waves * counts.meanChain() / perMicro);
    double micros = bounds.values().stream().mapToDouble(Double::doubleValue).max().orElse(0);
    Line line = lines.computeIfAbsent(kernel.name, name -> new Line());
    line.tasks++;
    line.items += (long) groups * size;
    line.counts.add(counts);
    line.memoryBytes += memoryBytes;
    line.micros += micros;
    bounds.forEach((name, bound) -> line.bounds.merge(name, bound, Double::sum));
  }

  private void print() {
    System.out.println(
        "| kernel | tasks | work-items | G fma | MB touched | MB through L2 | sectors a request"
            + " | GB local | cycles a local access | fma | issue | local | L2 | memory | waiting"
            + " | µs |");
    System.out.println("|---" + "|--:".repeat(15) + "|");
    double total = 0;
    for (Map.Entry<String, Line> entry : lines.entrySet()) {
      Line line = entry.getValue();
      Counts counts = line.counts;
      StringBuilder bounds = new StringBuilder();
      line.bounds.forEach(
          (name, bound) -> bounds.append(String.format(Locale.ROOT, " %.0f |", bound)));
      System.out.printf(
          Locale.ROOT,
          "| %s | %d | %d | %.2f | %.1f | %.1f | %.1f | %.2f | %.1f |%s %.0f |%n",
          entry.getKey(),
          line.tasks,
          line.items,
          counts.fmaLanes / 1e9,
          line.memoryBytes / 1e6,
          counts.l1Misses * 32 / 1e6,
          (double) counts.requestedSectors / Math.max(1, counts.globalRequests),
          counts.localBytes / 1e9,
          (double) counts.localCycles / Math.max(1, counts.localRequests),
          bounds,
          line.micros);
      total += line.micros;
    }
    System.out.printf(
        Locale.ROOT,
        "%n%d tasks; %.2f ms in kernels, %.2f ms of launches, %.2f ms together%n",
        tasks,
        total / 1000,
        tasks * card.launchMicros() / 1000,
        total / 1000 + tasks * card.launchMicros() / 1000);
  }
}
