package io.github.sae4j.bench;

import io.github.sae4j.device.AuxSpec;
import io.github.sae4j.device.InputNormalization;
import io.github.sae4j.device.Selection;
import io.github.sae4j.device.StepSpec;
import java.util.OptionalDouble;

/** The recipes whose steps are compared with the peers that they follow. */
public enum Recipe {
  /** SAELens 6.18: rescaled selection, squared error, clipped at 1. */
  SAELENS {
    @Override
    StepSpec spec(Shape shape) {
      return new StepSpec(
          shape.dIn(),
          shape.dSae(),
          shape.k(),
          shape.batch(),
          shape.batch(),
          Selection.RAW_THEN_RELU,
          true,
          true,
          InputNormalization.NONE,
          StepSpec.MainLoss.SQUARED_ERROR,
          1,
          false,
          new AuxSpec(
              1,
              Math.max(1, shape.dIn() / 2),
              true,
              true,
              false,
              AuxSpec.BDec.INCLUDED,
              AuxSpec.Normalizer.ROWS),
          StepSpec.DecoderNorm.FREE,
          0f,
          false,
          0f,
          OptionalDouble.of(1),
          StepSpec.Fired.POSITIVE,
          new StepSpec.Counting(StepSpec.Counting.Unit.STEPS, 1000, false, false, 0),
          0.9,
          0.999,
          1e-8);
    }

    @Override
    double learningRate(Shape shape) {
      return SaelensStep.LEARNING_RATE;
    }
  },

  /** EleutherAI's sparsify with Adam: FVU, unit decoder rows, projected gradient, no clipping. */
  ELEUTHER {
    @Override
    StepSpec spec(Shape shape) {
      return new StepSpec(
          shape.dIn(),
          shape.dSae(),
          shape.k(),
          shape.batch(),
          shape.batch(),
          Selection.RELU_FIRST,
          false,
          true,
          InputNormalization.NONE,
          StepSpec.MainLoss.FVU,
          1,
          false,
          new AuxSpec(
              1.0 / 32,
              Math.max(1, shape.dIn() / 2),
              true,
              true,
              true,
              AuxSpec.BDec.INCLUDED,
              AuxSpec.Normalizer.TOTAL_VARIANCE),
          StepSpec.DecoderNorm.BEFORE_FORWARD,
          Math.ulp(1f),
          true,
          0f,
          OptionalDouble.empty(),
          StepSpec.Fired.SELECTED,
          new StepSpec.Counting(StepSpec.Counting.Unit.TOKENS, 10_000_000, false, false, 0),
          0.9,
          0.999,
          1e-8);
    }

    @Override
    double learningRate(Shape shape) {
      return SparsifyStep.learningRate(shape.dSae());
    }
  };

  /** What a step of this recipe computes. */
  abstract StepSpec spec(Shape shape);

  /** The recipe's learning rate at full height. */
  abstract double learningRate(Shape shape);

  /** The recipe's name in configurations. */
  String label() {
    return name().toLowerCase(java.util.Locale.ROOT);
  }
}
