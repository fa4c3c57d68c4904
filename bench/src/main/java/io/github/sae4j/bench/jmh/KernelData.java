package io.github.sae4j.bench.jmh;

import io.github.sae4j.bench.scene.Scene;
import io.github.sae4j.bench.scene.Shape;
import io.github.sae4j.device.Device;
import io.github.sae4j.kernels.Activation.Ranked;
import io.github.sae4j.kernels.Activation.Ranked.Relu;
import io.github.sae4j.kernels.EncoderWeights;
import io.github.sae4j.memory.Matrix;
import io.github.sae4j.memory.OffHeap;
import io.github.sae4j.memory.SparseCodes;
import java.util.Arrays;
import java.util.List;

/** Operands and results of all kernels for one shape, drawn from a {@link Scene}. */
public final class KernelData implements AutoCloseable {
  final Matrix x;
  final Matrix g;
  final Matrix w;
  final Matrix weights;
  final Matrix gradient;
  final Matrix m;
  final Matrix v;
  final Matrix bDec;
  final Matrix minusOnes;
  final EncoderWeights encoder;
  final Matrix preActivations;
  final Ranked topK;
  final SparseCodes codes;
  final SparseCodes codesOut;
  final Matrix coefficients;
  final Matrix productOut;
  final Matrix coefficientsOut;
  final Matrix rowsOut;
  final Matrix latentsOut;
  final Matrix perLatent;
  final Matrix perColumn;

  private final Scene scene;

  /**
   * Draws operands.
   *
   * @param device whose memory they are in; it also forms pre-activations and codes
   * @param shape sizes
   */
  public KernelData(Device device, Shape shape) {
    OffHeap memory = device.openMemory();
    scene = new Scene(memory, shape);
    int batch = shape.batch();
    int d = shape.dIn();
    int n = shape.dSae();
    x = scene.x();
    w = scene.wEnc();
    bDec = scene.bDec();
    encoder = scene.encoder();
    g = memory.matrix(batch, d);
    device.subtractRow(x, bDec, g);
    weights = memory.matrix(n, d);
    weights.copyFrom(w);
    gradient = memory.matrix(n, d);
    device.subtractRow(w, bDec, gradient);
    m = memory.matrix(n, d);
    v = memory.matrix(n, d);
    minusOnes = memory.vector(n);
    minusOnes.fill(-1f);
    preActivations = memory.matrix(batch, n);
    device.product(x, false, w, true, preActivations);
    topK = Ranked.topK(shape.k(), Relu.BEFORE);
    codes = memory.codes(batch, shape.k());
    device.encode(encoder, x, topK, codes);
    codesOut = memory.codes(batch, shape.k());
    coefficients = memory.vector(batch * shape.k());
    device.codeGradients(g, w, codes, false, coefficients);
    productOut = memory.matrix(batch, n);
    coefficientsOut = memory.vector(batch * shape.k());
    rowsOut = memory.matrix(batch, d);
    latentsOut = memory.matrix(n, d);
    perLatent = memory.vector(n);
    perColumn = memory.vector(d);
  }

  /** Whether everything here has the same bits as in another. */
  public boolean sameBits(KernelData other) {
    List<Matrix> mine = written();
    List<Matrix> theirs = other.written();
    for (int i = 0; i < mine.size(); i++) {
      if (mine.get(i).segment().mismatch(theirs.get(i).segment()) >= 0) {
        return false;
      }
    }
    return codesOut.indices().mismatch(other.codesOut.indices()) < 0
        && codesOut.values().mismatch(other.codesOut.values()) < 0;
  }

  private List<Matrix> written() {
    return Arrays.asList(
        weights,
        gradient,
        m,
        v,
        productOut,
        coefficientsOut,
        rowsOut,
        latentsOut,
        perLatent,
        perColumn);
  }

  @Override
  public void close() {
    scene.close();
  }
}
