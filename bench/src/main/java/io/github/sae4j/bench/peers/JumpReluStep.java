package io.github.sae4j.bench.peers;

import io.github.sae4j.bench.scene.Scene;
import io.github.sae4j.bench.scene.Step;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * A training step written as SAELens runs its JumpReLU SAE with the L0 penalty: dense activations,
 * dense decode, clipping at 1, Adam, firing counters. SAELens writes the backward pass of JumpReLU
 * and of the step function by hand, in dense operations; here they are those same operations, and
 * autograd does the rest.
 */
public final class JumpReluStep implements Step {
  private final double coefficient;
  private final double bandwidth;
  private final Tensor x;
  private final Tensor wEnc;
  private final Tensor wDec;
  private final Tensor bEnc;
  private final Tensor bDec;
  private final Tensor threshold;
  private final Tensor sinceFired;
  private final Tensor frequency;
  private final TorchAdam adam;

  /**
   * Copies the scene's weights.
   *
   * @param scene weights and batch
   * @param theta threshold of all latents
   * @param coefficient of the L0 penalty
   * @param bandwidth of the rectangle
   */
  public JumpReluStep(Scene scene, double theta, double coefficient, double bandwidth) {
    this.coefficient = coefficient;
    this.bandwidth = bandwidth;
    try (PointerScope _ = new PointerScope()) {
      x = Torch.view(scene.x()).retainReference();
      wEnc = SaelensStep.parameter(Torch.view(scene.wEncTransposed()));
      wDec = SaelensStep.parameter(Torch.view(scene.wDec()));
      bEnc = SaelensStep.parameter(Torch.row(scene.bEnc()));
      bDec = SaelensStep.parameter(Torch.row(scene.bDec()));
      threshold = SaelensStep.parameter(torch.zeros_like(bEnc.detach()).add(Torch.number(theta)));
      sinceFired = torch.zeros_like(bEnc.detach()).retainReference();
      frequency = torch.zeros_like(bEnc.detach()).retainReference();
      adam = new TorchAdam(SaelensStep.LEARNING_RATE, List.of(bEnc, bDec, wDec, wEnc, threshold));
    }
  }

  @Override
  public double run() {
    try (PointerScope _ = new PointerScope()) {
      Tensor pre = x.sub(bDec).matmul(wEnc).add(bEnc);
      Tensor fixed = threshold.detach();
      Tensor above = pre.detach().gt(fixed).to(torch.ScalarType.Float);
      Tensor distance = pre.detach().sub(fixed).div(Torch.number(bandwidth)).abs();
      Tensor rectangle = distance.lt(Torch.number(0.5)).to(torch.ScalarType.Float);
      distance.close();
      // What the hand-written backward passes multiply with, as a term that is 0 in the forward
      // one.
      Tensor moved = threshold.sub(fixed);
      Tensor slope = rectangle.mul(fixed.div(Torch.number(-bandwidth)));
      Tensor acts = pre.mul(above).add(slope.mul(moved));
      Tensor counted = above.add(rectangle.mul(moved.div(Torch.number(-bandwidth))));
      Tensor out = acts.matmul(wDec).add(bDec);
      Tensor main = out.sub(x).pow(Torch.number(2)).sum(-1).mean();
      Tensor l0 = counted.sum(-1).mean().mul(Torch.number(coefficient));
      Tensor loss = main.add(l0);
      count(above);
      loss.backward();
      adam.clip();
      try (NoGradGuard _ = new NoGradGuard()) {
        adam.step();
      }
      adam.zeroGrad();
      return loss.item_double();
    }
  }

  private void count(Tensor firing) {
    try (NoGradGuard _ = new NoGradGuard()) {
      Tensor fired = firing.sum(-2).ne(Torch.number(0));
      sinceFired.add_(Torch.number(1));
      sinceFired.masked_fill_(fired, Torch.number(0));
      frequency.add_(firing.sum(0));
    }
  }

  @Override
  public void close() {
    adam.close();
    List.of(x, wEnc, wDec, bEnc, bDec, threshold, sinceFired, frequency).forEach(Tensor::close);
  }
}
