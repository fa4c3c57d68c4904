package org.example.spark;

import io.github.sae4j.sae.SparseAutoencoder;
import io.github.sae4j.sae.SparseCode;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.expressions.UserDefinedFunction;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * Codes of a column: {@code array<float>} to {@code array<struct<id: int, weight: float>>}, the
 * active latents, ascending, and how active they are.
 */
final class Encoding {
  /** The type of a code. */
  static final DataType CODE =
      DataTypes.createArrayType(
          DataTypes.createStructType(
              new StructField[] {
                DataTypes.createStructField("id", DataTypes.IntegerType, false),
                DataTypes.createStructField("weight", DataTypes.FloatType, false)
              }),
          false);

  /** Rows encoded together: enough for the kernels, small beside a partition. */
  private static final int BATCH = 256;

  private Encoding() {}

  /**
   * A function of a column, a row at a time; for SQL, and where rows come one by one.
   *
   * @param sae the SAE, readable on every executor
   * @param column rows of {@code d_in} floats
   * @return their codes
   */
  static Column encode(SaeVersion sae, Column column) {
    UserDefinedFunction function =
        functions.udf((UDF1<Object, Row[]> & Serializable) row -> code(sae, row), CODE);
    return function.apply(column);
  }

  private static Row[] code(SaeVersion sae, Object row) {
    return row == null ? null : rows(ExecutorSae.of(sae).encode(floats(row)));
  }

  /**
   * Adds a column of codes, encoding a batch of rows at a time: the kernels read the weights once
   * for all of it.
   *
   * @param rows a data set
   * @param column its column of {@code d_in} floats, none of them null
   * @param sae the SAE, readable on every executor
   * @param codes the name of the new column
   * @return the data set with the column
   */
  static Dataset<Row> encode(Dataset<Row> rows, String column, SaeVersion sae, String codes) {
    int at = rows.schema().fieldIndex(column);
    StructType with = rows.schema().add(codes, CODE, false);
    MapPartitionsFunction<Row, Row> encode = partition -> new Batches(partition, at, sae);
    return rows.mapPartitions(encode, Encoders.row(with));
  }

  /** Rows of a partition with their codes. */
  private static final class Batches implements Iterator<Row> {
    private final Iterator<Row> rows;
    private final int column;
    private final SparseAutoencoder sae;
    private final List<Row> done = new ArrayList<>(BATCH);
    private int next;

    Batches(Iterator<Row> rows, int column, SaeVersion version) {
      this.rows = rows;
      this.column = column;
      sae = ExecutorSae.of(version);
    }

    @Override
    public boolean hasNext() {
      return next < done.size() || rows.hasNext();
    }

    @Override
    public Row next() {
      if (next == done.size()) {
        fill();
      }
      return done.get(next++);
    }

    private void fill() {
      List<Row> batch = new ArrayList<>(BATCH);
      while (batch.size() < BATCH && rows.hasNext()) {
        batch.add(rows.next());
      }
      float[][] x = new float[batch.size()][];
      for (int i = 0; i < x.length; i++) {
        x[i] = floats(batch.get(i).get(column));
      }
      SparseCode[] codes = sae.encode(x);
      done.clear();
      next = 0;
      for (int i = 0; i < x.length; i++) {
        Row row = batch.get(i);
        Object[] values = new Object[row.size() + 1];
        for (int j = 0; j < row.size(); j++) {
          values[j] = row.get(j);
        }
        values[row.size()] = rows(codes[i]);
        done.add(RowFactory.create(values));
      }
    }
  }

  private static Row[] rows(SparseCode code) {
    Row[] rows = new Row[code.length()];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = RowFactory.create(code.indices()[i], code.values()[i]);
    }
    return rows;
  }

  /** An array as Spark hands it to Java. */
  private static float[] floats(Object array) {
    scala.collection.Seq<?> values = (scala.collection.Seq<?>) array;
    float[] row = new float[values.length()];
    for (int j = 0; j < row.length; j++) {
      if (!(values.apply(j) instanceof Float value)) {
        throw new IllegalArgumentException(
            "expected an array of floats without nulls, got " + values.apply(j));
      }
      row[j] = value;
    }
    return row;
  }
}
