package org.example.spark;

import io.github.sae4j.data.ActivationFiles;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;

/**
 * The whole way on a cluster of two executors: activations to Parquet, two SAEs of them as a job,
 * codes of the Parquet files. {@code FOLDER} is shared by the executors; {@code STEPS} is the
 * length of training.
 */
public final class Main {
  private static final int FILES = 4;

  /** Executors of this JVM's machine, with a core and a gigabyte each. */
  private static final String CLUSTER = "local-cluster[2,1,1024]";

  private Main() {}

  /**
   * Runs the jobs.
   *
   * @param args {@code [FOLDER [STEPS [MASTER]]]}
   * @throws IOException if reading or writing fails
   */
  public static void main(String[] args) throws IOException {
    Path home = Path.of(System.getProperty("example.home", "examples/spark")).toAbsolutePath();
    Path folder = args.length > 0 ? Path.of(args[0]).toAbsolutePath() : home.resolve("target/work");
    int steps = args.length > 1 ? Integer.parseInt(args[1]) : 400;
    String master = args.length > 2 ? args[2] : CLUSTER;
    Path sample = home.resolve("../../sample/minilm-l3-sample.safetensors").normalize();
    try (SparkSession session = session(master, home)) {
      Path parquet = folder.resolve("activations");
      if (!Files.exists(parquet.resolve("_SUCCESS"))) {
        write(session, sample, parquet);
      }
      System.out.println("activations: " + parquet);
      List<String> trained =
          TrainingJob.train(
              JavaSparkContext.fromSparkContext(session.sparkContext()),
              works(parquet, steps),
              folder.resolve("runs").toString(),
              20);
      trained.forEach(sae -> System.out.println("trained: " + sae));
      List<String> written =
          EncodingJob.encode(
              session, parquet, "activation", Path.of(trained.getFirst()), folder.resolve("codes"));
      System.out.println("encoded now: shards " + written);
      Dataset<Row> rows = session.read().parquet(parquet.toString());
      SaeVersion last = SaeVersion.of(Path.of(trained.getLast()));
      rows.withColumn("code", Encoding.encode(last, functions.col("activation")))
          .select(functions.col("row"), functions.explode(functions.col("code")).as("latent"))
          .groupBy("latent.id")
          .agg(functions.count("row").as("rows"), functions.avg("latent.weight").as("mean"))
          .orderBy(functions.desc("rows"), functions.asc("id"))
          .limit(5)
          .collectAsList()
          .forEach(row -> System.out.println("often active: " + row));
    }
  }

  /** What each task trains: a sweep over k. */
  static List<TrainingJob.Work> works(Path parquet, int steps) {
    List<TrainingJob.Work> works = new ArrayList<>();
    for (int k : new int[] {8, 16}) {
      Map<String, Object> options =
          Map.of("d_sae", 1024, "k", k, "steps", steps, "train_batch_size", 128, "lr", 1e-3);
      works.add(new TrainingJob.Work("k" + k, List.of(parquet.toString()), "activation", options));
    }
    return works;
  }

  private static SparkSession session(String master, Path home) {
    return SparkSession.builder()
        .appName("sae4j")
        .master(master)
        .config("spark.ui.enabled", false)
        .config("spark.sql.shuffle.partitions", 4)
        .config("spark.executor.extraClassPath", home.resolve("target/classes").toString())
        // Tasks begin when both executors are there, so that each has one.
        .config("spark.scheduler.minRegisteredResourcesRatio", "1.0")
        .config("spark.scheduler.maxRegisteredResourcesWaitingTime", "60s")
        // One's own memory outside the heap comes beside Spark's.
        .config("spark.executor.memory", "700m")
        .config("spark.executor.memoryOverhead", "300m")
        .config("spark.local.dir", home.resolve("target/spark").toString())
        .config("spark.sql.warehouse.dir", home.resolve("target/warehouse").toString())
        .getOrCreate();
  }

  /** The repository's sample as a column, as others have their embeddings. */
  static void write(SparkSession session, Path sample, Path parquet) throws IOException {
    List<Row> rows = new ArrayList<>();
    try (ActivationFiles files =
            ActivationFiles.open(List.of(sample.toString()), Optional.empty());
        OffHeap memory = new OffHeap()) {
      int count = (int) Math.min(4096, files.rows());
      Matrix all = memory.matrix(count, files.width());
      files.readRange(0, count, all);
      float[] row = new float[files.width()];
      for (int i = 0; i < count; i++) {
        all.read(i, 1, row, 0);
        List<Float> values = new ArrayList<>(row.length);
        for (float value : row) {
          values.add(value);
        }
        rows.add(RowFactory.create((long) i, values));
      }
    }
    session
        .createDataFrame(
            rows,
            DataTypes.createStructType(
                new StructField[] {
                  DataTypes.createStructField("row", DataTypes.LongType, false),
                  DataTypes.createStructField(
                      "activation", DataTypes.createArrayType(DataTypes.FloatType, false), false)
                }))
        .repartitionByRange(FILES, functions.col("row"))
        .sortWithinPartitions("row")
        .write()
        .mode("overwrite")
        .parquet(parquet.toString());
  }
}
