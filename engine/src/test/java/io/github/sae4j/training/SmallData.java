package io.github.sae4j.training;

import io.github.sae4j.data.ActivationSource;
import io.github.sae4j.data.MatrixSource;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;

/** Rows that are sums of few directions, and a count of those that were read. */
final class SmallData implements AutoCloseable {
  static final int WIDTH = 12;

  private final OffHeap memory = new OffHeap();
  final Matrix rows;
  final AtomicLong read = new AtomicLong();

  /** Rows that were read in ranges, as what is measured at the start is. */
  final AtomicLong readInRanges = new AtomicLong();

  SmallData(int count) {
    Random random = new Random(1);
    float[][] directions = new float[20][WIDTH];
    for (float[] direction : directions) {
      for (int j = 0; j < WIDTH; j++) {
        direction[j] = (float) random.nextGaussian();
      }
    }
    rows = memory.matrix(count, WIDTH);
    for (int b = 0; b < count; b++) {
      float[] row = new float[WIDTH];
      for (int t = 0; t < 3; t++) {
        float[] direction = directions[random.nextInt(20)];
        float weight = 1 + random.nextFloat();
        for (int j = 0; j < WIDTH; j++) {
          row[j] += weight * direction[j];
        }
      }
      rows.write(b, 1, row, 0);
    }
  }

  /** The rows, some of them held out. */
  TrainingData data(double evalFraction) throws IOException {
    TrainingData data =
        TrainingData.of(new MatrixSource(rows, "rows"), Optional.empty(), evalFraction);
    return new TrainingData(
        counting(data.training()),
        data.heldOut(),
        data.identity(),
        data.rules(),
        data.removals(),
        data.heldOutLeftOut());
  }

  private ActivationSource counting(ActivationSource source) {
    return (ActivationSource)
        Proxy.newProxyInstance(
            SmallData.class.getClassLoader(),
            new Class<?>[] {ActivationSource.class},
            (proxy, method, args) -> {
              if (method.getName().equals("read")) {
                read.addAndGet((int) args[1]);
              }
              if (method.getName().equals("readRange")) {
                readInRanges.addAndGet((int) args[1]);
              }
              try {
                return method.invoke(source, args);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  @Override
  public void close() {
    memory.close();
  }
}
