package io.github.sae4j.bench.peers;

import io.github.sae4j.bench.scene.Scene;
import io.github.sae4j.bench.scene.Step;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * A training step written operation by operation as SAELens 6.18 runs its TopK SAE with default
 * settings: dense activations {@code [B, d_sae]}, dense decode, autograd, clipping at 1, Adam, its
 * firing counters; no latent is dead, so AuxK is idle.
 */
public final class SaelensStep implements Step {
  public static final double LEARNING_RATE = 3e-4;
  private static final double DEAD_WINDOW = 1000;

  private final int k;
  private final Tensor x;
  private final Tensor wEnc;
  private final Tensor wDec;
  private final Tensor bEnc;
  private final Tensor bDec;
  private final Tensor sinceFired;
  private final Tensor frequency;
  private final TorchAdam adam;

  /**
   * Copies the scene's weights.
   *
   * @param scene weights and batch
   */
  public SaelensStep(Scene scene) {
    this.k = scene.shape().k();
    try (PointerScope _ = new PointerScope()) {
      x = Torch.view(scene.x()).retainReference();
      wEnc = parameter(Torch.view(scene.wEncTransposed()));
      wDec = parameter(Torch.view(scene.wDec()));
      bEnc = parameter(Torch.row(scene.bEnc()));
      bDec = parameter(Torch.row(scene.bDec()));
      sinceFired = torch.zeros_like(bEnc.detach()).retainReference();
      frequency = torch.zeros_like(bEnc.detach()).retainReference();
      adam = new TorchAdam(LEARNING_RATE, List.of(bEnc, bDec, wDec, wEnc));
    }
  }

  public static Tensor parameter(Tensor values) {
    // Methods that return a reference give a pointer that owns nothing, so keep the owner.
    Tensor owner = values.clone();
    owner.set_requires_grad(true);
    return owner.retainReference();
  }

  @Override
  public double run() {
    try (PointerScope _ = new PointerScope()) {
      Tensor dead = sinceFired.gt(Torch.number(DEAD_WINDOW));
      if (dead.sum().item_double() > 0) {
        throw new IllegalStateException("AuxK: expected no dead latents in " + DEAD_WINDOW);
      }
      Tensor acts = encode();
      Tensor rescaled = acts.mul(decoderNorms().reciprocal());
      Tensor out = rescaled.matmul(wDec).add(bDec);
      Tensor loss = out.sub(x).pow(Torch.number(2)).sum(-1).mean();
      count(acts);
      // In Python these names go out of scope here; autograd keeps what it needs.
      acts.close();
      rescaled.close();
      loss.backward();
      adam.clip();
      try (NoGradGuard _ = new NoGradGuard()) {
        adam.step();
      }
      adam.zeroGrad();
      return loss.item_double();
    }
  }

  private Tensor encode() {
    Tensor linear = x.sub(bDec).matmul(wEnc);
    Tensor biased = linear.add(bEnc);
    linear.close();
    Tensor hiddenPre = biased.mul(decoderNorms());
    biased.close();
    T_TensorTensor_T top = hiddenPre.topk(k, -1, true, false);
    Tensor values = top.get0().relu();
    Tensor acts = torch.zeros_like(hiddenPre);
    acts.scatter_(-1, top.get1(), values);
    hiddenPre.close();
    return acts;
  }

  private Tensor decoderNorms() {
    return wDec.norm(new ScalarOptional(Torch.number(2)), -1);
  }

  private void count(Tensor acts) {
    try (NoGradGuard _ = new NoGradGuard()) {
      Tensor mask = acts.ne(Torch.number(0));
      Tensor firing = mask.to(torch.ScalarType.Float);
      mask.close();
      Tensor fired = firing.sum(-2).ne(Torch.number(0));
      sinceFired.add_(Torch.number(1));
      sinceFired.masked_fill_(fired, Torch.number(0));
      frequency.add_(firing.sum(0));
      firing.close();
    }
  }

  @Override
  public void close() {
    adam.close();
    List.of(x, wEnc, wDec, bEnc, bDec, sinceFired, frequency).forEach(Tensor::close);
  }
}
