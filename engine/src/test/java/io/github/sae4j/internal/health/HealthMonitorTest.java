package io.github.sae4j.internal.health;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.objective.Objective;
import io.github.sae4j.options.Recipe;
import io.github.sae4j.step.StepReport;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.function.LongFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HealthMonitorTest {
  private static final int ROWS = 64;
  private static final int D_SAE = 1000;
  private static final TrainingConfig CONFIG =
      TrainingConfig.of(Recipe.SAELENS).with("train_batch_size", ROWS);

  /** What a made-up step is like; unless said otherwise all is well. */
  private record Made(double loss, double fvu, int dead, int rows, double seconds, double waited) {
    static final Made WELL = new Made(1, Double.NaN, 0, ROWS, 0.125, 0);

    Made loss(double value) {
      return new Made(value, fvu, dead, rows, seconds, waited);
    }

    Made fvu(double value) {
      return new Made(loss, value, dead, rows, seconds, waited);
    }

    Made dead(int value) {
      return new Made(loss, fvu, value, rows, seconds, waited);
    }

    Made rows(int value) {
      return new Made(loss, fvu, dead, value, seconds, waited);
    }

    Made seconds(double step, double data) {
      return new Made(loss, fvu, dead, rows, step, data);
    }

    Step step(TrainingConfig config, long number, long steps) {
      Objective objective = config.stepSpec(8, OptionalDouble.empty()).objective();
      double[] values = new double[objective.terms().size()];
      values[0] = loss;
      StepReport report =
          new StepReport(
              rows,
              loss,
              StepReport.losses(objective, values),
              Double.isNaN(fvu) ? 1 : fvu,
              Double.isNaN(fvu) ? Double.NaN : 1,
              Double.NaN,
              rows,
              dead,
              Double.NaN);
      return new Step(number, number == steps, report, seconds, waited);
    }
  }

  private static List<Warning> run(TrainingConfig config, long steps, LongFunction<Made> made) {
    HealthMonitor monitor = new HealthMonitor(config, D_SAE, steps);
    List<Warning> warnings = new ArrayList<>();
    for (long step = 1; step <= steps; step++) {
      warnings.addAll(monitor.see(made.apply(step).step(config, step, steps)));
    }
    return warnings;
  }

  private static List<Warning> run(long steps, LongFunction<Made> made) {
    return run(CONFIG, steps, made);
  }

  private static void only(String kind, long step, List<Warning> warnings) {
    assertTrue(!warnings.isEmpty(), "no warning");
    assertEquals(List.of(kind), warnings.stream().map(Warning::kind).distinct().toList(), "kinds");
    assertEquals(step, warnings.getFirst().step(), () -> warnings.getFirst().toString());
  }

  /** Falls as a loss does, with a tenth of noise. */
  private static double healthyLoss(long step, Random random) {
    return (0.2 + 5.0 / step) * (1 + 0.1 * random.nextGaussian());
  }

  @Test
  void aHealthyRunIsWarnedOfNothing() {
    Random random = new Random(5);
    List<Warning> warnings =
        run(
            3000,
            step ->
                Made.WELL
                    .loss(healthyLoss(step, random))
                    .fvu(step < 50 ? 3 : 0.3)
                    // The first window passes, and AuxK revives them.
                    .dead(
                        step < 1000
                            ? 0
                            : step < 1400
                                ? 300 + (int) (step - 1000) / 4
                                : (int) (400 * Math.exp(-(step - 1400) / 300.0)))
                    .seconds(0.05 + 0.05 * random.nextDouble(), 0.01));
    assertEquals(List.of(), warnings);
  }

  @ParameterizedTest
  @CsvSource({"2.1, 400", "5, 101", "1000, 2000"})
  void aLossThatJumpsIsASpike(double times, long at) {
    List<Warning> warnings =
        run(2000, step -> Made.WELL.loss(step == at ? 3 * times : step % 2 == 0 ? 2.9 : 3.1));
    only("loss_spike", at, warnings);
    assertTrue(warnings.getFirst().message().contains(" times the mean"), warnings::toString);
    assertTrue(warnings.getFirst().advice().contains("--lr-warm-up-steps 100"), warnings::toString);
  }

  @Test
  void theFirstHundredStepsAndSmallJumpsAreNoSpike() {
    assertEquals(List.of(), run(500, step -> Made.WELL.loss(step == 100 ? 50 : 1)));
    assertEquals(List.of(), run(500, step -> Made.WELL.loss(step == 300 ? 1.99 : 1)));
  }

  @Test
  void theNoiseOfSmallBatchesIsNoSpikeButTenTimesItIs() {
    Random random = new Random(7);
    double[] noise = random.doubles(4000).map(u -> 1 + 0.8 * Math.sqrt(-2 * Math.log(u))).toArray();
    assertEquals(List.of(), run(4000, step -> Made.WELL.loss(noise[(int) step - 1])));
    only(
        "loss_spike",
        2500,
        run(4000, step -> Made.WELL.loss(step == 2500 ? 30 : noise[(int) step - 1])));
  }

  @Test
  void aShortBatchIsNotJudgedByItsLoss() {
    assertEquals(
        List.of(), run(500, step -> step == 500 ? Made.WELL.loss(90).rows(31) : Made.WELL));
    only(
        "loss_spike", 500, run(500, step -> step == 500 ? Made.WELL.loss(90).rows(32) : Made.WELL));
  }

  @Test
  void withoutClippingThatIsTheFirstAdvice() {
    TrainingConfig free = TrainingConfig.of(Recipe.ELEUTHER).with("train_batch_size", ROWS);
    List<Warning> warnings = run(free, 500, step -> Made.WELL.loss(step == 300 ? 9 : 1));
    only("loss_spike", 300, warnings);
    assertTrue(warnings.getFirst().advice().startsWith("--clip-grad-norm"), warnings::toString);
  }

  @Test
  void fvuAboveOneThreeTimesInARowIsWorseThanTheMean() {
    // Measured every ten steps; the beginning is the first tenth.
    only("worse_than_mean", 420, run(4000, step -> Made.WELL.fvu(step % 10 == 0 ? 1.01 : NAN)));
    assertEquals(
        List.of(),
        run(4020, step -> Made.WELL.fvu(step % 10 == 0 ? (step % 30 == 0 ? 1 : 1.2) : NAN)));
  }

  private static final double NAN = Double.NaN;

  @Test
  void atTheEndOnceIsEnough() {
    only("worse_than_mean", 500, run(500, step -> Made.WELL.fvu(step == 500 ? 1.5 : 0.9)));
    assertEquals(List.of(), run(90, step -> Made.WELL.fvu(1.5)), "a run that has hardly begun");
  }

  @Test
  void theWarmUpBelongsToTheBeginning() {
    TrainingConfig slow = CONFIG.with("lr_warm_up_steps", 1000);
    only("worse_than_mean", 1002, run(slow, 4000, step -> Made.WELL.fvu(2)));
  }

  @Test
  void deadLatentsThatBecomeMoreAreRising() {
    // A quarter of the run from step 500 on is passed over; then blocks of 40 steps, ten latents
    // more in each.
    List<Warning> warnings =
        run(2000, step -> Made.WELL.dead(step < 500 ? 0 : 100 + (int) (step - 500) / 4));
    only("dead_latents", 1279, warnings);
    assertTrue(
        warnings.getFirst().message().endsWith("29%, are dead, and more and more"),
        () -> warnings.getFirst().message());
    assertTrue(warnings.getFirst().advice().contains("--dead-feature-window"), warnings::toString);
  }

  @Test
  void fewDeadLatentsOrASteadyShareAreNotRising() {
    assertEquals(List.of(), run(2000, step -> Made.WELL.dead((int) step / 21)), "up to 9.5%");
    assertEquals(List.of(), run(2000, step -> Made.WELL.dead(step < 100 ? 0 : 240)));
  }

  @Test
  void aShortWindowIsAShortGrace() {
    TrainingConfig quick = CONFIG.with("dead_feature_window", 20);
    only("dead_latents", 280, run(quick, 2000, step -> Made.WELL.dead(step <= 100 ? 0 : 500)));
  }

  @Test
  void halfOfAllLatentsDeadNeedNotRise() {
    only("dead_latents", 760, run(2000, step -> Made.WELL.dead(step <= 100 ? 0 : 500)));
  }

  @Test
  void aQuarterDeadAtTheEndIsMany() {
    List<Warning> warnings = run(500, step -> Made.WELL.dead(step < 490 ? 0 : 250));
    only("dead_latents", 500, warnings);
    assertEquals(List.of(), run(500, step -> Made.WELL.dead(step < 490 ? 0 : 249)));
  }

  @Test
  void withoutAuxKItIsTheAdvice() {
    List<Warning> warnings =
        run(CONFIG.with("aux_loss_coefficient", 0), 500, step -> Made.WELL.dead(600));
    assertTrue(warnings.getFirst().advice().startsWith("--aux-loss-coefficient 1"));
  }

  @Test
  void halfTheThroughputForLongIsADrop() {
    // Blocks of ten seconds: 80 steps before the drop, 32 after it; three of them are slow.
    List<Warning> warnings =
        run(2000, step -> step <= 960 ? Made.WELL : Made.WELL.seconds(0.3125, 0));
    only("throughput_drop", 1056, warnings);
    assertTrue(warnings.getFirst().message().endsWith("steps take longer"), warnings::toString);
    assertTrue(warnings.getFirst().advice().contains("--threads"), warnings::toString);
  }

  @Test
  void waitingForRowsIsToldFromSlowSteps() {
    List<Warning> warnings =
        run(2000, step -> step <= 960 ? Made.WELL : Made.WELL.seconds(0.125, 0.1875));
    only("throughput_drop", 1056, warnings);
    assertTrue(warnings.getFirst().message().endsWith("steps wait for rows"), warnings::toString);
    assertTrue(warnings.getFirst().advice().contains("--activations"), warnings::toString);
  }

  @Test
  void aPauseAndTheWorkOfAuxKAreNoDrop() {
    assertEquals(
        List.of(),
        run(2000, step -> step > 960 && step <= 1024 ? Made.WELL.seconds(0.3125, 0) : Made.WELL),
        "two slow blocks");
    assertEquals(
        List.of(),
        run(2000, step -> step <= 960 ? Made.WELL : Made.WELL.dead(5).seconds(0.3125, 0)),
        "AuxK acts");
  }

  @Test
  void aBatchWithoutRowsIsPassedOver() {
    assertEquals(
        List.of(), run(400, step -> step % 2 == 0 ? Made.WELL.loss(NAN).rows(0) : Made.WELL));
  }

  /** A checkpoint's JSON stands between two processes. */
  @ParameterizedTest
  @ValueSource(longs = {0, 1, 399, 520, 999, 1020, 1100, 1158, 1200})
  void aRunThatGoesOnSeesTheSame(long interrupted) throws IOException {
    LongFunction<Made> made =
        step ->
            Made.WELL
                .loss(step == 1000 ? 7 : 1 + 0.001 * (step % 7))
                .fvu(step == 980 || step == 990 || step >= 1000 ? 1.5 : step % 10 == 0 ? 0.9 : NAN)
                .dead(step < 500 ? 0 : 100 + (int) (step - 500) / 4);
    List<Warning> whole = run(2000, made);
    assertEquals(
        List.of("loss_spike", "worse_than_mean", "dead_latents"),
        whole.stream().map(Warning::kind).distinct().toList());
    HealthMonitor before = new HealthMonitor(CONFIG, D_SAE, 2000);
    List<Warning> parts = new ArrayList<>();
    for (long step = 1; step <= interrupted; step++) {
      parts.addAll(before.see(made.apply(step).step(CONFIG, step, 2000)));
    }
    HealthMonitor after = new HealthMonitor(CONFIG, D_SAE, 2000);
    byte[] saved = Json.line(before.memory()).getBytes(StandardCharsets.UTF_8);
    after.recall(Json.parse(Path.of("state"), saved));
    for (long step = interrupted + 1; step <= 2000; step++) {
      parts.addAll(after.see(made.apply(step).step(CONFIG, step, 2000)));
    }
    assertEquals(whole, parts);
  }

  @Test
  void whatIsNoMemoryCountsAsNone() {
    HealthMonitor monitor = new HealthMonitor(CONFIG, D_SAE, 10);
    Object fresh = monitor.memory();
    monitor.recall(null);
    monitor.recall("text");
    monitor.recall(Map.of("loss_spike", 3, "dead_latents", Map.of("sum", "x")));
    assertEquals(fresh, monitor.memory());
  }

  @Test
  void aWarningIsALineAndBack() throws IOException {
    Warning warning = new Warning(3, "kind", "what \"happened\"", "--lr 1");
    byte[] line = Json.line(warning.toMap()).getBytes(StandardCharsets.UTF_8);
    assertEquals(
        warning, Warning.fromMap(Json.parse(Path.of("warnings.jsonl"), line)).orElseThrow());
    assertTrue(Warning.fromMap(Map.of("step", 1L)).isEmpty());
    assertEquals("what \"happened\"; --lr 1", warning.text());
  }
}
