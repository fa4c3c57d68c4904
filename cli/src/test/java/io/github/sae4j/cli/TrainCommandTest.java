package io.github.sae4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.checkpoint.CheckpointStore;
import io.github.sae4j.cli.console.ExitCode;
import io.github.sae4j.config.TrainingConfig;
import io.github.sae4j.data.Split;
import io.github.sae4j.internal.json.Json;
import io.github.sae4j.memory.ElementType;
import io.github.sae4j.options.Option;
import io.github.sae4j.options.Recipe;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class TrainCommandTest {
  private static final Path CASES = Path.of("..", "engine", "src", "test", "resources", "cases");

  @TempDir private Path folder;
  private final Console console = new Console();
  private Path file;
  private Path run;

  @BeforeEach
  void writeActivations() throws IOException {
    file = Activations.write(folder.resolve("a.safetensors"), 200, 10);
    run = folder.resolve("run");
  }

  /**
   * Trains a few steps; pairs of option and value change or add options, null leaves one out, true
   * adds a switch.
   */
  private int train(Object... changes) {
    Map<String, Object> options = new LinkedHashMap<>();
    options.put("--activations", file);
    options.put("--output-path", run);
    options.put("--steps", 4);
    options.put("--train-batch-size", 8);
    options.put("--k", 2);
    options.put("--d-sae", 24);
    options.put("--device", "scalar");
    for (int i = 0; i < changes.length; i += 2) {
      options.put((String) changes[i], changes[i + 1]);
    }
    List<Object> args = new ArrayList<>(List.of("train"));
    options.forEach(
        (option, value) -> {
          if (value != null) {
            args.add(option);
          }
          if (value != null && !value.equals(true)) {
            args.add(value);
          }
        });
    return console.run(args.toArray());
  }

  private Map<?, ?> trainingSection() throws IOException {
    return (Map<?, ?>) Json.readObject(run.resolve("config.json"), 1 << 20).get("training");
  }

  private Map<?, ?> resultAsJson() throws IOException {
    byte[] out = console.out().getBytes(StandardCharsets.UTF_8);
    return (Map<?, ?>) Json.parse(Path.of("stdout"), out);
  }

  @Test
  void aRunLeavesItsFolderAndPrintsHeldOutMetrics() throws IOException {
    assertEquals(ExitCode.DONE, train(), console::err);
    assertTrue(console.out().contains("fvu"), console.out());
    for (String name :
        List.of(
            "config.json",
            "metrics.jsonl",
            "evaluation.json",
            "final/cfg.json",
            "final/sae_weights.safetensors")) {
      assertTrue(Files.exists(run.resolve(name)), name);
    }
    assertEquals(24L, trainingSection().get("d_sae"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"--k", "--auxk", "--k-aux"})
  void anOptionGivenTwiceIsBadUsageInOneShortLine(String again) {
    int code = console.run("train", "--k=2", "--auxk=3", "--activations", file, again + "=4");
    assertEquals(ExitCode.USAGE, code);
    assertEquals(
        "sae4j: option '" + again + "' should be specified only once",
        console.err().lines().findFirst().orElseThrow());
  }

  @Test
  void aMistypedOptionIsNotTakenForAFile() {
    assertEquals(ExitCode.USAGE, console.run("train", "--activations", file, "--learning-rat", 1));
    assertTrue(console.err().contains("unknown option '--learning-rat'"), console::err);
    assertEquals(ExitCode.USAGE, console.run("train", "--activations", file, "--lr_warm-up", 1));
    assertTrue(console.err().contains("the nearest is --lr-warm-up-steps"), console::err);
    assertEquals(ExitCode.DONE, train(), console::err);
    assertEquals(ExitCode.USAGE, console.run("eval", "--sae", run, "--activations", file, "--jsn"));
    assertTrue(console.err().contains("the nearest is --json"), console::err);
  }

  @Test
  void theResultIsOneJsonObject() throws IOException {
    assertEquals(ExitCode.DONE, train("--json", true), console::err);
    Map<?, ?> all = resultAsJson();
    assertEquals(run.toString(), all.get("run"));
    assertEquals(run.resolve("final").toString(), all.get("sae"));
    Map<?, ?> result = (Map<?, ?>) all.get("metrics");
    for (String name :
        List.of(
            "fvu",
            "explained_variance",
            "mse",
            "l0",
            "cosine_similarity",
            "never_fired_fraction",
            "rows")) {
      assertTrue(result.get(name) instanceof Number, name);
    }
    assertEquals(10L, result.get("rows"));
  }

  @Test
  void thereIsAnObjectWhereNothingWasHeldOutOrLeftToDo() throws IOException {
    assertEquals(ExitCode.DONE, train("--json", true, "--eval-fraction", 0), console::err);
    Map<?, ?> result = resultAsJson();
    assertEquals(run.resolve("final").toString(), result.get("sae"));
    assertTrue(result.containsKey("metrics"));
    assertEquals(null, result.get("metrics"));
    assertEquals(ExitCode.DONE, console.run("train", "--resume-from-checkpoint", run, "--json"));
    assertEquals(result, resultAsJson());
    run = folder.resolve("second");
    train("--json", true);
    result = resultAsJson();
    assertEquals(ExitCode.DONE, console.run("train", "--resume-from-checkpoint", run, "--json"));
    assertEquals(result, resultAsJson());
  }

  @Test
  void quietLeavesOnlyWarnings() {
    assertEquals(ExitCode.DONE, train("--quiet", true), console::err);
    assertTrue(
        console.err().lines().allMatch(line -> line.startsWith("sae4j: warning: ")), console::err);
  }

  @ParameterizedTest(name = "d {0}, n {1}, k {2}, batch {3}, {4} steps of {5} rows")
  @CsvSource({
    "13, 37, 3, 7, 5, 100",
    "13, 37, 1, 1, 3, 9",
    "5, 19, 19, 4, 3, 50",
    "1, 3, 2, 4, 3, 30",
    "17, 33, 5, 64, 2, 20",
  })
  void raggedShapesTrain(int d, int n, int k, int batch, int steps, int rows) throws IOException {
    Activations.write(file, rows, d);
    for (String device : List.of("scalar", "auto")) {
      run = folder.resolve(device);
      int code =
          train(
              "--d-sae",
              n,
              "--k",
              k,
              "--train-batch-size",
              batch,
              "--steps",
              steps,
              "--device",
              device);
      assertEquals(ExitCode.DONE, code, console::err);
    }
    assertArrayEquals(
        Files.readAllBytes(folder.resolve("scalar/final/sae_weights.safetensors")),
        Files.readAllBytes(folder.resolve("auto/final/sae_weights.safetensors")));
  }

  @Test
  void theLastBatchMayBeShort() throws IOException {
    assertEquals(ExitCode.DONE, train("--steps", null, "--training-samples", 37), console::err);
    List<String> lines = Files.readAllLines(run.resolve("metrics.jsonl"));
    assertTrue(lines.getLast().contains("\"details/n_training_samples\":37"), lines::toString);
  }

  @ParameterizedTest
  @EnumSource(
      value = ElementType.class,
      names = {"F16", "BF16", "F64"})
  void otherFloatTypesAreRead(ElementType type) throws IOException {
    Activations.write(file, Activations.rows(200, 10), type);
    assertEquals(ExitCode.DONE, train(), console::err);
  }

  @ParameterizedTest
  @EnumSource
  void everyRecipeTrains(Recipe recipe) throws IOException {
    assertEquals(
        ExitCode.DONE, train("--recipe", recipe, "--dead-feature-window", 2), console::err);
    assertEquals(recipe.toString(), trainingSection().get("recipe"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"empty", "truncated", "not a tensor file", "missing"})
  void aFileThatIsNoneIsBadInput(String kind) throws IOException {
    byte[] whole = Files.readAllBytes(file);
    switch (kind) {
      case "empty" -> Files.write(file, new byte[0]);
      case "truncated" -> Files.write(file, Arrays.copyOf(whole, whole.length / 2));
      case "not a tensor file" -> Files.writeString(file, "these are no tensors at all");
      default -> Files.delete(file);
    }
    expectBadInput(train(), "a.safetensors");
  }

  @Test
  void aFileWithoutRowsIsBadInput() throws IOException {
    byte[] header =
        "{\"activations\":{\"dtype\":\"F32\",\"shape\":[0,4],\"data_offsets\":[0,0]}}"
            .getBytes(StandardCharsets.US_ASCII);
    byte[] bytes = new byte[8 + header.length];
    bytes[0] = (byte) header.length;
    System.arraycopy(header, 0, bytes, 8, header.length);
    Files.write(file, bytes);
    expectBadInput(train(), "no rows");
  }

  @Test
  void filesOfSeveralWidthsAreBadInput() throws IOException {
    Path other = Activations.write(folder.resolve("b.safetensors"), 50, 11);
    expectBadInput(train("--activations", folder.resolve("*.safetensors")), "width 11");
    assertTrue(Files.exists(other));
  }

  @ParameterizedTest
  @EnumSource
  void aRowThatIsNotANumberIsBadInput(Recipe recipe) throws IOException {
    float[][] rows = Activations.rows(200, 10);
    rows[13][4] = Float.NaN;
    Activations.write(file, rows, ElementType.F32);
    int code = train("--recipe", recipe, "--steps", null, "--epochs", 1);
    expectBadInput(code, "row 13");
    assertTrue(console.err().contains("column 4"), console::err);
  }

  private void expectBadInput(int code, String named) {
    assertEquals(ExitCode.BAD_INPUT, code, console::err);
    List<String> complaints =
        console.complaints().stream().filter(line -> !line.contains(" warning: ")).toList();
    assertEquals(1, complaints.size(), console::err);
    assertTrue(complaints.getFirst().contains(named), console::err);
    assertFalse(console.err().contains("\tat "), console::err);
  }

  @ParameterizedTest
  @CsvSource({
    "--k, 25, k: expected at most d_sae = 24",
    "--k, many, 'k: expected an integer, got many'",
    "--lr, -1, lr: expected at least 0",
    "--recipe, nonesuch, recipe: expected one of",
    "--normalize-activations, layer_norm, aux_loss_coefficient: expected 0",
    "--epochs, 3, cannot be given together",
    "--nonsense, 1, Unknown option",
    "--log-every, 0, log_every: expected at least 1",
    "--threads, 1000000, 'threads: expected 1 to 4096, got 1000000'",
    "--vector-bits, 100, 'vector bits: expected 128, 256 or 512'",
  })
  void badOptionsAreUsageErrors(String option, String value, String message) {
    assertEquals(ExitCode.USAGE, train(option, value), console::err);
    assertTrue(console.err().contains(message), console::err);
    assertFalse(Files.exists(run));
  }

  @Test
  void anUnknownDeviceIsADeviceError() {
    assertEquals(ExitCode.DEVICE, train("--device", "abacus"), console::err);
    assertTrue(console.err().contains("device abacus: expected auto or one of"), console::err);
  }

  @Test
  void stacktracesAreForThoseWhoAsk() {
    int code = console.run("--stacktrace", "train", "--activations", file, "--device", "abacus");
    assertEquals(ExitCode.DEVICE, code, console::err);
    assertTrue(console.err().contains("\tat "), console::err);
  }

  @Test
  void underscoresAreDashes() throws IOException {
    assertEquals(ExitCode.DONE, train("--d-sae", null, "--d_sae", 30), console::err);
    assertEquals(30L, trainingSection().get("d_sae"));
  }

  @Test
  void theCommandLineWinsOverTheConfigFile() throws IOException {
    Path config = folder.resolve("config.json");
    Files.writeString(
        config,
        Json.line(
            Map.of("d_sae", 28, "lr", 0.002, "log_every", 2, "activations", List.of("nowhere"))));
    assertEquals(ExitCode.DONE, train("--config", config), console::err);
    assertEquals(24L, trainingSection().get("d_sae"));
    assertEquals(0.002, trainingSection().get("lr"));
    assertEquals(2, Files.readAllLines(run.resolve("metrics.jsonl")).size());
  }

  @Test
  void theConfigOfARunRepeatsIt() throws IOException {
    train();
    Path again = folder.resolve("again");
    int code = console.run("train", "--config", run.resolve("config.json"), "--output-path", again);
    assertEquals(ExitCode.DONE, code, console::err);
    assertArrayEquals(
        Files.readAllBytes(run.resolve("final/sae_weights.safetensors")),
        Files.readAllBytes(again.resolve("final/sae_weights.safetensors")));
  }

  @Test
  void anUnknownKeyOfTheConfigFileIsNamedWithItsNearest() throws IOException {
    Path config = folder.resolve("config.json");
    Files.writeString(config, "{\"expansion_facto\": 4}");
    assertEquals(ExitCode.USAGE, train("--config", config), console::err);
    assertTrue(
        console.err().contains("expansion_facto: no such option; the nearest is expansion_factor"),
        console::err);
  }

  @Test
  void unknownKeysOfTheConfigFileAreNamedAllAtOnce() throws IOException {
    Path config = folder.resolve("config.json");
    Files.writeString(config, "{\"expansion_facto\": 4, \"lr\": 1e-3, \"seeds\": 1}");
    assertEquals(ExitCode.USAGE, train("--config", config), console::err);
    assertTrue(
        console
            .err()
            .contains(
                "expansion_facto, seeds: no such options; the nearest are expansion_factor, seed"),
        console::err);
  }

  @Test
  void aConfigurationOfSaeLensIsTakenAsFarAsItGoes() throws IOException {
    Path config = folder.resolve("saelens.json");
    Files.writeString(
        config,
        """
        {"sae": {"d_in": 10, "d_sae": 40, "dtype": "float32", "device": "cuda", "k": 3,
           "apply_b_dec_to_input": true, "normalize_activations": "expected_average_only_in",
           "decoder_init_norm": 0.2, "aux_loss_coefficient": 0.5,
           "rescale_acts_by_decoder_norm": false, "architecture": "topk"},
         "model_name": "tiny", "hook_name": "blocks.3.hook_resid_post", "dataset_path": "text",
         "streaming": true, "context_size": 128, "training_tokens": 32,
         "train_batch_size_tokens": 8, "lr": 0.002, "lr_scheduler_name": "cosineannealing",
         "lr_warm_up_steps": 1, "lr_end": null, "n_checkpoints": 1, "seed": 7,
         "logger": {"log_to_wandb": true}}
        """);
    int code =
        train(
            "--config",
            config,
            "--d-sae",
            null,
            "--k",
            null,
            "--steps",
            null,
            "--train-batch-size",
            null);
    assertEquals(ExitCode.DONE, code, console::err);
    Map<?, ?> training = trainingSection();
    assertEquals(40L, training.get("d_sae"));
    assertEquals(3L, training.get("k"));
    assertEquals("expected_average_only_in", training.get("normalize_activations"));
    assertEquals("cosineannealing", training.get("lr_scheduler"));
    assertEquals(32L, training.get("training_samples"));
    assertEquals(8L, training.get("train_batch_size"));
    assertEquals(7L, training.get("seed"));
    Map<?, ?> cfg = Json.readObject(run.resolve("final/cfg.json"), 1 << 20);
    assertEquals("tiny", ((Map<?, ?>) cfg.get("metadata")).get("model_name"));
    List<String> warnings =
        console.err().lines().filter(line -> line.contains("configuration of SAELens")).toList();
    assertEquals(1, warnings.size(), console::err);
    for (String name : List.of("dataset_path", "streaming", "context_size", "logger", "device")) {
      assertTrue(warnings.getFirst().split("left out")[1].contains(name), name);
    }
  }

  /**
   * SAELens's own architectures, with the names of its options; Matryoshka has another one here.
   */
  @ParameterizedTest
  @CsvSource({
    "batchtopk, batchtopk, topk_threshold_lr, 0.1",
    "matryoshka_batchtopk, matryoshka, k, 3",
    "jumprelu, jumprelu, l0_coefficient, 0.5",
    "standard, standard, l1_coefficient, 0.5",
    "gated, gated, l1_coefficient, 0.5"
  })
  void everyArchitectureOfSaeLensThatIsTrainedIsTaken(
      String theirs, String ours, String option, double value) throws IOException {
    Path config = folder.resolve("saelens.json");
    Files.writeString(
        config,
        "{\"sae\": {\"architecture\": \"%s\", \"d_in\": 10, \"d_sae\": 40, \"%s\": %s}}"
            .formatted(theirs, option, option.equals("k") ? "3" : Double.toString(value)));
    Object k = ours.endsWith("k") || option.equals("k") ? 3 : null;
    int code = train("--config", config, "--d-sae", null, "--k", k);
    assertEquals(ExitCode.DONE, code, console::err);
    assertEquals(ours, trainingSection().get("architecture"));
    String name = option.startsWith("l") ? "sparsity_coefficient" : option;
    assertEquals(value, ((Number) trainingSection().get(name)).doubleValue());
    boolean penalised = option.startsWith("l");
    assertTrue(
        console.err().contains("40 latents, " + (penalised ? ours : "k 3") + ", on rows of width"),
        console::err);
  }

  @Test
  void aConfigurationOfSaeLensForWhatIsNotTrainedSaysSoAtOnce() throws IOException {
    Path config = folder.resolve("saelens.json");
    Files.writeString(
        config,
        "{\"architecture\": \"temporal\", \"d_in\": 10, \"d_sae\": 40, \"noise_scale\": 0.1,"
            + " \"use_ghost_grads\": false, \"mse_loss_normalization\": \"dense_batch\"}");
    assertEquals(ExitCode.USAGE, train("--config", config), console::err);
    for (String what :
        List.of("architecture temporal", "noise_scale 0.1", "mse_loss_normalization dense_batch")) {
      assertTrue(console.err().contains(what), console::err);
    }
    assertFalse(console.err().contains("use_ghost_grads"), console::err);
  }

  @Test
  void theResolvedConfigurationLeavesNothingAuto() throws IOException {
    assertEquals(ExitCode.DONE, train("--dry-run", true, "--json", true), console::err);
    Map<?, ?> planned = (Map<?, ?>) resultAsJson().get("training");
    assertEquals(ExitCode.DONE, train(), console::err);
    for (Map<?, ?> resolved : List.of(planned, trainingSection())) {
      assertEquals(24L, resolved.get("d_sae"));
      assertEquals(3e-4, resolved.get("lr"));
      assertEquals(3e-5, (double) resolved.get("lr_end"), 1e-12);
      assertEquals(5L, resolved.get("auxk"));
      assertEquals(42L, resolved.get("shuffle_seed"));
    }
  }

  @Test
  void aDryRunWritesNothing() throws IOException {
    assertEquals(ExitCode.DONE, train("--dry-run", true, "--json", true), console::err);
    assertFalse(Files.exists(run));
    Map<?, ?> result = resultAsJson();
    assertEquals(190L, result.get("training_rows"));
    assertEquals(4L, result.get("steps"));
    Map<?, ?> memory = (Map<?, ?>) result.get("memory_bytes");
    assertEquals(24L * 24 * 10, memory.get("24 n d: weights and moments"));
    assertTrue((double) result.get("estimated_seconds_from") > 0);
    assertTrue(
        (double) result.get("estimated_seconds_from")
            < (double) result.get("estimated_seconds_to"));
    assertEquals(true, result.get("fits"));
    assertTrue((long) result.get("machine_bytes") > 0);
    assertEquals(ExitCode.DONE, train("--dry-run", true), console::err);
    assertTrue(console.out().contains("time: about"), console.out());
    assertTrue(console.out().contains("steps    composed of kernels ("), console.out());
    assertEquals(false, result.get("step_fused"));
    assertTrue(console.err().contains("warning: dead_feature_window: no latent"), console::err);
    assertEquals(1, ((List<?>) result.get("warnings")).size());
  }

  /** What training refuses before it reads rows, a dry run refuses in the same words. */
  @ParameterizedTest(name = "{0}")
  @ValueSource(
      strings = {
        "--from-pretrained SAE --normalize-activations covariance_whitening",
        "--from-pretrained SAE --d-sae 25",
        "--from-pretrained SAE --architecture jumprelu",
        "--from-pretrained SAE --apply-b-dec-to-input false",
        "--from-pretrained SAE --normalize-activations layer_norm --aux-loss-coefficient 0",
        "--from-pretrained SAE --recipe sentence-transformers",
        "--from-pretrained SAE --targets ROWS",
        "--lr-scheduler cosineannealingwarmrestarts --n-restart-cycles 9",
        "--steps 0",
        "--k 25",
        "--eval-every 2 --eval-fraction 0",
        "--keep-best",
        "--early-stop 2",
        "--log-every 0",
        "--keep-checkpoints 0",
        "--checkpoint-every -1",
        "--n-checkpoints -1",
        "--serve 0.0.0.0:80",
        "--output-path SAE",
        "--output-path FOREIGN",
        "--output-path ROWS",
        "--mask MISSING",
        "--positives ROWS",
        "--targets SHORT",
        "--extend",
        "--sweep k=2,3 --from-pretrained SAE",
        "--sweep train_batch_size=8,16",
        "--sweep steps=2,3",
        "--sweep k=2,2",
        "--sweep d_sae=24,1",
        "--sweep k=1,3 --output-path SAE",
        "--sweep k=1,3 --output-path FOREIGN",
        "--sweep k=1,3 --eval-every 2 --eval-fraction 0",
        "--sweep k=1,3 --serve somewhere:80",
        "--sweep k=1,3 --log-every 0",
        "--sweep n_restart_cycles=1,9 --lr-scheduler cosineannealingwarmrestarts",
        "--resume-from-checkpoint PART --k 3",
        "--resume-from-checkpoint PART --activations SHORT",
        "--resume-from-checkpoint PART --extend --steps 9",
        "--resume-from-checkpoint PART --from-pretrained SAE --output-path OTHER",
        "--resume-from-checkpoint PART --eval-every 2 --early-stop -1",
        "--resume-from-checkpoint PART --serve nowhere",
        "--resume-from-checkpoint SAE --extend --steps 4",
        "--resume-from-checkpoint SAE --extend --steps 9 --k 3",
        "--resume-from-checkpoint SAE --extend --steps 9 --activations SHORT",
        "--resume-from-checkpoint SAE --k 3",
        "--resume-from-checkpoint FOREIGN",
        "--resume-from-checkpoint SWEEP --k 4",
        "--resume-from-checkpoint SWEEP --lr 1",
        "--resume-from-checkpoint SWEEP --activations SHORT",
        "--resume-from-checkpoint SWEEP --sweep k=1,4",
        "--resume-from-checkpoint SKIPPING --on-bad-rows error",
      })
  void aDryRunRefusesWhatTrainingRefuses(String options) throws IOException {
    Map<String, Path> paths = new LinkedHashMap<>();
    for (String name : List.of("SAE", "PART", "SWEEP", "SKIPPING", "FOREIGN", "MISSING", "OTHER")) {
      paths.put(name, folder.resolve(name.toLowerCase(Locale.ROOT)));
    }
    paths.put("ROWS", file);
    paths.put("SHORT", Activations.write(folder.resolve("short.safetensors"), 150, 10));
    Files.createDirectory(paths.get("FOREIGN"));
    Files.writeString(paths.get("FOREIGN").resolve("letter.txt"), "precious");
    if (options.contains("SAE")) {
      train("--output-path", paths.get("SAE"), "--no-report", true);
    }
    if (options.contains("PART")) {
      train("--output-path", paths.get("PART"), "--no-report", true, "--checkpoint-every", 1);
      CutBack.delete(paths.get("PART").resolve("final"));
      CutBack.delete(paths.get("PART").resolve("checkpoints/32"));
    }
    if (options.contains("SWEEP")) {
      train("--output-path", paths.get("SWEEP"), "--k", null, "--sweep", "k=1,3");
      CutBack.delete(paths.get("SWEEP").resolve("k-3"));
    }
    if (options.contains("SKIPPING")) {
      Path sweep = paths.get("SKIPPING");
      train(
          pairs(
              List.of("--output-path", sweep, "--sweep", "k=1,3", "--on-bad-rows", "skip"), false));
      CutBack.delete(sweep.resolve("k-3/final"));
    }
    List<Object> given = new ArrayList<>();
    for (String word : options.split(" ")) {
      given.add(paths.containsKey(word) ? paths.get(word) : word);
    }
    List<String> said = new ArrayList<>();
    for (boolean dry : new boolean[] {true, false}) {
      int code;
      if (options.startsWith("--resume")) {
        List<Object> words = new ArrayList<>(given);
        words.addFirst("train");
        if (dry) {
          words.add("--dry-run");
        }
        code = console.run(words.toArray());
      } else {
        code = train(pairs(given, dry));
      }
      assertTrue(code == ExitCode.USAGE || code == ExitCode.BAD_INPUT, code + console.err());
      List<String> errors =
          console.err().lines().filter(line -> line.startsWith("sae4j: ")).toList();
      said.add(errors.getLast());
      assertFalse(Files.exists(run), "nothing is written");
    }
    assertEquals(said.get(1), said.get(0));
  }

  /** Options as {@link #train} takes them; those of a sweep leave out what it varies. */
  private Object[] pairs(List<Object> words, boolean dry) {
    List<Object> pairs = new ArrayList<>();
    for (int i = 0; i < words.size(); i++) {
      boolean flag = i + 1 == words.size() || words.get(i + 1).toString().startsWith("--");
      String option = words.get(i).toString();
      pairs.add(option);
      pairs.add(flag ? true : words.get(++i));
      if (option.equals("--sweep")) {
        pairs.add("--" + words.get(i).toString().split("=")[0].replace('_', '-'));
        pairs.add(null);
      }
      if (option.equals("--from-pretrained")) {
        pairs.addAll(Arrays.asList("--k", null, "--d-sae", null));
      }
    }
    if (dry) {
      pairs.addAll(List.of("--dry-run", true));
    }
    return pairs.toArray();
  }

  @Test
  void aDryRunWithoutAFolderTakesNone() throws IOException {
    List<Path> before = runs();
    assertEquals(ExitCode.DONE, train("--output-path", null, "--dry-run", true), console::err);
    assertEquals(
        ExitCode.DONE,
        train("--output-path", null, "--dry-run", true, "--k", null, "--sweep", "k=1,3"),
        console::err);
    assertEquals(before, runs());
  }

  /** What lies where runs go by default. */
  private static List<Path> runs() throws IOException {
    Path runs = Path.of("runs");
    if (!Files.exists(runs)) {
      return List.of();
    }
    try (Stream<Path> all = Files.walk(runs)) {
      return all.sorted().toList();
    }
  }

  @Test
  void aDryRunOfARunToResumeTrainsNothing() throws IOException {
    train("--checkpoint-every", 1);
    loseTheEnd();
    int code = console.run("train", "--resume-from-checkpoint", run, "--dry-run");
    assertEquals(ExitCode.DONE, code, console::err);
    assertFalse(Files.exists(run.resolve("final")));
  }

  @Test
  void aFinishedRunSaysSo() {
    train();
    assertEquals(ExitCode.DONE, console.run("train", "--resume-from-checkpoint", run));
    assertTrue(console.out().contains("The run is finished"), console.out());
  }

  @ParameterizedTest
  @CsvSource({
    "--steps, 5, steps was 4, is now 5",
    "--epochs, 5, epochs was null, is now 5.0",
    "--k, 9, k was 2, is now 9",
    "--lr, 0.5, lr was 3.0E-4, is now 0.5",
    "--hook-name, other, hook_name was null, is now other"
  })
  void aFinishedRunRefusesOtherOptions(String option, String value, String said)
      throws IOException {
    train();
    String evaluation = Files.readString(run.resolve("evaluation.json"));
    int code = console.run("train", "--resume-from-checkpoint", run, option, value);
    assertEquals(ExitCode.USAGE, code, console::err);
    assertTrue(console.err().contains(said), console::err);
    assertTrue(console.err().contains(run + " is finished"), console::err);
    Files.delete(run.resolve("evaluation.json")); // and so it does without its evaluation
    code = console.run("train", "--resume-from-checkpoint", run, option, value);
    assertEquals(ExitCode.USAGE, code, console::err);
    code = console.run("train", "--resume-from-checkpoint", run, "--log-every", 3, "--threads", 1);
    assertEquals(ExitCode.DONE, code, console::err);
    assertEquals(evaluation, Files.readString(run.resolve("evaluation.json")));
  }

  @Test
  void aFinishedRunRefusesOtherActivations() throws IOException {
    train();
    Path other = Activations.write(folder.resolve("b.safetensors"), 100, 10);
    int code = console.run("train", "--resume-from-checkpoint", run, "--activations", other);
    assertEquals(ExitCode.BAD_INPUT, code, console::err);
    assertTrue(console.err().contains("the activations differ from the run's"), console::err);
  }

  @Test
  void aFinishedRunIsMadeLonger() throws IOException {
    train("--steps", 9, "--log-every", 1);
    byte[] whole = Files.readAllBytes(run.resolve("final/sae_weights.safetensors"));
    String log = withoutTimes(Files.readString(run.resolve("metrics.jsonl")));
    String evaluation = Files.readString(run.resolve("evaluation.json"));
    run = folder.resolve("second");
    train("--log-every", 1);
    int code = console.run("train", "--resume-from-checkpoint", run, "--extend", "--steps", 9);
    assertEquals(ExitCode.DONE, code, console::err);
    assertTrue(
        console
            .err()
            .contains("goes on after step 4 to step 9; learning rate 0.0003000 at step 5 and"),
        console::err);
    assertArrayEquals(whole, Files.readAllBytes(run.resolve("final/sae_weights.safetensors")));
    assertEquals(log, withoutTimes(Files.readString(run.resolve("metrics.jsonl"))));
    assertEquals(evaluation, Files.readString(run.resolve("evaluation.json")));
    assertEquals(9L, trainingSection().get("steps"));
    assertEquals(ExitCode.DONE, console.run("train", "--resume-from-checkpoint", run));
    assertTrue(console.out().contains("The run is finished"), console.out());
  }

  @Test
  void onlyAFinishedRunIsMadeLongerAndOnlyLonger() throws IOException {
    assertEquals(ExitCode.USAGE, train("--extend", true), console::err);
    train("--checkpoint-every", 1);
    assertEquals(ExitCode.USAGE, extend("--steps", 4), console::err);
    assertTrue(
        console.err().contains("expected steps, epochs or training_samples beyond the run's 4"),
        console::err);
    assertEquals(ExitCode.USAGE, extend("--steps", 9, "--lr", 0.5), console::err);
    assertTrue(console.err().contains("lr was 3.0E-4, is now 0.5"), console::err);
    assertFalse(console.err().contains("steps was"), console::err);
    loseTheEnd();
    assertEquals(ExitCode.USAGE, extend("--steps", 9), console::err);
    assertTrue(console.err().contains("is not finished; resume it as it is"), console::err);
  }

  private int extend(Object... options) {
    List<Object> args = new ArrayList<>(List.of("train", "--resume-from-checkpoint", run));
    args.add("--extend");
    args.addAll(List.of(options));
    return console.run(args.toArray());
  }

  /** Leaves the run as if it had died before its last step. */
  private void loseTheEnd() throws IOException {
    Files.move(run.resolve("final"), folder.resolve("lost final"));
    Path last = CheckpointStore.list(run).getLast();
    Files.move(last, folder.resolve("lost checkpoint"));
  }

  /** As after a kill between the last checkpoint and the last line. */
  @Test
  void aFinishedRunWithoutItsMetricsIsEvaluated() throws IOException {
    train();
    String evaluation = Files.readString(run.resolve("evaluation.json"));
    Files.delete(run.resolve("evaluation.json"));
    int code = console.run("train", "--resume-from-checkpoint", run);
    assertEquals(ExitCode.DONE, code, console::err);
    assertTrue(console.out().contains("fvu"), console.out());
    assertEquals(evaluation, Files.readString(run.resolve("evaluation.json")));
  }

  @Test
  void aFinishedRunThatHoldsNothingOutNeedsNoActivationsToSaySo() throws IOException {
    assertEquals(ExitCode.DONE, train("--eval-fraction", 0), console::err);
    Files.delete(file);
    assertEquals(ExitCode.DONE, console.run("train", "--resume-from-checkpoint", run));
    assertTrue(console.out().contains("The run is finished"), console.out());
  }

  @Test
  void aFinishedRunWithoutItsEvaluationIsEvaluated() throws IOException {
    train();
    Path evaluation = run.resolve("evaluation.json");
    String before = Files.readString(evaluation);
    Files.delete(evaluation);
    assertEquals(ExitCode.DONE, console.run("train", "--resume-from-checkpoint", run));
    assertEquals(before, Files.readString(evaluation));
  }

  @Test
  void aFinishedRunThatHeldNothingOutNeedsItsActivationsNoMore() throws IOException {
    train("--eval-fraction", 0);
    Files.delete(file);
    assertEquals(ExitCode.DONE, console.run("train", "--resume-from-checkpoint", run));
    assertTrue(console.out().contains("The run is finished"), console.out());
  }

  @Test
  void aRunIsNotWrittenOver() {
    train();
    assertEquals(ExitCode.USAGE, train(), console::err);
    assertTrue(console.err().contains("holds a run already"), console::err);
  }

  @ParameterizedTest
  @ValueSource(strings = {"metrics.jsonl", "evaluation.json", ".x.new-y", "config.json"})
  void aFolderOfSomebodyElseIsNotTrainedInto(String name) throws IOException {
    Path theirs = Files.writeString(Files.createDirectory(run).resolve(name), "{}");
    assertEquals(ExitCode.USAGE, train(), console::err);
    assertTrue(
        console
            .err()
            .contains("output_path: " + run + " is neither empty nor the folder of a run; it"),
        console::err);
    assertEquals("{}", Files.readString(theirs));
    Files.delete(theirs);
    assertEquals(ExitCode.DONE, train(), console::err);
  }

  /** As the jobs of an array do. */
  @Test
  void runsOfOneSecondGetFoldersOfTheirOwn() {
    Path wanted = folder.resolve("runs/a-20260101-120000");
    Set<Path> claimed = ConcurrentHashMap.newKeySet();
    IntStream.range(0, 64)
        .parallel()
        .forEach(
            i -> {
              try {
                claimed.add(TrainCommand.claim(wanted));
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            });
    assertEquals(64, claimed.size());
    assertTrue(claimed.contains(wanted) && claimed.contains(folder.resolve(wanted + "-64")));
  }

  /** As from an unset shell variable: it would mean the current folder. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "--output-path",
        "--resume-from-checkpoint",
        "--config",
        "--from-pretrained",
        "--mask",
        "--activations"
      })
  void anEmptyPathIsBadUsage(String option) {
    assertEquals(ExitCode.USAGE, train(option, ""), console::err);
    assertTrue(console.err().contains("expected a path, got ''"), console::err);
    assertEquals(ExitCode.USAGE, console.run("inspect", ""), console::err);
    assertEquals(
        ExitCode.USAGE, console.run("eval", "--sae", "", "--activations", file), console::err);
    assertFalse(Files.exists(run));
  }

  @Test
  void aFolderThatIsNoRunCannotBeResumed() {
    int code = console.run("train", "--resume-from-checkpoint", folder);
    assertEquals(ExitCode.BAD_INPUT, code, console::err);
    assertTrue(console.err().contains("expected a run's folder"), console::err);
  }

  @Test
  void aRunGoesOnFromItsCheckpointWithNothingElseSaid() throws IOException {
    assertEquals(ExitCode.DONE, train("--checkpoint-every", 1, "--keep-checkpoints", 2));
    byte[] whole = Files.readAllBytes(run.resolve("final/sae_weights.safetensors"));
    String log = withoutTimes(Files.readString(run.resolve("metrics.jsonl")));
    loseTheEnd();
    int refused = console.run("train", "--resume-from-checkpoint", run, "--lr", "0.5");
    assertEquals(ExitCode.USAGE, refused, console::err);
    assertTrue(console.err().contains("lr was 3.0E-4, is now 0.5"), console::err);
    assertEquals(ExitCode.DONE, console.run("train", "--resume-from-checkpoint", run));
    assertArrayEquals(whole, Files.readAllBytes(run.resolve("final/sae_weights.safetensors")));
    assertEquals(log, withoutTimes(Files.readString(run.resolve("metrics.jsonl"))));
  }

  @Test
  void aRunThatWasMovedGoesOnWithActivationsThatWereMoved() throws IOException {
    assertEquals(ExitCode.DONE, train("--checkpoint-every", 3), console::err);
    byte[] whole = Files.readAllBytes(run.resolve("final/sae_weights.safetensors"));
    loseTheEnd();
    Path moved = Files.move(run, folder.resolve("moved"));
    Path there = Files.move(file, folder.resolve("b.safetensors"));
    int code = console.run("train", "--resume-from-checkpoint", moved);
    assertEquals(ExitCode.BAD_INPUT, code, console::err);
    code =
        console.run(
            "train", "--resume-from-checkpoint", moved, "--activations", there, "--device", "cpu");
    assertEquals(ExitCode.DONE, code, console::err);
    assertArrayEquals(whole, Files.readAllBytes(moved.resolve("final/sae_weights.safetensors")));
  }

  private static String withoutTimes(String log) {
    UnaryOperator<String> cut = line -> line.replaceAll("\"details/[a-z]+_seconds\":[^,}]*", "");
    return log.lines().map(cut).toList().toString();
  }

  @Test
  void anSaeIsFineTuned() throws IOException {
    train();
    Path first = run;
    run = folder.resolve("second");
    int code = train("--from-pretrained", first, "--k", null);
    assertEquals(ExitCode.DONE, code, console::err);
    assertEquals(24L, trainingSection().get("d_sae"));
    assertEquals(2L, trainingSection().get("k"));
  }

  @Test
  void aFineTunedSaeSaysWhereItBelongsAsBefore() throws IOException {
    Path before = CASES.resolve("3-sae-hook_z");
    Activations.write(file, 200, 16);
    Object[] options = {
      "--from-pretrained", before, "--d-sae", null, "--k", null, "--checkpoint-every", 1
    };
    assertEquals(ExitCode.DONE, train(options), console::err);
    Path saved = run.resolve("final/cfg.json");
    Map<?, ?> config = Json.readObject(saved, 1 << 20);
    assertEquals("hook_z", config.get("reshape_activations"));
    Map<?, ?> metadata = (Map<?, ?>) config.get("metadata");
    assertEquals("blocks.3.attn.hook_z", metadata.get("hook_name"));
    assertEquals("gpt2-small", metadata.get("model_name"));
    assertEquals(3L, metadata.get("hook_layer"));
    assertEquals(128L, metadata.get("context_size"));
    assertEquals("x", metadata.get("dataset_path"));
    assertEquals(32L, metadata.get("n_training_samples"));
    // So does the SAE of a run that was interrupted and no longer has the first SAE.
    String whole = Files.readString(saved);
    loseTheEnd();
    int code = console.run("train", "--resume-from-checkpoint", run);
    assertEquals(ExitCode.DONE, code, console::err);
    assertEquals(whole, Files.readString(saved));
  }

  @Test
  void optionsReplaceWhatAnSaeSaidOfItself() throws IOException {
    Activations.write(file, 200, 16);
    Path before = CASES.resolve("3-sae-hook_z");
    int code =
        train(
            "--from-pretrained",
            before,
            "--d-sae",
            null,
            "--k",
            null,
            "--hook-name",
            "other",
            "--hook-layer",
            5);
    assertEquals(ExitCode.DONE, code, console::err);
    Map<?, ?> config = Json.readObject(run.resolve("final/cfg.json"), 1 << 20);
    Map<?, ?> metadata = (Map<?, ?>) config.get("metadata");
    assertEquals("other", metadata.get("hook_name"));
    assertEquals(5L, metadata.get("hook_layer"));
    assertEquals("gpt2-small", metadata.get("model_name"));
  }

  @Test
  void theNormalisationOfAnSaeIsThatOfItsFineTuning() throws IOException {
    train("--normalize-activations", "layer_norm", "--aux-loss-coefficient", 0);
    Path first = run;
    run = folder.resolve("second");
    int code = train("--from-pretrained", first, "--aux-loss-coefficient", 0);
    assertEquals(ExitCode.DONE, code, console::err);
    assertEquals("layer_norm", trainingSection().get("normalize_activations"));
    run = folder.resolve("third");
    assertEquals(
        ExitCode.USAGE, train("--from-pretrained", first, "--normalize-activations", "none"));
    assertTrue(
        console
            .err()
            .contains("normalize_activations: expected layer_norm as in the SAE to start from"),
        console::err);
  }

  @Test
  void aRowHeldOutThatIsNotANumberIsFoundBeforeTheFirstStep() throws IOException {
    float[][] rows = Activations.rows(200, 10);
    rows[(int) Split.of(200, 0.05).heldOutRow(3)][4] = Float.NaN;
    Activations.write(file, rows, ElementType.F32);
    assertEquals(ExitCode.BAD_INPUT, train(), console::err);
    assertTrue(console.err().contains(" holds NaN at column 4, expected a number"), console::err);
    assertFalse(Files.exists(run.resolve("metrics.jsonl")));
    assertFalse(Files.exists(run.resolve("config.json")));
  }

  @Test
  void anSaeOfAnotherWidthIsNotFineTuned() throws IOException {
    train();
    Path first = run;
    run = folder.resolve("second");
    Activations.write(file, 50, 11);
    assertEquals(ExitCode.BAD_INPUT, train("--from-pretrained", first, "--d-sae", null));
    assertTrue(
        console.err().contains(first + ": encodes rows of width 10, the activations have width 11"),
        console::err);
    assertFalse(Files.exists(run));
  }

  @Test
  void theSaeSaysWhereItBelongs() throws IOException {
    train("--model-name", "tiny", "--hook-name", "blocks.3.hook_resid_post", "--hook-layer", 3);
    Map<?, ?> config = Json.readObject(run.resolve("final/cfg.json"), 1 << 20);
    Map<?, ?> metadata = (Map<?, ?>) config.get("metadata");
    assertEquals("tiny", metadata.get("model_name"));
    assertEquals("blocks.3.hook_resid_post", metadata.get("hook_name"));
  }

  @Test
  void aShortRunSaysThatNoneCanBeDeadYet() {
    assertEquals(ExitCode.DONE, train("--dead-feature-window", 1000), console::err);
    assertTrue(
        console
            .out()
            .replaceAll("\\s+", " ")
            .contains("Dead: none yet; a latent counts as dead after 1000 steps without firing"),
        console::out);
  }

  /** The demo must produce a healthy SAE and explain its numbers. */
  @Test
  void theSampleTrainsToAHealthySae() throws IOException {
    assertEquals(
        ExitCode.DONE, console.run("train", "--output-path", run, "--no-progress"), console::err);
    Map<?, ?> metrics = Json.readObject(run.resolve("evaluation.json"), 1 << 20);
    assertTrue((double) metrics.get("fvu") <= 0.22, console::out);
    assertTrue((double) metrics.get("never_fired_fraction") <= 0.08, console::out);
    List<String> lines = Files.readAllLines(run.resolve("metrics.jsonl"));
    Map<?, ?> last = (Map<?, ?>) Json.parse(run, lines.getLast().getBytes(StandardCharsets.UTF_8));
    long dead = ((Number) last.get("sparsity/dead_features")).longValue();
    assertTrue(dead <= 0.01 * (long) trainingSection().get("d_sae"), dead + " dead");
    Path warnings = run.resolve("warnings.jsonl");
    if (Files.exists(warnings)) {
      // A healthy run is warned of nothing; only throughput depends on the machine.
      for (String line : Files.readAllLines(warnings)) {
        assertTrue(line.contains("\"kind\":\"throughput_drop\""), line);
      }
    }
    for (String said :
        List.of(
            "the share of the variance of rows that training never saw",
            "in training: the same",
            "Dead: " + dead + " latents had not fired on any row of the last 250 steps",
            "Never fired: " + metrics.get("never_fired") + " latents")) {
      assertTrue(console.out().replaceAll("\\s+", " ").contains(said), console::out);
    }
    assertTrue(console.out().lines().allMatch(line -> line.length() < 80), console::out);
  }

  @Test
  void aPipeGetsASummaryThatCanBeSearchedFor() {
    assertEquals(ExitCode.DONE, train("--dead-feature-window", 1000), console::err);
    List<String> lines =
        console.out().lines().filter(line -> line.startsWith("summary: ")).toList();
    assertEquals(6, lines.size(), console::out);
    assertTrue(lines.get(0).matches("summary: steps 4, rows 32, seconds [0-9.]+"), lines::toString);
    assertTrue(
        lines.get(1).matches("summary: held out: FVU .*, EV .*, L0 .*, never fired \\d+ of 24"),
        lines::toString);
    assertTrue(
        lines.get(2).matches("summary: last step: loss .*, L0 .*, dead 0 of 24"), lines::toString);
    assertEquals("summary: warnings 1: dead_feature_window", lines.get(3));
    assertEquals("summary: run " + run, lines.get(4));
    assertEquals("summary: SAE " + run.resolve("final"), lines.get(5));
    assertEquals(ExitCode.DONE, train("--output-path", folder.resolve("quiet"), "--quiet", true));
    assertTrue(!console.out().contains("summary"), console::out);
  }

  @Test
  void aMaskLeavesRowsOut() throws IOException {
    boolean[] excluded = new boolean[200];
    excluded[7] = true;
    float[][] rows = Activations.rows(200, 10);
    rows[7][0] = Float.NaN;
    Activations.write(file, rows, ElementType.F32);
    Path mask = Activations.writeMask(folder.resolve("mask.safetensors"), excluded);
    int code = train("--activations", file, "--mask", mask, "--steps", null, "--epochs", 2);
    assertEquals(ExitCode.DONE, code, console::err);
  }

  @Test
  void everyOptionOfTheConfigurationIsOnTheCommandLine() {
    assertEquals(
        new TreeSet<>(TrainingConfig.of(Recipe.SAELENS).toMap().keySet()),
        new TreeSet<>(TrainCommand.FLAGS.table().options().stream().map(Option::name).toList()));
  }
}
