package io.github.sae4j.internal.vector.step;

import static io.github.sae4j.internal.vector.runtime.Vectors.LENGTH;
import static io.github.sae4j.internal.vector.runtime.Vectors.SPECIES;
import static io.github.sae4j.internal.vector.step.StepScratch.CHUNK;

import io.github.sae4j.internal.vector.gemm.Gemm;
import io.github.sae4j.internal.vector.gemm.Gemm.Product;
import io.github.sae4j.internal.vector.rows.BatchSums;
import io.github.sae4j.internal.vector.rows.RowArithmetic;
import io.github.sae4j.internal.vector.rows.Rows;
import io.github.sae4j.internal.vector.runtime.Vectors;
import io.github.sae4j.internal.vector.runtime.WorkerPool;
import io.github.sae4j.numerics.OrderedSums;
import io.github.sae4j.numerics.Quickselect;
import io.github.sae4j.step.TrainingState;
import java.util.Arrays;
import java.util.stream.LongStream;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * AuxK as matrix products over all dead latents, for a block of rows at a time: {@code Z = X W_encᵀ
 * + b_enc}, {@code Ê = Z W_dec}, the gradient rows {@code Zᵀ H} and {@code Δᵀ X}, each one chain
 * per element, and {@code Δ = H W_decᵀ} by lanes. Chains over rows of the batch continue from block
 * to block. A latent that a row does not select has code 0 there, which changes no sum (numerics
 * rule 3).
 *
 * <p>Gradient rows are stored where clipping keeps them, or else in memory of their own; the codes
 * of a block are overwritten by their gradients.
 */
final class DenseAux implements AuxTerm.Method, LatentTerm {
  /** Samples whose code gradients are formed together. */
  private static final int SAMPLES = 4;

  /** Dead latents per task that sums bias gradients. */
  private static final int STRIPE = 256;

  /** Marks a latent that a row does not select where codes keep their sign: −0. */
  private static final int NOT_TAKEN = Float.floatToRawIntBits(-0f);

  private final WorkerPool pool;
  private final FusedSpec spec;
  private final TrainingState state;
  private final StepScratch memory;
  private final SamplePass samples;
  private final BatchSums sums;
  private final int blockFloats;
  private final Gemm products;
  private final float[][] deltas;
  private final int[] positions;

  private AuxTerm.Work work;
  private int stride;
  private boolean allTaken;

  /** Codes Z of a block of rows {@code [rows, stride]}, then their gradients Δ. */
  private float[] codes = {};

  /** Ê, then H of a block of rows {@code [rows, padded]}. */
  private float[] h = {};

  private float[] bias = {};
  private float[] scale = {};
  private float[] biasGradients = {};
  private float[] ownEncoderRows = {};
  private float[] ownDecoderRows = {};
  private Rows encoderRows;
  private Rows decoderRows;

  DenseAux(
      WorkerPool pool,
      FusedSpec spec,
      TrainingState state,
      StepScratch memory,
      SamplePass samples,
      BatchSums sums,
      int blockFloats) {
    this.pool = pool;
    this.spec = spec;
    this.state = state;
    this.memory = memory;
    this.samples = samples;
    this.sums = sums;
    this.blockFloats = blockFloats;
    this.products = new Gemm(pool);
    this.deltas = new float[pool.size()][SAMPLES * CHUNK];
    this.positions = new int[spec.dSae()];
  }

  /** Floats of a row of codes: rows a power of two apart would share cache sets. */
  private static int stride(int dead) {
    return Vectors.padded(dead) + OrderedSums.LANES;
  }

  /** Rows of a block: whole blocks of batch-wide sums, so that column sums can continue. */
  private static int blockRows(int rows, int dead, int padded, int blockFloats) {
    long blocks = Math.max(1, blockFloats / ((long) stride(dead) + padded) / OrderedSums.BLOCK);
    return (int) Math.min(rows, blocks * OrderedSums.BLOCK);
  }

  /** Candidate dead counts, one of which maximises memory. */
  static LongStream worstDead(FusedSpec spec, AuxTerm.Limits limits) {
    int padded = Vectors.padded(spec.dIn());
    // Memory is largest just before a block loses 256 rows.
    LongStream steps =
        LongStream.rangeClosed(1, spec.maxRows() / OrderedSums.BLOCK + 1)
            .map(blocks -> limits.blockFloats() / (blocks * OrderedSums.BLOCK) - padded - 32);
    long most = (long) limits.denseRatio() * spec.aux().kAux();
    long rowsFit =
        (AuxTerm.ROW_BYTES + AuxTerm.CODE_BYTES * spec.maxRows() * spec.aux().kAux())
            / (8L * spec.dIn());
    return LongStream.concat(steps, LongStream.of(most, Math.min(most, rowsFit)));
  }

  /** Bytes of the term with this many dead latents. */
  static long bytes(FusedSpec spec, int threads, int dead, int blockFloats) {
    int d = spec.dIn();
    int padded = Vectors.padded(d);
    int block = blockRows(spec.maxRows(), dead, padded, blockFloats);
    long packed =
        Math.max(
            Math.max(Gemm.packedFloats(block, d), Gemm.packedFloats(block, dead)),
            Gemm.packedFloats(dead, block));
    long product =
        Math.max(
            Gemm.workerFloats(dead, d, threads),
            Math.max(Gemm.workerFloats(d, dead, threads), Gemm.workerFloats(d, block, threads)));
    long perWorker = product + SAMPLES * CHUNK + (spec.aux().kAux() < dead ? dead : 0);
    long ownRows = spec.clips() ? 0 : 2L * dead * padded;
    return 4
        * ((long) block * (stride(dead) + padded)
            + packed
            + threads * perWorker
            + ownRows
            + 3L * stride(dead)
            + spec.dSae());
  }

  @Override
  public void run(AuxTerm.Work step) {
    work = step;
    allTaken = work.k() == work.dead().length;
    int dead = work.dead().length;
    int block = blockRows(work.rows(), dead, memory.padded, blockFloats);
    prepare(dead, block);
    for (int first = 0; first < work.rows(); first += block) {
      int rows = Math.min(block, work.rows() - first);
      pool.phase("AuxK: encode, select");
      encode(first, rows);
      pool.phase("AuxK: decode");
      Rows z = Rows.of(codes, 0, stride);
      Rows errors = Rows.of(h, 0, memory.padded);
      Rows decoder = Rows.of(state.wDec(), work.dead());
      int d = spec.dIn();
      products.run(new Product(z, false, decoder, false, errors, rows, d, dead, false));
      pool.phase("AuxK: residual");
      samples.auxGradient(first, rows, null, h, work.factors(), work.squares());
      samples.gradient(
          first, rows, work.main(), work.mainFactors(), spec.aux().residualDetached() ? null : h);
      sums.addColumnSums(errors, rows, d, work.columnSums());
      pool.phase("AuxK: gradients W_dec");
      boolean goOn = first > 0;
      products.run(new Product(z, true, errors, false, decoderRows, dead, d, rows, goOn));
      pool.phase("AuxK: code gradients");
      codeGradients(rows);
      addBiasGradients(rows);
      pool.phase("AuxK: gradients W_enc");
      Rows input = Rows.of(memory.input, first * memory.padded, memory.padded);
      products.run(new Product(z, true, input, false, encoderRows, dead, d, rows, goOn));
    }
  }

  private void prepare(int dead, int block) {
    stride = stride(dead);
    int padded = memory.padded;
    if (codes.length < block * stride) {
      codes = new float[Math.multiplyExact(block, stride)];
    }
    if (h.length < block * padded) {
      h = new float[block * padded];
    }
    if (bias.length < stride) {
      bias = new float[stride];
      scale = new float[stride];
      biasGradients = new float[stride];
    }
    Arrays.fill(biasGradients, 0f);
    Arrays.fill(positions, -1);
    for (int j = 0; j < dead; j++) {
      int latent = work.dead()[j];
      positions[latent] = j;
      bias[j] = work.bEnc()[latent];
      scale[j] = work.norms() == null ? 1f : work.norms()[latent];
    }
    if (memory.keptEncoderGradients != null) {
      encoderRows = Rows.of(memory.keptEncoderGradients, work.dead());
      decoderRows = Rows.of(memory.keptDecoderGradients, work.dead());
    } else {
      int floats = Math.multiplyExact(dead, padded);
      if (ownEncoderRows.length < floats) {
        ownEncoderRows = new float[floats];
        ownDecoderRows = new float[floats];
      }
      encoderRows = Rows.of(ownEncoderRows, 0, padded);
      decoderRows = Rows.of(ownDecoderRows, 0, padded);
    }
  }

  private void encode(int first, int rows) {
    int dead = work.dead().length;
    Rows input = Rows.of(memory.input, first * memory.padded, memory.padded);
    Rows encoder = Rows.of(state.wEnc(), work.dead());
    Rows z = Rows.of(codes, 0, stride);
    products.run(new Product(input, false, encoder, true, z, rows, dead, spec.dIn(), false));
    samples.forEach(
        rows,
        (b, scratch) -> {
          finishCodes(b);
          if (!allTaken) {
            select(b, scratch.ranks(dead));
          }
        });
  }

  /**
   * Adds the bias and applies ReLU to a row's codes. All of them are finite: the main codes were
   * chosen among the same pre-activations.
   */
  private void finishCodes(int b) {
    int dead = work.dead().length;
    int at = b * stride;
    // Whole vectors: rows of codes and the bias are padded.
    FloatVector zero = FloatVector.zero(SPECIES);
    boolean relu = spec.aux().relu();
    for (int j = 0; j < dead; j += LENGTH) {
      FloatVector value =
          FloatVector.fromArray(SPECIES, codes, at + j)
              .add(FloatVector.fromArray(SPECIES, bias, j));
      if (relu) {
        value = zero.blend(value, value.compare(VectorOperators.GT, zero));
      }
      value.intoArray(codes, at + j);
    }
  }

  /** Keeps the best k codes of a row, in the total order of numerics rule 10. */
  private void select(int b, float[] ranks) {
    int dead = work.dead().length;
    int at = b * stride;
    for (int j = 0; j < dead; j++) {
      ranks[j] = codes[at + j] * scale[j];
    }
    float kth = Quickselect.kthLargest(ranks, dead, work.k());
    int above = 0;
    for (int j = 0; j < dead; j++) {
      above += codes[at + j] * scale[j] > kth ? 1 : 0;
    }
    int equals = work.k() - above;
    float none = spec.aux().relu() ? 0f : -0f;
    for (int j = 0; j < dead; j++) {
      float rank = codes[at + j] * scale[j];
      boolean taken = rank > kth || (rank == kth && equals-- > 0);
      // +0 is added so that a taken −0 is not mistaken for a latent that was not taken.
      codes[at + j] = taken ? codes[at + j] + 0f : none;
    }
  }

  /** Overwrites the codes of a block by their gradients. */
  private void codeGradients(int rows) {
    int chunks = (work.dead().length + CHUNK - 1) / CHUNK;
    int wanted = pool.size() == 1 ? 1 : 4 * pool.size();
    int parts = Math.max(1, Math.min(wanted / chunks, rows / CHUNK));
    pool.run(
        chunks * parts,
        (task, worker) -> {
          int part = task % parts;
          int from = (int) ((long) rows * part / parts);
          int to = (int) ((long) rows * (part + 1) / parts);
          codeGradients(task / parts * CHUNK, from, to, worker);
        });
  }

  private void codeGradients(int firstDead, int from, int to, int worker) {
    int padded = memory.padded;
    int count = Math.min(CHUNK, work.dead().length - firstDead);
    float[] decoder = memory.workers[worker].decoderRows;
    float[] table = deltas[worker];
    float[] lanes = memory.workers[worker].lanes;
    for (int i = 0; i < count; i++) {
      Rows.copy(state.wDec(), work.dead()[firstDead + i], 0, spec.dIn(), decoder, i * padded);
    }
    for (int b = from; b < to; b += SAMPLES) {
      int taken = Math.min(SAMPLES, to - b);
      RowArithmetic.dots(h, b * padded, taken, decoder, count, padded, lanes, table, CHUNK);
      for (int i = 0; i < taken; i++) {
        int at = (b + i) * stride + firstDead;
        for (int j = 0; j < count; j++) {
          codes[at + j] = open(codes[at + j]) ? table[i * CHUNK + j] : 0f;
        }
      }
    }
  }

  /** Whether a code has a gradient. */
  private boolean open(float code) {
    if (spec.aux().relu()) {
      return code > 0;
    }
    return allTaken || Float.floatToRawIntBits(code) != NOT_TAKEN;
  }

  private void addBiasGradients(int rows) {
    int dead = work.dead().length;
    pool.run(
        (dead + STRIPE - 1) / STRIPE,
        (task, worker) -> {
          int from = task * STRIPE;
          int to = Math.min(dead, from + STRIPE);
          for (int b = 0; b < rows; b++) {
            int at = b * stride;
            for (int j = from; j < to; j++) {
              biasGradients[j] += codes[at + j];
            }
          }
        });
  }

  @Override
  public LatentTerm byLatent() {
    return this;
  }

  @Override
  public boolean touches(int latent) {
    return positions[latent] >= 0;
  }

  @Override
  public float biasGradient(int latent) {
    return biasGradients[positions[latent]];
  }

  @Override
  public void addTo(Side side, int latent, int at, StepScratch.Worker scratch) {
    Rows rows = side == Side.DECODER ? decoderRows : encoderRows;
    rows.read(positions[latent], 0, spec.dIn(), scratch.term, 0);
    Arrays.fill(scratch.term, spec.dIn(), memory.padded, 0f);
    RowArithmetic.add(scratch.gradient, 0, scratch.term, 0, memory.padded);
  }
}
