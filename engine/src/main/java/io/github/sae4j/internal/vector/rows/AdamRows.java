package io.github.sae4j.internal.vector.rows;

import static io.github.sae4j.internal.vector.runtime.Vectors.LENGTH;
import static io.github.sae4j.internal.vector.runtime.Vectors.SPECIES;

import io.github.sae4j.kernels.Adam;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.step.Parameter;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Adam straight on the off-heap weights and moments: the update is bound by memory, and a copy
 * through the heap would cost more than the checks of segment access.
 */
public final class AdamRows {
  private static final ByteOrder NATIVE = ByteOrder.nativeOrder();

  private AdamRows() {}

  /**
   * Updates one row of a trained tensor.
   *
   * @param parameter the tensor with its moments
   * @param row the row
   * @param gradient the row's gradient
   * @param at its first float
   * @param adam the step's constants
   */
  public static void update(Parameter parameter, int row, float[] gradient, int at, Adam adam) {
    update(parameter.value(), parameter.m(), parameter.v(), row, gradient, at, adam);
  }

  /**
   * Updates one row as {@link Adam} writes it out.
   *
   * @param weights {@code [rows, d]}
   * @param m first moments
   * @param v second moments
   * @param row the row
   * @param gradient the row's gradient
   * @param at its first float
   * @param adam the step's constants
   */
  public static void update(
      Matrix weights, Matrix m, Matrix v, int row, float[] gradient, int at, Adam adam) {
    update(weights, m, v, weights.rowOffset(row), weights.cols(), gradient, at, adam);
  }

  /**
   * Updates some elements of a vector.
   *
   * @param parameter the vector, {@code [1, n]}, with its moments
   * @param from the first element
   * @param to the element after the last
   * @param gradient gradient of the whole vector
   * @param adam the step's constants
   */
  public static void updatePart(
      Parameter parameter, int from, int to, float[] gradient, Adam adam) {
    long offset = parameter.value().rowOffset(0) + 4L * from;
    update(
        parameter.value(), parameter.m(), parameter.v(), offset, to - from, gradient, from, adam);
  }

  private static void update(
      Matrix weights, Matrix m, Matrix v, long offset, int d, float[] gradient, int at, Adam adam) {
    MemorySegment weightSegment = weights.segment();
    MemorySegment firstSegment = m.segment();
    MemorySegment secondSegment = v.segment();
    int whole = d - d % LENGTH;
    float clip = adam.clip();
    boolean clipped = adam.clipped();
    float c1 = adam.oneMinusBeta1();
    float c2 = adam.oneMinusBeta2();
    float correction = adam.inverseRootCorrection2();
    FloatVector epsilon = FloatVector.broadcast(SPECIES, adam.epsilon());
    for (int j = 0; j < whole; j += LENGTH) {
      long byteAt = offset + 4L * j;
      FloatVector g = FloatVector.fromArray(SPECIES, gradient, at + j);
      if (clipped) {
        g = g.mul(clip);
      }
      FloatVector first = FloatVector.fromMemorySegment(SPECIES, firstSegment, byteAt, NATIVE);
      FloatVector second = FloatVector.fromMemorySegment(SPECIES, secondSegment, byteAt, NATIVE);
      FloatVector w = FloatVector.fromMemorySegment(SPECIES, weightSegment, byteAt, NATIVE);
      FloatVector c1s = FloatVector.broadcast(SPECIES, c1);
      FloatVector c2s = FloatVector.broadcast(SPECIES, c2);
      first = flush(g.fma(c1s, first.fma(c1s.neg(), first)));
      second = flush(g.mul(g).fma(c2s, second.fma(c2s.neg(), second)));
      FloatVector s = second.sqrt().fma(FloatVector.broadcast(SPECIES, correction), epsilon);
      w = first.div(s).fma(FloatVector.broadcast(SPECIES, adam.negativeStepSize()), w);
      first.intoMemorySegment(firstSegment, byteAt, NATIVE);
      second.intoMemorySegment(secondSegment, byteAt, NATIVE);
      w.intoMemorySegment(weightSegment, byteAt, NATIVE);
    }
    for (int j = whole; j < d; j++) {
      long byteAt = offset + 4L * j;
      float g = clipped ? gradient[at + j] * clip : gradient[at + j];
      float first = firstSegment.get(Matrix.FLOAT, byteAt);
      float second = secondSegment.get(Matrix.FLOAT, byteAt);
      float square = g * g;
      first = flush(Math.fma(g, c1, Math.fma(first, -c1, first)));
      second = flush(Math.fma(square, c2, Math.fma(second, -c2, second)));
      float s = Math.fma((float) Math.sqrt(second), correction, adam.epsilon());
      float w = weightSegment.get(Matrix.FLOAT, byteAt);
      firstSegment.set(Matrix.FLOAT, byteAt, first);
      secondSegment.set(Matrix.FLOAT, byteAt, second);
      weightSegment.set(Matrix.FLOAT, byteAt, Math.fma(first / s, adam.negativeStepSize(), w));
    }
  }

  private static FloatVector flush(FloatVector moment) {
    return moment.blend(0f, moment.abs().compare(VectorOperators.LT, Adam.SMALLEST_MOMENT));
  }

  private static float flush(float moment) {
    return Math.abs(moment) < Adam.SMALLEST_MOMENT ? 0f : moment;
  }
}
