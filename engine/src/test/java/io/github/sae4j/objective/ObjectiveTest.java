package io.github.sae4j.objective;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.sae4j.kernels.Activation.Ranked;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ObjectiveTest {
  private static final Reconstruction FVU = Reconstruction.of(Reconstruction.Measure.FVU);
  private static final AuxK AUX =
      new AuxK(0.5, 8, true, true, true, AuxK.BDec.EXCLUDED, AuxK.Normalizer.ROWS);

  @Test
  void theLossIsTheWeightedSum() {
    assertEquals(
        3 + 0.5 * 4 + 16 / 8.0, Objective.of(FVU, MultiTopK.SPARSIFY, AUX).total(3, 16, 4));
    assertEquals(3, Objective.of(FVU).total(3));
  }

  @Test
  void termsAreFoundByKind() {
    Objective objective = Objective.of(FVU, AUX);
    assertEquals(FVU, objective.reconstruction());
    assertEquals(Optional.of(AUX), objective.find(AuxK.class));
    assertEquals(Optional.empty(), objective.find(MultiTopK.class));
  }

  @Test
  void theOrderOfGradientsIsFixed() {
    refused("a reconstruction as its first term", List.of(AUX));
    refused("a reconstruction as its first term", List.of());
    refused("at most one term of a kind", List.of(FVU, AUX, AUX));
    refused("AuxK as its last term", List.of(FVU, AUX, MultiTopK.SPARSIFY));
  }

  private static void refused(String why, List<Term> terms) {
    Exception e = assertThrows(IllegalArgumentException.class, () -> new Objective(terms));
    assertTrue(e.getMessage().contains(why), e.getMessage());
  }

  @Test
  void auxKTakesAtMostTheDead() {
    assertEquals(Ranked.topK(3, Ranked.Relu.BEFORE), AUX.activation(3));
    assertEquals(Ranked.topK(8, Ranked.Relu.BEFORE), AUX.activation(30));
    assertEquals(0.25, AUX.scale(2));
    assertEquals(1, AUX.scale(9));
  }

  @Test
  void multiTopKTakesAtMostAllLatents() {
    Ranked main = Ranked.topK(5, Ranked.Relu.AFTER);
    assertEquals(main.withK(20), MultiTopK.SPARSIFY.activation(main, 100));
    assertEquals(main.withK(17), MultiTopK.SPARSIFY.activation(main, 17));
  }

  @Test
  void divisorsFollowTheMeasure() {
    assertEquals(32, Reconstruction.of(Reconstruction.Measure.SQUARED_ERROR).divisor(32, 8, 9));
    assertEquals(9, FVU.divisor(32, 8, 9));
    assertEquals(64, new Reconstruction(Reconstruction.Measure.SCALED_MSE, 4).divisor(32, 8, 9));
  }
}
