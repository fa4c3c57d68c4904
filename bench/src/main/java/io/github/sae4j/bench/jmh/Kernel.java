package io.github.sae4j.bench.jmh;

import io.github.sae4j.bench.scene.Shape;
import io.github.sae4j.device.Device;
import io.github.sae4j.kernels.Adam;

/** Every kernel of a device, with the work it does, so that one benchmark serves them all. */
public enum Kernel {
  /** {@link Device#product} as the encoder uses it, {@code [B, d] x [n, d]ᵀ}. */
  PRODUCT {
    @Override
    void run(Device device, KernelData data) {
      device.product(data.x, false, data.w, true, data.productOut);
    }

    @Override
    double flops(Shape shape) {
      return shape.productFlops();
    }
  },
  /** {@link Device#product} without transposition, {@code [B, n] x [n, d]}. */
  PRODUCT_BACK {
    @Override
    void run(Device device, KernelData data) {
      device.product(data.preActivations, false, data.w, false, data.rowsOut);
    }

    @Override
    double flops(Shape shape) {
      return shape.productFlops();
    }
  },
  /** {@link Device#product} with the first operand transposed, {@code [B, n]ᵀ x [B, d]}. */
  PRODUCT_OUTER {
    @Override
    void run(Device device, KernelData data) {
      device.product(data.preActivations, true, data.x, false, data.latentsOut);
    }

    @Override
    double flops(Shape shape) {
      return shape.productFlops();
    }
  },
  /** {@link Device#encode} with TopK. */
  ENCODE_TOP_K {
    @Override
    void run(Device device, KernelData data) {
      device.encode(data.encoder, data.x, data.topK, data.codesOut);
    }

    @Override
    double flops(Shape shape) {
      return shape.productFlops();
    }
  },
  /** {@link Device#activate} with TopK. */
  TOP_K {
    @Override
    void run(Device device, KernelData data) {
      device.activate(data.preActivations, null, data.topK, null, data.codesOut);
    }

    @Override
    double floats(Shape shape) {
      return bn(shape);
    }
  },
  /** {@link Device#decode}. */
  DECODE {
    @Override
    void run(Device device, KernelData data) {
      device.decode(data.codes, data.w, data.bDec, data.rowsOut);
    }

    @Override
    double flops(Shape shape) {
      return 2 * bkd(shape);
    }
  },
  /** {@link Device#codeGradients}. */
  CODE_GRADIENTS {
    @Override
    void run(Device device, KernelData data) {
      device.codeGradients(data.g, data.w, data.codes, true, data.coefficientsOut);
    }

    @Override
    double flops(Shape shape) {
      return 2 * bkd(shape);
    }
  },
  /** {@link Device#accumulateByLatent}. */
  ACCUMULATE_BY_LATENT {
    @Override
    void run(Device device, KernelData data) {
      device.accumulateByLatent(data.codes, null, data.g, data.latentsOut);
    }

    @Override
    double flops(Shape shape) {
      return 2 * bkd(shape);
    }
  },
  /** {@link Device#sumByLatent}. */
  SUM_BY_LATENT {
    @Override
    void run(Device device, KernelData data) {
      device.sumByLatent(data.codes, data.coefficients, data.perLatent);
    }

    @Override
    double floats(Shape shape) {
      return 2.0 * shape.batch() * shape.k() + shape.dSae();
    }
  },
  /** {@link Device#rowDots}. */
  ROW_DOTS {
    @Override
    void run(Device device, KernelData data) {
      device.rowDots(data.w, data.gradient, data.perLatent);
    }

    @Override
    double floats(Shape shape) {
      return 2 * nd(shape);
    }
  },
  /** {@link Device#rowSquaredDistances}. */
  ROW_SQUARED_DISTANCES {
    @Override
    void run(Device device, KernelData data) {
      device.rowSquaredDistances(data.w, data.bDec, data.perLatent);
    }

    @Override
    double floats(Shape shape) {
      return nd(shape);
    }
  },
  /** {@link Device#rowNorms}. */
  ROW_NORMS {
    @Override
    void run(Device device, KernelData data) {
      device.rowNorms(data.w, data.perLatent);
    }

    @Override
    double floats(Shape shape) {
      return nd(shape);
    }
  },
  /** {@link Device#columnSums}. */
  COLUMN_SUMS {
    @Override
    void run(Device device, KernelData data) {
      device.columnSums(data.w, data.perColumn);
    }

    @Override
    double floats(Shape shape) {
      return nd(shape);
    }
  },
  /** {@link Device#columnMeans}. */
  COLUMN_MEANS {
    @Override
    void run(Device device, KernelData data) {
      device.columnMeans(data.w, data.perColumn);
    }

    @Override
    double floats(Shape shape) {
      return nd(shape);
    }
  },
  /** {@link Device#subtractRow}. */
  SUBTRACT_ROW {
    @Override
    void run(Device device, KernelData data) {
      device.subtractRow(data.w, data.bDec, data.latentsOut);
    }

    @Override
    double floats(Shape shape) {
      return 2 * nd(shape);
    }
  },
  /** {@link Device#subtract}. */
  SUBTRACT {
    @Override
    void run(Device device, KernelData data) {
      device.subtract(data.w, data.gradient, data.latentsOut);
    }

    @Override
    double floats(Shape shape) {
      return 3 * nd(shape);
    }
  },
  /** {@link Device#add}. */
  ADD {
    @Override
    void run(Device device, KernelData data) {
      device.add(data.latentsOut, data.gradient);
    }

    @Override
    double floats(Shape shape) {
      return 3 * nd(shape);
    }
  },
  /** {@link Device#scale}, by −1 so that repeated runs stay in range. */
  SCALE {
    @Override
    void run(Device device, KernelData data) {
      device.scale(data.gradient, -1f);
    }

    @Override
    double floats(Shape shape) {
      return 2 * nd(shape);
    }
  },
  /** {@link Device#scaleRows}, by −1. */
  SCALE_ROWS {
    @Override
    void run(Device device, KernelData data) {
      device.scaleRows(data.gradient, data.minusOnes, null);
    }

    @Override
    double floats(Shape shape) {
      return 2 * nd(shape);
    }
  },
  /** {@link Device#normalizeRows}. */
  NORMALIZE_ROWS {
    @Override
    void run(Device device, KernelData data) {
      device.normalizeRows(data.gradient, 0f);
    }

    @Override
    double floats(Shape shape) {
      return 2 * nd(shape);
    }
  },
  /** {@link Device#projectRows}. */
  PROJECT_ROWS {
    @Override
    void run(Device device, KernelData data) {
      device.projectRows(data.gradient, data.w, 0f);
    }

    @Override
    double floats(Shape shape) {
      return 3 * nd(shape);
    }
  },
  /** {@link Device#adam}. */
  ADAM {
    @Override
    void run(Device device, KernelData data) {
      device.adam(data.weights, data.gradient, data.m, data.v, STEP);
    }

    @Override
    double floats(Shape shape) {
      return 7 * nd(shape);
    }
  };

  private static final Adam STEP = Adam.of(0.9, 0.999, 1e-8, 1e-6, 100);

  /**
   * Runs the kernel once.
   *
   * @param device runs it
   * @param data what it reads and writes, in the device's memory
   */
  abstract void run(Device device, KernelData data);

  /** Floating-point operations of one run; 0 where memory is the limit. */
  double flops(Shape shape) {
    return 0;
  }

  /** Floats read and written by one run; 0 where arithmetic is the limit. */
  double floats(Shape shape) {
    return 0;
  }

  private static double bn(Shape shape) {
    return (double) shape.batch() * shape.dSae();
  }

  private static double nd(Shape shape) {
    return (double) shape.dSae() * shape.dIn();
  }

  private static double bkd(Shape shape) {
    return (double) shape.batch() * shape.k() * shape.dIn();
  }
}
