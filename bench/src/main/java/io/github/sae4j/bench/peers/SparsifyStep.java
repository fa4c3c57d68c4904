package io.github.sae4j.bench.peers;

import io.github.sae4j.bench.scene.Scene;
import io.github.sae4j.bench.scene.Step;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * A training step written operation by operation as EleutherAI's sparsify runs it on a CPU, without
 * {@code torch.compile}: linear, ReLU and top-k with the hand-written backward of its fused encoder
 * (the contributions {@code [B k, d_in]} formed and added by {@code index_add_}), decode by {@code
 * embedding_bag} with autograd, unit decoder rows before the forward pass, the parallel part of the
 * decoder's gradient removed, Adam, no clipping; AuxK and Multi-TopK off.
 */
public final class SparsifyStep implements Step {
  private static final double EPSILON = Math.ulp(1f);

  private final int k;
  private final Tensor x;
  private final Tensor wEnc;
  private final Tensor wDec;
  private final Tensor bEnc;
  private final Tensor bDec;
  private final Tensor offsets;
  private final Tensor fired;
  private final TorchAdam adam;

  /**
   * Copies the scene's weights.
   *
   * @param scene weights and batch
   */
  public SparsifyStep(Scene scene) {
    this.k = scene.shape().k();
    try (PointerScope _ = new PointerScope()) {
      x = Torch.view(scene.x()).retainReference();
      wEnc = SaelensStep.parameter(Torch.view(scene.wEnc()));
      wDec = SaelensStep.parameter(Torch.view(scene.wDec()));
      bEnc = SaelensStep.parameter(Torch.row(scene.bEnc()));
      bDec = SaelensStep.parameter(Torch.row(scene.bDec()));
      long codes = (long) scene.shape().batch() * k;
      offsets =
          torch
              .arange(
                  new Scalar(0L),
                  new Scalar(codes),
                  new Scalar((long) k),
                  new TensorOptions(torch.ScalarType.Long))
              .retainReference();
      fired =
          torch
              .zeros(new long[] {scene.shape().dSae()}, new TensorOptions(torch.ScalarType.Bool))
              .retainReference();
      adam = new TorchAdam(learningRate(scene.shape().dSae()), List.of(wEnc, wDec, bEnc, bDec));
    }
  }

  /** sparsify's rate for Adam, 2e-4 / √(n / 2¹⁴). */
  public static double learningRate(int dSae) {
    return 2e-4 / Math.sqrt(dSae / (double) (1 << 14));
  }

  @Override
  public double run() {
    try (PointerScope _ = new PointerScope()) {
      Tensor input;
      Tensor indices;
      Tensor acts;
      try (NoGradGuard _ = new NoGradGuard()) {
        Tensor norms = wDec.norm(new ScalarOptional(Torch.number(2)), new long[] {1}, true);
        wDec.data().div_(norms.add_(Torch.number(EPSILON)));
        input = x.sub(bDec);
        Tensor linear = torch.linear(input, wEnc, new TensorOptional(bEnc));
        Tensor pre = linear.relu();
        linear.close();
        T_TensorTensor_T top = pre.topk(k, -1, true, false);
        acts = top.get0();
        indices = top.get1().flatten();
        // The fused encoder's forward saves neither of these; only its caller held them.
        pre.close();
        fired.index_fill_(0, indices, new Scalar(1L));
      }
      acts.set_requires_grad(true);
      Tensor out = bag(indices, wDec, acts).add(bDec);
      Tensor error = x.sub(out);
      Tensor centred = x.sub(x.mean(0));
      Tensor variance = centred.pow(Torch.number(2)).sum();
      Tensor loss = error.pow(Torch.number(2)).sum().div(variance);
      loss.backward();
      try (NoGradGuard _ = new NoGradGuard()) {
        encoderBackward(input, indices, acts.grad());
        Tensor gradient = wDec.grad();
        Tensor parallel = gradient.mul(wDec).sum(1).unsqueeze(1);
        gradient.sub_(parallel.mul(wDec));
        adam.step();
      }
      adam.zeroGrad();
      return loss.item_double();
    }
  }

  private Tensor bag(Tensor indices, Tensor weight, Tensor values) {
    return torch
        .embedding_bag(
            weight, indices, offsets, false, 0, false, new TensorOptional(values.flatten()), false)
        .get0();
  }

  private void encoderBackward(Tensor input, Tensor indices, Tensor gradients) {
    Tensor inputGradient = bag(indices, wEnc, gradients);
    Tensor weightGradient = torch.zeros_like(wEnc);
    Tensor contributions = gradients.unsqueeze(2).mul(input.unsqueeze(1));
    weightGradient.index_add_(0, indices, contributions.reshape(-1, wEnc.size(1)));
    contributions.close();
    Tensor biasGradient = torch.zeros_like(bEnc);
    biasGradient.index_add_(0, indices, gradients.flatten());
    wEnc.mutable_grad().put(weightGradient);
    bEnc.mutable_grad().put(biasGradient);
    bDec.grad().sub_(inputGradient.sum(0));
  }

  @Override
  public void close() {
    adam.close();
    List.of(x, wEnc, wDec, bEnc, bDec, offsets, fired).forEach(Tensor::close);
  }
}
